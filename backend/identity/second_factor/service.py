"""The second factor of a user: setting it up, checking it, taking it away."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import Actor
from backend.core.clock import now
from backend.identity.sealing import SealBrokenError, Sealer
from backend.identity.second_factor import queries
from backend.identity.second_factor.codes import (
    matching_step,
    new_recovery_codes,
    new_secret,
    provisioning_uri,
    qr_svg,
    recovery_digest,
)
from backend.identity.second_factor.errors import (
    AuthenticatorExistsError,
    NoAuthenticatorError,
    WrongCodeError,
)
from backend.identity.second_factor.models import Authenticator
from backend.identity.second_factor.schemas import EnrolmentOut

log = structlog.get_logger(__name__)

ISSUER = "DMS"
"""Under what name apps list the account, before the address."""
TOTP = "totp"
RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True, slots=True)
class Held:
    """What a user has."""

    authenticator_since: datetime | None
    recovery_codes: int


async def held(session: AsyncSession, user_id: int) -> Held:
    """Return what a user has set up; an app that was not confirmed does not count."""
    found = await queries.held(session, user_id)
    return Held(found.confirmed_at, found.recovery_codes)


async def begin(
    session: AsyncSession, actor: Actor, *, sealer: Sealer, account: str
) -> EnrolmentOut:
    """Make the secret of a new authenticator app, to be confirmed; a former one that never was is forgotten.

    `account` is the name that the app lists it under.

    Raises:
        AuthenticatorExistsError: one counts already.
    """
    secret = new_secret()
    sealed = sealer.seal(secret, belongs_to=_place(actor.user_id))
    if not await queries.begin(session, actor.user_id, sealed):
        raise AuthenticatorExistsError("Remove the authenticator app before setting up another.")
    uri = provisioning_uri(secret, account=account, issuer=ISSUER)
    return EnrolmentOut(secret=secret.decode(), uri=uri, qr_svg=qr_svg(uri))


async def confirm(session: AsyncSession, actor: Actor, *, sealer: Sealer, code: str) -> list[str]:
    """Let the app count, which has shown a code; return new recovery codes.

    Raises:
        NoAuthenticatorError: none was set up, or the one there counts already.
        WrongCodeError: the app shows another code.
    """
    authenticator = await queries.authenticator(session, actor.user_id)
    if authenticator is None or authenticator.confirmed_at is not None:
        raise NoAuthenticatorError("Begin to set up an authenticator app first.")
    if not await _take_code(session, authenticator, sealer, code):
        raise WrongCodeError("The app does not show this code. Is its clock right?")
    if not await queries.confirm(session, actor.user_id, now()):
        raise NoAuthenticatorError("The authenticator app was confirmed already.")
    await _record(session, actor, "authenticator.confirmed")
    return await _renew_codes(session, actor.user_id)


async def take(session: AsyncSession, user_id: int, *, sealer: Sealer, code: str) -> str | None:
    """Use a code up, of the app or a recovery code; return which it was, or None where it is not good."""
    authenticator = await queries.authenticator(session, user_id)
    counts = authenticator is not None and authenticator.confirmed_at is not None
    if authenticator and counts and await _take_code(session, authenticator, sealer, code):
        return TOTP
    digest = recovery_digest(user_id, code)
    if digest is not None and await queries.take_recovery_code(session, user_id, digest):
        return RECOVERY_CODE
    return None


async def replace_recovery_codes(session: AsyncSession, actor: Actor) -> list[str]:
    """Return new recovery codes; the former are good no more."""
    await _record(session, actor, "recovery_codes.replaced")
    return await _renew_codes(session, actor.user_id)


async def remove(session: AsyncSession, actor: Actor) -> None:
    """Take the actor's app away.

    Raises:
        NoAuthenticatorError: there is none.
    """
    if not await queries.remove(session, actor.user_id):
        raise NoAuthenticatorError("There is no authenticator app.")
    await _record(session, actor, "authenticator.removed")


async def forget(session: AsyncSession, user_id: int) -> bool:
    """Take a user's app and recovery codes away; return whether there was an app. The caller records it."""
    await queries.replace_recovery_codes(session, user_id, [])
    return await queries.remove(session, user_id)


async def _take_code(
    session: AsyncSession, authenticator: Authenticator, sealer: Sealer, code: str
) -> bool:
    try:
        secret = sealer.open(authenticator.sealed_secret, belongs_to=_place(authenticator.user_id))
    except SealBrokenError:
        # Recovery codes are no part of it: they still let the user in.
        log.exception("authenticator_unreadable", user_id=authenticator.user_id)
        return False
    step = matching_step(secret, code, now())
    return step is not None and await queries.take_step(session, authenticator.user_id, step)


async def _renew_codes(session: AsyncSession, user_id: int) -> list[str]:
    codes = new_recovery_codes()
    digests = [digest for code in codes if (digest := recovery_digest(user_id, code))]
    await queries.replace_recovery_codes(session, user_id, digests)
    return codes


async def _record(session: AsyncSession, actor: Actor, action: str) -> None:
    deed = Deed(action, f"user:{actor.user_id}")
    await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


def _place(user_id: int) -> str:
    return f"authenticator of user:{user_id}"
