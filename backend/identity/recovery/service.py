"""Setting a forgotten password anew.

Asking does the same work and gets the same answer whether or not the address has an account: it leaves an event, and
a worker looks whom it is about. Asking is slowed down by address and by account at an address, as guessing is. What an
account is sent is bounded too, but the links sent before stay good and go to its owner: who asks in another's name
costs them some mail, never their way in. An account that is active nowhere is its owner's all the same, who may need
the password to accept an invitation: a new one lets nobody in who is not let in otherwise.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.clock import now
from backend.core.db import Tenant, set_tenant
from backend.core.outbox import emit
from backend.core.settings import Settings
from backend.identity import letters
from backend.identity import queries as users
from backend.identity.endings import end_sessions
from backend.identity.errors import TooManyAttemptsError
from backend.identity.links import LinkSecret, Purpose, hash_of, secret_of
from backend.identity.models import PasswordReset
from backend.identity.passwords import hash_password
from backend.identity.recovery import queries
from backend.identity.recovery.errors import NoMailServerError, ResetLinkNotFoundError
from backend.identity.sessions import SessionKeeper
from backend.identity.throttle import Keys
from backend.identity.tokens import TokenSigner
from backend.notifications.mail import Language, Letter

GOOD_FOR = timedelta(hours=1)
MOST_WITHIN_AN_HOUR = 3
_PATH = "/reset-password"
_NOBODY = 0
"""The organisation of an event that is about none."""


async def request(keeper: SessionKeeper, *, email: str, language: Language, address: str) -> None:
    """Have a link sent to an address, if it has an account; nothing tells the caller whether it has.

    Raises:
        NoMailServerError: nothing can be sent.
        TooManyAttemptsError: this was asked too often from there.
    """
    if keeper.settings.mail_server is None:
        raise NoMailServerError("No mail can be sent. Ask an administrator to set a new password.")
    keys = Keys.of(keeper.signer, email=email, address=address, use="reset")
    async with keeper.database.transaction() as session:
        counters = await users.counters(session, sorted(keys.allowances()))
        wait = keys.seconds_to_wait(counters, now())
        if wait > 0:
            raise TooManyAttemptsError(
                f"This was asked for too often. Try again in {wait} seconds.", retry_after=wait
            )
        for key in sorted(keys.allowances()):
            await users.count_failure(session, key, now())
        await users.sweep_failures(session, now())
        data = {"email": email, "language": language}
        await emit(session, "password_reset.requested", org_id=_NOBODY, data=data)


async def prepare(
    session: AsyncSession, *, email: str, language: Language, signer: TokenSigner
) -> None:
    """Make a link for the user with an address and have it sent; do nothing where no user with a password has it.

    Who signs in by a directory or a provider has no password here, and is not given one by mail.
    """
    user = await users.user_by_email(session, email)
    if user is None or user.password_hash is None:
        return
    if await queries.lock_user(session, user.id) is None:
        return
    await set_tenant(session, Tenant(_NOBODY, user.id))
    organisations = await queries.organisations(session, user.id)
    await queries.forget_expired(session, user.id, now())
    made = await queries.resets_since(session, user.id, now() - timedelta(hours=1))
    if made >= MOST_WITHIN_AN_HOUR:
        return
    secret = LinkSecret.new(signer, Purpose.PASSWORD_RESET)
    reset = PasswordReset(
        user_id=user.id,
        language=language,
        nonce=secret.nonce,
        secret_hash=secret.hash,
        expires_at=now() + GOOD_FOR,
    )
    session.add(reset)
    await session.flush()
    data = {"reset_id": reset.id}
    await emit(session, "password_reset.mail_due", org_id=_first(organisations), data=data)


async def letter(
    session: AsyncSession, reset_id: int, *, signer: TokenSigner, settings: Settings
) -> tuple[str, Letter] | None:
    """Return the address a link goes to and what is said; None where the link is not good any more."""
    found = await queries.reset(session, reset_id)
    if found is None or found[0].used_at is not None or found[0].expires_at <= now():
        return None
    reset, user = found
    secret = secret_of(signer, Purpose.PASSWORD_RESET, reset.nonce)
    link = f"{settings.web_url}{_PATH}#{secret}"
    return user.email, letters.password_reset(reset.language, name=user.name, link=link)


async def redeem(session: AsyncSession, *, token: str, password: str) -> None:
    """Set a new password, end all of the user's sessions in every organisation, and tell the user by mail.

    A second factor, where there is one, is asked for as before.

    Raises:
        ResetLinkNotFoundError: the link was used, has expired, or its user has no password here.
    """
    user_id = await queries.user_of(session, hash_of(token))
    # Locked before the link, in everyone's order: all links of a user end with the first that is used.
    user = None if user_id is None else await queries.lock_user(session, user_id)
    reset = await queries.open_reset(session, hash_of(token), now())
    if user is None or reset is None or user.password_hash is None:
        raise ResetLinkNotFoundError("The link was used already, or has expired. Ask for another.")
    user.password_hash = await hash_password(password)
    await session.flush()
    await users.close_resets(session, user.id, now())
    await set_tenant(session, Tenant(_NOBODY, user.id))
    organisations = await queries.organisations(session, user.id)
    for org_id in organisations:
        await set_tenant(session, Tenant(org_id, user.id))
        ended = await end_sessions(session, org_id, user.id)
        deed = Deed("password.reset", f"user:{user.id}", {"sessions_ended": len(ended)})
        await record(session, [deed], org_id=org_id, actor_id=user.id)
    data = {"user_id": user.id, "language": reset.language}
    await emit(session, "password.reset", org_id=_first(organisations), data=data)


def _first(organisations: Sequence[int]) -> int:
    return organisations[0] if organisations else _NOBODY


async def changed_letter(
    session: AsyncSession, user_id: int, *, language: Language
) -> tuple[str, Letter] | None:
    """Return the address of a user whose password was reset, and what the user is told."""
    user = await queries.lock_user(session, user_id)
    if user is None:
        return None
    return user.email, letters.password_changed(language, name=user.name)
