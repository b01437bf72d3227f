"""Content in: one pass through the scanner and the store. Content out: frames of the store, from any offset.

The store is synchronous and its threads are its own; this module is where it meets the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import structlog

from backend.content.errors import (
    ContentDamagedError,
    ScannerUnavailableError,
    StorageFullError,
    UploadTooLargeError,
    VirusFoundError,
)
from backend.content.keys import open_keyring
from backend.content.media_types import HEAD_BYTES
from backend.content.scanner import Outcome, Scanner, ScanStream, Verdict
from backend.core.settings import ScanMode, Settings
from storage import (
    BlobDamagedError,
    BlobNotFoundError,
    BlobReader,
    BlobStore,
    BlobWriter,
    PendingBlob,
    StoreError,
    StoreFullError,
)

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

FRAME_SIZE = 512 * 1024
"""Chunks are coalesced to this many bytes before they cross a thread boundary."""
_THREADS = 32


@dataclass(frozen=True, slots=True)
class Received:
    """Content that is durable in the store."""

    digest: bytes
    size: int
    stored_size: int
    scanned: bool
    head: bytes


class Content:
    """The store and the scanner, as the event loop uses them."""

    def __init__(self, store: BlobStore, scanner: Scanner, *, max_size: int) -> None:
        self.store = store
        self.scanner = scanner
        self.max_size = max_size
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="content")

    @classmethod
    def open_store(cls, settings: Settings) -> "Content":
        """Open the store that the settings name, with its keyring.

        Raises:
            EncryptionKeyError: the master key or the keyring is missing, malformed or not the right one.
            StoreError: the store cannot be opened.
        """
        keyring = open_keyring(settings)
        store = BlobStore(settings.store_dir, keyring, level=settings.compression_level)
        return cls(store, Scanner(settings), max_size=settings.max_upload_size)

    def close(self) -> None:
        """Wait for the threads at work and end them."""
        self._threads.shutdown()
        self.store.close()

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function of the store in a thread of its own pool."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def receive(self, chunks: AsyncIterator[bytes], *, namespace: str) -> Received:
        """Scan and store a stream.

        Returns once the content is durable. Whatever is raised, nothing of it remains in the store.

        Raises:
            VirusFoundError: with `signature`.
            ScannerUnavailableError: scanning is required and did not happen.
            UploadTooLargeError: with `limit`, in bytes.
            StorageFullError: the disk is full.
        """
        writer = self.store.writer(namespace)
        finished = False
        try:
            async with self.scanner.stream() as scan:
                head, tail = await self._pass(chunks, writer, scan)
                pending, verdict = await asyncio.gather(
                    self.run(_finish, writer, tail), _end(scan, tail)
                )
            finished = True
            return await self._publish(pending, verdict, head)
        except StoreFullError as error:
            raise StorageFullError(
                "The storage has no room for this file. Nothing of it was kept; ask an administrator for space."
            ) from error
        finally:
            if not finished:
                await asyncio.shield(self.run(writer.abort))

    async def _pass(
        self, chunks: AsyncIterator[bytes], writer: BlobWriter, scan: ScanStream
    ) -> tuple[bytes, bytes]:
        """Move whole frames to the store and, beside it, to the scanner; return the first bytes and the rest."""
        head = tail = b""
        size = 0
        async for frame in _coalesce(chunks):
            size += len(frame)
            if size > self.max_size:
                raise UploadTooLargeError(
                    f"The file is larger than the {self.max_size} bytes an upload may have. Nothing was kept.",
                    limit=self.max_size,
                )
            head = head or frame[:HEAD_BYTES]
            if len(frame) < FRAME_SIZE:
                tail = frame
            else:
                await asyncio.gather(self.run(writer.write, frame), scan.send(frame))
        return head, tail

    async def _publish(self, pending: PendingBlob, verdict: Verdict, head: bytes) -> Received:
        try:
            self._judge(verdict)
        except BaseException:
            await self.run(pending.discard)
            raise
        blob = await self.run(pending.publish)
        return Received(
            digest=blob.digest,
            size=blob.size,
            stored_size=blob.stored_size,
            scanned=verdict.outcome is Outcome.CLEAN,
            head=head,
        )

    def _judge(self, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.INFECTED:
            log.warning("virus_found", signature=verdict.detail)
            raise VirusFoundError(
                f"The virus scanner recognised {verdict.detail} in this file. It was not stored.",
                signature=verdict.detail,
            )
        if verdict.outcome is Outcome.NOT_SCANNED and self.scanner.mode is ScanMode.REQUIRED:
            raise ScannerUnavailableError(
                f"Every file must be scanned here, and this one was not: {verdict.detail}. Nothing was kept."
            )

    @asynccontextmanager
    async def open(self, namespace: str, digest: bytes) -> AsyncIterator["Outgoing"]:
        """Open stored content for reading.

        Raises:
            ContentDamagedError: the blob is missing, or does not open.
        """
        try:
            reader = await self.run(self.store.open, namespace, digest)
        except StoreError as error:
            raise _damaged(error, digest) from error
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
        """
        frames = self._reader.iter(offset, length, check_digest=check_digest)
        while True:
            try:
                frame = await self._content.run(next, frames, None)
            except StoreError as error:
                raise _damaged(error, self._reader.digest) from error
            if frame is None:
                return
            yield frame


def _damaged(error: StoreError, digest: bytes) -> ContentDamagedError:
    log.error("content_damaged", digest=digest.hex(), error=str(error))
    lost = "is missing from" if isinstance(error, BlobNotFoundError) else "is damaged in"
    if not isinstance(error, BlobDamagedError | BlobNotFoundError):
        lost = "cannot be opened from"
    return ContentDamagedError(
        f"This content {lost} the storage. Tell an administrator: `dms fsck` names the damage.",
        sha256=digest.hex(),
    )


def _finish(writer: BlobWriter, tail: bytes) -> PendingBlob:
    """Write the rest and finish; a small file crosses to a thread once."""
    if tail:
        writer.write(tail)
    return writer.finish()


async def _end(scan: ScanStream, tail: bytes) -> Verdict:
    await scan.send(tail)
    return await scan.verdict()


async def _coalesce(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join small chunks and cut large ones, so that all but the last are `FRAME_SIZE` bytes."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= FRAME_SIZE:
            joined = b"".join(parts)
            whole = size - size % FRAME_SIZE
            for offset in range(0, whole, FRAME_SIZE):
                yield joined[offset : offset + FRAME_SIZE]
            parts, size = [joined[whole:]], size - whole
    if size:
        yield b"".join(parts)
