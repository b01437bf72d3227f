"""HTTP of the text of pages."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, status

from backend.core.errors import ForbiddenError, NotFoundError, StaleError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, AdministratorDep, SessionDep
from backend.documents.errors import QuarantinedError, VersionNotFoundError
from backend.search.errors import InvalidQueryError
from backend.search.schemas import MAX_QUERY_LENGTH
from backend.texts.errors import (
    LayerNotFoundError,
    NoTextError,
    NotRecognisableError,
    PageNotFoundError,
    StillReadingError,
    UnknownLanguageError,
)
from backend.texts.schemas import (
    LayerOut,
    OcrAccepted,
    OcrRequest,
    PagesOut,
    TextCorrection,
    TextOut,
    TextSettingsIn,
    TextSettingsOut,
    WordsOut,
)
from backend.texts.service import changing, reading, settings

router = APIRouter(tags=["texts"], responses=problem_responses(UnauthenticatedError))

VersionNumber = Annotated[
    int | None, Query(ge=1, description="The version's number; without one, the current.")
]
Shown = Annotated[
    bool,
    Query(
        description="Whether pages that a preview shows are meant where the file has none with places for its words: "
        "those an office document is converted to."
    ),
]
IfMatch = Annotated[str, Header(description="The ETag of the text that the change is based on.")]
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
    *,
    shown: Shown = False,
) -> PagesOut:
    """Return what is known of each page: its size, where its text is from, how sure that is."""
    return await reading.list_pages(session, actor, document_id, version=version, q=q, shown=shown)


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
    *,
    shown: Shown = False,
) -> WordsOut:
    """Return words with their boxes, and which of them a search finds."""
    return await reading.read_words(
        session, actor, document_id, number, version=version, q=q, shown=shown
    )


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


@router.put(
    "/documents/{document_id}/text",
    operation_id="correctDocumentText",
    summary="Correct the text of pages",
    responses=problem_responses(*_SEEN, ForbiddenError, PageNotFoundError, StaleError),
)
async def correct_document_text(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    body: TextCorrection,
    response: Response,
    if_match: IfMatch,
) -> TextOut:
    """Write what stands on pages of the current version, as a new text layer; it is searched at once."""
    await changing.correct_text(session, actor, document_id, body, if_match=if_match)
    text = await reading.read_text(session, actor, document_id)
    response.headers["ETag"] = text.etag
    return text


@router.post(
    "/documents/{document_id}/text/layers/{number}/restore",
    operation_id="restoreTextLayer",
    summary="Go back to an earlier text layer",
    responses=problem_responses(*_SEEN, ForbiddenError, LayerNotFoundError, StaleError),
)
async def restore_text_layer(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    number: int,
    response: Response,
    if_match: IfMatch,
) -> TextOut:
    """Have the pages of the current version say what they said when the layer was the newest; nothing is lost."""
    await changing.restore_layer(session, actor, document_id, number, if_match=if_match)
    text = await reading.read_text(session, actor, document_id)
    response.headers["ETag"] = text.etag
    return text


@router.post(
    "/documents/{document_id}/ocr",
    operation_id="recogniseDocument",
    summary="Recognise pages once more",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(
        *_SEEN,
        ForbiddenError,
        PageNotFoundError,
        NotRecognisableError,
        StillReadingError,
        UnknownLanguageError,
    ),
)
async def recognise_document(
    session: SessionDep, actor: ActorDep, document_id: int, body: OcrRequest
) -> OcrAccepted:
    """Queue the recognition of pages of the current version; what a person corrected is left alone unless told."""
    return await changing.request_recognition(session, actor, document_id, body)


@router.get(
    "/text-settings",
    operation_id="getTextSettings",
    summary="Get the languages of the organisation's scans",
)
async def get_text_settings(session: SessionDep, actor: ActorDep) -> TextSettingsOut:
    """Return the languages recognition expects, and all it can be told."""
    return await settings.get_settings(session, actor)


@router.put(
    "/text-settings",
    operation_id="changeTextSettings",
    summary="Set the languages of the organisation's scans",
    responses=problem_responses(ForbiddenError, UnknownLanguageError),
)
async def change_text_settings(
    session: SessionDep, actor: AdministratorDep, body: TextSettingsIn
) -> TextSettingsOut:
    """Tell recognition what to expect from now on; what was read stays as it is."""
    return await settings.change_settings(session, actor, body)
