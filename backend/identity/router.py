"""HTTP of identity: signing in and out, oneself, and the users of the organisation."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Cookie, Depends, Query, Request, Response, status

from backend.core.errors import (
    ForbiddenError,
    SessionRequiredError,
    UnauthenticatedError,
    UnavailableError,
)
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import (
    AdministratorDep,
    AnyoneDep,
    AnyonesUnitsDep,
    DatabaseDep,
    SessionDep,
    SettingsDep,
    require_person,
)
from backend.identity import devices, service, sessions
from backend.identity.errors import (
    EmailTakenError,
    EnrolmentRequiredError,
    ForeignOriginError,
    InvalidCredentialsError,
    LastAdministratorError,
    NoPasswordError,
    OwnCredentialsError,
    SecondFactorRequiredError,
    SessionEndedError,
    SharedUserError,
    TooManyAttemptsError,
    UserNotFoundError,
    WrongPasswordError,
)
from backend.identity.external.errors import IdentityRefusedError, LinkNeededError
from backend.identity.models import UserKind
from backend.identity.passwords import hash_password
from backend.identity.schemas import (
    LoginIn,
    MeOut,
    PasswordChange,
    TokenOut,
    UserCreate,
    UserListed,
    UserOut,
    UserUpdate,
)
from backend.identity.second_factor.errors import WrongSignInCodeError
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.signin import service as signin

REFRESH_COOKIE = "dms_refresh"
DEVICE_COOKIE = "dms_device"
_COOKIE_PATH = "/api/v1/auth"


def check_origin(request: Request, settings: SettingsDep) -> None:
    """Refuse what another site's page sent: browsers name the page's origin, and SameSite is one defence, not two."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    own = {request.headers.get("host")}
    if settings.public_url is not None:
        own.add(urlsplit(settings.public_url).netloc)
    if urlsplit(origin).netloc not in own:
        raise ForeignOriginError("Sign in and out from the service's own pages.")


def get_keeper(request: Request, database: DatabaseDep, settings: SettingsDep) -> SessionKeeper:
    """Return what sessions are kept with."""
    state = request.app.state
    return SessionKeeper(
        database, state.signer, settings, state.attempts, state.sealer, state.directory
    )


def _address(request: Request) -> str:
    """Return the network address of the caller, which uvicorn takes from a proxy it was told to trust."""
    return request.client.host if request.client else ""


KeeperDep = Annotated[SessionKeeper, Depends(get_keeper)]
AddressDep = Annotated[str, Depends(_address)]
RefreshCookie = Annotated[
    str | None, Cookie(alias=REFRESH_COOKIE, description="The refresh token.", max_length=200)
]

DeviceCookie = Annotated[
    str | None,
    Cookie(
        alias=DEVICE_COOKIE,
        description="Tells a browser that signed in before; it opens nothing.",
        max_length=1_000,
    ),
]

_auth = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Depends(check_origin)])
_me = APIRouter(prefix="/me", tags=["me"])
_users = APIRouter(prefix="/users", tags=["users"])


@_auth.post(
    "/login",
    operation_id="login",
    summary="Sign in",
    responses=problem_responses(
        InvalidCredentialsError,
        SecondFactorRequiredError,
        EnrolmentRequiredError,
        WrongSignInCodeError,
        ForeignOriginError,
        IdentityRefusedError,
        LinkNeededError,
        TooManyAttemptsError,
        UnavailableError,
    ),
)
async def login(
    request: Request,
    response: Response,
    keeper: KeeperDep,
    address: AddressDep,
    body: LoginIn,
    device: DeviceCookie = None,
) -> TokenOut:
    """Begin a session: an access token in the answer, and a refresh token in an HttpOnly cookie.

    Who has a second factor, and does not give its code at once, gets the ticket of `POST /auth/second-factor`.
    """
    place = devices.place(keeper.signer, device, email=body.email, address=address)
    tokens = await signin.by_password(
        keeper, email=body.email, password=body.password, otp=body.otp, address=place
    )
    return hand_out(request, response, keeper, tokens, knows_device=place != address)


@_auth.post(
    "/refresh",
    operation_id="refreshSession",
    summary="Get a new access token",
    responses=problem_responses(SessionEndedError, ForeignOriginError),
)
async def refresh(
    request: Request, response: Response, keeper: KeeperDep, token: RefreshCookie = None
) -> TokenOut:
    """Carry the session on; the refresh token is replaced and ends the session when used again."""
    return hand_out(request, response, keeper, await sessions.refresh(keeper, token))


@_auth.post(
    "/logout",
    operation_id="logout",
    summary="Sign out",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(ForeignOriginError),
)
async def logout(
    request: Request, response: Response, keeper: KeeperDep, token: RefreshCookie = None
) -> None:
    """End the session; its access tokens are refused from now on. Idempotent."""
    await sessions.logout(keeper, token)
    response.delete_cookie(
        REFRESH_COOKIE,
        path=_COOKIE_PATH,
        secure=_is_https(request),
        httponly=True,
        samesite="strict",
    )


@_me.get(
    "",
    operation_id="getMe",
    summary="Who am I",
    responses=problem_responses(UnauthenticatedError),
)
async def get_me(session: SessionDep, actor: AnyoneDep) -> MeOut:
    """Return the signed-in user, the organisation and the role in it."""
    return await service.me(session, actor)


@_me.post(
    "/password",
    operation_id="changePassword",
    summary="Change one's password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(
        UnauthenticatedError, SessionRequiredError, WrongPasswordError, TooManyAttemptsError
    ),
)
async def change_password(
    units: AnyonesUnitsDep, keeper: KeeperDep, address: AddressDep, body: PasswordChange
) -> None:
    """Set a new password and end all other sessions."""
    async with units.begin() as (session, actor):
        user = await service.account(session, require_person(actor))
    verification = await sessions.verify_throttled(
        keeper,
        email=user.email,
        password=body.current_password,
        password_hash=user.password_hash,
        address=address,
    )
    if not verification.ok:
        raise WrongPasswordError("The current password is wrong.")
    password_hash = await hash_password(body.new_password)
    async with units.begin() as (session, actor):
        await service.set_own_password(session, actor, password_hash)


@_users.get(
    "",
    operation_id="listUsers",
    summary="List the organisation's users",
    responses=problem_responses(UnauthenticatedError, ForbiddenError, InvalidCursorError),
)
async def list_users(
    session: SessionDep,
    actor: AdministratorDep,
    kind: Annotated[UserKind | None, Query(description="People or programs alone.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[UserListed]:
    """Return users by name, deactivated ones too."""
    items, next_cursor = await service.list_users(
        session, actor, kind=kind, cursor=cursor, limit=limit
    )
    return Page(items=list(items), next_cursor=next_cursor)


@_users.post(
    "",
    operation_id="createUser",
    summary="Create a user",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(UnauthenticatedError, ForbiddenError, EmailTakenError),
)
async def create_user(session: SessionDep, actor: AdministratorDep, body: UserCreate) -> UserOut:
    """Create a user who can sign in at once, and sees nothing until a cabinet is shared."""
    return await service.create_user(
        session,
        org_id=actor.org_id,
        email=body.email,
        name=body.name,
        password=body.password,
        role=body.role,
        created_by=actor.user_id,
    )


@_users.patch(
    "/{user_id}",
    operation_id="updateUser",
    summary="Change a user",
    responses=problem_responses(
        UnauthenticatedError,
        ForbiddenError,
        OwnCredentialsError,
        UserNotFoundError,
        LastAdministratorError,
        NoPasswordError,
        SharedUserError,
    ),
)
async def update_user(
    session: SessionDep, actor: AdministratorDep, user_id: int, body: UserUpdate
) -> UserOut:
    """Change name, role, activity or password; what is left out stays. Deactivation ends the user's sessions."""
    return await service.update_user(session, actor, user_id, body)


router = APIRouter()
for part in (_auth, _me, _users):
    router.include_router(part)


def hand_out(
    request: Request,
    response: Response,
    keeper: SessionKeeper,
    tokens: Tokens,
    *,
    knows_device: bool = False,
) -> TokenOut:
    """Give a client its tokens, the refresh token in a cookie no script can read.

    Where a session began, the browser is remembered, unless it is known already (`knows_device`).
    """
    response.headers["Cache-Control"] = "no-store"
    if tokens.refresh_token is not None:
        response.set_cookie(
            REFRESH_COOKIE,
            tokens.refresh_token,
            max_age=keeper.settings.refresh_token_seconds,
            path=_COOKIE_PATH,
            secure=_is_https(request),
            httponly=True,
            samesite="strict",
        )
    if tokens.began_for is not None and not knows_device:
        _remember_device(
            request, response, devices.remembered(keeper.signer, email=tokens.began_for)
        )
    return TokenOut(access_token=tokens.access_token, expires_in=tokens.expires_in)


def _remember_device(request: Request, response: Response, cookie: str) -> None:
    response.set_cookie(
        DEVICE_COOKIE,
        cookie,
        max_age=devices.COOKIE_SECONDS,
        path=f"{_COOKIE_PATH}/login",
        secure=_is_https(request),
        httponly=True,
        samesite="strict",
    )


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"
