"""HTTP of presence: sessions, and the organisation one works in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response, status

from backend.core.errors import ForbiddenError, SessionRequiredError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, AnyoneDep, PersonDep, SessionDep
from backend.identity.errors import (
    EnrolmentRequiredError,
    ForeignOriginError,
    SecondFactorRequiredError,
    UserNotFoundError,
)
from backend.identity.presence import service
from backend.identity.presence.errors import OrganisationNotFoundError, SessionNotFoundError
from backend.identity.presence.schemas import (
    OrganisationChoice,
    SessionOut,
    SessionsEnded,
    SwitchIn,
)
from backend.identity.router import KeeperDep, check_origin, hand_out
from backend.identity.schemas import TokenOut

SessionId = Annotated[str, Path(max_length=100)]

_auth = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Depends(check_origin)])
_me = APIRouter(prefix="/me", tags=["me"], responses=problem_responses(UnauthenticatedError))
_users = APIRouter(
    prefix="/users",
    tags=["users"],
    responses=problem_responses(UnauthenticatedError, ForbiddenError, UserNotFoundError),
)


@_auth.post(
    "/switch",
    operation_id="switchOrganisation",
    summary="Go on in another organisation",
    responses=problem_responses(
        UnauthenticatedError,
        SecondFactorRequiredError,
        EnrolmentRequiredError,
        SessionRequiredError,
        OrganisationNotFoundError,
        ForeignOriginError,
    ),
)
async def switch(
    request: Request,
    response: Response,
    session: SessionDep,
    keeper: KeeperDep,
    actor: PersonDep,
    body: SwitchIn,
) -> TokenOut:
    """Begin a session in another organisation one belongs to, without the password; the present session ends.

    A second factor that one has, or that is asked for there, is to be given now, unless the present session began with
    one.
    """
    tokens = await service.switch(session, keeper, actor, body.organisation_id)
    return hand_out(request, response, keeper, tokens)


@_me.get("/organisations", operation_id="listMyOrganisations", summary="Where do I belong")
async def list_organisations(session: SessionDep, actor: AnyoneDep) -> list[OrganisationChoice]:
    """Return the organisations one may work in, by name."""
    return await service.organisations(session, actor)


@_me.get(
    "/sessions",
    operation_id="listMySessions",
    summary="Where am I signed in",
    responses=problem_responses(SessionRequiredError),
)
async def list_sessions(session: SessionDep, actor: PersonDep) -> list[SessionOut]:
    """Return one's sessions in all organisations, the one used last first."""
    return await service.own_sessions(session, actor)


@_me.delete(
    "/sessions",
    operation_id="endMyOtherSessions",
    summary="Sign out everywhere else",
    responses=problem_responses(SessionRequiredError),
)
async def end_other_sessions(session: SessionDep, actor: PersonDep) -> SessionsEnded:
    """End all of one's sessions but the present one, in every organisation."""
    return SessionsEnded(ended=await service.end_own_other_sessions(session, actor))


@_me.delete(
    "/sessions/{session_id}",
    operation_id="endMySession",
    summary="Sign out somewhere",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(SessionRequiredError, SessionNotFoundError),
)
async def end_session(session: SessionDep, actor: PersonDep, session_id: SessionId) -> None:
    """End one of one's sessions."""
    await service.end_own_session(session, actor, session_id)


@_users.get("/{user_id}/sessions", operation_id="listUserSessions", summary="A user's sessions")
async def list_user_sessions(
    session: SessionDep, actor: AdministratorDep, user_id: int
) -> list[SessionOut]:
    """Return a user's sessions in the organisation, the one used last first."""
    return await service.sessions_of(session, actor, user_id)


@_users.delete(
    "/{user_id}/sessions", operation_id="endUserSessions", summary="Sign a user out everywhere"
)
async def end_user_sessions(
    session: SessionDep, actor: AdministratorDep, user_id: int
) -> SessionsEnded:
    """End all of a user's sessions in the organisation, but for the one that asks."""
    return SessionsEnded(ended=await service.end_sessions_of(session, actor, user_id))


@_users.delete(
    "/{user_id}/sessions/{session_id}",
    operation_id="endUserSession",
    summary="End a user's session",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(SessionNotFoundError),
)
async def end_user_session(
    session: SessionDep, actor: AdministratorDep, user_id: int, session_id: SessionId
) -> None:
    """End one session of a user."""
    await service.end_session_of(session, actor, user_id, session_id)


router = APIRouter()
for part in (_auth, _me, _users):
    router.include_router(part)
