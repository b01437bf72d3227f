"""SQL of service accounts. Used by `service` alone."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.models import Membership, User, UserKind


async def accounts(
    session: AsyncSession, org_id: int, *, after: int | None, limit: int
) -> Sequence[tuple[User, Membership]]:
    """Return service accounts of an organisation by id, from above an id on."""
    statement = _accounts(org_id).order_by(User.id).limit(limit)
    if after is not None:
        statement = statement.where(User.id > after)
    return [(row[0], row[1]) for row in await session.execute(statement)]


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
