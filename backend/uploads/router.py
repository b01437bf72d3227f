"""HTTP of resumable uploads: the tus protocol 1.0, and what a client may ask beside it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.content.errors import (
    DraftBusyError,
    DraftLostError,
    ScannerUnavailableError,
    StorageFullError,
    StorageUnavailableError,
    UnscannableError,
    UploadIncompleteError,
    UploadTooLargeError,
    VirusFoundError,
)
from backend.content.service import Content
from backend.core.errors import ForbiddenError, NotFoundError, StaleError, UnauthenticatedError
from backend.core.idempotency import (
    IdempotencyKeyReusedError,
    keep_answer,
    kept_answer,
)
from backend.core.names import InvalidNameError
from backend.core.problems import problem_responses
from backend.core.web import IdempotencyKey, SettingsDep, UnitsDep, request_digest
from backend.documents.errors import (
    DocumentNameTakenError,
    FileTypeRefusedError,
    QuotaExceededError,
)
from backend.documents.schemas import UploadedDocument
from backend.uploads import protocol, service
from backend.uploads.errors import (
    VERSION,
    ChecksumMismatchError,
    DigestMismatchError,
    UnsupportedProtocolError,
    UploadContentTypeError,
    UploadExceededError,
    UploadGoneError,
    UploadHeaderError,
    UploadMetadataError,
    UploadOffsetError,
    UploadUnfinishedError,
)
from backend.uploads.models import Upload, UploadKind, UploadStatus
from backend.uploads.schemas import Begun, UploadCheckIn, UploadCheckOut, UploadOut

PATH = "/api/v1/uploads"
_OVERRIDES = frozenset({"PATCH", "DELETE", "HEAD"})
router = APIRouter(
    prefix="/uploads", tags=["uploads"], responses=problem_responses(UnauthenticatedError)
)

_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {protocol.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_IN_THE_END = (
    NotFoundError,
    ForbiddenError,
    DocumentNameTakenError,
    StaleError,
    UnsupportedProtocolError,
    UploadHeaderError,
    UploadContentTypeError,
    VirusFoundError,
    UploadIncompleteError,
    UploadTooLargeError,
    UploadExceededError,
    ChecksumMismatchError,
    DigestMismatchError,
    DraftBusyError,
    FileTypeRefusedError,
    QuotaExceededError,
    ScannerUnavailableError,
    UnscannableError,
    StorageFullError,
    StorageUnavailableError,
)


class UploadHeadersMiddleware:
    """What the protocol wants of every request and answer below our path.

    `Tus-Resumable` is in every answer, errors too; and `X-HTTP-Method-Override` makes a POST what it names, for those
    whom something in between forbids other methods.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return

        override = Headers(scope=scope).get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and override in _OVERRIDES:
            scope["method"] = override

        async def add_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        await self._app(scope, receive, add_header)


def _place(request: Request, units: UnitsDep, settings: SettingsDep) -> service.Place:
    return service.Place(
        units,
        request.app.state.content,
        request.app.state.uploads,
        timedelta(days=settings.upload_days),
    )


def _spoken(tus_resumable: Annotated[str | None, Header()] = None) -> None:
    protocol.require_version(tus_resumable)


@dataclass(frozen=True, slots=True)
class _Bytes:
    """The bytes that a request brings, if it does."""

    arriving: service.Arriving
    announced: int | None
    are_there: bool


def _bytes(
    request: Request,
    upload_checksum: Annotated[
        str | None, Header(description="`sha1`, `sha256` or `md5`, and the digest in Base64.")
    ] = None,
) -> _Bytes:
    announced = protocol.parse_number("Content-Length", request.headers.get("content-length"))
    is_chunked = "transfer-encoding" in request.headers
    checksum = protocol.parse_checksum(upload_checksum)
    arriving = service.Arriving(_stream(request), checksum=checksum)
    return _Bytes(arriving, announced, bool(announced) or is_chunked)


async def _stream(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect as error:
        raise UploadIncompleteError("The connection ended.") from error


PlaceDep = Annotated[service.Place, Depends(_place)]
BytesDep = Annotated[_Bytes, Depends(_bytes)]
_SPOKEN = [Depends(_spoken)]
Length = Annotated[str | None, Header(description="Bytes of the whole upload.")]


@router.options(
    "",
    operation_id="describeUploads",
    summary="Tell what of the tus protocol is spoken here",
    status_code=status.HTTP_204_NO_CONTENT,
)
async def describe_uploads(request: Request) -> Response:
    """Name version, extensions, checksum algorithms and the largest upload."""
    content: Content = request.app.state.content
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(protocol.EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(protocol.ALGORITHMS),
        "Tus-Max-Size": str(content.max_size),
    }
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers=headers)


@router.post(
    "",
    operation_id="createUpload",
    summary="Begin a resumable upload",
    status_code=status.HTTP_201_CREATED,
    response_model=UploadedDocument | None,
    responses=problem_responses(
        *_IN_THE_END,
        UploadMetadataError,
        InvalidNameError,
        UploadUnfinishedError,
        IdempotencyKeyReusedError,
    ),
    openapi_extra=_BODY,
    dependencies=_SPOKEN,
)
async def create_upload(
    request: Request,
    response: Response,
    place: PlaceDep,
    body: BytesDep,
    content_type: Annotated[str | None, Header(include_in_schema=False)] = None,
    upload_length: Length = None,
    upload_defer_length: Annotated[
        str | None, Header(description="`1`: the length will be said later.")
    ] = None,
    upload_metadata: Annotated[
        str | None,
        Header(
            description="Pairs of a key and a value in Base64: `filename` and `folder_id` of a new document, or "
            "`document_id` of a new version; `comment`, `on_conflict`, `if_match`, `sha256`. Others are given back."
        ),
    ] = None,
    upload_concat: Annotated[
        str | None, Header(description="`partial`, or `final;` and the addresses of the parts.")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> UploadedDocument | None:
    """Create an upload, with its first bytes if the request brings them, and all of it if those are all.

    The answer is empty until the upload is complete; then it is the document.
    """
    new = _new_upload(place, upload_length, upload_defer_length, upload_metadata, upload_concat)
    if body.are_there:
        protocol.require_content_type(content_type)
    if new.kind is UploadKind.FINAL:
        reached = await service.join(place, new)
        response.headers["Location"] = f"{PATH}/{reached.upload.id}"
        return _answer(response, reached)
    digest = request_digest(request, (upload_length, upload_metadata, upload_concat))
    async with place.units.begin() as (session, actor):
        kept = await kept_answer(session, actor, idempotency_key, digest)
        if kept is None:
            upload = await service.create(session, actor, new, lifetime=place.lifetime)
            begun = Begun(id=upload.id)
            await keep_answer(session, actor, idempotency_key, digest, status=201, body=begun)
        else:
            upload = await service.get_upload(
                session, actor, Begun.model_validate(kept.body).id, locked=True
            )
    response.headers["Location"] = f"{PATH}/{upload.id}"
    if upload.status is UploadStatus.COMPLETE:
        return _answer(response, await service.tell_again(place, upload))
    reached = service.Reached(upload, 0)
    if body.are_there or new.length == 0:
        announced = body.announced or (0 if new.length == 0 else None)
        reached = await service.receive(
            place, upload.id, body.arriving, offset=0, announced=announced
        )
    return _answer(response, reached)


def _new_upload(
    place: service.Place,
    length_header: str | None,
    defer: str | None,
    metadata: str | None,
    concat_header: str | None,
) -> service.NewUpload:
    length = protocol.parse_number("Upload-Length", length_header)
    concat = protocol.parse_concat(concat_header)
    if concat is not None and concat.is_final:
        kind = UploadKind.FINAL
    else:
        kind = UploadKind.WHOLE if concat is None else UploadKind.PARTIAL
    if kind is not UploadKind.FINAL and (length is None) != (defer == "1"):
        raise UploadHeaderError("Send either Upload-Length or `Upload-Defer-Length: 1`.")
    if length is not None and length > place.content.max_size:
        raise UploadTooLargeError(
            f"The file is larger than the {place.content.max_size} bytes an upload may have.",
            limit=place.content.max_size,
        )
    parts = () if concat is None else tuple(one.rpartition("/")[2] for one in concat.parts)
    return service.NewUpload(kind, length, metadata, protocol.parse_metadata(metadata), parts)


@router.post(
    "/check",
    operation_id="checkUploads",
    summary="Tell which files would be refused",
    responses=problem_responses(NotFoundError, ForbiddenError),
)
async def check_uploads(place: PlaceDep, body: UploadCheckIn) -> UploadCheckOut:
    """Check up to 1,000 files against rights, names, sizes, types and the quota, before the first byte of any."""
    async with place.units.begin() as (session, actor):
        return await service.check_files(session, actor, body, largest=place.content.max_size)


@router.head(
    "/{upload_id}",
    operation_id="findUploadOffset",
    summary="Tell where an upload goes on",
    responses=problem_responses(
        NotFoundError,
        UploadGoneError,
        DraftLostError,
        UnsupportedProtocolError,
        StorageUnavailableError,
    ),
    dependencies=_SPOKEN,
)
async def find_upload_offset(upload_id: str, place: PlaceDep) -> Response:
    """Tell `Upload-Offset`: the bytes that are there, durably, and need not be sent again."""
    async with place.units.begin() as (session, actor):
        upload = await service.get_upload(session, actor, upload_id)
    offset = await service.find_offset(place.content, upload)
    response = Response(status_code=status.HTTP_200_OK)
    _set_headers(response, upload, offset)
    if upload.length is None:
        response.headers["Upload-Defer-Length"] = "1"
    else:
        response.headers["Upload-Length"] = str(upload.length)
    if upload.metadata_header:
        response.headers["Upload-Metadata"] = upload.metadata_header
    if upload.kind is UploadKind.PARTIAL:
        response.headers["Upload-Concat"] = "partial"
    elif upload.kind is UploadKind.FINAL:
        parts = " ".join(f"{PATH}/{part}" for part in upload.parts)
        response.headers["Upload-Concat"] = f"final;{parts}"
    return response


@router.patch(
    "/{upload_id}",
    operation_id="appendToUpload",
    summary="Send bytes of an upload",
    response_model=UploadedDocument | None,
    responses={
        204: {"description": "The bytes are there, durably; `Upload-Offset` says how many."},
        **problem_responses(*_IN_THE_END, UploadGoneError, DraftLostError, UploadOffsetError),
    },
    openapi_extra=_BODY,
    dependencies=_SPOKEN,
)
async def append_to_upload(
    upload_id: str,
    response: Response,
    place: PlaceDep,
    body: BytesDep,
    content_type: Annotated[str | None, Header(include_in_schema=False)] = None,
    upload_offset: Annotated[str | None, Header(description="Where these bytes begin.")] = None,
    upload_length: Length = None,
) -> UploadedDocument | Response | None:
    """Take the next bytes. The answer to the last of them is the document they became."""
    protocol.require_content_type(content_type)
    offset = protocol.parse_number("Upload-Offset", upload_offset)
    if offset is None:
        raise UploadHeaderError("Send Upload-Offset: where these bytes begin.")
    reached = await service.receive(
        place,
        upload_id,
        body.arriving,
        offset=offset,
        announced=body.announced,
        length=protocol.parse_number("Upload-Length", upload_length),
    )
    if reached.document is None:
        response.status_code = status.HTTP_204_NO_CONTENT
        empty = Response(status_code=status.HTTP_204_NO_CONTENT)
        _set_headers(empty, reached.upload, reached.offset)
        return empty
    return _answer(response, reached)


@router.delete(
    "/{upload_id}",
    operation_id="terminateUpload",
    summary="Give an upload up",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(NotFoundError, UnsupportedProtocolError, StorageUnavailableError),
    dependencies=_SPOKEN,
)
async def terminate_upload(upload_id: str, place: PlaceDep) -> None:
    """Forget the upload and what came of it. A document it has become stays."""
    await service.terminate(place, upload_id)


@router.get(
    "/{upload_id}",
    operation_id="getUpload",
    summary="Tell how far an upload is and what it became",
    responses=problem_responses(NotFoundError, StorageUnavailableError),
)
async def get_upload(upload_id: str, place: PlaceDep) -> UploadOut:
    """Tell state, offset and, once it is complete, the document: also to whom the answer got lost."""
    async with place.units.begin() as (session, actor):
        upload = await service.get_upload(session, actor, upload_id)
    offset = upload.received
    if upload.status is UploadStatus.RECEIVING:
        offset = await service.find_received(place.content, upload)
    async with place.units.begin() as (session, actor):
        return await service.describe(session, actor, upload, offset=offset)


@router.get(
    "",
    operation_id="listUploads",
    summary="List one's own unfinished uploads",
)
async def list_uploads(
    place: PlaceDep, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[UploadOut]:
    """List them, the newest first; the offsets are those acknowledged last."""
    async with place.units.begin() as (session, actor):
        found = await service.own_uploads(session, actor, limit=limit)
        return [
            await service.describe(session, actor, upload, offset=upload.received)
            for upload in found
        ]


def _answer(response: Response, reached: service.Reached) -> UploadedDocument | None:
    _set_headers(response, reached.upload, reached.offset)
    if reached.document is not None:
        response.headers["ETag"] = reached.document.etag
        response.headers["Content-Location"] = f"/api/v1/documents/{reached.document.id}"
    return reached.document


def _set_headers(response: Response, upload: Upload, offset: int) -> None:
    response.headers["Upload-Offset"] = str(offset)
    response.headers["Cache-Control"] = "no-store"
    if upload.status is UploadStatus.RECEIVING:
        response.headers["Upload-Expires"] = protocol.http_date(upload.expires_at)
