"""Writing one blob: content in, a sealed and durable draft out, then a name for it.

``BlobWriter`` decides between the inline way (content of at most one frame) and the pipeline;
``PendingBlob`` waits for the caller's verdict. Threads are in ``_pipeline``, bytes in ``_seal``.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from zstandard import ZstdCompressor

from storage._backend import Complete, Draft, Source
from storage._format import CODEC_SIZE, HEADER_SIZE, SEAL_OVERHEAD, TAG_SIZE
from storage._keygate import KeyGate
from storage._pipeline import Encoded, Pipeline
from storage._pools import Recycler
from storage._seal import BlobSealer, Frame


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A published blob: SHA-256 digest, content bytes, stored bytes, and whether it is new."""

    digest: bytes
    size: int
    stored_size: int
    created: bool


@dataclass(frozen=True, slots=True)
class WriteResources:
    """What the writers of one store share."""

    executor: Callable[[], Executor]
    frames: Recycler[Frame]
    compressors: Recycler[ZstdCompressor]
    room: int
    """Bytes that sealing one frame needs at most."""

    def encode(self, frame: Frame) -> Encoded:
        """Encode with a compressor nobody else is using."""
        compressor = self.compressors.take()
        try:
            return frame.encode(compressor)
        finally:
            self.compressors.give(compressor)


class PendingBlob:
    """A blob that is complete and synced but has no name yet.

    The caller decides: ``publish`` or ``discard``. If the process dies first, the next sweep
    removes it. As a context manager it discards what was not published.
    """

    def __init__(
        self, draft: Complete, gate: KeyGate, *, digest: bytes, size: int, stored_size: int
    ) -> None:
        self._draft = draft
        self._gate = gate
        self._settled = False
        self.digest = digest
        self.size = size
        self.stored_size = stored_size

    def source(self) -> Source:
        """What was written, to be read back before it gets its name."""
        return self._draft.source()

    def publish(self) -> BlobInfo:
        """Name the blob, durably, without ever replacing one.

        Where the digest has a blob already, this one is dropped and ``created`` is false: the
        caller must hold whatever lock keeps collection from deleting that blob meanwhile.
        """
        self._require_unsettled()
        try:
            with self._newest_key():
                created = self._draft.publish()
        finally:
            self.discard()
        return BlobInfo(self.digest, self.size, self.stored_size, created)

    def replace(self) -> None:
        """Name the blob, durably, also where its digest has one; the caller holds that."""
        self._require_unsettled()
        try:
            with self._newest_key():
                self._draft.replace()
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing of it behind. Does nothing after ``publish``."""
        self._settled = True
        self._draft.drop()

    @contextmanager
    def _newest_key(self) -> Iterator[None]:
        """Bring the blob under its namespace's newest storage key, which stays the newest."""
        with self._gate.open() as plan:
            if plan is not None:
                self._draft.change_slots(plan)
            yield

    def _require_unsettled(self) -> None:
        if self._settled:
            raise ValueError("the blob was published or discarded before")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()


class _LargeWrite:
    """The way of content beyond one frame: a pipeline that ends in a draft."""

    def __init__(self, draft: Draft, sealer: BlobSealer, resources: WriteResources) -> None:
        self._sealer = sealer
        self._draft = draft
        self._output = draft.output(resources.room)
        self._output.append(sealer.header)
        self._hash = hashlib.sha256()
        try:
            self._pipeline = Pipeline(
                executor=resources.executor(),
                encode=resources.encode,
                consume=self._seal,
                recycle=resources.frames.give,
                digest=self._hash,
            )
        except BaseException:  # no thread could be started
            self._release()
            raise
        self.submit = self._pipeline.submit

    def finish(self, size: int) -> tuple[Draft, bytes]:
        """Drain the pipeline, end the blob, make it durable; the draft and the digest."""
        self._pipeline.finish()
        digest = self._hash.digest()
        self._output.append(self._sealer.seal_index(size=size, digest=digest))
        self._output.flush()
        self._output.close()
        self._draft.finish(digest)
        return self._draft, digest

    def abort(self) -> None:
        """Stop the threads, free the buffers, drop the draft."""
        self._pipeline.abort()
        self._release()

    def _release(self) -> None:
        self._output.close()
        self._draft.drop()

    def _seal(self, plaintext: Encoded) -> None:
        with self._output.room() as room:
            length = self._sealer.seal_frame(plaintext, room)
        self._output.advance(length)


class BlobWriter:
    """Takes content piece by piece and seals it as it comes.

    Threads may take turns; two at once may not use it. An error leaves nothing behind once the
    writer is aborted, which leaving its context does.
    """

    def __init__(
        self,
        draft: Callable[[], Draft],
        sealer: BlobSealer,
        resources: WriteResources,
        gate: KeyGate,
    ) -> None:
        self._draft = draft
        self._sealer = sealer
        self._resources = resources
        self._gate = gate
        self._size = 0
        self._closed = False
        self._frame: Frame | None = None
        self._large: _LargeWrite | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add content; blocks while the stages behind are busy.

        Raises ``StoreFullError`` and ``StoreUnavailableError``.
        """
        self._require_open()
        with memoryview(data) as given, given.cast("B") as view:
            start = 0
            while start < len(view):
                frame = self._frame_with_room()
                with view[start : start + frame.room] as part:
                    frame.append(part)
                    start += len(part)
            self._size += start

    def finish(self) -> PendingBlob:
        """Seal what remains, write index and trailer, sync the file.

        Raises like ``write``; then the writer is aborted.
        """
        self._require_open()
        try:
            if self._large is None:
                draft, digest = self._finish_inline()
            else:
                draft, digest = self._finish_large(self._large)
        except BaseException:
            self.abort()
            raise
        self._closed = True
        return PendingBlob(
            draft,
            self._gate,
            digest=digest,
            size=self._size,
            stored_size=self._sealer.position,
        )

    def abort(self) -> None:
        """Stop, and leave nothing behind. Does nothing on a finished or aborted writer.

        Waits for the threads of a large write.
        """
        if self._closed:
            return
        self._closed = True
        self._recycle_frame()
        if self._large is not None:
            self._large.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("the writer was finished or aborted before")

    def _frame_with_room(self) -> Frame:
        frame = self._frame
        if frame is not None and frame.room == 0:
            # Only now is it known that the content is larger than one frame.
            self._submit(frame)
            frame = None
        if frame is None:
            frame = self._frame = self._resources.frames.take()
            frame.length = 0
        return frame

    def _submit(self, frame: Frame) -> None:
        if self._large is None:
            self._large = _LargeWrite(self._draft(), self._sealer, self._resources)
        self._frame = None
        self._large.submit(frame)

    def _finish_large(self, large: _LargeWrite) -> tuple[Draft, bytes]:
        if self._frame is not None:
            self._submit(self._frame)
        return large.finish(self._size)

    def _finish_inline(self) -> tuple[Draft, bytes]:
        """Content of at most one frame: hand-offs between threads would cost more than it."""
        content = memoryview(b"") if self._frame is None else self._frame.content
        digest = hashlib.sha256(content).digest()
        blob = self._seal_inline(content, digest)
        self._recycle_frame()
        draft = self._draft()
        try:
            draft.write(blob)
            draft.finish(digest)
        except BaseException:
            draft.drop()
            raise
        return draft, digest

    def _seal_inline(self, content: memoryview, digest: bytes) -> bytearray:
        sealer = self._sealer
        blob = bytearray(HEADER_SIZE + SEAL_OVERHEAD + CODEC_SIZE + len(content) + TAG_SIZE)
        blob[:HEADER_SIZE] = sealer.header
        if self._frame is not None:
            with memoryview(blob) as view, view[HEADER_SIZE:] as room:
                sealer.seal_frame(self._resources.encode(self._frame), room)
        del blob[sealer.position :]
        blob += sealer.seal_index(size=self._size, digest=digest)
        return blob

    def _recycle_frame(self) -> None:
        if self._frame is not None:
            self._resources.frames.give(self._frame)
            self._frame = None
