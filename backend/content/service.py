"""Content in: one pass through the scanner and the store. Content out: frames of the store, from any offset.

The store is synchronous and its threads are its own; this module is where it meets the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ParamSpec, Self, TypeVar

import structlog

from backend.content.errors import (
    ContentDamagedError,
    ScannerUnavailableError,
    StorageFullError,
    StorageUnavailableError,
    UnscannableError,
    UploadTooLargeError,
    VirusFoundError,
)
from backend.content.keys import open_keyring
from backend.content.media_types import HEAD_BYTES
from backend.content.scanner import Outcome, Scanner, ScanStream, Verdict
from backend.content.stores import open_store
from backend.core.lane import Lane, outlast
from backend.core.settings import LimitsPolicy, ScanMode, Settings
from storage import (
    FRAME_SIZE,
    BlobDamagedError,
    BlobNotFoundError,
    BlobReader,
    BlobStore,
    BlobWriter,
    Keyring,
    PendingBlob,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    WrongKeyError,
)

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_BATCH_FRAMES = 2
_BATCH_SIZE = _BATCH_FRAMES * FRAME_SIZE
"""Content crosses between the event loop and a thread in batches: each crossing costs as much as sealing 100 KiB."""
_THREADS = 32

Batch = list[bytes]
"""Consecutive pieces of a stream."""

Released = Callable[[str, bytes, str], Awaitable[bool]]
"""Tells whether an administrator has released content (its namespace, its SHA-256) from a signature.

`scanning` knows that and is above; whoever opens a store to receive into puts it in place. Without it nothing is.
"""


@dataclass(slots=True)
class Received:
    """Content that is whole, scanned and durable, and has no name in the store until it is published."""

    content: "Content"
    pending: PendingBlob
    scanned: bool
    head: bytes
    """Its first bytes, up to HEAD_BYTES."""
    unscanned_because: str | None = None
    """Why it was not scanned, for a person."""
    scanned_with: int | None = None
    """The version of the signatures it was scanned with, where that is known."""
    scan_tried: bool = False
    """Whether the scanner has looked at it, in full or as far as it looks."""
    released_from: str | None = None
    """The signature that the scanner finds in it, and an administrator has released it from."""
    published: bool = False

    @classmethod
    def of(cls, content: "Content", pending: PendingBlob, verdict: Verdict, head: bytes) -> Self:
        """Return content with what the scanner said of it, which was judged before."""
        is_released = verdict.outcome is Outcome.RELEASED
        is_scanned = is_released or verdict.outcome is Outcome.CLEAN
        return cls(
            content,
            pending,
            is_scanned,
            head,
            unscanned_because=None if is_scanned else verdict.detail,
            scanned_with=verdict.database,
            scan_tried=verdict.outcome is not Outcome.NOT_SCANNED,
            released_from=verdict.detail if is_released else None,
        )

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content."""
        return self.pending.digest

    @property
    def size(self) -> int:
        """Bytes of content."""
        return self.pending.size

    @property
    def stored_size(self) -> int:
        """Bytes it takes in the store."""
        return self.pending.stored_size

    async def publish(self) -> bool:
        """Name the content, durably; return whether the store did not have it before.

        The transaction that records it must hold the blob's row by now, or a collection may take the content away.

        Raises:
            StorageFullError: the disk is full.
            StorageUnavailableError: the store does not answer.
        """
        with storage_answers():
            blob = await self.content.complete(self.pending.publish)
        self.published = True
        return blob.created


class Content:
    """The store and the scanner, as the event loop uses them."""

    def __init__(
        self,
        store: BlobStore,
        scanner: Scanner,
        *,
        max_size: int,
        released: Released | None = None,
    ) -> None:
        self.store = store
        self.scanner = scanner
        self.max_size = max_size
        self._released = released
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="content")

    @classmethod
    def open_store(
        cls,
        settings: Settings,
        keyring: Keyring | None = None,
        *,
        released: Released | None = None,
    ) -> "Content":
        """Open the store that the settings name, with a keyring that is open, or with the one they name.

        Raises:
            EncryptionKeyError: the master key or the keyring is missing, malformed or not the right one.
            StoreError: the store cannot be opened.
            ValueError: the address of the store, or its credentials, are malformed.
        """
        store = open_store(settings, keyring or open_keyring(settings))
        return cls(store, Scanner(settings), max_size=settings.max_upload_size, released=released)

    def close(self) -> None:
        """Wait for the threads at work and end them."""
        self._threads.shutdown()
        self.store.close()

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function of the store in a thread of its own pool."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def complete(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function like `run`; when cancelled, wait for its end before saying so.

        For what may not go on behind the caller's back: a lock that the caller holds covers it, or what it leaves is to
        be cleared away.
        """
        return await outlast(asyncio.ensure_future(self.run(function, *args, **kwargs)))

    @asynccontextmanager
    async def receive(
        self, chunks: AsyncIterator[bytes], *, namespace: str
    ) -> AsyncIterator[Received]:
        """Scan and store a stream; give it to the block once it is durable, to be published there.

        Whatever is raised, here or in the block: what was not published does not remain in the store.

        Raises:
            VirusFoundError: with `signature`, `sha256` and `size` in bytes.
            UnscannableError: it is beyond the scanner's limits, and what is so is refused.
            ScannerUnavailableError: scanning is required and did not happen.
            UploadTooLargeError: with `limit`, in bytes.
            StorageFullError: the disk is full.
            StorageUnavailableError: the store does not answer.
        """
        leftovers = ExitStack()
        received = None
        try:
            with storage_answers():
                writer = leftovers.enter_context(self.store.writer(namespace))
                async with self.scanner.stream() as scan:
                    head, last = await self._pass(chunks, writer, scan)
                    pending, verdict = await _both(
                        self.complete(_finish, writer, last, leftovers), _end(scan, last)
                    )
            verdict = await self.judge(
                verdict, namespace=namespace, digest=pending.digest, size=pending.size
            )
            received = Received.of(self, pending, verdict, head)
            yield received
        finally:
            if received is None or not received.published:
                await self.complete(leftovers.close)

    @asynccontextmanager
    async def keep(self, data: bytes, *, namespace: str) -> AsyncIterator[Received]:
        """Store what the service made itself, unscanned; give it to the block as `receive` does.

        Raises:
            StorageFullError: the disk is full.
            StorageUnavailableError: the store does not answer.
        """
        leftovers = ExitStack()
        received = None
        try:
            with storage_answers():
                pending = await self.complete(_write_whole, self.store, namespace, data, leftovers)
            received = Received(self, pending, scanned=False, head=data[:HEAD_BYTES])
            yield received
        finally:
            if received is None or not received.published:
                await self.complete(leftovers.close)

    async def _pass(
        self, chunks: AsyncIterator[bytes], writer: BlobWriter, scan: ScanStream
    ) -> tuple[bytes, Batch]:
        """Move batches to the store and, beside it, to the scanner; return the first bytes and the last batch.

        One batch is under way while the next one arrives.
        """
        head, last, size = b"", Batch(), 0
        async with Lane[None]() as lane:
            async for batch in batches(chunks):
                size += sum(map(len, batch))
                if size > self.max_size:
                    raise UploadTooLargeError(
                        f"The file is larger than the {self.max_size} bytes an upload may have. Nothing was kept.",
                        limit=self.max_size,
                    )
                if last:
                    await lane.start(self._move, last, writer, scan)
                else:
                    head = b"".join(batch)[:HEAD_BYTES]
                last = batch
        return head, last

    async def _move(self, batch: Batch, writer: BlobWriter, scan: ScanStream) -> None:
        await _both(self.run(_write, writer, batch), scan.send(batch))

    async def judge(self, verdict: Verdict, *, namespace: str, digest: bytes, size: int) -> Verdict:
        """Refuse what the scanner, or the policy for what it did not scan, does not let in; return what holds.

        That differs from what the scanner said for content that an administrator has released from this signature.

        Raises:
            VirusFoundError: with `signature`, `sha256` and `size` in bytes.
            UnscannableError: it is beyond the scanner's limits, and what is so is refused.
            ScannerUnavailableError: scanning is required and did not happen.
        """
        if verdict.outcome is Outcome.INFECTED:
            if self._released is not None and await self._released(
                namespace, digest, verdict.detail
            ):
                return replace(verdict, outcome=Outcome.RELEASED)
            log.warning("virus_found", signature=verdict.detail)
            raise VirusFoundError(
                f"The virus scanner recognised {verdict.detail} in this file. It was not stored.",
                signature=verdict.detail,
                sha256=digest.hex(),
                size=size,
            )
        refused = self.scanner.limits is LimitsPolicy.REFUSE
        if verdict.outcome is Outcome.BEYOND_LIMITS and refused:
            raise UnscannableError(
                f"What cannot be scanned is refused here, and this file is {verdict.detail}. Nothing was kept."
            )
        if verdict.outcome is Outcome.NOT_SCANNED and self.scanner.mode is ScanMode.REQUIRED:
            raise ScannerUnavailableError(
                f"Every file must be scanned here, and this one was not: {verdict.detail}. Nothing was kept."
            )
        return verdict

    @asynccontextmanager
    async def open(self, namespace: str, digest: bytes) -> AsyncIterator["Outgoing"]:
        """Open stored content for reading.

        Raises:
            ContentDamagedError: the blob is missing, or does not open.
            StorageUnavailableError: the store does not answer.
        """
        try:
            reader = await self.run(self.store.open, namespace, digest)
        except StoreError as error:
            raise _unreadable(error, digest) from error
        try:
            yield Outgoing(self, reader)
        finally:
            await asyncio.shield(self.run(reader.close))


class Outgoing:
    """Stored content being read."""

    def __init__(self, content: Content, reader: BlobReader) -> None:
        self._content = content
        self._reader = reader
        self.size = reader.size

    async def chunks(
        self, offset: int = 0, length: int | None = None, *, check_digest: bool = True
    ) -> AsyncIterator[bytes]:
        """Yield `length` bytes from `offset` on, authenticated frame by frame.

        The seals of the frames and of the index prove every byte, its place and the end. The digest of the whole, which
        costs as much again, finds only what was wrong before it was sealed.

        Raises:
            ContentDamagedError: the next frame is not what was written; what was yielded before is.
            StorageUnavailableError: the store does not answer.
        """
        frames = self._reader.iter(offset, length, check_digest=check_digest)
        end = self.size if length is None else min(self.size, offset + length)
        left = end - offset
        async with Lane[Batch]() as lane:
            # The first frame alone, at once; then one batch is read while another is sent.
            await lane.start(self._read, frames, 1)
            while left > 0:
                batch = await lane.result()
                left -= sum(map(len, batch))
                if left > 0:
                    await lane.start(self._read, frames, _BATCH_FRAMES)
                for frame in batch:
                    yield frame

    async def _read(self, frames: Iterator[bytes], count: int) -> Batch:
        try:
            return await self._content.run(lambda: list(islice(frames, count)))
        except StoreError as error:
            raise _unreadable(error, self._reader.digest) from error


def _unavailable(error: StoreUnavailableError) -> StorageUnavailableError:
    log.error("store_unavailable", error=str(error))
    return StorageUnavailableError("The storage does not answer now. Try again in a while.")


def _without_key(error: WrongKeyError) -> StorageUnavailableError:
    log.error("store_key_changed", error=str(error))
    return StorageUnavailableError(
        "The encryption key was changed, and this part of the service has not been started again since. Nothing of"
        " this file was kept; ask an administrator to restart the service."
    )


def _unreadable(error: StoreError, digest: bytes) -> ContentDamagedError | StorageUnavailableError:
    if isinstance(error, StoreUnavailableError):
        return _unavailable(error)
    log.error("content_damaged", digest=digest.hex(), error=str(error))
    lost = "is missing from" if isinstance(error, BlobNotFoundError) else "is damaged in"
    if not isinstance(error, BlobDamagedError | BlobNotFoundError):
        lost = "cannot be opened from"
    return ContentDamagedError(
        f"This content {lost} the storage. Tell an administrator: `dms fsck` names the damage.",
        sha256=digest.hex(),
    )


@contextmanager
def storage_answers() -> Iterator[None]:
    """Turn what the store raises on writing into what clients are told."""
    try:
        yield
    except StoreFullError as error:
        raise StorageFullError(
            "The storage has no room for this file. Nothing of it was kept; ask an administrator for space."
        ) from error
    except StoreUnavailableError as error:
        raise _unavailable(error) from error
    except WrongKeyError as error:
        raise _without_key(error) from error


def _write(writer: BlobWriter, batch: Batch) -> None:
    for chunk in batch:
        writer.write(chunk)


def _finish(writer: BlobWriter, last: Batch, leftovers: ExitStack) -> PendingBlob:
    """Write the rest and finish; a small file crosses to a thread once."""
    _write(writer, last)
    return leftovers.enter_context(writer.finish())


def _write_whole(
    store: BlobStore, namespace: str, data: bytes, leftovers: ExitStack
) -> PendingBlob:
    return _finish(leftovers.enter_context(store.writer(namespace)), [data], leftovers)


async def _both(first: Coroutine[Any, Any, R], second: Coroutine[Any, Any, S]) -> tuple[R, S]:
    """Do two things at once; whatever is raised, neither goes on after it."""
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other


async def _end(scan: ScanStream, last: Batch) -> Verdict:
    await scan.send(last)
    return await scan.verdict()


async def batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[Batch]:
    """Gather chunks, uncopied, until they are at least `_BATCH_SIZE` bytes."""
    batch, size = Batch(), 0
    async for chunk in chunks:
        batch.append(chunk)
        size += len(chunk)
        if size >= _BATCH_SIZE:
            yield batch
            batch, size = Batch(), 0
    if batch:
        yield batch
