"""HTTP of signing in beyond the password: the second step, setting it up, passkeys, what administrators decide."""

from fastapi import APIRouter, Depends, Request, Response, status

from backend.core.errors import ForbiddenError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, SessionDep
from backend.identity.errors import (
    ForeignOriginError,
    InvalidCredentialsError,
    InvalidTicketError,
    OwnCredentialsError,
    SharedUserError,
    TooManyAttemptsError,
    UserNotFoundError,
)
from backend.identity.passkeys.errors import PasskeyRefusedError
from backend.identity.passkeys.router import RelyingPartyDep
from backend.identity.passkeys.schemas import CeremonyOut
from backend.identity.router import AddressDep, KeeperDep, check_origin, hand_out
from backend.identity.schemas import TokenOut
from backend.identity.second_factor.errors import (
    AuthenticatorExistsError,
    NoAuthenticatorError,
    WrongCodeError,
    WrongSignInCodeError,
)
from backend.identity.second_factor.schemas import EnrolmentOut, SignInPolicy, SignInPolicyOut
from backend.identity.signin import administration, service
from backend.identity.signin.schemas import (
    EnrolledOut,
    EnrolmentIn,
    PasskeyBegin,
    PasskeySignIn,
    SecondStepIn,
)

_auth = APIRouter(
    prefix="/auth",
    tags=["auth"],
    dependencies=[Depends(check_origin)],
    responses=problem_responses(InvalidTicketError, ForeignOriginError),
)
_administration = APIRouter(tags=["users"])


@_auth.post(
    "/second-factor",
    operation_id="signInWithCode",
    summary="Sign in: the second step, with a code",
    responses=problem_responses(WrongSignInCodeError, TooManyAttemptsError),
)
async def sign_in_with_code(
    request: Request,
    response: Response,
    keeper: KeeperDep,
    address: AddressDep,
    body: SecondStepIn,
) -> TokenOut:
    """Begin the session that `POST /auth/login` gave the ticket for."""
    tokens = await service.by_code(keeper, ticket=body.ticket, code=body.code, address=address)
    return hand_out(request, response, keeper, tokens)


@_auth.post(
    "/enrolment",
    operation_id="beginEnrolment",
    summary="Sign in: set up the second factor that the organisation asks for",
    responses=problem_responses(AuthenticatorExistsError),
)
async def begin_enrolment(response: Response, keeper: KeeperDep, body: EnrolmentIn) -> EnrolmentOut:
    """Return what an authenticator app is to be shown."""
    response.headers["Cache-Control"] = "no-store"
    return await service.begin_enrolment(keeper, ticket=body.ticket)


@_auth.post(
    "/enrolment/confirm",
    operation_id="finishEnrolment",
    summary="Sign in: confirm the second factor that was set up",
    responses=problem_responses(AuthenticatorExistsError, NoAuthenticatorError, WrongCodeError),
)
async def finish_enrolment(
    request: Request, response: Response, keeper: KeeperDep, body: SecondStepIn
) -> EnrolledOut:
    """Begin the session, and return recovery codes, once."""
    tokens, codes = await service.finish_enrolment(keeper, ticket=body.ticket, code=body.code)
    answer = hand_out(request, response, keeper, tokens)
    return EnrolledOut(**answer.model_dump(), recovery_codes=codes)


@_auth.post(
    "/passkey/begin",
    operation_id="beginPasskeySignIn",
    summary="Sign in: begin with a passkey",
)
async def begin_passkey_sign_in(
    response: Response, keeper: KeeperDep, party: RelyingPartyDep, body: PasskeyBegin
) -> CeremonyOut:
    """Return what the browser is to be asked for; with the ticket of a first step, only for that user's passkeys."""
    response.headers["Cache-Control"] = "no-store"
    return await service.begin_passkey(keeper, party=party, ticket=body.ticket)


@_auth.post(
    "/passkey",
    operation_id="signInWithPasskey",
    summary="Sign in with a passkey",
    responses=problem_responses(PasskeyRefusedError, InvalidCredentialsError),
)
async def sign_in_with_passkey(
    request: Request,
    response: Response,
    keeper: KeeperDep,
    party: RelyingPartyDep,
    body: PasskeySignIn,
) -> TokenOut:
    """Begin a session: by a passkey that made sure of the person or, with the ticket of a first step, by any."""
    tokens = await service.by_passkey(
        keeper,
        party=party,
        passkey_ticket=body.passkey_ticket,
        credential=body.credential,
        ticket=body.ticket,
    )
    return hand_out(request, response, keeper, tokens)


@_administration.get(
    "/sign-in-policy",
    operation_id="getSignInPolicy",
    summary="What the organisation asks of those who sign in",
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
async def get_sign_in_policy(session: SessionDep, actor: AdministratorDep) -> SignInPolicyOut:
    """Return of whom a second factor is asked, and how many have set one up."""
    return await administration.policy(session, actor)


@_administration.put(
    "/sign-in-policy",
    operation_id="setSignInPolicy",
    summary="Change what the organisation asks of those who sign in",
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
async def set_sign_in_policy(
    session: SessionDep, actor: AdministratorDep, body: SignInPolicy
) -> SignInPolicy:
    """Ask it from the next sign-in on: who has no second factor then sets one up first."""
    return await administration.set_policy(session, actor, body)


@_administration.delete(
    "/users/{user_id}/second-factor",
    operation_id="resetSecondFactor",
    summary="Take a user's second factors away",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(
        UnauthenticatedError,
        ForbiddenError,
        OwnCredentialsError,
        UserNotFoundError,
        SharedUserError,
    ),
)
async def reset_second_factor(session: SessionDep, actor: AdministratorDep, user_id: int) -> None:
    """Remove authenticator app, recovery codes and passkeys, for one who lost them, and end the sessions."""
    await administration.reset_second_factor(session, actor, user_id)


router = APIRouter()
for part in (_auth, _administration):
    router.include_router(part)
