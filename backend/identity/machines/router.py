"""HTTP of service accounts, and the token endpoint of OAuth 2."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response, status

from backend.core.errors import ForbiddenError, InvalidError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, SessionDep, SettingsDep
from backend.identity.api_keys.errors import ApiKeyNotFoundError, TooManyApiKeysError
from backend.identity.api_keys.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyOut,
    ApiKeyRotate,
)
from backend.identity.machines import service
from backend.identity.machines.errors import (
    InvalidClientError,
    InvalidScopeError,
    ServiceAccountNotFoundError,
    TokenRequestError,
    UnsupportedGrantError,
)
from backend.identity.machines.requests import LARGEST_BODY, read_request
from backend.identity.machines.schemas import (
    ClientToken,
    ServiceAccountCreate,
    ServiceAccountListed,
    ServiceAccountOut,
)

_accounts = APIRouter(
    prefix="/service-accounts",
    tags=["users"],
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
_token = APIRouter(prefix="/auth", tags=["auth"])

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string"},
                        "client_secret": {
                            "type": "string",
                            "description": "An API key of the account.",
                        },
                        "scope": {
                            "type": "string",
                            "description": "Actions to limit the token to, separated by spaces.",
                        },
                    },
                },
                "example": {
                    "grant_type": "client_credentials",
                    "client_id": "machine-1-31",
                    "client_secret": "dmsk_…",
                },
            }
        },
    }
}


@_token.post(
    "/token",
    operation_id="createClientToken",
    summary="Get an access token for a service account",
    responses=problem_responses(
        TokenRequestError, UnsupportedGrantError, InvalidScopeError, InvalidClientError
    ),
    openapi_extra=_FORM,
)
async def create_client_token(
    request: Request, response: Response, session: SessionDep, settings: SettingsDep
) -> ClientToken:
    """Exchange client credentials for a token (RFC 6749, 4.4). Client and secret come by Basic, or in the body."""
    asked = read_request(
        await _body(request),
        content_type=request.headers.get("content-type"),
        authorization=request.headers.get("authorization"),
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return await service.token(
        session, asked, signer=request.app.state.signer, ttl=settings.access_token_seconds
    )


@_accounts.get(
    "",
    operation_id="listServiceAccounts",
    summary="List the organisation's service accounts",
    responses=problem_responses(InvalidCursorError),
)
async def list_service_accounts(
    session: SessionDep, actor: AdministratorDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ServiceAccountListed]:
    """Return them in the order in which they were made, deactivated ones too."""
    items, next_cursor = await service.list_accounts(session, actor, cursor=cursor, limit=limit)
    return Page(items=list(items), next_cursor=next_cursor)


@_accounts.post(
    "",
    operation_id="createServiceAccount",
    summary="Create a service account",
    status_code=status.HTTP_201_CREATED,
)
async def create_service_account(
    session: SessionDep, actor: AdministratorDep, body: ServiceAccountCreate
) -> ServiceAccountOut:
    """Create a user that is a program; `PATCH /users/{user_id}` renames and deactivates it like any other."""
    return await service.create(session, actor, body)


@_accounts.get(
    "/{user_id}/keys",
    operation_id="listServiceAccountKeys",
    summary="List the keys of a service account",
    responses=problem_responses(ServiceAccountNotFoundError),
)
async def list_service_account_keys(
    session: SessionDep, actor: AdministratorDep, user_id: int
) -> list[ApiKeyOut]:
    """Return all of them, the newest first. `DELETE /api-keys/{key_id}` revokes one."""
    return await service.list_keys(session, actor, user_id)


@_accounts.post(
    "/{user_id}/keys",
    operation_id="createServiceAccountKey",
    summary="Create a key for a service account",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(ServiceAccountNotFoundError, TooManyApiKeysError, InvalidError),
)
async def create_service_account_key(
    session: SessionDep,
    actor: AdministratorDep,
    response: Response,
    user_id: int,
    body: ApiKeyCreate,
) -> ApiKeyCreated:
    """Make a key; this answer alone shows it."""
    response.headers["Cache-Control"] = "no-store"
    return await service.create_key(session, actor, user_id, body)


@_accounts.post(
    "/{user_id}/keys/{key_id}/rotate",
    operation_id="rotateServiceAccountKey",
    summary="Replace a key of a service account",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        ServiceAccountNotFoundError, ApiKeyNotFoundError, TooManyApiKeysError
    ),
)
async def rotate_service_account_key(
    session: SessionDep,
    actor: AdministratorDep,
    response: Response,
    user_id: int,
    key_id: int,
    body: ApiKeyRotate,
) -> ApiKeyCreated:
    """Make a key with the same name, scopes and length of life; this answer alone shows it.

    The former goes on for as long as is asked, so that programs can be given the new one meanwhile.
    """
    response.headers["Cache-Control"] = "no-store"
    overlap = timedelta(seconds=body.overlap_seconds)
    return await service.rotate_key(session, actor, user_id, key_id, overlap=overlap)


router = APIRouter()
for part in (_accounts, _token):
    router.include_router(part)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TokenRequestError("The body is too large.")
    return body
