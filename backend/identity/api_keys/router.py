"""HTTP of API keys: one's own, and an administrator's view of everybody's."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from backend.core.errors import (
    ForbiddenError,
    InvalidError,
    SessionRequiredError,
    UnauthenticatedError,
)
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, PersonDep, SessionDep
from backend.identity.api_keys import service
from backend.identity.api_keys.errors import ApiKeyNotFoundError, TooManyApiKeysError
from backend.identity.api_keys.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyOfUserOut,
    ApiKeyOut,
    KeyState,
)

_own = APIRouter(prefix="/me/api-keys", tags=["me"])
_all = APIRouter(prefix="/api-keys", tags=["users"])


@_own.get(
    "",
    operation_id="listOwnApiKeys",
    summary="List one's API keys",
    responses=problem_responses(UnauthenticatedError, SessionRequiredError),
)
async def list_own_api_keys(session: SessionDep, actor: PersonDep) -> list[ApiKeyOut]:
    """Return all of them, the newest first."""
    return await service.keys_of(session, actor, actor.user_id)


@_own.post(
    "",
    operation_id="createOwnApiKey",
    summary="Create an API key",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        UnauthenticatedError, SessionRequiredError, TooManyApiKeysError, InvalidError
    ),
)
async def create_own_api_key(
    session: SessionDep, actor: PersonDep, response: Response, body: ApiKeyCreate
) -> ApiKeyCreated:
    """Make a key that acts for oneself; this answer alone shows it."""
    response.headers["Cache-Control"] = "no-store"
    return await service.create(session, actor, user_id=actor.user_id, wanted=body)


@_own.delete(
    "/{key_id}",
    operation_id="revokeOwnApiKey",
    summary="Revoke one of one's API keys",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(UnauthenticatedError, SessionRequiredError, ApiKeyNotFoundError),
)
async def revoke_own_api_key(session: SessionDep, actor: PersonDep, key_id: int) -> None:
    """Revoke it at once."""
    await service.revoke(session, actor, key_id, user_id=actor.user_id)


@_all.get(
    "",
    operation_id="listApiKeys",
    summary="List everybody's API keys",
    responses=problem_responses(UnauthenticatedError, ForbiddenError, InvalidCursorError),
)
async def list_api_keys(
    session: SessionDep,
    actor: AdministratorDep,
    q: Annotated[
        str | None,
        Query(max_length=200, description="In the name of the key, or its user's name or address."),
    ] = None,
    state: Annotated[
        KeyState | None,
        Query(
            description="`idle`: good, and not used for ninety days; `used`: the other good ones."
        ),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ApiKeyOfUserOut]:
    """Return the organisation's keys, the newest first."""
    items, next_cursor = await service.list_keys(
        session, actor, text=q, state=state, cursor=cursor, limit=limit
    )
    return Page(items=list(items), next_cursor=next_cursor)


@_all.delete(
    "/{key_id}",
    operation_id="revokeApiKey",
    summary="Revoke anybody's API key",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(UnauthenticatedError, ForbiddenError, ApiKeyNotFoundError),
)
async def revoke_api_key(session: SessionDep, actor: AdministratorDep, key_id: int) -> None:
    """Revoke it at once."""
    await service.revoke(session, actor, key_id)


router = APIRouter()
for part in (_own, _all):
    router.include_router(part)
