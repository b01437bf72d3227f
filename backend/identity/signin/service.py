"""The steps of a sign-in.

Unlike other services these take the database and not a session: what a refused attempt leaves behind (a counted
failure) must be committed although the request fails. `admit` is for whoever has proven who one is elsewhere.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Attempt, Deed, record
from backend.core.actor import Actor, Role
from backend.core.clock import now
from backend.core.db import Tenant, set_tenant
from backend.identity import queries, sessions, tickets
from backend.identity.attempts import attempt
from backend.identity.endings import end_sessions
from backend.identity.errors import (
    EnrolmentRequiredError,
    InvalidCredentialsError,
    InvalidTicketError,
    SecondFactorRequiredError,
    TooManyAttemptsError,
)
from backend.identity.external.service import Vouched
from backend.identity.external.settings import Directory
from backend.identity.ldap import service as ldap
from backend.identity.models import Organisation, RequiredOf, User
from backend.identity.passkeys import service as passkeys
from backend.identity.passkeys.errors import PasskeyRefusedError
from backend.identity.passkeys.schemas import CeremonyOut
from backend.identity.passkeys.service import RelyingParty
from backend.identity.second_factor import service as second_factor
from backend.identity.second_factor.errors import (
    AuthenticatorExistsError,
    WrongSignInCodeError,
)
from backend.identity.second_factor.schemas import EnrolmentOut
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.throttle import PER_SECOND_FACTOR, Keys

log = structlog.get_logger(__name__)

_SECOND_STEP = "second step"
_ENROLMENT = "enrolment"
PASSWORD, PASSKEY, DIRECTORY = "password", "passkey", "directory"  # names of methods
INVITATION, SWITCH = "invitation", "switch"
_NOBODY = 0

# Of their own: while a directory does not answer, whoever has a password here signs in all the same.
_ASKING_THE_DIRECTORY = asyncio.Semaphore(4)


@dataclass(frozen=True, slots=True)
class Proven:
    """Who somebody has proven to be so far, and how."""

    user_id: int
    method: str
    factor: str | None = None
    """What served as the second factor."""
    org_id: int | None = None
    """The organisation to sign in to; None for the one used last."""
    leaves: tuple[int, str] | None = None
    """The session that ends when this one begins: its organisation and id."""
    password: str | None = None
    """What the password that was given is known by; once it is changed, nothing was proven."""
    ends_at: datetime | None = None
    """When the session ends however often it is carried on: whoever vouched is to be asked again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a user stands: the organisation to sign in to, and what is asked there."""

    org_id: int
    role: Role
    methods: tuple[str, ...]
    """What the user has as a second factor."""
    is_asked: bool
    """Whether the organisation asks for one."""


async def by_password(
    keeper: SessionKeeper, *, email: str, password: str, otp: str | None, address: str
) -> Tokens:
    """Begin a session for the user with this e-mail address, in the organisation used last.

    `address` is the network address the attempt came from; `otp` saves a user with a second factor the second step.

    Raises:
        InvalidCredentialsError: no active user has this address and password; which of it was wrong is not told.
        SecondFactorRequiredError: the password was right; the code was not given.
        EnrolmentRequiredError: the password was right; a second factor is to be set up first.
        WrongSignInCodeError: the password was right, the code was not.
        TooManyAttemptsError: too many failures came before.
        UnavailableError: the password is a directory's to know, which does not answer.
        IdentityRefusedError: the directory knows the password, and the user is not let in here.
        LinkNeededError: likewise; another account has the directory's e-mail address.
    """
    proven = await prove(keeper, email=email, password=password, address=address)
    return await go_on(keeper, proven, otp=otp, address=address)


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
        organisations = await queries.organisations_of(session, tried or _NOBODY)
    password_hash = None if user is None else user.password_hash
    by_directory = keeper.directory is not None and password_hash is None
    method = DIRECTORY if by_directory else PASSWORD
    try:
        if keeper.directory is not None and by_directory:
            proven = await _ask_directory(keeper, keeper.directory, email, password, address)
        else:
            proven = await _check_password(keeper, user, email, password, address)
    except TooManyAttemptsError:
        _note_refusal(keeper, tried, organisations, method=method, reason="too many attempts")
        raise
    if proven is None:
        _note_refusal(keeper, tried, organisations, method=method, reason="wrong password")
        raise _invalid()
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
    return Proven(user.id, PASSWORD, password=_known_by(keeper, given))


def _known_by(keeper: SessionKeeper, password_hash: str) -> str:
    return keeper.signer.fingerprint("password", password_hash).hex()


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


async def go_on(
    keeper: SessionKeeper, proven: Proven, *, otp: str | None = None, address: str
) -> Tokens:
    """Begin a session for somebody who gave a first proof, or ask for a second.

    Raises:
        InvalidCredentialsError: the user is not active anywhere.
        SecondFactorRequiredError: a second factor is asked for.
        EnrolmentRequiredError: it is to be set up first.
        WrongSignInCodeError: `otp` is not good.
        TooManyAttemptsError: too many codes were wrong before.
    """
    if proven.factor is None and otp is not None:
        async with keeper.database.transaction() as session:
            standing = await _standing(session, keeper, proven)
        if standing is not None and standing.methods:
            proven = await _with_code(keeper, proven, otp, standing=standing, address=address)
    async with keeper.database.transaction() as session:
        return await admit(session, keeper, proven)


async def admit(session: AsyncSession, keeper: SessionKeeper, proven: Proven) -> Tokens:
    """Begin a session for somebody who has proven enough, or ask for the second factor.

    Raises:
        InvalidCredentialsError: the user is not active, in the organisation asked for or anywhere.
        SecondFactorRequiredError: a second factor is asked for.
        EnrolmentRequiredError: it is to be set up first.
    """
    standing = await _standing(session, keeper, proven)
    if standing is None:
        log.info("sign_in_refused", user_id=proven.user_id, method=proven.method, reason="inactive")
        raise _invalid()
    if proven.factor is None and standing.methods:
        raise SecondFactorRequiredError(
            "The first step is done. Now a code, or a passkey.",
            ticket=_ticket(keeper, _SECOND_STEP, proven),
            methods=list(standing.methods),
            expires_in=tickets.TTL,
        )
    if proven.factor is None and standing.is_asked:
        raise EnrolmentRequiredError(
            "Your organisation asks for a second factor. Set one up to go on.",
            ticket=_ticket(keeper, _ENROLMENT, proven),
            expires_in=tickets.TTL,
        )
    return await _begin(session, keeper, proven, standing.org_id)


async def by_code(keeper: SessionKeeper, *, ticket: str, code: str, address: str) -> Tokens:
    """Begin the session that a password was given for, by a code of the app or a recovery code.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
        WrongSignInCodeError: the code is wrong, or was used before.
        TooManyAttemptsError: too many were.
    """
    data = keeper.signer.open_ticket(_SECOND_STEP, ticket)
    proven = _proven(data)
    async with keeper.database.transaction() as session:
        standing = await _must_stand(session, keeper, proven)
    proven = await _with_code(keeper, proven, code, standing=standing, address=address)
    async with keeper.database.transaction() as session:
        await tickets.spend(session, data)
        standing = await _must_stand(session, keeper, proven)
        return await _begin(session, keeper, proven, standing.org_id)


async def begin_passkey(
    keeper: SessionKeeper, *, party: RelyingParty, ticket: str | None
) -> CeremonyOut:
    """Return what to ask the browser for: any passkey, or one of whoever gave the password for a ticket.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
    """
    user_id = None
    if ticket is not None:
        user_id = _proven(keeper.signer.open_ticket(_SECOND_STEP, ticket)).user_id
    async with keeper.database.transaction() as session:
        return await passkeys.begin_signing_in(
            session, signer=keeper.signer, party=party, user_id=user_id
        )


async def by_passkey(
    keeper: SessionKeeper,
    *,
    party: RelyingParty,
    passkey_ticket: str,
    credential: Mapping[str, Any],
    ticket: str | None,
) -> Tokens:
    """Begin a session by what a passkey answered: by itself, or as the second factor for a ticket.

    Raises:
        InvalidTicketError: a ticket is not good (any more).
        PasskeyRefusedError: the answer proves nothing, or not enough, or somebody else.
        InvalidCredentialsError: the user is not active anywhere.
    """
    data = None if ticket is None else keeper.signer.open_ticket(_SECOND_STEP, ticket)
    try:
        return await _by_passkey(keeper, party, passkey_ticket, credential, data)
    except PasskeyRefusedError as error:
        await _note_refused_passkey(keeper, error.user_id)
        raise


async def _by_passkey(
    keeper: SessionKeeper,
    party: RelyingParty,
    passkey_ticket: str,
    credential: Mapping[str, Any],
    data: Mapping[str, Any] | None,
) -> Tokens:
    async with keeper.database.transaction() as session:
        proof = await passkeys.check(
            session,
            signer=keeper.signer,
            party=party,
            ticket=passkey_ticket,
            credential=credential,
        )
        if data is not None:
            await tickets.spend(session, data)
        proven = _proven_by_passkey(proof, data)
        standing = await _standing(session, keeper, proven)
        if standing is None:
            raise _invalid()
        return await _begin(session, keeper, proven, standing.org_id)


async def begin_enrolment(keeper: SessionKeeper, *, ticket: str) -> EnrolmentOut:
    """Return what an authenticator app is set up with, by somebody who may not sign in before.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
        AuthenticatorExistsError: there is one by now, or a passkey.
    """
    proven = _proven(keeper.signer.open_ticket(_ENROLMENT, ticket))
    async with keeper.database.transaction() as session:
        standing = await _must_enrol(session, keeper, proven)
        user = await queries.user_by_id(session, proven.user_id)
        return await second_factor.begin(
            session, _actor(user, standing), sealer=keeper.sealer, account=user.email
        )


async def finish_enrolment(
    keeper: SessionKeeper, *, ticket: str, code: str
) -> tuple[Tokens, list[str]]:
    """Let the app count, and begin the session; return it with the recovery codes.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
        AuthenticatorExistsError: there is one by now, or a passkey.
        NoAuthenticatorError: none was set up.
        WrongCodeError: the app shows another code.
    """
    data = keeper.signer.open_ticket(_ENROLMENT, ticket)
    proven = replace(_proven(data), factor=second_factor.TOTP)
    async with keeper.database.transaction() as session:
        standing = await _must_enrol(session, keeper, proven)
        user = await queries.user_by_id(session, proven.user_id)
        codes = await second_factor.confirm(
            session, _actor(user, standing), sealer=keeper.sealer, code=code
        )
        await tickets.spend(session, data)
        return await _begin(session, keeper, proven, standing.org_id), codes


async def check_code(keeper: SessionKeeper, *, user_id: int, code: str, address: str) -> str | None:
    """Use up a code of a user and return which kind it was; None where it is not good, which is counted.

    Raises:
        TooManyAttemptsError: too many were not.
    """
    name = f"second factor of user:{user_id}"
    keys = Keys.of(keeper.signer, email=name, address=address)
    anywhere = keeper.signer.fingerprint(name)

    async def check() -> str | None:
        async with keeper.database.transaction() as session:
            return await second_factor.take(session, user_id, sealer=keeper.sealer, code=code)

    return await attempt(
        keeper.database,
        {**keys.allowances(), anywhere: PER_SECOND_FACTOR},
        check,
        forgiven=[keys.account, anywhere],
    )


async def is_asked(session: AsyncSession, org_id: int, role: Role) -> bool:
    """Tell whether an organisation asks those who hold a role for a second factor."""
    organisation = await queries.organisation(session, org_id)
    return _asks(organisation, role)


async def _with_code(
    keeper: SessionKeeper, proven: Proven, code: str, *, standing: Standing, address: str
) -> Proven:
    method = proven.method

    def note(reason: str) -> None:
        user_id, org_id = proven.user_id, standing.org_id
        _note(keeper, user_id=user_id, org_id=org_id, method=method, reason=reason)

    try:
        factor = await check_code(keeper, user_id=proven.user_id, code=code, address=address)
    except TooManyAttemptsError:
        note("too many attempts")
        raise
    if factor is None:
        note("wrong code")
        raise WrongSignInCodeError("The code is wrong, too old, or was used before.")
    return replace(proven, factor=factor)


async def _standing(
    session: AsyncSession, keeper: SessionKeeper, proven: Proven
) -> Standing | None:
    """Return where a user stands, and bind the transaction to the organisation.

    None where the user is not active, or the password was changed since it was given. Whoever deactivates the user, or
    changes the password, waits until the transaction ends, and then ends the session that it began.
    """
    user_id = proven.user_id
    password_hash = await queries.hold_password(session, user_id)
    if proven.password is not None and (
        password_hash is None or proven.password != _known_by(keeper, password_hash)
    ):
        return None
    organisations = await queries.organisations_of(session, user_id)
    if proven.org_id is not None:
        organisations = [one for one in organisations if one == proven.org_id]
    if not organisations:
        return None
    org_id = organisations[0]
    await set_tenant(session, Tenant(org_id, user_id))
    membership = await queries.membership(session, org_id, user_id)
    if membership is None:
        return None
    held = await second_factor.held(session, user_id)
    methods = []
    if held.authenticator_since is not None:
        methods.append(second_factor.TOTP)
    if await passkeys.count_of(session, user_id):
        methods.append(PASSKEY)
    if methods and held.recovery_codes:
        methods.append(second_factor.RECOVERY_CODE)
    asked = await is_asked(session, org_id, membership.role)
    return Standing(org_id, membership.role, tuple(methods), asked)


async def _must_stand(session: AsyncSession, keeper: SessionKeeper, proven: Proven) -> Standing:
    standing = await _standing(session, keeper, proven)
    if standing is None:
        raise InvalidTicketError("What was proven before is not good any more; sign in again.")
    return standing


async def _must_enrol(session: AsyncSession, keeper: SessionKeeper, proven: Proven) -> Standing:
    """Return where a user stands who has no second factor still: the password alone is not enough to add another."""
    standing = await _must_stand(session, keeper, proven)
    if standing.methods:
        raise AuthenticatorExistsError("A second factor was set up meanwhile; sign in with it.")
    return standing


def _asks(organisation: Organisation, role: Role) -> bool:
    of = organisation.second_factor
    return of is RequiredOf.EVERYBODY or (
        of is RequiredOf.ADMINISTRATORS and role is Role.ADMINISTRATOR
    )


async def _begin(
    session: AsyncSession, keeper: SessionKeeper, proven: Proven, org_id: int
) -> Tokens:
    if proven.leaves is not None:
        await _leave(session, proven.user_id, *proven.leaves)
    await set_tenant(session, Tenant(org_id, proven.user_id))
    return await sessions.begin(
        session,
        keeper,
        user_id=proven.user_id,
        org_id=org_id,
        method=proven.method,
        second_factor=proven.factor,
        ends_at=proven.ends_at,
    )


async def _leave(session: AsyncSession, user_id: int, org_id: int, session_id: str) -> None:
    """End the session that another one carries on.

    Raises:
        InvalidTicketError: it was ended meanwhile, and what it vouched for is nothing any more.
    """
    await set_tenant(session, Tenant(org_id, user_id))
    if not await end_sessions(session, org_id, user_id, only=session_id):
        raise InvalidTicketError("The session has ended; sign in again.")
    deed = Deed("session.ended", f"session:{session_id}", {"user": user_id})
    await record(session, [deed], org_id=org_id, actor_id=user_id)


def _note_refusal(
    keeper: SessionKeeper,
    user_id: int | None,
    organisations: Sequence[int],
    *,
    method: str,
    reason: str,
) -> None:
    """Take note that an account was tried in vain, if there is such: the trail of its organisation tells."""
    if user_id is None or not organisations:
        log.info("sign_in_refused", user_id=user_id, method=method, reason=reason)
        return
    _note(keeper, user_id=user_id, org_id=organisations[0], method=method, reason=reason)


async def _note_refused_passkey(keeper: SessionKeeper, user_id: int | None) -> None:
    async with keeper.database.transaction() as session:
        organisations = await queries.organisations_of(session, user_id or _NOBODY)
    _note_refusal(keeper, user_id, organisations, method=PASSKEY, reason="wrong passkey")


def _note(keeper: SessionKeeper, *, user_id: int, org_id: int, method: str, reason: str) -> None:
    log.info("sign_in_refused", user_id=user_id, method=method, reason=reason)
    data = (("method", method), ("reason", reason))
    refused = Attempt("user.sign_in_refused", f"user:{user_id}", org_id, user_id, data=data)
    keeper.attempts.note(refused)


def _ticket(keeper: SessionKeeper, purpose: str, proven: Proven) -> str:
    data = {
        "user": proven.user_id,
        "method": proven.method,
        "org": proven.org_id,
        "leaves": proven.leaves,
        "password": proven.password,
        "ends_at": None if proven.ends_at is None else proven.ends_at.isoformat(),
    }
    return tickets.issue(keeper.signer, purpose, data)


def _proven(data: Mapping[str, Any]) -> Proven:
    leaves, ends_at = data["leaves"], data["ends_at"]
    return Proven(
        data["user"],
        data["method"],
        org_id=data["org"],
        leaves=None if leaves is None else (leaves[0], leaves[1]),
        password=data["password"],
        ends_at=None if ends_at is None else datetime.fromisoformat(ends_at),
    )


def _proven_by_passkey(proof: passkeys.Proof, data: Mapping[str, Any] | None) -> Proven:
    if data is None:
        if not proof.person_verified:
            message = "The passkey did not make sure that it is you."
            raise PasskeyRefusedError(message, user_id=proof.user_id)
        return Proven(proof.user_id, PASSKEY, factor=PASSKEY)
    if data["user"] != proof.user_id:
        raise PasskeyRefusedError("This passkey is another user's.", user_id=data["user"])
    return replace(_proven(data), factor=PASSKEY)


def _actor(user: User, standing: Standing) -> Actor:
    return Actor(user.id, standing.org_id, standing.role, user.name)


def _invalid() -> InvalidCredentialsError:
    return InvalidCredentialsError("The e-mail address or the password is wrong.")
