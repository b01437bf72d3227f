"""Reading one blob: ranges and streams of its content. Bytes and keys are in ``_unseal``."""

import hashlib
import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from storage._errors import BlobDamagedError
from storage._unseal import FrameIndex, SealedFile


class BlobReader:
    """An open blob. Every byte it gives was authenticated. One thread at a time.

    A blob deleted meanwhile stays readable until the reader is closed.
    """

    def __init__(self, file: SealedFile, digest: bytes) -> None:
        self._file = file
        self._index = FrameIndex(file)
        self.digest = digest
        self.size = self._index.root.size
        self.stored_size = file.size
        if self._index.root.digest != digest:
            raise BlobDamagedError("index", "it belongs to a blob of another name")

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes of content from ``offset`` on; fewer only at its end."""
        return b"".join(self._pieces(*self._bounds(offset, length)))

    def iter(
        self, offset: int = 0, length: int | None = None, *, check_digest: bool = True
    ) -> Iterator[bytes]:
        """The content from ``offset`` on, in pieces of at most one frame.

        Reading all of it also compares the digest of the whole, before the last piece is given.
        ``check_digest=False`` spares that: the frames' and the index's seals already fix every
        byte, so it finds only what was wrong before sealing.
        """
        start, end = self._bounds(offset, length)
        pieces = self._pieces(start, end)
        whole = start == 0 and end == self.size
        return self._checked(pieces) if whole and check_digest else pieces

    def verify(self, progress: Callable[[int], None] | None = None) -> None:
        """Check every byte of the file: key slots, index, frames, and the digest of the whole.

        ``progress`` is called with the content bytes of each piece that was read. It may wait,
        and it may raise to break off.
        """
        self._file.check_slots()
        for piece in self.iter():
            if progress is not None:
                progress(len(piece))

    def close(self) -> None:
        """Close the file; the reader is of no use afterwards."""
        descriptor, self._file.descriptor = self._file.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _bounds(self, offset: int, length: int | None) -> tuple[int, int]:
        if offset < 0 or (length is not None and length < 0):
            raise ValueError("offset and length must not be negative")
        end = self.size if length is None else min(self.size, offset + length)
        return min(offset, end), end

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        frame_size = self._index.frame_size
        while start < end:
            number, within = divmod(start, frame_size)
            frame_start = number * frame_size
            expected = min(frame_size, self.size - frame_start)
            content = self._file.open_frame(number, self._index.locate(number), expected)
            wanted = min(expected, end - frame_start)
            yield content if wanted - within == expected else content[within:wanted]
            start = frame_start + wanted

    def _checked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        left = self.size
        for piece in pieces:
            digest.update(piece)
            left -= len(piece)
            if left == 0:
                self._require_digest(digest.digest())
            yield piece
        if self.size == 0:
            self._require_digest(digest.digest())

    def _require_digest(self, found: bytes) -> None:
        if found != self.digest:
            raise BlobDamagedError("content", "it does not have the digest it is named by")
