"""Reading one blob: ranges and streams of its content. Bytes and keys are in ``_unseal``."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from storage._backend import Source
from storage._errors import BlobDamagedError, WrongKeyError
from storage._unseal import FrameIndex, SealedFile


class BlobReader:
    """An open blob. Every byte it gives was authenticated. One thread at a time.

    A blob replaced meanwhile is read on, in what took its place where the old one has gone. A
    blob deleted meanwhile stays readable in a local store until the reader is closed; in object
    storage it ends in ``BlobNotFoundError``.
    """

    def __init__(
        self, find: Callable[[], Source], unseal: Callable[[Source], SealedFile], digest: bytes
    ) -> None:
        self._find = find
        self._unseal = unseal
        self.digest = digest
        self._open()
        self.size = self._index.root.size
        self.stored_size = self._file.size

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
        checked = None
        while checked is not self._file:
            checked = self._file
            try:
                checked.check_slots()
            except BlobDamagedError as error:
                self._open_again(error)
                continue
            for piece in self.iter():
                if progress is not None:
                    progress(len(piece))

    def close(self) -> None:
        """Close the file; the reader is of no use afterwards."""
        self._file.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> None:
        """Open what the name leads to; what takes its place in that instant, if that happens."""
        opened = False
        while not opened:
            with ExitStack() as undo:
                source = self._find()
                undo.callback(source.close)
                try:
                    self._open_source(source)
                    undo.pop_all()
                    opened = True
                except (BlobDamagedError, WrongKeyError):
                    if source.is_current():
                        raise

    def _open_source(self, source: Source) -> None:
        file = self._unseal(source)
        index = FrameIndex(file)
        if index.root.digest != self.digest:
            raise BlobDamagedError("index", "it belongs to a blob of another name")
        self._file, self._index = file, index

    def _open_again(self, error: BlobDamagedError) -> None:
        """Open what took the place of a blob found damaged; raise the error if nothing did."""
        source = self._file.source
        if source.is_current():
            raise error
        source.close()
        self._open()

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
            try:
                content = self._file.open_frame(number, self._index.locate(number), expected)
            except BlobDamagedError as error:
                self._open_again(error)
                frame_size = self._index.frame_size
                continue
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
