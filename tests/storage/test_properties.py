"""What must hold for any content and any damage: round trips, and only the errors we promise."""

import os
import random
import resource
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import BlobDamagedError, BlobStore, UnsupportedVersionError, WrongKeyError
from storage._format import FRAME_SIZE
from tests.storage.helpers import NAMESPACE, file_of, get, noise, put, sha256, text

SHARED_FIXTURE = [HealthCheck.function_scoped_fixture]
FRAME = 64
HOSTILE_ERRORS = (BlobDamagedError, WrongKeyError, UnsupportedVersionError)

edges = st.integers(0, 70).flatmap(
    lambda frames: st.integers(-2, 2).map(lambda around: max(0, frames * FRAME + around))
)


@settings(max_examples=60, deadline=None, suppress_health_check=SHARED_FIXTURE)
@given(size=edges, seed=st.integers(0, 9), pieces=st.lists(st.integers(1, 200), max_size=20))
def test_any_content_in_any_pieces_round_trips(
    small_frames: BlobStore, size: int, seed: int, pieces: list[int]
) -> None:
    content = (noise if seed % 2 else text)(size, seed)
    start = 0
    with small_frames.writer(NAMESPACE) as writer:
        for piece in pieces:
            writer.write(content[start : start + piece])
            start += piece
        writer.write(content[start:])
        info = writer.finish().publish()
    assert (info.digest, info.size) == (sha256(content), size)
    assert get(small_frames, info.digest) == content
    assert small_frames.verify(NAMESPACE, info.digest).stored_size == info.stored_size


@settings(max_examples=60, deadline=None, suppress_health_check=SHARED_FIXTURE)
@given(offset=st.integers(0, 700), length=st.integers(0, 800))
def test_any_range_is_the_slice(small_frames: BlobStore, offset: int, length: int) -> None:
    content = noise(9 * FRAME + 5)
    digest = put(small_frames, content).digest
    with small_frames.open(NAMESPACE, digest) as reader:
        assert reader.read(offset, length) == content[offset : offset + length]
        assert b"".join(reader.iter(offset, length)) == content[offset : offset + length]


def _read_hostile(store: BlobStore, path: Path, blob: bytes, content: bytes) -> bool:
    """Put the bytes in place and read: the content comes out, or one of the promised errors."""
    path.chmod(0o600)
    path.write_bytes(blob)
    digest = sha256(content)
    try:
        assert get(store, digest) == content
    except HOSTILE_ERRORS:
        return False
    return True


@settings(max_examples=300, deadline=None, suppress_health_check=SHARED_FIXTURE)
@given(data=st.data())
def test_any_changed_byte_is_noticed(
    small_frames: BlobStore, root: Path, data: st.DataObject
) -> None:
    content = noise(3 * FRAME + 7)
    path = file_of(root, put(small_frames, content).digest)
    original = path.read_bytes()
    blob = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    _read_hostile(small_frames, path, bytes(blob), content)
    try:
        small_frames.verify(NAMESPACE, sha256(content))
    except HOSTILE_ERRORS:
        assert bytes(blob) != original
    else:
        assert bytes(blob) == original
    path.write_bytes(original)


@settings(max_examples=200, deadline=None, suppress_health_check=SHARED_FIXTURE)
@given(start=st.integers(0, 700), length=st.integers(0, 300), insert=st.binary(max_size=120))
def test_any_edit_gives_the_content_or_a_promised_error(
    small_frames: BlobStore, root: Path, start: int, length: int, insert: bytes
) -> None:
    content = noise(5 * FRAME)
    path = file_of(root, put(small_frames, content).digest)
    original = path.read_bytes()
    edited = original[:start] + insert + original[start + length :]
    survived = _read_hostile(small_frames, path, edited, content)
    assert survived == (edited == original)
    path.write_bytes(original)


@settings(max_examples=100, deadline=None, suppress_health_check=SHARED_FIXTURE)
@given(blob=st.binary(max_size=600))
def test_any_file_is_no_blob(small_frames: BlobStore, root: Path, blob: bytes) -> None:
    digest = bytes(32)
    path = file_of(root, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(blob)
    with pytest.raises(HOSTILE_ERRORS):
        small_frames.verify(NAMESPACE, digest)


def test_a_huge_hostile_file_takes_no_memory(store: BlobStore, root: Path) -> None:
    """A terabyte of claims: lengths are bounded by what such a file could honestly need."""
    content = noise(FRAME_SIZE + 1)
    digest = put(store, content).digest
    path = file_of(root, digest)
    path.chmod(0o600)
    blob = path.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    numbers = count(1)
    for length in (0, 75, 76, 1 << 20, 1 << 31, (1 << 32) - 1):
        size = (1 << 40) + next(numbers)
        with path.open("wb") as file:
            file.write(blob[:-16])
            file.truncate(size - 16)
            file.seek(0, os.SEEK_END)
            offset = max(0, size - 16 - length)
            file.write(offset.to_bytes(8, "big") + length.to_bytes(4, "big") + b"DMSE")
        with pytest.raises(BlobDamagedError, match=r"its (trailer|index):"):
            store.verify(NAMESPACE, digest)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 120 << 10


def test_shuffled_frames_never_read(small_frames: BlobStore, root: Path) -> None:
    content = noise(8 * FRAME)
    path = file_of(root, put(small_frames, content).digest)
    blob = path.read_bytes()
    stored = 28 + 1 + FRAME
    frames = [blob[192 + n * stored : 192 + (n + 1) * stored] for n in range(8)]
    source = random.Random(5)  # noqa: S311 - it must be the same every time
    for _ in range(20):
        order = source.sample(range(8), 8)
        shuffled = b"".join(frames[n] for n in order)
        survived = _read_hostile(
            small_frames, path, blob[:192] + shuffled + blob[192 + 8 * stored :], content
        )
        assert survived == (order == sorted(order))
