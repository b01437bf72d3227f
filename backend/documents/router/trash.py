"""The trash."""

from datetime import timedelta

from fastapi import APIRouter, status

from backend.core.errors import ForbiddenError, NotFoundError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, SessionDep, SettingsDep
from backend.documents.schemas import TrashItem
from backend.documents.service import changing

router = APIRouter(prefix="/trash", tags=["trash"])


@router.get(
    "",
    operation_id="listTrash",
    summary="List what is in the trash",
    responses=problem_responses(InvalidCursorError),
)
async def list_trash(
    session: SessionDep,
    actor: ActorDep,
    settings: SettingsDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TrashItem]:
    """Return documents and folders, last deleted first; what is below a folder is not listed apart."""
    items, next_cursor = await changing.list_trash(
        session, actor, keep=timedelta(days=settings.trash_days), cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.delete(
    "/documents/{document_id}",
    operation_id="purgeDocument",
    summary="Delete a document for good",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(NotFoundError, ForbiddenError),
)
async def purge_document(session: SessionDep, actor: ActorDep, document_id: int) -> None:
    """Delete a document in the trash with all its versions."""
    await changing.purge_document(session, actor, document_id)


@router.delete(
    "/folders/{folder_id}",
    operation_id="purgeFolder",
    summary="Delete a folder for good",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(NotFoundError, ForbiddenError),
)
async def purge_folder(session: SessionDep, actor: ActorDep, folder_id: int) -> None:
    """Delete a folder in the trash with all that is below it."""
    await changing.purge_folder(session, actor, folder_id)
