"""HTTP of invitations."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from backend.core.errors import (
    ForbiddenError,
    SessionRequiredError,
    UnauthenticatedError,
    UnavailableError,
)
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, PersonDep, SessionDep, SettingsDep
from backend.identity.errors import (
    EnrolmentRequiredError,
    ForeignOriginError,
    InvalidCredentialsError,
    SecondFactorRequiredError,
    TooManyAttemptsError,
)
from backend.identity.external.errors import IdentityRefusedError, LinkNeededError
from backend.identity.groups.errors import GroupNotFoundError
from backend.identity.invitations import service
from backend.identity.invitations.errors import (
    AccountExistsError,
    AlreadyInvitedError,
    AlreadyMemberError,
    InvitationForAnotherError,
    InvitationNotFoundError,
)
from backend.identity.invitations.schemas import (
    InvitationAccept,
    InvitationCreate,
    InvitationJoin,
    InvitationLink,
    InvitationOpened,
    InvitationOut,
)
from backend.identity.invitations.service import Post
from backend.identity.router import AddressDep, KeeperDep, check_origin, hand_out
from backend.identity.schemas import OrganisationRef, TokenOut


def _post(request: Request, settings: SettingsDep) -> Post:
    return Post(request.app.state.signer, by_mail=settings.mail_server is not None)


PostDep = Annotated[Post, Depends(_post)]

_invitations = APIRouter(
    prefix="/invitations",
    tags=["invitations"],
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
_auth = APIRouter(prefix="/auth/invitation", tags=["auth"], dependencies=[Depends(check_origin)])
_me = APIRouter(prefix="/me", tags=["me"], responses=problem_responses(UnauthenticatedError))


@_invitations.get(
    "",
    operation_id="listInvitations",
    summary="List the organisation's invitations",
    responses=problem_responses(InvalidCursorError),
)
async def list_invitations(
    session: SessionDep, actor: AdministratorDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[InvitationOut]:
    """Return invitations, the newest first, answered ones too."""
    items, next_cursor = await service.list_invitations(session, actor, cursor=cursor, limit=limit)
    return Page(items=items, next_cursor=next_cursor)


@_invitations.post(
    "",
    operation_id="createInvitation",
    summary="Invite somebody",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(AlreadyMemberError, AlreadyInvitedError, GroupNotFoundError),
)
async def create_invitation(
    session: SessionDep, actor: AdministratorDep, post: PostDep, body: InvitationCreate
) -> InvitationOut:
    """Invite an address. The link goes by mail; without a mail server it is in this answer, once, to hand over."""
    return await service.invite(session, actor, body, post=post)


@_invitations.post(
    "/{invitation_id}/resend",
    operation_id="resendInvitation",
    summary="Send an invitation again",
    responses=problem_responses(InvitationNotFoundError),
)
async def resend_invitation(
    session: SessionDep, actor: AdministratorDep, post: PostDep, invitation_id: int
) -> InvitationOut:
    """Send a new link and let the old one die; the invitation is good for its full time again."""
    return await service.resend(session, actor, invitation_id, post=post)


@_invitations.delete(
    "/{invitation_id}",
    operation_id="revokeInvitation",
    summary="Withdraw an invitation",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(InvitationNotFoundError),
)
async def revoke_invitation(
    session: SessionDep, actor: AdministratorDep, invitation_id: int
) -> None:
    """Withdraw an invitation that was not accepted."""
    await service.revoke(session, actor, invitation_id)


@_auth.post(
    "/open",
    operation_id="openInvitation",
    summary="Read an invitation",
    responses=problem_responses(InvitationNotFoundError, ForeignOriginError),
)
async def open_invitation(session: SessionDep, body: InvitationLink) -> InvitationOpened:
    """Return what the bearer of the link is asked to join. The link's secret is in the body: no log has it."""
    return await service.open_link(session, body.token)


@_auth.post(
    "/accept",
    operation_id="acceptInvitation",
    summary="Accept an invitation with a new account",
    responses=problem_responses(
        EnrolmentRequiredError, InvitationNotFoundError, AccountExistsError, ForeignOriginError
    ),
)
async def accept_invitation(
    request: Request,
    response: Response,
    keeper: KeeperDep,
    address: AddressDep,
    body: InvitationAccept,
) -> TokenOut:
    """Create the account, join, and begin a session."""
    tokens = await service.accept(keeper, body, address=address)
    return hand_out(request, response, keeper, tokens)


@_auth.post(
    "/join",
    operation_id="joinByInvitation",
    summary="Accept an invitation with the account there is",
    responses=problem_responses(
        InvalidCredentialsError,
        SecondFactorRequiredError,
        EnrolmentRequiredError,
        ForeignOriginError,
        IdentityRefusedError,
        InvitationForAnotherError,
        InvitationNotFoundError,
        AlreadyMemberError,
        LinkNeededError,
        TooManyAttemptsError,
        UnavailableError,
    ),
)
async def join_by_invitation(
    request: Request,
    response: Response,
    keeper: KeeperDep,
    address: AddressDep,
    body: InvitationJoin,
) -> TokenOut:
    """Join with the password of the account that has the invited address, and begin a session there.

    An account that is active nowhere cannot sign in before; a second factor is asked for as in signing in.
    """
    tokens = await service.join(keeper, body, address=address)
    return hand_out(request, response, keeper, tokens)


@_me.post(
    "/invitation",
    operation_id="acceptInvitationAsMe",
    summary="Accept an invitation with one's account",
    responses=problem_responses(
        SessionRequiredError,
        InvitationNotFoundError,
        InvitationForAnotherError,
        AlreadyMemberError,
    ),
)
async def accept_as_me(
    session: SessionDep, actor: PersonDep, body: InvitationLink
) -> OrganisationRef:
    """Join the organisation that invited one's address, and return it; `POST /auth/switch` goes there."""
    return await service.accept_as(session, actor, body.token)


router = APIRouter()
for part in (_invitations, _auth, _me):
    router.include_router(part)
