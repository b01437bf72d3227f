"""SQL of API keys. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, DateTime, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Role
from backend.identity.api_keys.models import ApiKey
from backend.identity.api_keys.schemas import KeyState
from backend.identity.external.models import ExternalIdentity
from backend.identity.models import Membership, User

IDLE_AFTER = timedelta(days=90)
VOUCHED_FOR = timedelta(days=30)
"""How long a sign-in by an issuer keeps the keys of a user good who has no password here."""

_AT = bindparam("at", type_=DateTime(timezone=True))
_VOUCHED_AT = (
    select(func.max(ExternalIdentity.last_used_at))
    .where(ExternalIdentity.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)


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
            ApiKey.expires_at > _AT,
        ),
        Membership.is_active,
        # Whoever has no password here is vouched for by an issuer alone, and must have signed in by one lately.
        or_(
            User.password_hash.is_not(None),
            func.coalesce(_VOUCHED_AT, _AT) > _AT - VOUCHED_FOR,
        ),
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


class KeyOf(NamedTuple):
    """A key, whose it is, and whether that user is active."""

    key: ApiKey
    user: User
    is_active: bool


async def keys(
    session: AsyncSession,
    org_id: int,
    *,
    text: str | None,
    state: KeyState | None,
    at: datetime,
    before: int | None,
    limit: int,
) -> Sequence[KeyOf]:
    """Return keys of everybody in the organisation, the newest first, from below an id on.

    Those whose name or user's name or address contains `text`, and in a state at a moment, where that is asked.
    """
    statement = (
        select(ApiKey, User, Membership.is_active)
        .join(User, User.id == ApiKey.user_id)
        .join(
            Membership,
            (Membership.org_id == ApiKey.org_id) & (Membership.user_id == ApiKey.user_id),
        )
        .where(ApiKey.org_id == org_id)
        .order_by(ApiKey.id.desc())
        .limit(limit)
    )
    if text is not None:
        named = (ApiKey.name, User.name, User.email)
        statement = statement.where(
            or_(*(column.icontains(text, autoescape=True) for column in named))
        )
    if state is not None:
        statement = statement.where(_is_in(state, at))
    if before is not None:
        statement = statement.where(ApiKey.id < before)
    return [KeyOf(*row) for row in await session.execute(statement)]


def _is_in(state: KeyState, at: datetime) -> ColumnElement[bool]:
    good = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at)
    idle = func.coalesce(ApiKey.last_used_at, ApiKey.created_at) <= at - IDLE_AFTER
    return {
        KeyState.EXPIRED: ~good,
        KeyState.IDLE: good & idle,
        KeyState.USED: good & ~idle,
    }[state]


async def lock(session: AsyncSession, org_id: int, user_id: int, key_id: int) -> ApiKey | None:
    """Return a user's key, locked: of two who rotate it at once one comes second."""
    return await session.scalar(
        select(ApiKey)
        .where(ApiKey.org_id == org_id, ApiKey.user_id == user_id, ApiKey.id == key_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def remove(
    session: AsyncSession, org_id: int, key_id: int, *, user_id: int | None
) -> ApiKey | None:
    """Remove a key, of one user where that is asked, and return what it was."""
    statement = delete(ApiKey).where(ApiKey.org_id == org_id, ApiKey.id == key_id)
    if user_id is not None:
        statement = statement.where(ApiKey.user_id == user_id)
    return await session.scalar(statement.returning(ApiKey))
