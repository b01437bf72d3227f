"""Sessions: how one begins, goes on and ends. What comes before one begins is `signin`.

A session is a family of refresh tokens of which one is current. Refreshing replaces it. A replaced token that is used
again has been copied: thief and owner cannot be told apart, so the session ends for both (RFC 9700, 4.14.2). Two
tabs that refresh at the same moment are no theft: within `GRACE` the loser gets an access token and no new refresh
token, for the browser has the winner's by then. A client that lost the answer with its new refresh token must sign in
again when its access token ends.

Unlike other services these take the database and not a session: what a refused attempt leaves behind (a counted
failure, an ended session) must be committed although the request fails.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Attempts, Deed
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.origin import bind_session, current_origin
from backend.core.settings import Settings
from backend.identity import queries
from backend.identity.attempts import attempt
from backend.identity.endings import end_sessions
from backend.identity.errors import SessionEndedError
from backend.identity.external.settings import Directory
from backend.identity.models import RefreshToken
from backend.identity.passwords import Verification, verify_password
from backend.identity.sealing import Sealer
from backend.identity.throttle import Keys
from backend.identity.tokens import AccessClaims, TokenSigner

log = structlog.get_logger(__name__)

_SESSION_ID_BYTES = 18

GRACE = timedelta(seconds=10)
"""For how long a replaced refresh token is taken for the loser of a race."""

_REFRESH_TOKEN = re.compile(r"([1-9][0-9]{0,17})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client is handed: an access token, its life in seconds and, where it is new, a refresh token."""

    access_token: str
    expires_in: int
    refresh_token: str | None
    began_for: str | None = None
    """The e-mail address of whom a session was begun for; None where one goes on."""


@dataclass(frozen=True, slots=True)
class SessionKeeper:
    """What sessions are kept with."""

    database: Database
    signer: TokenSigner
    settings: Settings
    attempts: Attempts
    """What is refused to a known account."""
    sealer: Sealer
    directory: Directory | None = None
    """Asked for the passwords of those who have none here."""


async def begin(
    session: AsyncSession,
    keeper: SessionKeeper,
    *,
    user_id: int,
    org_id: int,
    method: str,
    second_factor: str | None,
    ends_at: datetime | None,
) -> Tokens:
    """Begin a session of an active user of the organisation that the transaction is bound to.

    Who the user is has been proven before, by `method` and, where there was one, `second_factor`. At `ends_at` the
    session ends, if ever: however often it was carried on.
    """
    await queries.sweep_tokens(session, user_id, now())
    claims = AccessClaims(
        user_id=user_id, org_id=org_id, session_id=secrets.token_urlsafe(_SESSION_ID_BYTES)
    )
    refresh_token = await _add_token(
        session, keeper, claims, second_factor=second_factor, ends_at=ends_at
    )
    bind_session(claims.session_id)
    facts = {"method": method, "second_factor": second_factor}
    await _record(session, "user.signed_in", claims, **facts)
    user = await queries.user_by_id(session, user_id)
    log.info("signed_in", user_id=user_id, org_id=org_id)
    return _tokens(keeper, claims, refresh_token, ends_at=ends_at, began_for=user.email)


async def refresh(keeper: SessionKeeper, token: str | None) -> Tokens:
    """Carry a session on: replace its refresh token and hand out a new access token.

    Raises:
        SessionEndedError: the token is not known, has expired or was used before, or the user is not welcome any more.
    """
    if token is None or (org_id := _organisation_of(token)) is None:
        raise SessionEndedError("Sign in; there is no session.")
    async with keeper.database.transaction(Tenant(org_id)) as session:
        tokens = await _rotate(session, keeper, token)
    if tokens is None:
        raise SessionEndedError("The session has ended; sign in again.")
    return tokens


async def logout(keeper: SessionKeeper, token: str | None) -> None:
    """End the session a refresh token belongs to, if it belongs to one."""
    if token is None or (org_id := _organisation_of(token)) is None:
        return
    async with keeper.database.transaction(Tenant(org_id)) as session:
        known = await queries.token(session, _hash(token))
        if known is not None and known.revoked_at is None:
            await end_sessions(session, known.org_id, known.user_id, only=known.session_id)
            bind_session(known.session_id)
            await _record(session, "user.signed_out", _claims(known))


async def verify_throttled(
    keeper: SessionKeeper, *, email: str, password: str, password_hash: str | None, address: str
) -> Verification:
    """Check a password, count a failure, and refuse to check where too many came before.

    Without a hash, because there is no such account, it takes as long and fails.

    Raises:
        TooManyAttemptsError: with the seconds to wait.
    """
    keys = Keys.of(keeper.signer, email=email, address=address)

    async def check() -> Verification | None:
        verification = await verify_password(password, password_hash)
        return verification if verification.ok else None

    verified = await attempt(keeper.database, keys.allowances(), check, forgiven=[keys.account])
    return verified or Verification(ok=False)


async def _rotate(session: AsyncSession, keeper: SessionKeeper, token: str) -> Tokens | None:
    """Replace a refresh token; None when there is nothing to carry on, and then the session is ended."""
    at = now()
    claimed = await queries.claim_token(session, _hash(token), at)
    if claimed is not None:
        claims = _claims(claimed)
        following = await _add_token(
            session,
            keeper,
            claims,
            second_factor=claimed.second_factor,
            ends_at=claimed.ends_at,
        )
        return _tokens(keeper, claims, following, ends_at=claimed.ends_at)
    known = await queries.token(session, _hash(token))
    if known is None:
        return None
    if _lost_a_race(known, at):
        return _tokens(keeper, _claims(known), None, ends_at=known.ends_at)
    if known.revoked_at is None:
        log.warning("session_ended", user_id=known.user_id, reused=known.replaced_at is not None)
        await end_sessions(session, known.org_id, known.user_id, only=known.session_id)
        bind_session(known.session_id)
        reason = "reused" if known.replaced_at is not None else "expired"
        await _record(session, "session.ended", _claims(known), refresh_token=reason)
    return None


async def _record(
    session: AsyncSession, action: str, claims: AccessClaims, **facts: str | None
) -> None:
    deed = Deed(action, f"user:{claims.user_id}", facts)
    await audit.record(session, [deed], org_id=claims.org_id, actor_id=claims.user_id)


def _lost_a_race(token: RefreshToken, at: datetime) -> bool:
    return (
        token.revoked_at is None
        and token.replaced_at is not None
        and at - token.replaced_at < GRACE
    )


async def _add_token(
    session: AsyncSession,
    keeper: SessionKeeper,
    claims: AccessClaims,
    *,
    second_factor: str | None,
    ends_at: datetime | None,
) -> str:
    """Make the session's next refresh token. It names the organisation: row-level security must know where to look."""
    token = f"{claims.org_id}.{secrets.token_urlsafe(32)}"
    caller = current_origin()
    expires_at = now() + timedelta(seconds=keeper.settings.refresh_token_seconds)
    session.add(
        RefreshToken(
            org_id=claims.org_id,
            user_id=claims.user_id,
            session_id=claims.session_id,
            token_hash=_hash(token),
            started_at=queries.started_at(claims.session_id),
            address=caller.address,
            user_agent=caller.user_agent,
            second_factor=second_factor,
            expires_at=expires_at if ends_at is None else min(expires_at, ends_at),
            ends_at=ends_at,
        )
    )
    await session.flush()
    return token


def _tokens(
    keeper: SessionKeeper,
    claims: AccessClaims,
    refresh_token: str | None,
    *,
    ends_at: datetime | None,
    began_for: str | None = None,
) -> Tokens:
    seconds = keeper.settings.access_token_seconds
    if ends_at is not None:
        seconds = max(1, min(seconds, int((ends_at - now()).total_seconds())))
    access_token = keeper.signer.access_token(claims, ttl=seconds)
    return Tokens(access_token, seconds, refresh_token, began_for)


def _claims(token: RefreshToken) -> AccessClaims:
    return AccessClaims(user_id=token.user_id, org_id=token.org_id, session_id=token.session_id)


def _organisation_of(token: str) -> int | None:
    """Return the organisation a refresh token names; nothing follows from it before the whole token is found there."""
    match = _REFRESH_TOKEN.fullmatch(token)
    return None if match is None else int(match[1])


def _hash(token: str) -> bytes:
    """Return what the database keeps of a refresh token, which has 256 random bits: no salt, no work factor needed."""
    return hashlib.sha256(token.encode()).digest()
