"""SQL of API keys. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import DateTime, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Role
from backend.identity.api_keys.models import ApiKey
from backend.identity.models import Membership, User


class Holder(NamedTuple):
    """A key that is good, and the user it acts for."""

    key_id: int
    user_id: int
    scopes: list[str] | None
    last_used_at: datetime | None
    name: str
    role: Role


# Built once: every request with a key asks this.
_HOLDERS = (
    select(
        ApiKey.id, ApiKey.user_id, ApiKey.scopes, ApiKey.last_used_at, User.name, Membership.role
    )
    .join(User, User.id == ApiKey.user_id)
    .join(Membership, (Membership.org_id == ApiKey.org_id) & (Membership.user_id == ApiKey.user_id))
    .where(
        ApiKey.org_id == bindparam("org_id"),
        or_(
            ApiKey.expires_at.is_(None),
            ApiKey.expires_at > bindparam("at", type_=DateTime(timezone=True)),
        ),
        Membership.is_active,
    )
)
_BY_HASH = _HOLDERS.where(ApiKey.key_hash == bindparam("key_hash"))
_BY_ID = _HOLDERS.where(ApiKey.id == bindparam("key_id"))


async def holder_by_hash(
    session: AsyncSession, *, org_id: int, key_hash: bytes, at: datetime
) -> Holder | None:
    """Return for whom the key with this digest acts, if it is good."""
    asked = {"org_id": org_id, "key_hash": key_hash, "at": at}
    row = (await session.execute(_BY_HASH, asked)).one_or_none()
    return None if row is None else Holder(*row)


async def holder_by_id(
    session: AsyncSession, *, org_id: int, key_id: int, at: datetime
) -> Holder | None:
    """Return for whom a key acts, if it is still good."""
    asked = {"org_id": org_id, "key_id": key_id, "at": at}
    row = (await session.execute(_BY_ID, asked)).one_or_none()
    return None if row is None else Holder(*row)


async def note_use(session: AsyncSession, key_id: int, at: datetime, *, every: timedelta) -> None:
    """Keep when a key was used, unless that is known closely enough; who notes it already is not waited for."""
    due = (
        select(ApiKey.id)
        .where(
            ApiKey.id == key_id,
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= at - every),
        )
        .with_for_update(skip_locked=True)
    )
    await session.execute(update(ApiKey).where(ApiKey.id.in_(due)).values(last_used_at=at))


async def keys_of(session: AsyncSession, org_id: int, user_id: int) -> Sequence[ApiKey]:
    """Return a user's keys, the newest first."""
    statement = select(ApiKey).where(ApiKey.org_id == org_id, ApiKey.user_id == user_id)
    return (await session.scalars(statement.order_by(ApiKey.id.desc()))).all()


async def count_of(session: AsyncSession, org_id: int, user_id: int) -> int:
    """Return how many keys a user has."""
    statement = select(func.count()).where(ApiKey.org_id == org_id, ApiKey.user_id == user_id)
    return await session.scalar(statement) or 0


async def keys(
    session: AsyncSession, org_id: int, *, before: int | None, limit: int
) -> Sequence[tuple[ApiKey, User]]:
    """Return keys of everybody in the organisation, the newest first, from below an id on."""
    statement = (
        select(ApiKey, User)
        .join(User, User.id == ApiKey.user_id)
        .where(ApiKey.org_id == org_id)
        .order_by(ApiKey.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(ApiKey.id < before)
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def remove(
    session: AsyncSession, org_id: int, key_id: int, *, user_id: int | None
) -> ApiKey | None:
    """Remove a key, of one user where that is asked, and return what it was."""
    statement = delete(ApiKey).where(ApiKey.org_id == org_id, ApiKey.id == key_id)
    if user_id is not None:
        statement = statement.where(ApiKey.user_id == user_id)
    return await session.scalar(statement.returning(ApiKey))
