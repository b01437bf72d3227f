"""Bytes arrive for an upload; after the last one it becomes a document, in the way of every other upload.

No transaction is open while bytes arrive. One request writes at a time: the draft's lock says who, whichever process
that is, and the upload's row says who wants to. A newer request takes over, for the older one's client may be gone.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.errors import (
    DraftBusyError,
    DraftLostError,
    UnscannableError,
    UploadIncompleteError,
    VirusFoundError,
)
from backend.content.resumable import Growing, drop, growing, received_size
from backend.content.service import Content, Received
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import DomainError, NotFoundError
from backend.documents.errors import FileTypeRefusedError
from backend.documents.schemas import UploadedDocument
from backend.documents.service import holders, reading, uploading
from backend.identity.models import store_namespace
from backend.uploads import queries
from backend.uploads.errors import (
    ChecksumMismatchError,
    DigestMismatchError,
    UploadExceededError,
    UploadGoneError,
    UploadHeaderError,
    UploadOffsetError,
)
from backend.uploads.models import Upload, UploadKind, UploadStatus
from backend.uploads.schemas import UploadTarget
from backend.uploads.service.arriving import Arriving, End
from backend.uploads.service.creating import check, get_upload
from backend.uploads.service.progress import InProgress

if TYPE_CHECKING:
    from backend.core.web import Units

log = structlog.get_logger(__name__)

SMALL = 4 << 20
"""Bytes of an upload that is received like any other if they come in one request: it needs no draft."""
_LOOK_SECONDS = 1.0
_LOCK_SECONDS = 5.0
_FOR_GOOD = (VirusFoundError, UnscannableError, DigestMismatchError, FileTypeRefusedError)
"""After these an upload cannot be mended."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request does its work, and for how long it keeps what is unfinished."""

    units: "Units"
    content: Content
    progress: InProgress
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an upload is after a request. With `document`, it is complete."""

    upload: Upload
    offset: int
    document: UploadedDocument | None = None
    created: bool = False


async def find_offset(content: Content, upload: Upload) -> int:
    """Return where an upload goes on.

    One that has all bytes and is no document yet lacks its last one: so its client sends that again, and is told what
    came of it.

    Raises:
        UploadGoneError: it expired, or was refused.
        DraftLostError: what was acknowledged is not there any more.
    """
    require_alive(upload)
    if upload.status is UploadStatus.COMPLETE:
        return upload.length or 0
    size = await received_size(content, namespace=store_namespace(upload.org_id), name=upload.id)
    if size < upload.received:
        raise _lost()
    return _acknowledged(upload, size)


async def find_received(content: Content, upload: Upload) -> int:
    """Return how many bytes of an unfinished upload are there; what was acknowledged where they cannot be looked at."""
    try:
        return await received_size(
            content, namespace=store_namespace(upload.org_id), name=upload.id
        )
    except DraftLostError:
        return 0


def require_alive(upload: Upload) -> None:
    """Refuse to go on with an upload that is over.

    Raises:
        UploadGoneError: with `reason`, the code of what it was refused for, or `expired`.
    """
    if upload.status is UploadStatus.REFUSED:
        problem = upload.problem or {}
        raise UploadGoneError(
            f"The upload was refused: {problem.get('detail')}", reason=problem.get("code")
        )
    if upload.status is UploadStatus.RECEIVING and upload.expires_at <= now():
        raise UploadGoneError("The upload has expired. Begin it anew.", reason="expired")


async def receive(
    place: Place,
    upload_id: str,
    arriving: Arriving,
    *,
    offset: int,
    announced: int | None,
    length: int | None = None,
) -> Reached:
    """Take the bytes of a request, from `offset` on; finish the upload if they are the last.

    `announced` is how many there are, where the request says it; `length` is that of the whole, if it says that now.

    Raises:
        NotFoundError, ForbiddenError, DocumentNameTakenError, StaleError: as an upload in one request.
        UploadGoneError, DraftLostError: it cannot go on.
        UploadOffsetError: it goes on elsewhere.
        DraftBusyError: another request writes it, and does not let go.
        ChecksumMismatchError, UploadExceededError: the bytes were discarded.
        UploadIncompleteError: the connection was lost; what came is kept.
        VirusFoundError, UnscannableError, DigestMismatchError: it is refused for good.
        ScannerUnavailableError, StorageFullError, StorageUnavailableError: it may go on later.
    """
    writer = secrets.token_hex(8)
    upload = await _begin(place, upload_id, writer, length)
    if upload.status is UploadStatus.COMPLETE:
        return await _completed(place, upload, offset)
    _require_room(upload, offset, announced)
    arriving.limit(None if upload.length is None else upload.length - offset)
    if _is_small(upload, offset, announced):
        return await _receive_small(place, upload, arriving)
    await place.progress.take_over(upload.id)
    with place.progress.writing(upload.id, arriving):
        async with _watching(place, upload, writer, arriving):
            return await _receive_into_draft(place, upload, arriving, offset)


async def _begin(place: Place, upload_id: str, writer: str, length: int | None) -> Upload:
    """Check that the upload may go on, and make this request its writer."""
    async with place.units.begin() as (session, actor):
        upload = await get_upload(session, actor, upload_id, locked=True)
        require_alive(upload)
        if upload.status is UploadStatus.COMPLETE:
            return upload
        if upload.kind is UploadKind.FINAL:
            raise UploadHeaderError("A final upload is made of its parts; it takes no bytes.")
        if length is not None:
            if upload.length not in {None, length}:
                raise UploadHeaderError("The length of an upload cannot be changed.")
            upload.length = length
        target = UploadTarget.model_validate(upload.target)
        await check(session, actor, target, size=upload.length)
        upload.writer = writer
        upload.expires_at = now() + place.lifetime
        await session.flush()
        return upload


async def _completed(place: Place, upload: Upload, offset: int) -> Reached:
    """Answer once more what the upload became: the answer to its last bytes was lost."""
    if offset not in {upload.length, (upload.length or 0) - 1}:
        raise _elsewhere(upload.length or 0)
    return await tell_again(place, upload)


async def tell_again(place: Place, upload: Upload) -> Reached:
    """Return what a complete upload became."""
    async with place.units.begin() as (session, actor):
        shown = await holders.load_upload(session, actor, upload.document_id)
    return Reached(upload, upload.length or 0, shown)


def _require_room(upload: Upload, offset: int, announced: int | None) -> None:
    if upload.length is not None and offset + (announced or 0) > upload.length:
        raise UploadExceededError(
            f"The upload has {upload.length} bytes; these would make it more.", length=upload.length
        )


def _is_small(upload: Upload, offset: int, announced: int | None) -> bool:
    if announced is None or announced > SMALL:
        return False
    untouched = upload.received == 0 and upload.kind is UploadKind.WHOLE
    return untouched and offset == 0 and announced == upload.length


async def _receive_small(place: Place, upload: Upload, arriving: Arriving) -> Reached:
    """Take all of an upload in one go. If anything fails nothing was received."""
    async with _refusing(place, upload), _received_whole(place, upload, arriving) as received:
        return await record(place, upload, received)


@asynccontextmanager
async def _received_whole(
    place: Place, upload: Upload, arriving: Arriving
) -> AsyncIterator[Received]:
    namespace = store_namespace(upload.org_id)
    async with place.content.receive(arriving.chunks(), namespace=namespace) as received:
        _require_checksum(arriving)
        _require_all_came(arriving, 0)
        if received.size != upload.length:
            raise UploadIncompleteError("Fewer bytes came than the request announced.")
        yield received


async def _receive_into_draft(
    place: Place, upload: Upload, arriving: Arriving, offset: int
) -> Reached:
    reached = None
    async with _refusing(place, upload):
        try:
            async with _growing(place, upload) as draft:
                # Whoever had the draft before may have finished the upload.
                upload = await _as_it_is(place, upload)
                if upload.status is UploadStatus.RECEIVING:
                    reached = await _go_on(place, upload, draft, arriving, offset)
        except DraftLostError:
            upload = await _as_it_is(place, upload)
            if upload.status is not UploadStatus.COMPLETE:
                raise
        except NotFoundError:
            await _drop_if_given_up(place, upload)
            raise
    if reached is None:
        require_alive(upload)
        reached = await _completed(place, upload, offset)
    if reached.upload.status is UploadStatus.COMPLETE:
        await drop(place.content, namespace=store_namespace(upload.org_id), name=upload.id)
    return reached


async def _drop_if_given_up(place: Place, upload: Upload) -> None:
    """Remove a draft that was begun just after its upload was given up; one whose folder is gone may go on."""
    async with place.units.begin() as (session, actor):
        if await queries.own(session, actor.user_id, upload.id) is not None:
            return
    await drop(place.content, namespace=store_namespace(upload.org_id), name=upload.id)


async def _as_it_is(place: Place, upload: Upload) -> Upload:
    async with place.units.begin() as (session, actor):
        return await get_upload(session, actor, upload.id)


async def _go_on(
    place: Place, upload: Upload, draft: Growing, arriving: Arriving, offset: int
) -> Reached:
    if draft.size < upload.received:
        raise _lost()
    acknowledged = _acknowledged(upload, draft.size)
    # Whoever learnt of the length when all bytes were there was told of all.
    if offset not in {acknowledged, draft.size}:
        raise _elsewhere(acknowledged)
    await _append(draft, arriving, skip=draft.size - offset)
    size = draft.size
    if upload.kind is UploadKind.WHOLE and size == upload.length:
        return await record(place, upload, await draft.complete())
    await _note(place, upload, _acknowledged(upload, size))
    _require_all_came(arriving, size)
    return Reached(upload, size)


@asynccontextmanager
async def _growing(place: Place, upload: Upload) -> AsyncIterator[Growing]:
    """Open the draft, once whoever had it has let go."""
    deadline = asyncio.get_running_loop().time() + _LOCK_SECONDS
    while True:
        opening = growing(
            place.content,
            place.progress.remembered,
            namespace=store_namespace(upload.org_id),
            name=upload.id,
            create=upload.received == 0,
            examine=upload.kind is UploadKind.WHOLE,
        )
        try:
            draft = await opening.__aenter__()
        except DraftBusyError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.1)
            continue
        break
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_exit(opening.__aexit__)
        yield draft


async def _append(draft: Growing, arriving: Arriving, *, skip: int) -> None:
    """Write what arrives, and make it durable; discard it where it is not what was announced."""
    before = draft.size
    await draft.append(arriving.chunks(skip=skip))
    if not arriving.is_as_announced or arriving.end is End.EXCEEDED:
        await draft.rewind(before)
        _require_checksum(arriving)
        raise UploadExceededError("More bytes came than the upload has. None of them was kept.")
    await draft.acknowledge()


def _require_checksum(arriving: Arriving) -> None:
    if arriving.is_whole and not arriving.is_as_announced:
        raise ChecksumMismatchError(
            "The bytes do not have the checksum they were sent with. They were discarded; send them again."
        )


def _require_all_came(arriving: Arriving, size: int) -> None:
    if arriving.end is End.STOPPED:
        raise DraftBusyError("Another request has taken this upload over.", offset=size)
    if arriving.end is End.BROKEN:
        raise UploadIncompleteError("The connection ended. What came before is kept.", offset=size)


async def _note(place: Place, upload: Upload, size: int) -> None:
    async with place.units.begin() as (session, _):
        await queries.set_received(session, upload.id, size, expires_at=now() + place.lifetime)


@asynccontextmanager
async def _watching(
    place: Place, upload: Upload, writer: str, arriving: Arriving
) -> AsyncIterator[None]:
    """Let go when another request, of whichever process, wants to write the upload, or its user may no longer."""

    async def look() -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                async with place.units.begin() as (session, _):
                    current = await queries.writer(session, upload.id)
            except DomainError:
                current = None
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                log.warning("writer_not_looked_up", upload=upload.id, error=type(error).__name__)
                continue
            if current != writer:
                arriving.stop()

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


@asynccontextmanager
async def _refusing(place: Place, upload: Upload) -> AsyncIterator[None]:
    """Remember what makes an upload impossible, and keep nothing of it."""
    try:
        yield
    except _FOR_GOOD as error:
        async with place.units.begin() as (session, actor):
            row = await get_upload(session, actor, upload.id, locked=True)
            row.status = UploadStatus.REFUSED
            row.problem = {"code": error.code, "detail": error.detail}
            await session.flush()
            if isinstance(error, VirusFoundError):
                await record_refusal(session, actor, error, row)
        await drop(place.content, namespace=store_namespace(upload.org_id), name=upload.id)
        raise


async def record_refusal(
    session: AsyncSession, actor: Actor, error: VirusFoundError, upload: Upload
) -> None:
    """Record in the trail that malware was to be uploaded."""
    target = UploadTarget.model_validate(upload.target)
    await uploading.record_refusal(
        session,
        actor,
        error,
        name=target.filename,
        folder_id=target.folder_id,
        document_id=target.document_id,
    )


async def record(place: Place, upload: Upload, received: Received) -> Reached:
    """Make received content what the upload is to become, once."""
    target = UploadTarget.model_validate(upload.target)
    if target.sha256 not in {None, received.digest.hex()}:
        raise DigestMismatchError(
            "The content has not the SHA-256 that was announced. Nothing was stored.",
            sha256=received.digest.hex(),
        )
    async with place.units.begin() as (session, actor):
        row = await get_upload(session, actor, upload.id, locked=True)
        if row.status is UploadStatus.COMPLETE and row.document_id is not None:
            document_id, created = row.document_id, False
        elif target.document_id is not None:
            document_id, created = target.document_id, False
            await uploading.record_version(
                session,
                actor,
                received,
                document_id=document_id,
                comment=target.comment,
                if_match=target.if_match,
            )
        else:
            assert target.folder_id is not None  # noqa: S101  # the target was read so
            assert target.filename is not None  # noqa: S101
            recorded = await uploading.record_document(
                session,
                actor,
                received,
                folder_id=target.folder_id,
                name=target.filename,
                on_conflict=target.on_conflict,
                comment=target.comment,
            )
            document_id, created = recorded.document_id, recorded.created
        row.status = UploadStatus.COMPLETE
        row.document_id = document_id
        row.length = row.received = received.size
        await session.flush()
        document = await reading.get_written(session, document_id)
        shown = await holders.describe_upload(session, actor, document)
    return Reached(row, received.size, shown, created)


def _acknowledged(upload: Upload, size: int) -> int:
    """How much a client is told of so many bytes: never all, but of what became a document."""
    if upload.kind is UploadKind.PARTIAL or upload.length is None:
        return size
    return min(size, max(0, upload.length - 1))


def _elsewhere(offset: int) -> UploadOffsetError:
    return UploadOffsetError(f"The upload goes on at byte {offset}.", offset=offset)


def _lost() -> DraftLostError:
    return DraftLostError("What was received of this upload is lost. Begin it anew.")
