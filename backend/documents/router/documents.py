"""Listing, reading and changing documents and their versions."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, status

from backend.core.errors import ForbiddenError, NotFoundError, StaleError
from backend.core.names import InvalidNameError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, SessionDep
from backend.documents.errors import (
    DocumentNameTakenError,
    QuarantinedError,
    VersionNotFoundError,
)
from backend.documents.schemas import (
    DocumentOut,
    DocumentUpdate,
    FolderContents,
    MetadataOut,
    Order,
    ProgressOut,
    SameContentIn,
    SameContentOf,
    SameContentOut,
    SortBy,
    VersionOut,
)
from backend.documents.service import changing, indexing, progress, reading, uploading
from backend.documents.service.holders import same_content

router = APIRouter(tags=["documents"])

_SEEN = (NotFoundError, ForbiddenError)


@router.get(
    "/folders/{folder_id}/children",
    operation_id="listFolder",
    summary="List what is in a folder",
    responses=problem_responses(NotFoundError, InvalidCursorError),
)
async def list_folder(
    session: SessionDep,
    actor: ActorDep,
    folder_id: int,
    sort: SortBy = SortBy.NAME,
    order: Order = Order.ASC,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FolderContents:
    """Return folders by name, then documents as sorted."""
    return await reading.list_folder(
        session, actor, folder_id, sort=sort, order=order, cursor=cursor, limit=limit
    )


@router.get(
    "/documents/recent",
    operation_id="listRecentDocuments",
    summary="List the newest documents you can see",
    responses=problem_responses(InvalidCursorError),
)
async def list_recent(
    session: SessionDep, actor: ActorDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[DocumentOut]:
    """Return documents, newest first."""
    items, next_cursor = await reading.list_recent(session, actor, cursor=cursor, limit=limit)
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/documents/same-content",
    operation_id="findSameContent",
    summary="Find the documents that have certain bytes",
)
async def find_same_content(
    session: SessionDep, actor: ActorDep, body: SameContentIn
) -> SameContentOut:
    """Return, by SHA-256, documents you can see of which a version has these bytes: to ask before uploading them."""
    digests = {bytes.fromhex(one) for one in body.sha256}
    found = await same_content(session, actor, digests)
    return SameContentOut(
        items=[
            SameContentOf(sha256=digest.hex(), documents=documents)
            for digest, documents in found.items()
        ]
    )


@router.get(
    "/documents/{document_id}",
    operation_id="getDocument",
    summary="Get a document",
    responses=problem_responses(NotFoundError),
)
async def get_document(
    session: SessionDep, actor: ActorDep, document_id: int, response: Response
) -> DocumentOut:
    """Return a document with its current version."""
    document = await reading.get_document(session, actor, document_id)
    response.headers["ETag"] = reading.etag(document)
    return (await reading.describe(session, actor, [document]))[0]


@router.patch(
    "/documents/{document_id}",
    operation_id="updateDocument",
    summary="Rename, move, tag or describe a document",
    responses=problem_responses(*_SEEN, DocumentNameTakenError, StaleError, InvalidNameError),
)
async def update_document(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    body: DocumentUpdate,
    response: Response,
    if_match: Annotated[str | None, Header(description="The ETag the change is based on.")] = None,
) -> DocumentOut:
    """Change what the body names; tags and properties are replaced as a whole."""
    document = await changing.update_document(
        session,
        actor,
        document_id,
        name=body.name,
        folder_id=body.folder_id,
        tags=body.tags,
        properties=body.properties,
        if_match=if_match,
    )
    response.headers["ETag"] = reading.etag(document)
    return (await reading.describe(session, actor, [document]))[0]


@router.delete(
    "/documents/{document_id}",
    operation_id="deleteDocument",
    summary="Move a document to the trash",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*_SEEN),
)
async def delete_document(session: SessionDep, actor: ActorDep, document_id: int) -> None:
    """Hide the document until it is restored or purged."""
    await changing.trash_document(session, actor, document_id)


@router.get(
    "/documents/{document_id}/versions",
    operation_id="listVersions",
    summary="List the versions of a document",
    responses=problem_responses(NotFoundError),
)
async def list_versions(session: SessionDep, actor: ActorDep, document_id: int) -> list[VersionOut]:
    """Return versions, newest first."""
    return await reading.list_versions(session, actor, document_id)


@router.get(
    "/documents/{document_id}/metadata",
    operation_id="getMetadata",
    summary="Get what a document's file says about itself",
    responses=problem_responses(NotFoundError, VersionNotFoundError, QuarantinedError),
)
async def get_metadata(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    version: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="A version; else the current one.")
    ] = None,
) -> MetadataOut:
    """Return title, authors, dates and the like as the file itself has them, of any format under the same names."""
    return await reading.get_metadata(session, actor, document_id, version=version)


@router.post(
    "/documents/{document_id}/versions/{number}/restore",
    operation_id="restoreVersion",
    summary="Make an earlier version current again",
    responses=problem_responses(*_SEEN, VersionNotFoundError, QuarantinedError),
)
async def restore_version(
    session: SessionDep, actor: ActorDep, document_id: int, number: int
) -> DocumentOut:
    """Add a version with the content of an earlier one; nothing is overwritten."""
    await uploading.restore_version(session, actor, document_id, number)
    document = await reading.get_document(session, actor, document_id)
    return (await reading.describe(session, actor, [document]))[0]


@router.post(
    "/documents/{document_id}/reindex",
    operation_id="reindexDocument",
    summary="Read the text of a document once more",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(*_SEEN, QuarantinedError),
)
async def reindex_document(session: SessionDep, actor: ActorDep, document_id: int) -> DocumentOut:
    """Queue the extraction of the current version's text."""
    document = await indexing.request_indexing(session, actor, document_id)
    return (await reading.describe(session, actor, [document]))[0]


@router.get(
    "/documents/{document_id}/progress",
    operation_id="getDocumentProgress",
    summary="Get how far the work on a document has come",
    responses=problem_responses(NotFoundError),
)
async def get_document_progress(
    session: SessionDep, actor: ActorDep, document_id: int
) -> ProgressOut:
    """Return the stages of the current version that somebody is at."""
    return await progress.progress_of(session, actor, document_id)


@router.post(
    "/documents/{document_id}/restore",
    operation_id="restoreDocument",
    summary="Take a document out of the trash",
    responses=problem_responses(*_SEEN, DocumentNameTakenError),
)
async def restore_document(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    on_conflict: Annotated[
        str,
        Query(
            pattern="^(error|rename)$", description="What to do when its name was taken meanwhile."
        ),
    ] = "error",
) -> DocumentOut:
    """Bring a document back into its folder."""
    document = await changing.restore_document(
        session, actor, document_id, rename=on_conflict == "rename"
    )
    return (await reading.describe(session, actor, [document]))[0]
