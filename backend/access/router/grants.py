"""Grants on folders and documents."""

from typing import Annotated

from fastapi import APIRouter, Query, status

from backend.access.errors import (
    GrantExceedsError,
    GrantNotFoundError,
    NameInvalidError,
    PrincipalNotFoundError,
    ReasonMissingError,
)
from backend.access.schemas import GrantIn, GrantOut, Reason
from backend.access.service import granting, managing
from backend.core.errors import ForbiddenError, NotFoundError
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, SessionDep

router = APIRouter(tags=["access"])

_SEEN = (NotFoundError, ForbiddenError)
_GIVEN = (*_SEEN, GrantExceedsError, ReasonMissingError)
Why = Annotated[
    Reason | None,
    Query(
        description="Required of administrators who lift a Deny of their own on what is not theirs."
    ),
]


@router.get(
    "/folders/{folder_id}/grants",
    operation_id="listFolderGrants",
    summary="List what was granted on a folder",
    responses=problem_responses(*_SEEN),
)
async def list_folder_grants(
    session: SessionDep, actor: ActorDep, folder_id: int
) -> list[GrantOut]:
    """Return the folder's own grants, then those of the folders above, each by name. For who may manage it."""
    thing = await managing.managed(session, actor, folder_id=folder_id)
    return await granting.list_grants(session, actor, thing)


@router.post(
    "/folders/{folder_id}/grants",
    operation_id="grantOnFolder",
    summary="Allow or deny somebody something on a folder",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(*_GIVEN, PrincipalNotFoundError, NameInvalidError),
)
async def grant_on_folder(
    session: SessionDep, actor: ActorDep, folder_id: int, body: GrantIn
) -> GrantOut:
    """Grant on the folder and all below it, in place of what the principal was granted there to the same effect."""
    thing = await managing.managed(session, actor, folder_id=folder_id)
    return await granting.put_grant(session, actor, thing, body)


@router.delete(
    "/folders/{folder_id}/grants/{grant_id}",
    operation_id="revokeOnFolder",
    summary="Take back what was granted on a folder",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*_GIVEN, GrantNotFoundError),
)
async def revoke_on_folder(
    session: SessionDep, actor: ActorDep, folder_id: int, grant_id: int, reason: Why = None
) -> None:
    """Take effect at once, for everything below too."""
    thing = await managing.managed(session, actor, folder_id=folder_id)
    await granting.delete_grant(session, actor, thing, grant_id, reason=reason)


@router.get(
    "/documents/{document_id}/grants",
    operation_id="listDocumentGrants",
    summary="List what was granted on a document",
    responses=problem_responses(*_SEEN),
)
async def list_document_grants(
    session: SessionDep, actor: ActorDep, document_id: int
) -> list[GrantOut]:
    """Return the document's own grants, then those of the folders above, each by name. For who may manage it."""
    thing = await managing.managed(session, actor, document_id=document_id)
    return await granting.list_grants(session, actor, thing)


@router.post(
    "/documents/{document_id}/grants",
    operation_id="grantOnDocument",
    summary="Allow or deny somebody something on a document",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(*_GIVEN, PrincipalNotFoundError, NameInvalidError),
)
async def grant_on_document(
    session: SessionDep, actor: ActorDep, document_id: int, body: GrantIn
) -> GrantOut:
    """Grant on the document alone, in place of what the principal was granted on it to the same effect."""
    thing = await managing.managed(session, actor, document_id=document_id)
    return await granting.put_grant(session, actor, thing, body)


@router.delete(
    "/documents/{document_id}/grants/{grant_id}",
    operation_id="revokeOnDocument",
    summary="Take back what was granted on a document",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*_GIVEN, GrantNotFoundError),
)
async def revoke_on_document(
    session: SessionDep, actor: ActorDep, document_id: int, grant_id: int, reason: Why = None
) -> None:
    """Take effect at once."""
    thing = await managing.managed(session, actor, document_id=document_id)
    await granting.delete_grant(session, actor, thing, grant_id, reason=reason)
