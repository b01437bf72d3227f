"""API keys: making, showing, revoking them, and telling who presents one."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import KEY_SESSION, Actor
from backend.core.clock import now
from backend.core.db import Tenant, set_tenant
from backend.core.errors import InvalidError
from backend.core.outbox import emit
from backend.core.pagination import decode_cursor, encode_cursor
from backend.identity.api_keys import queries
from backend.identity.api_keys.errors import (
    ApiKeyNotFoundError,
    InvalidApiKeyError,
    TooManyApiKeysError,
)
from backend.identity.api_keys.keys import HINT, digest, new_key, organisation_of
from backend.identity.api_keys.models import ApiKey
from backend.identity.api_keys.queries import Holder
from backend.identity.api_keys.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyOfUserOut,
    ApiKeyOut,
    KeyState,
)
from backend.identity.schemas import UserRef
from backend.identity.tokens import AccessClaims
from backend.notifications.service import SESSION_ENDED

MOST = 100
"""Keys of one user."""
USE_IS_NOTED_EVERY = timedelta(minutes=1)


async def authenticate(session: AsyncSession, key: str) -> Actor:
    """Return for whom a key acts, and bind the transaction to its organisation.

    Raises:
        InvalidApiKeyError: it is no key, was revoked or has expired, or its user is not active.
    """
    org_id = organisation_of(key)
    if org_id is None:
        raise _invalid()
    at = now()
    await set_tenant(session, Tenant(org_id))
    holder = await queries.holder_by_hash(session, org_id=org_id, key_hash=digest(key), at=at)
    if holder is None:
        raise _invalid()
    await set_tenant(session, Tenant(org_id, holder.user_id))
    if holder.last_used_at is None or at - holder.last_used_at >= USE_IS_NOTED_EVERY:
        await queries.note_use(session, holder.key_id, at, every=USE_IS_NOTED_EVERY)
    return _actor(org_id, holder)


async def act_as(session: AsyncSession, claims: AccessClaims) -> Actor:
    """Return the actor of what was made for a key's holder, if the key is still good, and bind the transaction.

    Raises:
        InvalidApiKeyError: it is not.
    """
    await set_tenant(session, Tenant(claims.org_id, claims.user_id))
    holder = await queries.holder_by_id(
        session,
        org_id=claims.org_id,
        key_id=int(claims.session_id.removeprefix(KEY_SESSION)),
        at=now(),
    )
    if holder is None or holder.user_id != claims.user_id:
        raise _invalid()
    return _actor(claims.org_id, holder, narrowed=claims.scopes)


async def create(
    session: AsyncSession, actor: Actor, *, user_id: int, wanted: ApiKeyCreate
) -> ApiKeyCreated:
    """Make a key for a user of the actor's organisation; that the actor may is for the caller to know.

    Raises:
        InvalidError: it would have expired already.
        TooManyApiKeysError: the user has too many.
    """
    if wanted.expires_at is not None and wanted.expires_at <= now():
        raise InvalidError("A key must expire in the future, if at all.")
    if await queries.count_of(session, actor.org_id, user_id) >= MOST:
        raise TooManyApiKeysError(f"There are {MOST} keys already; revoke one that is not used.")
    secret = new_key(actor.org_id)
    key = ApiKey(
        org_id=actor.org_id,
        user_id=user_id,
        name=wanted.name,
        key_hash=digest(secret),
        hint=secret[-HINT:],
        scopes=None if wanted.scopes is None else sorted(set(wanted.scopes)),
        expires_at=wanted.expires_at,
    )
    session.add(key)
    await session.flush()
    await session.refresh(key)
    await _record(session, actor, "api_key.created", key)
    return ApiKeyCreated(**ApiKeyOut.model_validate(key).model_dump(), key=secret)


async def keys_of(session: AsyncSession, actor: Actor, user_id: int) -> list[ApiKeyOut]:
    """Return a user's keys, the newest first."""
    found = await queries.keys_of(session, actor.org_id, user_id)
    return [ApiKeyOut.model_validate(key) for key in found]


async def rotate(
    session: AsyncSession, actor: Actor, key_id: int, *, user_id: int, overlap: timedelta
) -> ApiKeyCreated:
    """Make a key with the name, the scopes and the length of life of another, which goes on for `overlap` at most.

    Raises:
        ApiKeyNotFoundError: the user has no such key.
        TooManyApiKeysError: there is no room for both.
    """
    old = await queries.lock(session, actor.org_id, user_id, key_id)
    if old is None:
        raise _not_found(key_id)
    at = now()
    life = None if old.expires_at is None else old.expires_at - old.created_at
    wanted = ApiKeyCreate(
        name=old.name, scopes=old.scopes, expires_at=None if life is None else at + life
    )
    if not overlap:
        await revoke(session, actor, key_id, user_id=user_id)
        return await create(session, actor, user_id=user_id, wanted=wanted)
    made = await create(session, actor, user_id=user_id, wanted=wanted)
    ends = at + overlap
    old.expires_at = ends if old.expires_at is None else min(old.expires_at, ends)
    await session.flush()
    await _record(session, actor, "api_key.rotated", old, successor=f"api_key:{made.id}")
    return made


async def list_keys(
    session: AsyncSession,
    actor: Actor,
    *,
    text: str | None = None,
    state: KeyState | None = None,
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[ApiKeyOfUserOut], str | None]:
    """Return a page of everybody's keys, the newest first, and the cursor of the next.

    Where `text` is given: those whose name, or whose user's name or address, contains it.
    """
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = await queries.keys(
        session,
        actor.org_id,
        text=text,
        state=state,
        at=now(),
        before=before,
        limit=limit + 1,
    )
    page = [
        ApiKeyOfUserOut(
            **ApiKeyOut.model_validate(key).model_dump(),
            user=UserRef.model_validate(user),
            kind=user.kind,
            is_active=is_active,
        )
        for key, user, is_active in rows[:limit]
    ]
    return page, encode_cursor(page[-1].id) if len(rows) > limit else None


async def revoke(
    session: AsyncSession, actor: Actor, key_id: int, *, user_id: int | None = None
) -> None:
    """Revoke a key, of one user where that is given; nothing done with it from now on succeeds.

    Raises:
        ApiKeyNotFoundError: there is no such key.
    """
    key = await queries.remove(session, actor.org_id, key_id, user_id=user_id)
    if key is None:
        raise _not_found(key_id)
    # Whoever holds a socket open with it hears nothing from now on.
    ended = {"user_id": key.user_id, "session_ids": [f"{KEY_SESSION}{key.id}"]}
    await emit(session, SESSION_ENDED, org_id=actor.org_id, data=ended)
    await _record(session, actor, "api_key.revoked", key)


async def _record(
    session: AsyncSession, actor: Actor, action: str, key: ApiKey, **more: str
) -> None:
    data = {
        "user": f"user:{key.user_id}",
        "name": key.name,
        "scopes": key.scopes,
        "expires_at": _text(key.expires_at),
        **more,
    }
    deed = Deed(action, f"api_key:{key.id}", data)
    await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _actor(org_id: int, holder: Holder, *, narrowed: frozenset[str] | None = None) -> Actor:
    scopes = narrowed
    if scopes is None and holder.scopes is not None:
        scopes = frozenset(holder.scopes)
    return Actor(
        user_id=holder.user_id,
        org_id=org_id,
        role=holder.role,
        name=holder.name,
        session_id=f"{KEY_SESSION}{holder.key_id}",
        scopes=scopes,
    )


def _not_found(key_id: int) -> ApiKeyNotFoundError:
    return ApiKeyNotFoundError(f"There is no API key {key_id}.")


def _invalid() -> InvalidApiKeyError:
    return InvalidApiKeyError("The API key is not known here, has expired, or was revoked.")
