"""Service accounts, and tokens for them."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import Actor, Role
from backend.core.clock import now
from backend.core.pagination import decode_cursor, encode_cursor
from backend.identity.api_keys import service as api_keys
from backend.identity.api_keys.errors import InvalidApiKeyError
from backend.identity.api_keys.keys import organisation_of
from backend.identity.api_keys.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyOut
from backend.identity.machines import queries
from backend.identity.machines.errors import (
    InvalidClientError,
    InvalidScopeError,
    ServiceAccountNotFoundError,
)
from backend.identity.machines.requests import TokenRequest, client_id
from backend.identity.machines.schemas import (
    ClientToken,
    ServiceAccountCreate,
    ServiceAccountListed,
    ServiceAccountOut,
)
from backend.identity.models import Membership, User, UserKind
from backend.identity.tokens import AccessClaims, TokenSigner


async def create(
    session: AsyncSession, actor: Actor, wanted: ServiceAccountCreate
) -> ServiceAccountOut:
    """Create a service account, a member of the actor's organisation. It sees nothing until something is shared."""
    # Every user has an address; nobody can ever receive mail at this one (RFC 2606).
    email = f"{secrets.token_hex(8)}@service-account.invalid"
    user = User(email=email, name=wanted.name, password_hash=None, kind=UserKind.MACHINE)
    session.add(user)
    await session.flush()
    membership = Membership(org_id=actor.org_id, user_id=user.id, role=Role.MEMBER)
    session.add(membership)
    await session.flush()
    await session.refresh(membership)
    deed = Deed("service_account.created", f"user:{user.id}", {"name": user.name})
    await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    return _described(user, membership)


async def list_accounts(
    session: AsyncSession, actor: Actor, *, cursor: str | None, limit: int
) -> tuple[Sequence[ServiceAccountListed], str | None]:
    """Return a page of the organisation's service accounts, and the cursor of the next."""
    after = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = await queries.accounts(session, actor.org_id, at=now(), after=after, limit=limit + 1)
    page = [
        ServiceAccountListed(
            **_described(one.user, one.membership).model_dump(),
            keys=one.keys,
            last_used_at=one.last_used_at,
        )
        for one in rows[:limit]
    ]
    return page, encode_cursor(page[-1].id) if len(rows) > limit else None


async def list_keys(session: AsyncSession, actor: Actor, user_id: int) -> list[ApiKeyOut]:
    """Return the keys of a service account.

    Raises:
        ServiceAccountNotFoundError: there is no such account.
    """
    await _require(session, actor, user_id)
    return await api_keys.keys_of(session, actor, user_id)


async def create_key(
    session: AsyncSession, actor: Actor, user_id: int, wanted: ApiKeyCreate
) -> ApiKeyCreated:
    """Make a key for a service account.

    Raises:
        ServiceAccountNotFoundError: there is no such account.
        InvalidError: the key would have expired already.
        TooManyApiKeysError: there are too many.
    """
    await _require(session, actor, user_id)
    return await api_keys.create(session, actor, user_id=user_id, wanted=wanted)


async def rotate_key(
    session: AsyncSession, actor: Actor, user_id: int, key_id: int, *, overlap: timedelta
) -> ApiKeyCreated:
    """Make a successor of a service account's key, which goes on for `overlap` beside it.

    An administrator does this for programs alone: a person's key is nobody else's to know.

    Raises:
        ServiceAccountNotFoundError: there is no such account.
        ApiKeyNotFoundError: it has no such key.
        TooManyApiKeysError: there is no room for both.
    """
    await _require(session, actor, user_id)
    return await api_keys.rotate(session, actor, key_id, user_id=user_id, overlap=overlap)


async def token(
    session: AsyncSession, request: TokenRequest, *, signer: TokenSigner, ttl: int
) -> ClientToken:
    """Return an access token of a service account for `ttl` seconds; it ends at once when its key is revoked.

    Raises:
        InvalidClientError: there is no such account, or the secret is none of its keys.
        InvalidScopeError: more is asked for than the key extends to.
    """
    actor = await _client(session, request)
    scopes = request.scopes
    if scopes is None:
        scopes = actor.scopes
    elif not all(actor.in_scope(scope) for scope in scopes):
        raise InvalidScopeError("The key does not extend to what is asked for.")
    claims = AccessClaims(actor.user_id, actor.org_id, actor.session_id or "", scopes)
    return ClientToken(
        access_token=signer.access_token(claims, ttl=ttl),
        expires_in=ttl,
        scope=None if scopes is None else " ".join(sorted(scopes)),
    )


async def _client(session: AsyncSession, request: TokenRequest) -> Actor:
    refused = InvalidClientError("There is no such client, or its secret is wrong.")
    if organisation_of(request.secret) != request.org_id:
        raise refused
    try:
        actor = await api_keys.authenticate(session, request.secret)
    except InvalidApiKeyError as error:
        raise refused from error
    known = await queries.account(session, actor.org_id, actor.user_id)
    if actor.user_id != request.user_id or known is None:
        raise refused
    return actor


async def _require(session: AsyncSession, actor: Actor, user_id: int) -> None:
    if await queries.account(session, actor.org_id, user_id) is None:
        raise ServiceAccountNotFoundError(f"There is no service account {user_id}.")


def _described(user: User, membership: Membership) -> ServiceAccountOut:
    return ServiceAccountOut(
        id=user.id,
        name=user.name,
        role=membership.role,
        client_id=client_id(membership.org_id, user.id),
        is_active=membership.is_active,
        created_at=membership.created_at,
    )
