"""SQL of service accounts. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.api_keys.models import ApiKey
from backend.identity.models import Membership, User, UserKind


class Standing(NamedTuple):
    """A service account, how many of its keys are good, and when one was used last."""

    user: User
    membership: Membership
    keys: int
    last_used_at: datetime | None


async def accounts(
    session: AsyncSession, org_id: int, *, at: datetime, after: int | None, limit: int
) -> Sequence[Standing]:
    """Return service accounts of an organisation by id, from above an id on, with their keys at a moment."""
    own = (ApiKey.org_id == Membership.org_id) & (ApiKey.user_id == User.id)
    good = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at)
    count = select(func.count()).where(own, good).correlate(User, Membership).scalar_subquery()
    used = (
        select(func.max(ApiKey.last_used_at))
        .where(own)
        .correlate(User, Membership)
        .scalar_subquery()
    )
    statement = _accounts(org_id).add_columns(count, used).order_by(User.id).limit(limit)
    if after is not None:
        statement = statement.where(User.id > after)
    return [Standing(*row) for row in await session.execute(statement)]


async def account(
    session: AsyncSession, org_id: int, user_id: int
) -> tuple[User, Membership] | None:
    """Return a service account of an organisation."""
    row = (await session.execute(_accounts(org_id).where(User.id == user_id))).one_or_none()
    return None if row is None else (row[0], row[1])


def _accounts(org_id: int) -> Select[User, Membership]:
    return (
        select(User, Membership)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id, User.kind == UserKind.MACHINE)
    )
