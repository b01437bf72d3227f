"""Reading ahead: few requests for who reads on, no more than asked for who jumps about."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage._objectsource import ObjectSource
from storage._readahead import LARGEST, ReadAhead
from tests.storage.helpers import noise

SIZE = 40 << 20
FRAME = 512 << 10


class Far:
    """Something far away that counts its requests."""

    def __init__(self, size: int, *, ends: int | None = None) -> None:
        self.content = noise(1 << 20) * -(-size // (1 << 20))
        self.size = size
        self.ends = size if ends is None else ends
        self.requests: list[tuple[int, int]] = []

    def fetch(self, start: int, end: int) -> memoryview:
        assert 0 <= start < end <= self.size
        self.requests.append((start, end))
        return memoryview(self.content)[start : min(end, self.ends)]

    @property
    def fetched(self) -> int:
        return sum(end - start for start, end in self.requests)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def ahead_of(far: Far, pool: ThreadPoolExecutor) -> ReadAhead:
    return ReadAhead(far.fetch, size=far.size, executor=lambda: pool)


def test_who_jumps_about_gets_what_was_asked_for(pool: ThreadPoolExecutor) -> None:
    far = Far(SIZE)
    ahead = ahead_of(far, pool)
    source = random.Random(1)  # noqa: S311 - it must be the same every time
    asked = [(source.randrange(SIZE - FRAME), source.randrange(1, FRAME)) for _ in range(20)]
    for offset, length in asked:
        assert b"".join(ahead.read(offset, length)) == far.content[offset : offset + length]
    assert far.requests == [(offset, offset + length) for offset, length in asked]


def test_who_reads_on_needs_few_requests_and_gets_every_byte(pool: ThreadPoolExecutor) -> None:
    far = Far(SIZE)
    ahead = ahead_of(far, pool)
    source = random.Random(1)  # noqa: S311 - it must be the same every time
    found = bytearray()
    while len(found) < SIZE:
        length = min(source.randrange(1, FRAME), SIZE - len(found))
        found += b"".join(ahead.read(len(found), length))
    assert found == far.content
    assert far.fetched == SIZE
    assert max(end - start for start, end in far.requests) == LARGEST
    assert len(far.requests) < 25


def test_who_stops_early_has_caused_little_more_than_needed(pool: ThreadPoolExecutor) -> None:
    for frames in range(1, 20):
        far = Far(SIZE)
        ahead = ahead_of(far, pool)
        for number in range(frames):
            ahead.read(number * FRAME, FRAME)
        ahead.close()
        assert far.fetched <= 2 * frames * FRAME + 2 * LARGEST
        if frames < 4:
            assert far.fetched <= 2 * frames * FRAME


def test_what_ends_early_gives_less(pool: ThreadPoolExecutor) -> None:
    far = Far(SIZE, ends=10 * FRAME + 7)
    ahead = ahead_of(far, pool)
    found = b"".join(b"".join(ahead.read(n * FRAME, FRAME)) for n in range(14))
    assert found == far.content[: 10 * FRAME + 7]


def test_without_threads_it_is_read_when_it_is_needed(pool: ThreadPoolExecutor) -> None:
    """The store is being closed under a reader."""
    far = Far(SIZE)
    ahead = ahead_of(far, pool)
    pool.shutdown()
    found = b"".join(b"".join(ahead.read(n * FRAME, FRAME)) for n in range(SIZE // FRAME))
    assert found == far.content


@pytest.mark.parametrize("head", [0, 192, 100_000])
def test_beginning_and_end_are_fetched_once(pool: ThreadPoolExecutor, head: int) -> None:
    far = Far(1 << 20)
    source = ObjectSource(
        size=far.size,
        head=memoryview(far.content)[:head],
        fetch=far.fetch,
        is_current=lambda: True,
        executor=lambda: pool,
    )
    for offset, length in (
        (far.size - 16, 16),
        (far.size - 5000, 4984),
        (far.size - 16, 16),
        (far.size - 16, 100),
        (far.size + 5, 100),
    ):
        target = bytearray(length)
        got = source.read_into([target], offset)
        assert bytes(target[:got]) == far.content[offset : offset + length]
        assert got == max(0, min(length, far.size - offset))
    assert len(far.requests) == 1
    if head:
        first, second = bytearray(10), bytearray(head + 50)
        assert source.read_into([first, second], 0) == head + 60
        assert bytes(first + second) == far.content[: head + 60]
        assert far.requests[1:] == [(head, head + 60)]
    source.close()
