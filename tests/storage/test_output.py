"""Output in big pieces: around the page cache where that works, the same bytes everywhere."""

import fcntl
import os
from pathlib import Path

import pytest

from storage import FRAME_SIZE, BlobStore, StoreUnavailableError
from storage._output import PIECE, OutputBuffers, PieceWriter
from tests.storage.helpers import NAMESPACE, noise, put

LARGE = 5 * PIECE + 12_345


def _write(path: Path, content: bytes) -> list[bool]:
    """Write in frame-sized bits; whether each found the file in direct mode."""
    modes = []
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    pieces = PieceWriter(descriptor, OutputBuffers(600_000))
    for start in range(0, len(content), 524_000):
        part = content[start : start + 524_000]
        with pieces.room() as room:
            room[: len(part)] = part
        pieces.advance(len(part))
        modes.append(bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT))
    pieces.append(b"the end")
    pieces.flush()
    pieces.close()
    os.close(descriptor)
    return modes


def test_large_files_go_around_the_page_cache(tmp_path: Path) -> None:
    content = noise(LARGE)
    modes = _write(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == content + b"the end"
    assert modes == sorted(modes)
    assert modes[0] is False


def test_a_file_system_without_direct_writes_gets_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is made here: which file systems refuse depends on the kernel."""
    original = fcntl.fcntl

    def refuse(descriptor: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETFL and argument & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return original(descriptor, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    content = noise(LARGE)
    assert not any(_write(tmp_path / "file", content))
    assert (tmp_path / "file").read_bytes() == content + b"the end"


def test_an_append_longer_than_a_piece(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    pieces = PieceWriter(descriptor, OutputBuffers(100))
    content = noise(2 * PIECE + 3)
    pieces.append(content)
    pieces.flush()
    pieces.close()
    os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == content


def test_a_large_blob_reads_back(store: BlobStore) -> None:
    content = noise(LARGE)
    digest = put(store, content).digest
    assert store.verify(NAMESPACE, digest).size == LARGE


def test_a_sync_that_fails_gives_the_buffer_back_once(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given back twice, it would serve two writers at once."""

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    put(store, b"so that there is a key")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreUnavailableError, match="syncing a blob"):
        put(store, noise(FRAME_SIZE + 1))
    with store.writer(NAMESPACE) as first, store.writer(NAMESPACE) as second:
        for writer in (first, second):
            writer.write(noise(2 * FRAME_SIZE))
            assert writer._large is not None
        assert first._large._output._buffer is not second._large._output._buffer
