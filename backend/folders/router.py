"""HTTP of the tree."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response, status

from backend.core.errors import ForbiddenError, NotFoundError, StaleError, UnauthenticatedError
from backend.core.idempotency import (
    IdempotencyKeyReusedError,
    keep_answer,
    kept_answer,
)
from backend.core.names import InvalidNameError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, IdempotencyKey, SessionDep, request_digest
from backend.folders import service
from backend.folders.errors import (
    FolderCycleError,
    FolderKindError,
    FolderNameTakenError,
    ParentTrashedError,
)
from backend.folders.schemas import FolderCreate, FolderOut, FolderUpdate

router = APIRouter(
    prefix="/folders", tags=["folders"], responses=problem_responses(UnauthenticatedError)
)

_SEEN = (NotFoundError, ForbiddenError)
IfMatch = Annotated[str | None, Header(description="The ETag the change is based on.")]


@router.get(
    "",
    operation_id="listCabinets",
    summary="List the cabinets you can see",
    responses=problem_responses(InvalidCursorError),
)
async def list_cabinets(
    session: SessionDep, actor: ActorDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[FolderOut]:
    """Return cabinets by name."""
    items, next_cursor = await service.list_children(
        session, actor, None, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "",
    operation_id="createFolder",
    summary="Create a cabinet, drawer or folder",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        *_SEEN,
        FolderNameTakenError,
        FolderKindError,
        InvalidNameError,
        IdempotencyKeyReusedError,
    ),
)
async def create_folder(
    request: Request,
    session: SessionDep,
    actor: ActorDep,
    body: FolderCreate,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> FolderOut:
    """Create a folder below `parent_id`, or a cabinet without one."""
    digest = request_digest(request, body)
    kept = await kept_answer(session, actor, idempotency_key, digest)
    if kept is not None:
        return FolderOut.model_validate(kept.body)
    folder = await service.create_folder(
        session, actor, name=body.name, parent_id=body.parent_id, kind=body.kind
    )
    response.headers["ETag"] = service.etag(folder)
    response.headers["Location"] = f"/api/v1/folders/{folder.id}"
    shown = (await service.describe(session, actor, [folder]))[0]
    await keep_answer(
        session, actor, idempotency_key, digest, status=status.HTTP_201_CREATED, body=shown
    )
    return shown


@router.get(
    "/{folder_id}",
    operation_id="getFolder",
    summary="Get a folder",
    responses=problem_responses(NotFoundError),
)
async def get_folder(
    session: SessionDep, actor: ActorDep, folder_id: int, response: Response
) -> FolderOut:
    """Return one folder with the way to it."""
    folder = await service.get_folder(session, actor, folder_id)
    response.headers["ETag"] = service.etag(folder)
    return (await service.describe(session, actor, [folder]))[0]


@router.patch(
    "/{folder_id}",
    operation_id="updateFolder",
    summary="Rename or move a folder",
    responses=problem_responses(
        *_SEEN,
        FolderNameTakenError,
        FolderCycleError,
        FolderKindError,
        StaleError,
        InvalidNameError,
    ),
)
async def update_folder(
    session: SessionDep,
    actor: ActorDep,
    folder_id: int,
    body: FolderUpdate,
    response: Response,
    if_match: IfMatch = None,
) -> FolderOut:
    """Change the name, the parent, or both; what is below moves along."""
    move = service.Move(body.parent_id) if "parent_id" in body.model_fields_set else None
    folder = await service.update_folder(
        session, actor, folder_id, name=body.name, move=move, if_match=if_match
    )
    response.headers["ETag"] = service.etag(folder)
    return (await service.describe(session, actor, [folder]))[0]


@router.delete(
    "/{folder_id}",
    operation_id="deleteFolder",
    summary="Move a folder to the trash",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*_SEEN),
)
async def delete_folder(session: SessionDep, actor: ActorDep, folder_id: int) -> None:
    """Hide the folder and all below it until it is restored or purged."""
    await service.trash_folder(session, actor, folder_id)


@router.post(
    "/{folder_id}/restore",
    operation_id="restoreFolder",
    summary="Take a folder out of the trash",
    responses=problem_responses(*_SEEN, FolderNameTakenError, ParentTrashedError),
)
async def restore_folder(session: SessionDep, actor: ActorDep, folder_id: int) -> FolderOut:
    """Bring back a folder and what was below it."""
    folder = await service.restore_folder(session, actor, folder_id)
    return (await service.describe(session, actor, [folder]))[0]
