"""Sessions: how one begins, goes on and ends.

A session is a family of refresh tokens of which one is current. Refreshing replaces it. A replaced token that is used
again has been copied: thief and owner cannot be told apart, so the session ends for both (RFC 9700, 4.14.2). Two
tabs that refresh at the same moment are no theft: within `GRACE` the loser gets an access token and no new refresh
token, for the browser has the winner's by then. A client that lost the answer with its new refresh token must sign in
again when its access token ends.

Unlike other services these take the database and not a session: what a refused attempt leaves behind (a counted
failure, an ended session) must be committed although the request fails.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Attempt, Attempts, Deed
from backend.core.clock import now
from backend.core.db import Database, Tenant, set_tenant
from backend.core.origin import bind_session, current_origin
from backend.core.settings import Settings
from backend.identity import queries
from backend.identity.endings import end_sessions
from backend.identity.errors import (
    InvalidCredentialsError,
    SessionEndedError,
    TooManyAttemptsError,
)
from backend.identity.models import RefreshToken, User
from backend.identity.passwords import Verification, verify_password
from backend.identity.throttle import Keys
from backend.identity.tokens import AccessClaims, TokenSigner

log = structlog.get_logger(__name__)

_SESSION_ID_BYTES = 18

GRACE = timedelta(seconds=10)
"""For how long a replaced refresh token is taken for the loser of a race."""

# A guess is counted after it was checked. Guesses sent all at once would pass before the first is counted, were they
# not let in a few at a time.
_SLOTS = asyncio.Semaphore(4)
_NOBODY = 0
_REFRESH_TOKEN = re.compile(r"([1-9][0-9]{0,17})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client is handed: an access token, its life in seconds and, where it is new, a refresh token."""

    access_token: str
    expires_in: int
    refresh_token: str | None


@dataclass(frozen=True, slots=True)
class SessionKeeper:
    """What sessions are kept with."""

    database: Database
    signer: TokenSigner
    settings: Settings
    attempts: Attempts
    """What is refused to a known account."""


async def login(keeper: SessionKeeper, *, email: str, password: str, address: str) -> Tokens:
    """Begin a session for the user with this e-mail address, in the organisation used last.

    `address` is the network address the attempt came from.

    Raises:
        InvalidCredentialsError: no active user has this address and password; which of it was wrong is not told.
        TooManyAttemptsError: too many failures came before.
    """
    async with keeper.database.transaction() as session:
        user = await queries.user_by_email(session, email)
        # Asked for nobody too: that an account is known shall not be told by how long the answer takes.
        organisations = await queries.organisations_of(session, user.id if user else _NOBODY)
    try:
        verification = await verify_throttled(
            keeper,
            email=email,
            password=password,
            password_hash=user.password_hash if user else None,
            address=address,
        )
    except TooManyAttemptsError:
        _note_refusal(keeper, user, organisations, "too many attempts")
        raise
    if user is None or not verification.ok:
        _note_refusal(keeper, user, organisations, "wrong password")
        log.info("sign_in_refused", address=address)
        raise InvalidCredentialsError("The e-mail address or the password is wrong.")
    async with keeper.database.transaction() as session:
        organisations = await queries.organisations_of(session, user.id)
        if not organisations:
            log.info("sign_in_refused", address=address, user_id=user.id)
            raise InvalidCredentialsError("The e-mail address or the password is wrong.")
        await set_tenant(session, Tenant(organisations[0], user.id))
        if verification.new_hash is not None:
            await queries.replace_hash(
                session, user.id, old=user.password_hash, new=verification.new_hash
            )
        await queries.sweep_tokens(session, user.id, now())
        tokens = await begin(session, keeper, user_id=user.id, org_id=organisations[0])
    log.info("signed_in", user_id=user.id, org_id=organisations[0])
    return tokens


async def begin(
    session: AsyncSession, keeper: SessionKeeper, *, user_id: int, org_id: int
) -> Tokens:
    """Begin a session of an active user of the organisation that the transaction is bound to.

    Who the user is has been proven before.
    """
    claims = AccessClaims(
        user_id=user_id, org_id=org_id, session_id=secrets.token_urlsafe(_SESSION_ID_BYTES)
    )
    refresh_token = await _add_token(session, keeper, claims)
    bind_session(claims.session_id)
    await _record(session, "user.signed_in", claims)
    return _tokens(keeper, claims, refresh_token)


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
    async with _SLOTS:
        async with keeper.database.transaction() as session:
            counters = await queries.counters(session, keys.both())
        wait = keys.seconds_to_wait(counters, now())
        if wait > 0:
            raise TooManyAttemptsError(
                f"Too many attempts failed. Try again in {wait} seconds.", retry_after=wait
            )
        verification = await verify_password(password, password_hash)
        if verification.ok and keys.account not in counters:
            return verification
        async with keeper.database.transaction() as session:
            if verification.ok:
                await queries.forget_failures(session, keys.account)
            else:
                for key in keys.both():
                    await queries.count_failure(session, key, now())
                await queries.sweep_failures(session, now())
    return verification


async def _rotate(session: AsyncSession, keeper: SessionKeeper, token: str) -> Tokens | None:
    """Replace a refresh token; None when there is nothing to carry on, and then the session is ended."""
    at = now()
    claimed = await queries.claim_token(session, _hash(token), at)
    if claimed is not None:
        claims = _claims(claimed)
        return _tokens(keeper, claims, await _add_token(session, keeper, claims))
    known = await queries.token(session, _hash(token))
    if known is None:
        return None
    if _lost_a_race(known, at):
        return _tokens(keeper, _claims(known), None)
    if known.revoked_at is None:
        log.warning("session_ended", user_id=known.user_id, reused=known.replaced_at is not None)
        await end_sessions(session, known.org_id, known.user_id, only=known.session_id)
        bind_session(known.session_id)
        reason = "reused" if known.replaced_at is not None else "expired"
        await _record(session, "session.ended", _claims(known), refresh_token=reason)
    return None


async def _record(session: AsyncSession, action: str, claims: AccessClaims, **facts: str) -> None:
    deed = Deed(action, f"user:{claims.user_id}", facts)
    await audit.record(session, [deed], org_id=claims.org_id, actor_id=claims.user_id)


def _note_refusal(
    keeper: SessionKeeper, user: User | None, organisations: Sequence[int], reason: str
) -> None:
    """Take note that a known account was tried in vain: the trail of its organisation tells."""
    if user is not None and organisations:
        keeper.attempts.note(
            Attempt(
                "user.sign_in_refused",
                f"user:{user.id}",
                organisations[0],
                user.id,
                data=(("reason", reason),),
            )
        )


def _lost_a_race(token: RefreshToken, at: datetime) -> bool:
    return (
        token.revoked_at is None
        and token.replaced_at is not None
        and at - token.replaced_at < GRACE
    )


async def _add_token(session: AsyncSession, keeper: SessionKeeper, claims: AccessClaims) -> str:
    """Make the session's next refresh token. It names the organisation: row-level security must know where to look."""
    token = f"{claims.org_id}.{secrets.token_urlsafe(32)}"
    caller = current_origin()
    session.add(
        RefreshToken(
            org_id=claims.org_id,
            user_id=claims.user_id,
            session_id=claims.session_id,
            token_hash=_hash(token),
            started_at=queries.started_at(claims.session_id),
            address=caller.address,
            user_agent=caller.user_agent,
            expires_at=now() + timedelta(seconds=keeper.settings.refresh_token_seconds),
        )
    )
    await session.flush()
    return token


def _tokens(keeper: SessionKeeper, claims: AccessClaims, refresh_token: str | None) -> Tokens:
    seconds = keeper.settings.access_token_seconds
    return Tokens(keeper.signer.access_token(claims, ttl=seconds), seconds, refresh_token)


def _claims(token: RefreshToken) -> AccessClaims:
    return AccessClaims(user_id=token.user_id, org_id=token.org_id, session_id=token.session_id)


def _organisation_of(token: str) -> int | None:
    """Return the organisation a refresh token names; nothing follows from it before the whole token is found there."""
    match = _REFRESH_TOKEN.fullmatch(token)
    return None if match is None else int(match[1])


def _hash(token: str) -> bytes:
    """Return what the database keeps of a refresh token, which has 256 random bits: no salt, no work factor needed."""
    return hashlib.sha256(token.encode()).digest()
