"""HTTP of search, and of the text that is searched."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from backend.core.errors import NotFoundError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, SessionDep
from backend.documents.errors import QuarantinedError, VersionNotFoundError
from backend.search import service
from backend.search.errors import InvalidQueryError, NoTextError
from backend.search.schemas import MAX_QUERY_LENGTH, SearchResult, Sort, Suggestions, TextOut
from backend.search.syntax import Family

router = APIRouter(tags=["search"], responses=problem_responses(UnauthenticatedError))

_MAX_ID = 2**63 - 1


@router.get(
    "/search",
    operation_id="searchDocuments",
    summary="Search documents",
    responses=problem_responses(InvalidQueryError, InvalidCursorError),
)
async def search_documents(
    session: SessionDep,
    actor: ActorDep,
    q: Annotated[
        str,
        Query(
            max_length=MAX_QUERY_LENGTH,
            description='Words, `"phrases"`, `-not`, `or`, `begin*`, and the filters `type:` `tag:` `in:` `owner:` '
            "`before:` `after:` `size>` `size<`. Empty: every document, newest first.",
            examples=['"notice period" -draft type:pdf after:2024'],
        ),
    ] = "",
    folder_id: Annotated[
        int | None, Query(ge=0, le=_MAX_ID, description="In this folder or below.")
    ] = None,
    type: Annotated[  # noqa: A002  # the parameter's name on the wire
        list[Family] | None, Query(description="Of one of these types.")
    ] = None,
    tag: Annotated[
        list[str] | None, Query(max_length=20, description="With all of these tags.")
    ] = None,
    owner: Annotated[int | None, Query(ge=0, le=_MAX_ID, description="Owned by this user.")] = None,
    created_after: Annotated[AwareDatetime | None, Query(description="Inclusive.")] = None,
    created_before: Annotated[AwareDatetime | None, Query(description="Exclusive.")] = None,
    sort: Sort = Sort.RELEVANCE,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SearchResult:
    """Return what matches, by words in name, tags, properties and text, or by a name that resembles them."""
    query = service.SearchQuery(
        q=q,
        folder_id=folder_id,
        families=type or [],
        tags=tag or [],
        owner_id=owner,
        created_after=created_after,
        created_before=created_before,
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    return await service.search(session, actor, query)


@router.get("/search/suggest", operation_id="suggestDocuments", summary="Suggest documents by name")
async def suggest_documents(
    session: SessionDep,
    actor: ActorDep,
    q: Annotated[
        str, Query(max_length=MAX_QUERY_LENGTH, description="What has been typed so far.")
    ],
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Suggestions:
    """Return the documents whose names resemble what is being typed, best first."""
    return Suggestions(items=await service.suggest(session, actor, q, limit=limit))


@router.get(
    "/documents/{document_id}/text",
    operation_id="getDocumentText",
    summary="Get the text of a document",
    tags=["documents"],
    responses=problem_responses(NotFoundError, VersionNotFoundError, QuarantinedError, NoTextError),
)
async def get_document_text(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    version: Annotated[
        int | None, Query(ge=1, description="The version's number; without one, the current.")
    ] = None,
) -> TextOut:
    """Return what was read out of a version, as it is searched."""
    return await service.read_text(session, actor, document_id, version=version)
