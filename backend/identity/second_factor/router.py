"""HTTP of one's own second factor."""

from fastapi import APIRouter, Response, status

from backend.core.errors import SessionRequiredError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import AnyonesUnitsDep, PersonDep, SessionDep, Units, require_person
from backend.identity import service as identity
from backend.identity.errors import TooManyAttemptsError
from backend.identity.router import AddressDep, KeeperDep
from backend.identity.second_factor import service
from backend.identity.second_factor.errors import (
    AuthenticatorExistsError,
    NoAuthenticatorError,
    WrongCodeError,
)
from backend.identity.second_factor.schemas import (
    CodeIn,
    EnrolmentOut,
    RecoveryCodesOut,
    SecondFactorOut,
)
from backend.identity.sessions import SessionKeeper
from backend.identity.signin import service as signin

router = APIRouter(
    prefix="/me",
    tags=["me"],
    responses=problem_responses(UnauthenticatedError, SessionRequiredError),
)


@router.get("/second-factor", operation_id="getSecondFactor", summary="What second factor one has")
async def get_second_factor(session: SessionDep, actor: PersonDep) -> SecondFactorOut:
    """Return whether there is an authenticator app, and how many recovery codes are left."""
    held = await service.held(session, actor.user_id)
    return SecondFactorOut(
        authenticator_since=held.authenticator_since,
        recovery_codes=held.recovery_codes,
        required=await signin.is_asked(session, actor.org_id, actor.role),
    )


@router.post(
    "/authenticator",
    operation_id="beginAuthenticator",
    summary="Begin to set up an authenticator app",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(AuthenticatorExistsError),
)
async def begin_authenticator(
    session: SessionDep, actor: PersonDep, keeper: KeeperDep, response: Response
) -> EnrolmentOut:
    """Return what the app is to be shown. It does not count before it is confirmed."""
    response.headers["Cache-Control"] = "no-store"
    user = await identity.account(session, actor)
    return await service.begin(session, actor, sealer=keeper.sealer, account=user.email)


@router.post(
    "/authenticator/confirm",
    operation_id="confirmAuthenticator",
    summary="Confirm the authenticator app",
    responses=problem_responses(NoAuthenticatorError, WrongCodeError),
)
async def confirm_authenticator(
    session: SessionDep, actor: PersonDep, keeper: KeeperDep, response: Response, body: CodeIn
) -> RecoveryCodesOut:
    """Let the app count, which shows this code; return recovery codes, once."""
    response.headers["Cache-Control"] = "no-store"
    codes = await service.confirm(session, actor, sealer=keeper.sealer, code=body.code)
    return RecoveryCodesOut(recovery_codes=codes)


@router.post(
    "/authenticator/remove",
    operation_id="removeAuthenticator",
    summary="Remove the authenticator app",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(NoAuthenticatorError, WrongCodeError, TooManyAttemptsError),
)
async def remove_authenticator(
    units: AnyonesUnitsDep, keeper: KeeperDep, address: AddressDep, body: CodeIn
) -> None:
    """Remove the app; a last code, or a recovery code, proves that its owner asks."""
    await _prove(units, keeper, body.code, address)
    async with units.begin() as (session, actor):
        await service.remove(session, actor)


@router.post(
    "/recovery-codes",
    operation_id="replaceRecoveryCodes",
    summary="Make new recovery codes",
    responses=problem_responses(WrongCodeError, TooManyAttemptsError),
)
async def replace_recovery_codes(
    units: AnyonesUnitsDep,
    keeper: KeeperDep,
    address: AddressDep,
    response: Response,
    body: CodeIn,
) -> RecoveryCodesOut:
    """Return ten new codes, once; a code of the app, or one of the former, proves that their owner asks."""
    response.headers["Cache-Control"] = "no-store"
    await _prove(units, keeper, body.code, address)
    async with units.begin() as (session, actor):
        return RecoveryCodesOut(recovery_codes=await service.replace_recovery_codes(session, actor))


async def _prove(units: Units, keeper: SessionKeeper, code: str, address: str) -> None:
    async with units.begin() as (_, actor):
        user_id = require_person(actor).user_id
    if await signin.check_code(keeper, user_id=user_id, code=code, address=address) is None:
        raise WrongCodeError("The code is wrong, too old, or was used before.")
