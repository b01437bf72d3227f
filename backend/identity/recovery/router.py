"""HTTP of recovery."""

from fastapi import APIRouter, Depends, status

from backend.core.problems import problem_responses
from backend.core.web import SessionDep
from backend.identity.errors import ForeignOriginError, TooManyAttemptsError
from backend.identity.recovery import service
from backend.identity.recovery.errors import NoMailServerError, ResetLinkNotFoundError
from backend.identity.recovery.schemas import ResetRedeem, ResetRequest
from backend.identity.router import AddressDep, KeeperDep, check_origin

router = APIRouter(
    prefix="/auth/password-reset",
    tags=["auth"],
    dependencies=[Depends(check_origin)],
    responses=problem_responses(ForeignOriginError),
)


@router.post(
    "",
    operation_id="requestPasswordReset",
    summary="Ask for a link to set a new password",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(TooManyAttemptsError, NoMailServerError),
)
async def request_reset(keeper: KeeperDep, address: AddressDep, body: ResetRequest) -> None:
    """Send a link, good for an hour and once, if the address has an account; the answer does not tell."""
    await service.request(keeper, email=body.email, language=body.language, address=address)


@router.post(
    "/redeem",
    operation_id="redeemPasswordReset",
    summary="Set a new password with a link",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(ResetLinkNotFoundError),
)
async def redeem_reset(session: SessionDep, body: ResetRedeem) -> None:
    """Set the password and end all sessions. It signs nobody in: a second factor is still asked for."""
    await service.redeem(session, token=body.token, password=body.password)
