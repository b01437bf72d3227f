"""Beginning the session, or asking for what is still to be proven."""

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.db import Tenant, set_tenant
from backend.identity import sessions, tickets
from backend.identity.endings import end_sessions
from backend.identity.errors import (
    EnrolmentRequiredError,
    InvalidTicketError,
    SecondFactorRequiredError,
)
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.signin.service.codes import with_code
from backend.identity.signin.service.passwords import prove
from backend.identity.signin.service.proof import ENROLMENT, SECOND_STEP, Proven, ticket_of
from backend.identity.signin.service.refusals import invalid
from backend.identity.signin.service.standing import find_standing

log = structlog.get_logger(__name__)


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
            standing = await find_standing(session, keeper, proven)
        if standing is not None and standing.methods:
            proven = await with_code(keeper, proven, otp, standing=standing, address=address)
    async with keeper.database.transaction() as session:
        return await admit(session, keeper, proven)


async def admit(session: AsyncSession, keeper: SessionKeeper, proven: Proven) -> Tokens:
    """Begin a session for somebody who has proven enough, or ask for the second factor.

    Raises:
        InvalidCredentialsError: the user is not active, in the organisation asked for or anywhere.
        SecondFactorRequiredError: a second factor is asked for.
        EnrolmentRequiredError: it is to be set up first.
    """
    standing = await find_standing(session, keeper, proven)
    if standing is None:
        log.info("sign_in_refused", user_id=proven.user_id, method=proven.method, reason="inactive")
        raise invalid()
    if proven.factor is None and standing.methods:
        raise SecondFactorRequiredError(
            "The first step is done. Now a code, or a passkey.",
            ticket=ticket_of(keeper, SECOND_STEP, proven),
            methods=list(standing.methods),
            expires_in=tickets.TTL,
        )
    if proven.factor is None and standing.is_asked:
        raise EnrolmentRequiredError(
            "Your organisation asks for a second factor. Set one up to go on.",
            ticket=ticket_of(keeper, ENROLMENT, proven),
            expires_in=tickets.TTL,
        )
    return await begin(session, keeper, proven, standing.org_id)


async def begin(
    session: AsyncSession, keeper: SessionKeeper, proven: Proven, org_id: int
) -> Tokens:
    """Begin the session of somebody who has proven enough.

    Raises:
        InvalidTicketError: the session that this one carries on has ended.
    """
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
