"""Uploads: a body streams once through scanner and store, and only then a transaction publishes and records it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status
from starlette.requests import ClientDisconnect

from backend.content.errors import (
    ScannerUnavailableError,
    StorageFullError,
    StorageUnavailableError,
    UnscannableError,
    UploadIncompleteError,
    UploadTooLargeError,
    VirusFoundError,
)
from backend.content.service import Content
from backend.core.errors import ForbiddenError, NotFoundError, StaleError
from backend.core.idempotency import (
    IdempotencyKeyReusedError,
    KeptAnswer,
    keep_answer,
    kept_answer,
)
from backend.core.names import InvalidNameError, clean_name
from backend.core.problems import problem_responses
from backend.core.web import IdempotencyKey, Units, UnitsDep, request_digest
from backend.documents.errors import (
    DocumentNameTakenError,
    FileTypeRefusedError,
    NameMissingError,
    QuotaExceededError,
)
from backend.documents.multipart import FIELD, MultipartFile
from backend.documents.schemas import OnConflict, UploadedDocument
from backend.documents.service import holders, reading, uploading
from backend.identity.models import store_namespace

router = APIRouter(tags=["documents"])

_MULTIPART = "multipart/form-data"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_REFUSALS = (
    NotFoundError,
    ForbiddenError,
    DocumentNameTakenError,
    VirusFoundError,
    UploadIncompleteError,
    UploadTooLargeError,
    NameMissingError,
    InvalidNameError,
    FileTypeRefusedError,
    QuotaExceededError,
    ScannerUnavailableError,
    UnscannableError,
    StorageFullError,
    StorageUnavailableError,
    IdempotencyKeyReusedError,
)
Comment = Annotated[str | None, Query(max_length=2_000, description="Why this version was made.")]


def get_content(request: Request) -> Content:
    """Return the application's store and scanner."""
    content: Content = request.app.state.content
    return content


ContentDep = Annotated[Content, Depends(get_content)]


@router.post(
    "/folders/{folder_id}/documents",
    operation_id="uploadDocument",
    summary="Upload a document",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {
            "model": UploadedDocument,
            "description": "The upload became a version of a document.",
        },
        **problem_responses(*_REFUSALS),
    },
    openapi_extra=_BODY,
)
async def upload_document(
    request: Request,
    units: UnitsDep,
    content: ContentDep,
    folder_id: int,
    response: Response,
    name: Annotated[str | None, Query(max_length=1_000, description="Names a raw body.")] = None,
    on_conflict: OnConflict = OnConflict.ERROR,
    comment: Comment = None,
    idempotency_key: IdempotencyKey = None,
) -> UploadedDocument:
    """Store the file named `file` of a multipart body, or the raw body under `?name=`."""
    _refuse_large(request, content)
    chunks, sent_name = await _body(request)
    chosen = name or sent_name
    if not chosen:
        raise NameMissingError("Name the file: by ?name=, or as the multipart part's file name.")
    chosen = clean_name(chosen)
    digest = request_digest(request, chosen)
    async with units.begin() as (session, actor):
        kept = await kept_answer(session, actor, idempotency_key, digest)
        if kept is not None:
            return _again(kept, response)
        await uploading.check_upload(
            session,
            actor,
            folder_id=folder_id,
            name=chosen,
            on_conflict=on_conflict,
            size=_announced(request),
        )
    async with (
        _recording_refusals(units, name=chosen, folder_id=folder_id),
        content.receive(chunks, namespace=store_namespace(actor.org_id)) as received,
        units.begin() as (session, actor),
    ):
        kept = await kept_answer(session, actor, idempotency_key, digest)
        if kept is not None:
            return _again(kept, response)
        recorded = await uploading.record_document(
            session,
            actor,
            received,
            folder_id=folder_id,
            name=chosen,
            on_conflict=on_conflict,
            comment=comment,
        )
        document = await reading.get_written(session, recorded.document_id)
        shown = await holders.describe_upload(session, actor, document)
        code = status.HTTP_201_CREATED if recorded.created else status.HTTP_200_OK
        await keep_answer(session, actor, idempotency_key, digest, status=code, body=shown)
    response.status_code = code
    response.headers["ETag"] = shown.etag
    response.headers["Location"] = f"/api/v1/documents/{shown.id}"
    return shown


@router.post(
    "/documents/{document_id}/versions",
    operation_id="uploadVersion",
    summary="Upload a new version of a document",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(*_REFUSALS, StaleError),
    openapi_extra=_BODY,
)
async def upload_version(
    request: Request,
    units: UnitsDep,
    content: ContentDep,
    document_id: int,
    response: Response,
    comment: Comment = None,
    if_match: Annotated[str | None, Header(description="The ETag the version is based on.")] = None,
) -> UploadedDocument:
    """Store the body as the document's current version; earlier versions stay."""
    _refuse_large(request, content)
    chunks, name = await _body(request)
    async with units.begin() as (session, actor):
        await uploading.check_new_version(
            session, actor, document_id, if_match=if_match, size=_announced(request)
        )
    async with (
        _recording_refusals(units, name=name, document_id=document_id),
        content.receive(chunks, namespace=store_namespace(actor.org_id)) as received,
        units.begin() as (session, actor),
    ):
        await uploading.record_version(
            session, actor, received, document_id=document_id, comment=comment, if_match=if_match
        )
        document = await reading.get_written(session, document_id)
        shown = await holders.describe_upload(session, actor, document)
    response.headers["ETag"] = shown.etag
    return shown


@asynccontextmanager
async def _recording_refusals(
    units: Units, *, name: str | None, folder_id: int | None = None, document_id: int | None = None
) -> AsyncIterator[None]:
    """Record in the trail that malware was to be uploaded; what the block began is undone by then."""
    try:
        yield
    except VirusFoundError as error:
        async with units.begin() as (session, actor):
            await uploading.record_refusal(
                session, actor, error, name=name, folder_id=folder_id, document_id=document_id
            )
        raise


def _again(kept: KeptAnswer, response: Response) -> UploadedDocument:
    """Answer as before a request that was sent again."""
    response.status_code = kept.status
    return UploadedDocument.model_validate(kept.body)


def _announced(request: Request) -> int | None:
    """Return the bytes that a raw body has, where the request says so; a form's are more than its file's."""
    length = request.headers.get("content-length", "")
    is_form = request.headers.get("content-type", "").lower().startswith(_MULTIPART)
    return int(length) if length.isdecimal() and not is_form else None


def _refuse_large(request: Request, content: Content) -> None:
    """Refuse by Content-Length what would be refused by its bytes."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > content.max_size:
        raise UploadTooLargeError(
            f"The file is larger than the {content.max_size} bytes an upload may have.",
            limit=content.max_size,
        )


async def _body(request: Request) -> tuple[AsyncIterator[bytes], str | None]:
    """Return the chunks of the content, and the name it was sent with."""
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith(_MULTIPART):
        return _stream(request), None
    part = MultipartFile(content_type, _stream(request))
    return part.chunks(), await part.open()


async def _stream(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect as error:
        raise UploadIncompleteError(
            "The connection ended before the file was whole. Nothing was kept."
        ) from error
