"""Setting up a second factor that has to be there before one may sign in."""

from dataclasses import replace

from backend.core.actor import Actor
from backend.identity import queries, tickets
from backend.identity.models import User
from backend.identity.second_factor import service as second_factor
from backend.identity.second_factor.schemas import EnrolmentOut
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.signin.service.admission import begin
from backend.identity.signin.service.proof import ENROLMENT, proven_by
from backend.identity.signin.service.standing import Standing, must_enrol


async def begin_enrolment(keeper: SessionKeeper, *, ticket: str) -> EnrolmentOut:
    """Return what an authenticator app is set up with, by somebody who may not sign in before.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
        AuthenticatorExistsError: there is one by now, or a passkey.
    """
    proven = proven_by(keeper.signer.open_ticket(ENROLMENT, ticket))
    async with keeper.database.transaction() as session:
        standing = await must_enrol(session, keeper, proven)
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
    data = keeper.signer.open_ticket(ENROLMENT, ticket)
    proven = replace(proven_by(data), factor=second_factor.TOTP)
    async with keeper.database.transaction() as session:
        standing = await must_enrol(session, keeper, proven)
        user = await queries.user_by_id(session, proven.user_id)
        codes = await second_factor.confirm(
            session, _actor(user, standing), sealer=keeper.sealer, code=code
        )
        await tickets.spend(session, data)
        return await begin(session, keeper, proven, standing.org_id), codes


def _actor(user: User, standing: Standing) -> Actor:
    return Actor(user.id, standing.org_id, standing.role, user.name)
