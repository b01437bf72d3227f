"""The public way in and out: put, read, deduplicate, list, delete, sweep, readiness."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import (
    FRAME_SIZE,
    BlobNotFoundError,
    BlobStore,
    Keyring,
    StoreUnavailableError,
    WrongKeyError,
)
from tests.storage.helpers import NAMESPACE, file_of, files_below, get, noise, put, sha256, text

EDGES = [0, 1, FRAME_SIZE - 1, FRAME_SIZE, FRAME_SIZE + 1, 3 * FRAME_SIZE, 3 * FRAME_SIZE + 77]


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("make", [noise, text])
def test_what_goes_in_comes_out(
    store: BlobStore, root: Path, size: int, make: Callable[[int], bytes]
) -> None:
    content = make(size)
    info = put(store, content)
    assert (sha256(content), size, True) == (info.digest, info.size, info.created)
    assert info.stored_size == file_of(root, info.digest).stat().st_size
    assert content == get(store, info.digest)
    verified = store.verify(NAMESPACE, info.digest)
    assert (info.digest, size, info.stored_size) == (
        verified.digest,
        verified.size,
        verified.stored_size,
    )
    assert verified == store.stat(NAMESPACE, info.digest)


def test_layout_is_the_specified_one_and_read_only(store: BlobStore, root: Path) -> None:
    info = put(store, b"content")
    path = file_of(root, info.digest)
    assert [path] == files_below(root)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"content" not in path.read_bytes()


def test_the_same_content_is_stored_once(store: BlobStore, root: Path) -> None:
    first, second = put(store, b"twice"), put(store, b"twice")
    assert (first.created, second.created) == (True, False)
    assert len(files_below(root)) == 1


def test_namespaces_do_not_share_blobs(store: BlobStore, root: Path) -> None:
    ours, theirs = put(store, b"secret", "org-1"), put(store, b"secret", "org-2")
    assert ours.created
    assert theirs.created
    assert (
        file_of(root, ours.digest).read_bytes() != file_of(root, ours.digest, "org-2").read_bytes()
    )
    assert store.namespaces() == ["org-1", "org-2"]


def test_a_blob_moved_to_another_namespace_does_not_open(store: BlobStore, root: Path) -> None:
    info = put(store, b"secret", "org-1")
    put(store, b"other", "org-2")
    moved = file_of(root, info.digest, "org-2")
    moved.parent.mkdir(parents=True)
    file_of(root, info.digest).rename(moved)
    with pytest.raises(WrongKeyError, match="does not hold for namespace 'org-2'"):
        store.open("org-2", info.digest)


def test_ranges(small_frames: BlobStore) -> None:
    content = noise(1000)
    digest = put(small_frames, content).digest
    with small_frames.open(NAMESPACE, digest) as reader:
        for offset in (0, 1, 63, 64, 65, 500, 999, 1000, 2000):
            for length in (0, 1, 64, 65, 300, 5000):
                assert content[offset : offset + length] == reader.read(offset, length)
        assert content[100:300] == b"".join(reader.iter(100, 200))
        assert content[960:] == b"".join(reader.iter(960))
        assert all(len(piece) <= 64 for piece in reader.iter(1))
        assert content == b"".join(reader.iter(check_digest=False))


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1)])
def test_negative_ranges_are_a_mistake_in_code(store: BlobStore, offset: int, length: int) -> None:
    digest = put(store, b"abc").digest
    with store.open(NAMESPACE, digest) as reader, pytest.raises(ValueError, match="negative"):
        reader.read(offset, length)


def test_what_is_not_there_is_not_found(store: BlobStore) -> None:
    digest = bytes(32)
    for call in (store.open, store.stat, store.verify, store.delete):
        with pytest.raises(BlobNotFoundError) as caught:
            call(NAMESPACE, digest)
        assert (NAMESPACE, digest) == (caught.value.namespace, caught.value.digest)
    assert not store.exists(NAMESPACE, digest)
    assert list(store.digests(NAMESPACE)) == []
    assert store.namespaces() == []


def test_delete_leaves_open_readers_alone(store: BlobStore) -> None:
    content = noise(3 * FRAME_SIZE)
    digest = put(store, content).digest
    assert store.exists(NAMESPACE, digest)
    with store.open(NAMESPACE, digest) as reader:
        store.delete(NAMESPACE, digest)
        assert content == b"".join(reader.iter())
    assert not store.exists(NAMESPACE, digest)
    assert put(store, content).created


def test_digests_lists_every_blob_and_nothing_else(store: BlobStore, root: Path) -> None:
    digests = sorted(put(store, bytes([n])).digest for n in range(20))
    (root / NAMESPACE / "lost+found").mkdir()
    file_of(root, digests[0]).with_name("note.txt").write_text("x")
    assert digests == list(store.digests(NAMESPACE))


@pytest.mark.parametrize("namespace", ["", ".", "..", "a/b", "-x", "ü", "x" * 101, "a\n"])
def test_malformed_namespaces_are_refused(store: BlobStore, namespace: str) -> None:
    with pytest.raises(ValueError, match="cannot name a namespace"):
        store.writer(namespace)
    with pytest.raises(ValueError, match="cannot name a namespace"):
        store.open(namespace, bytes(32))


def test_malformed_digests_are_refused(store: BlobStore) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        store.open(NAMESPACE, b"short")


def test_check_writable_tells_the_free_bytes_and_leaves_nothing(
    store: BlobStore, root: Path
) -> None:
    assert store.check_writable() > 0
    assert files_below(root) == []


def test_check_writable_fails_when_the_directory_is_gone(store: BlobStore, root: Path) -> None:
    root.rmdir()
    with pytest.raises(StoreUnavailableError, match="writable"):
        store.check_writable()


def test_a_root_that_cannot_be_made_is_unavailable(tmp_path: Path, store: BlobStore) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailableError):
        BlobStore(tmp_path / "file" / "blobs", store._keyring)


def test_a_root_that_is_no_directory_is_unavailable(tmp_path: Path, keyring: Keyring) -> None:
    (tmp_path / "file").write_text("in its place")
    with pytest.raises(StoreUnavailableError, match="opening the store"):
        BlobStore(tmp_path / "file", keyring)


def test_a_symbolic_link_in_a_blobs_place_is_not_followed(store: BlobStore, root: Path) -> None:
    digest = put(store, b"abc").digest
    path = file_of(root, digest)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(StoreUnavailableError):
        store.open(NAMESPACE, digest)


def test_closing_twice_and_writing_after_it_starts_anew(store: BlobStore) -> None:
    content = noise(2 * FRAME_SIZE)
    put(store, content)
    store.close()
    store.close()
    assert put(store, content + b"x").created


def test_a_closed_reader_may_be_closed_again(store: BlobStore) -> None:
    digest = put(store, b"abc").digest
    with store.open(NAMESPACE, digest) as reader:
        reader.close()


def test_verifying_tells_its_progress_and_can_be_broken_off(small_frames: BlobStore) -> None:
    size = 5 * 4096 + 7
    info = put(small_frames, noise(size))
    told: list[int] = []
    with small_frames.open(NAMESPACE, info.digest) as reader:
        reader.verify(told.append)
        assert sum(told) == size
        assert len(told) > 1

        def enough(_: int) -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            reader.verify(enough)
