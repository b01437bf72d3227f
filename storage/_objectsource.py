"""Reading a blob that lies in object storage: its beginning and end kept, the rest by ranges."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from storage._readahead import ReadAhead

FIRST = 128 << 10
"""Bytes that opening a blob asks for: with them, a small one needs no further request."""

_TAIL = 32 << 10
"""Bytes fetched for whoever reads the end: trailer and index root of any blob without pages."""


class ObjectSource:
    """The bytes of a blob, of which ``head`` is here and ``fetch`` gets the rest."""

    def __init__(
        self,
        *,
        size: int,
        head: memoryview,
        fetch: Callable[[int, int], memoryview],
        is_current: Callable[[], bool],
        executor: Callable[[], Executor],
    ) -> None:
        self.size = size
        self.is_current = is_current
        self._head = head
        self._tail = memoryview(b"")
        self._tail_start = size
        self._fetch = fetch
        self._ahead = ReadAhead(fetch, size=size, executor=executor)

    def read_into(self, targets: Sequence[bytearray | memoryview], offset: int) -> int:
        """Fill the targets, completely but at the end."""
        end = min(offset + sum(map(len, targets)), self.size)
        return _scatter(self._get(offset, end), targets)

    def close(self) -> None:
        """Let go of what was read ahead."""
        self._ahead.close()

    def _get(self, start: int, end: int) -> list[memoryview]:
        kept = len(self._head)
        if start < kept:
            rest = self._get(kept, end) if end > kept else []
            return [self._head[start:end], *rest]
        if end == self.size:
            self._load_tail(start)
        if start >= self._tail_start:
            return [self._tail[start - self._tail_start : end - self._tail_start]]
        return self._ahead.read(start, end - start)

    def _load_tail(self, start: int) -> None:
        wanted = min(start, max(len(self._head), self.size - _TAIL))
        if wanted < self._tail_start:
            self._tail, self._tail_start = self._fetch(wanted, self.size), wanted


def _scatter(pieces: Sequence[memoryview], targets: Sequence[bytearray | memoryview]) -> int:
    """Copy the pieces, one after another, into the targets; the bytes copied."""
    rest = iter(pieces)
    piece = next(rest, None)
    copied = 0
    for target in targets:
        filled = 0
        with memoryview(target) as view:
            while filled < len(view) and piece is not None:
                part = piece[: len(view) - filled]
                view[filled : filled + len(part)] = part
                filled += len(part)
                piece = piece[len(part) :] or next(rest, None)
        copied += filled
    return copied
