"""SQL of presence. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Role
from backend.identity.models import Membership, Organisation, RefreshToken
from backend.identity.queries import started_at

_MOST = 500


class Standing(NamedTuple):
    """A session that stands: its current token, its organisation, and when it began."""

    token: RefreshToken
    organisation: Organisation
    began: datetime


async def sessions(
    session: AsyncSession, user_id: int, at: datetime, *, org_id: int | None
) -> Sequence[Standing]:
    """Return a user's sessions that stand, the one used last first.

    In one organisation or, for the user alone to see, in all.
    """
    statement = (
        select(RefreshToken, Organisation, started_at(RefreshToken.session_id))
        .join(Organisation, Organisation.id == RefreshToken.org_id)
        .where(
            RefreshToken.user_id == user_id,
            RefreshToken.replaced_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > at,
        )
        .order_by(RefreshToken.created_at.desc(), RefreshToken.id.desc())
        .limit(_MOST)
    )
    if org_id is not None:
        statement = statement.where(RefreshToken.org_id == org_id)
    return [Standing(*row) for row in await session.execute(statement)]


async def organisations(session: AsyncSession, user_id: int) -> Sequence[tuple[Organisation, Role]]:
    """Return the organisations a user is active in, by name, and the role held there."""
    rows = await session.execute(
        select(Organisation, Membership.role)
        .join(Membership, Membership.org_id == Organisation.id)
        .where(Membership.user_id == user_id, Membership.is_active)
        .order_by(func.lower(Organisation.name), Organisation.id)
    )
    return [(row[0], row[1]) for row in rows]
