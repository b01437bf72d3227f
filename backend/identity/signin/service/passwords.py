"""The first step by a password: one that is known here, or to a directory."""

import asyncio
from datetime import timedelta

from backend.core.clock import now
from backend.identity import queries, sessions
from backend.identity.attempts import attempt
from backend.identity.errors import TooManyAttemptsError
from backend.identity.external.service import Vouched
from backend.identity.external.settings import Directory
from backend.identity.ldap import service as ldap
from backend.identity.models import User
from backend.identity.sessions import SessionKeeper
from backend.identity.signin.service.proof import DIRECTORY, PASSWORD, Proven, known_by
from backend.identity.signin.service.refusals import NOBODY, invalid, note_refusal
from backend.identity.throttle import Keys

# Of their own: while a directory does not answer, whoever has a password here signs in all the same.
_ASKING_THE_DIRECTORY = asyncio.Semaphore(4)


async def prove(keeper: SessionKeeper, *, email: str, password: str, address: str) -> Proven:
    """Return whose password it is, here or in the directory, whether or not active anywhere.

    Raises:
        InvalidCredentialsError, TooManyAttemptsError, UnavailableError, IdentityRefusedError, LinkNeededError:
            as `by_password`.
    """
    async with keeper.database.transaction() as session:
        user = await queries.user_by_email(session, email)
        # Asked for nobody too: that an account is known shall not be told by how long the answer takes.
        tried = None if user is None else user.id
        organisations = await queries.organisations_of(session, tried or NOBODY)
    password_hash = None if user is None else user.password_hash
    by_directory = keeper.directory is not None and password_hash is None
    method = DIRECTORY if by_directory else PASSWORD
    try:
        if keeper.directory is not None and by_directory:
            proven = await _ask_directory(keeper, keeper.directory, email, password, address)
        else:
            proven = await _check_password(keeper, user, email, password, address)
    except TooManyAttemptsError:
        note_refusal(keeper, tried, organisations, method=method, reason="too many attempts")
        raise
    if proven is None:
        note_refusal(keeper, tried, organisations, method=method, reason="wrong password")
        raise invalid()
    return proven


async def _check_password(
    keeper: SessionKeeper, user: User | None, email: str, password: str, address: str
) -> Proven | None:
    """Return whose password it is; None where it is wrong, or nobody's."""
    password_hash = None if user is None else user.password_hash
    verification = await sessions.verify_throttled(
        keeper, email=email, password=password, password_hash=password_hash, address=address
    )
    if user is None or password_hash is None or not verification.ok:
        return None
    if verification.new_hash is not None:
        async with keeper.database.transaction() as session:
            await queries.replace_hash(
                session, user.id, old=password_hash, new=verification.new_hash
            )
    given = verification.new_hash or password_hash
    return Proven(user.id, PASSWORD, password=known_by(keeper, given))


async def _ask_directory(
    keeper: SessionKeeper, directory: Directory, email: str, password: str, address: str
) -> Proven | None:
    """Return the user whom a directory knows by this password; None where it does not."""
    keys = Keys.of(keeper.signer, email=email, address=address)

    async def check() -> Vouched | None:
        return await ldap.check(directory, login=email.strip(), password=password)

    vouched = await attempt(
        keeper.database,
        keys.allowances(),
        check,
        forgiven=[keys.account],
        slots=_ASKING_THE_DIRECTORY,
    )
    if vouched is None:
        return None
    async with keeper.database.transaction() as session:
        user_id = await ldap.user_of(session, directory, vouched)
    return Proven(user_id, DIRECTORY, ends_at=now() + timedelta(hours=directory.session_hours))
