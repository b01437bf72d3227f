"""HTTP of the text of pages."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from backend.core.errors import NotFoundError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, SessionDep
from backend.documents.errors import QuarantinedError, VersionNotFoundError
from backend.search.errors import InvalidQueryError
from backend.search.schemas import MAX_QUERY_LENGTH
from backend.texts.errors import LayerNotFoundError, NoTextError, PageNotFoundError
from backend.texts.schemas import LayerOut, PagesOut, TextOut, WordsOut
from backend.texts.service import reading

router = APIRouter(tags=["texts"], responses=problem_responses(UnauthenticatedError))

VersionNumber = Annotated[
    int | None, Query(ge=1, description="The version's number; without one, the current.")
]
_SEEN = (NotFoundError, VersionNotFoundError, QuarantinedError)


@router.get(
    "/documents/{document_id}/pages",
    operation_id="listPages",
    summary="List the pages of a document",
    responses=problem_responses(*_SEEN, InvalidQueryError),
)
async def list_pages(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    version: VersionNumber = None,
    q: Annotated[
        str | None,
        Query(max_length=MAX_QUERY_LENGTH, description="A search; its hits are counted per page."),
    ] = None,
) -> PagesOut:
    """Return what is known of each page: its size, where its text is from, how sure that is."""
    return await reading.list_pages(session, actor, document_id, version=version, q=q)


@router.get(
    "/documents/{document_id}/pages/{number}/words",
    operation_id="getPageWords",
    summary="Get the words of a page and where they stand",
    responses=problem_responses(*_SEEN, PageNotFoundError, InvalidQueryError),
)
async def get_page_words(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    number: int,
    version: VersionNumber = None,
    q: Annotated[
        str, Query(max_length=MAX_QUERY_LENGTH, description="A search, as for `/search`.")
    ] = "",
) -> WordsOut:
    """Return words with their boxes, and which of them a search finds."""
    return await reading.read_words(session, actor, document_id, number, version=version, q=q)


@router.get(
    "/documents/{document_id}/text",
    operation_id="getDocumentText",
    summary="Get the text of a document",
    responses=problem_responses(*_SEEN, NoTextError, LayerNotFoundError),
)
async def get_document_text(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    response: Response,
    version: VersionNumber = None,
    layer: Annotated[
        int | None, Query(ge=1, description="As it was when this text layer was the newest.")
    ] = None,
) -> TextOut:
    """Return what was read out of a version, as it is searched, whole and page by page."""
    text = await reading.read_text(session, actor, document_id, version=version, layer=layer)
    response.headers["ETag"] = text.etag
    return text


@router.get(
    "/documents/{document_id}/text/layers",
    operation_id="listTextLayers",
    summary="List the text layers of a document",
    responses=problem_responses(*_SEEN),
)
async def list_text_layers(
    session: SessionDep, actor: ActorDep, document_id: int, version: VersionNumber = None
) -> list[LayerOut]:
    """Return what was read or corrected, newest first."""
    return await reading.list_layers(session, actor, document_id, version=version)
