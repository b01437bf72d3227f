"""Ranges of something far away: exactly what is asked for, until somebody reads on and on.

Each request costs a round trip, so who reads sequentially gets larger and larger ranges, and at
last the next one while this one is used. What was fetched beyond the need is at most as much again.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress

LARGEST = 4 << 20
"""Bytes of the largest range fetched ahead; two of them are held at most."""


class ReadAhead:
    """One reader's place in something of a known size. One thread at a time."""

    def __init__(
        self,
        fetch: Callable[[int, int], memoryview],
        *,
        size: int,
        executor: Callable[[], Executor],
    ) -> None:
        self._fetch = fetch
        self._size = size
        self._executor = executor
        self._pieces: deque[tuple[int, memoryview]] = deque()
        self._next = -1
        self._fetched = 0
        self._step = 0
        self._pending: Future[memoryview] | None = None

    def read(self, offset: int, length: int) -> list[memoryview]:
        """The bytes asked for, in order; fewer if what is read ends before its size."""
        if offset != self._next:
            self._start_at(offset)
        self._next = offset + length
        while self._pieces and self._end_of_first() <= offset:
            self._pieces.popleft()
        while self._fetched < self._next and self._fetch_more():
            pass
        self._fetch_ahead()
        return self._cut(offset, self._next)

    def close(self) -> None:
        """Wait for nothing, use nothing more."""
        self._start_at(-1)

    def _start_at(self, offset: int) -> None:
        self._pieces.clear()
        self._fetched = offset
        self._step = 0
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()

    def _end_of_first(self) -> int:
        start, piece = self._pieces[0]
        return start + len(piece)

    def _fetch_more(self) -> bool:
        pending, self._pending = self._pending, None
        if pending is None:
            piece = self._fetch(self._fetched, self._range_end(self._next - self._fetched))
        else:
            piece = pending.result()
        self._pieces.append((self._fetched, piece))
        self._fetched += len(piece)
        self._step = min(2 * len(piece), LARGEST)
        return len(piece) > 0

    def _fetch_ahead(self) -> None:
        """Once the largest ranges are reached, have the next one under way."""
        left = self._fetched - self._next
        large = bool(self._pieces) and len(self._pieces[-1][1]) >= LARGEST
        if large and self._pending is None and left < LARGEST and self._fetched < self._size:
            with suppress(RuntimeError):  # the store is being closed
                self._pending = self._executor().submit(
                    self._fetch, self._fetched, self._range_end(LARGEST)
                )

    def _range_end(self, needed: int) -> int:
        return min(self._fetched + max(needed, self._step), self._size)

    def _cut(self, start: int, end: int) -> list[memoryview]:
        return [
            piece[max(0, start - begin) : end - begin]
            for begin, piece in self._pieces
            if begin < end
        ]
