"""Writers: errors, aborts, pending blobs; nothing may be left behind."""

import threading
from pathlib import Path

import pytest
from zstandard import ZstdCompressor

from storage import FRAME_SIZE, BlobStore
from storage._seal import Frame
from tests.storage.helpers import NAMESPACE, files_below, get, noise, put, sha256, text

LARGE = 12 * FRAME_SIZE + 5


def store_threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name in {"store-digest", "store-seal"}}


def test_a_failed_write_does_not_block_a_writer_that_goes_on(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(frame: Frame, compressor: object) -> bytes:
        raise MemoryError("no memory for the compressor")

    monkeypatch.setattr(Frame, "encode", fail)
    writer = store.writer(NAMESPACE)
    errors = 0
    for _ in range(40):
        try:
            writer.write(noise(FRAME_SIZE))
        except MemoryError:
            errors += 1
    assert errors > 0
    with pytest.raises(MemoryError):
        writer.finish()
    assert set() == store_threads()


@pytest.mark.parametrize("size", [0, 10, FRAME_SIZE + 1, LARGE])
def test_abort_leaves_nothing(store: BlobStore, root: Path, size: int) -> None:
    writer = store.writer(NAMESPACE)
    writer.write(noise(size))
    writer.abort()
    writer.abort()
    assert files_below(root) == []
    assert set() == store_threads()
    with pytest.raises(ValueError, match="finished or aborted"):
        writer.write(b"more")
    with pytest.raises(ValueError, match="finished or aborted"):
        writer.finish()


def test_leaving_the_context_without_finish_aborts(store: BlobStore, root: Path) -> None:
    with store.writer(NAMESPACE) as writer:
        writer.write(noise(LARGE))
    assert files_below(root) == []
    assert set() == store_threads()


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_pending_blob_is_not_there_until_published(
    store: BlobStore, root: Path, size: int
) -> None:
    content = noise(size)
    with store.writer(NAMESPACE) as writer:
        writer.write(content)
        pending = writer.finish()
    assert (sha256(content), size) == (pending.digest, pending.size)
    assert [pending.stored_size] == [path.stat().st_size for path in files_below(root)]
    assert not store.exists(NAMESPACE, pending.digest)
    assert pending.publish().created
    assert content == get(store, pending.digest)
    pending.discard()
    assert store.exists(NAMESPACE, pending.digest)
    with pytest.raises(ValueError, match="published or discarded"):
        pending.publish()


def test_a_discarded_blob_leaves_nothing(store: BlobStore, root: Path) -> None:
    with store.writer(NAMESPACE) as writer, writer.finish() as pending:
        pass
    assert files_below(root) == []
    with pytest.raises(ValueError, match="published or discarded"):
        pending.publish()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_is_taken_and_not_kept(store: BlobStore, kind: type) -> None:
    content = bytearray(noise(3 * FRAME_SIZE))
    expected = sha256(content)
    with store.writer(NAMESPACE) as writer:
        writer.write(kind(content))
        content[:] = bytes(len(content))
        assert expected == writer.finish().publish().digest


def test_small_pieces_make_the_same_blob(store: BlobStore) -> None:
    content = text(FRAME_SIZE + 1000)
    with store.writer(NAMESPACE) as writer:
        for start in range(0, len(content), 999):
            writer.write(content[start : start + 999])
        digest = writer.finish().publish().digest
    assert sha256(content) == digest
    assert not put(store, content).created


def test_threads_may_take_turns(store: BlobStore) -> None:
    content = noise(LARGE)
    half = len(content) // 2
    with store.writer(NAMESPACE) as writer:
        for part in (content[:half], content[half:]):
            thread = threading.Thread(target=writer.write, args=(part,))
            thread.start()
            thread.join()
        assert sha256(content) == writer.finish().publish().digest


def test_a_frame_that_hardly_compresses_is_stored_raw(store: BlobStore) -> None:
    raw = put(store, noise(FRAME_SIZE))
    assert raw.stored_size - raw.size < 400
    squeezed = put(store, noise(FRAME_SIZE - 20_000) + bytes(20_000))
    assert squeezed.stored_size < squeezed.size - 19_000


def test_an_error_of_a_worker_is_the_error_of_the_write(
    store: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(frame: Frame, compressor: object) -> bytes:
        raise MemoryError("no memory for the compressor")

    monkeypatch.setattr(Frame, "encode", fail)
    for size in (10, LARGE):
        with pytest.raises(MemoryError, match="compressor"):
            put(store, noise(size))
    assert files_below(root) == []
    assert store_threads() == set()


@pytest.mark.parametrize("startable", [0, 1])
def test_threads_that_cannot_be_started_leave_nothing(
    store: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch, startable: int
) -> None:
    """Stands in for a process at its limit of threads."""
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def limited(thread: threading.Thread) -> None:
        if len(started) == startable:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(RuntimeError, match="can't start"):
        put(store, noise(FRAME_SIZE + 1))
    for thread in started:
        thread.join()
    assert files_below(root) == []


def test_a_write_waits_for_slow_stages(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back pressure: what is under way stays bounded however fast the client sends."""
    gate, taken = threading.Semaphore(0), []
    encode = Frame.encode

    def slow(frame: Frame, compressor: ZstdCompressor) -> bytes | memoryview:
        gate.acquire()
        taken.append(frame.length)
        return encode(frame, compressor)

    monkeypatch.setattr(Frame, "encode", slow)
    content = noise(40 * FRAME_SIZE)
    sent = []

    def send() -> None:
        with store.writer(NAMESPACE) as writer:
            for start in range(0, len(content), FRAME_SIZE):
                writer.write(content[start : start + FRAME_SIZE])
                sent.append(start)
                ready.set()
            writer.finish().discard()

    ready = threading.Event()
    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(41):
        assert len(sent) - len(taken) <= 9
        gate.release()
        ready.wait()
    sender.join()
    assert sum(taken) == len(content)
