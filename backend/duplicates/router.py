"""HTTP of duplicates."""

from fastapi import APIRouter

from backend.core.errors import NotFoundError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, SessionDep
from backend.duplicates import service
from backend.duplicates.schemas import DuplicateGroup, RelatedOut

router = APIRouter(tags=["documents"], responses=problem_responses(UnauthenticatedError))


@router.get(
    "/duplicates",
    operation_id="listDuplicates",
    summary="List documents with nearly the same text",
    responses=problem_responses(InvalidCursorError),
)
async def list_duplicates(
    session: SessionDep, actor: ActorDep, limit: Limit = 20, cursor: Cursor = None
) -> Page[DuplicateGroup]:
    """Return groups of documents you can see whose texts are nearly the same; a page may hold some more or fewer."""
    items, next_cursor = await service.groups(session, actor, cursor=cursor, limit=limit)
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/documents/{document_id}/related",
    operation_id="getRelated",
    summary="Get what resembles a document",
    responses=problem_responses(NotFoundError),
)
async def get_related(session: SessionDep, actor: ActorDep, document_id: int) -> RelatedOut:
    """Return the documents with the same bytes, and those with nearly the same text."""
    return await service.related(session, actor, document_id)
