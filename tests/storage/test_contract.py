"""What every backend must do: the same tests in a directory and in the bucket of a real S3 server."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage import (
    FRAME_SIZE,
    BlobDamagedError,
    BlobInfo,
    BlobNotFoundError,
    BlobStore,
    Keyring,
    WrongKeyError,
)
from tests.storage.helpers import NAMESPACE, get, noise, put, sha256, text
from tests.storage.places import Place
from tests.storage.test_primitives import add_key

EDGES = [0, 1, FRAME_SIZE - 1, FRAME_SIZE, FRAME_SIZE + 1, 3 * FRAME_SIZE + 77]
CONTENT = text(3 * FRAME_SIZE + 5)
DIGEST = sha256(CONTENT)


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("make", [noise, text])
def test_what_goes_in_comes_out(
    kept: BlobStore, place: Place, size: int, make: Callable[[int], bytes]
) -> None:
    content = make(size)
    info = put(kept, content)
    assert (sha256(content), size, True) == (info.digest, info.size, info.created)
    assert info.stored_size == len(place.read(info.digest))
    assert content == get(kept, info.digest)
    stat = kept.verify(NAMESPACE, info.digest)
    assert (info.digest, size, info.stored_size) == (stat.digest, stat.size, stat.stored_size)
    assert stat == kept.stat(NAMESPACE, info.digest)
    assert list(kept.entries(NAMESPACE)) == [(info.digest, info.stored_size)]


@pytest.mark.parametrize("make", [noise, text])
def test_a_blob_of_many_parts(kept: BlobStore, place: Place, make: Callable[[int], bytes]) -> None:
    content = make(FRAME_SIZE + 5) * 37
    info = put(kept, content)
    assert kept.verify(NAMESPACE, info.digest).stored_size == info.stored_size
    assert info.stored_size == len(place.read(info.digest))
    with kept.open(NAMESPACE, info.digest) as reader:
        assert b"".join(reader.iter(20 * FRAME_SIZE - 5)) == content[20 * FRAME_SIZE - 5 :]
        assert reader.read(30 * FRAME_SIZE, 70) == content[30 * FRAME_SIZE :][:70]
        assert reader.read(5, 70) == content[5:75]


def test_the_same_content_is_stored_once(kept: BlobStore, place: Place) -> None:
    first, second = put(kept, CONTENT), put(kept, CONTENT)
    assert (first.created, second.created) == (True, False)
    names = place.names()
    assert get(kept, DIGEST) == CONTENT
    kept.delete(NAMESPACE, DIGEST)
    assert len(names) in {1, 2}
    assert place.names() == []


@pytest.mark.parametrize("size", [100, 3 * FRAME_SIZE])
def test_two_at_once_store_one_blob(kept: BlobStore, place: Place, size: int) -> None:
    """They publish one after the other, as under the lock of the service: not every object store
    decides between two conditional requests at once (Swift lets both win)."""
    content, turn = noise(size), threading.Lock()
    put(kept, content + b"so that the directory or bucket is in use")
    before = set(place.names())
    barrier = threading.Barrier(4)

    def upload() -> BlobInfo:
        with kept.writer(NAMESPACE) as writer:
            writer.write(content)
            pending = writer.finish()
            barrier.wait()
            with turn:
                return pending.publish()

    with ThreadPoolExecutor(4) as pool:
        infos = [run.result() for run in [pool.submit(upload) for _ in range(4)]]
    assert sorted(info.created for info in infos) == [False, False, False, True]
    assert kept.verify(NAMESPACE, sha256(content)).size == size
    kept.delete(NAMESPACE, sha256(content))
    assert set(place.names()) == before


def test_namespaces_do_not_share_blobs(kept: BlobStore) -> None:
    ours, theirs = put(kept, b"secret", "org-1"), put(kept, b"secret", "org-2")
    assert ours.created
    assert theirs.created
    assert kept.namespaces() == ["org-1", "org-2"]
    kept.delete("org-1", ours.digest)
    assert get(kept, ours.digest, "org-2") == b"secret"


def test_ranges(place: Place, keyring: Keyring) -> None:
    store = BlobStore(place.backend, keyring, frame_log2=6)
    content = noise(1000)
    digest = put(store, content).digest
    with store.open(NAMESPACE, digest) as reader:
        for offset in (0, 1, 63, 64, 65, 500, 999, 1000, 2000):
            for length in (0, 1, 64, 65, 300, 5000):
                assert content[offset : offset + length] == reader.read(offset, length)
        assert content[100:300] == b"".join(reader.iter(100, 200))
        assert content == b"".join(reader.iter(check_digest=False))
    store.close()


def test_what_is_not_there_is_not_found(kept: BlobStore, keyring: Keyring) -> None:
    digest = bytes(32)
    keyring.storage_key(NAMESPACE)
    for call in (kept.open, kept.stat, kept.verify, kept.delete, kept.rekey):
        with pytest.raises(BlobNotFoundError) as caught:
            call(NAMESPACE, digest)
        assert (NAMESPACE, digest) == (caught.value.namespace, caught.value.digest)
    with pytest.raises(BlobNotFoundError):
        kept.recompress(NAMESPACE, digest, 19)
    assert not kept.exists(NAMESPACE, digest)
    assert list(kept.digests(NAMESPACE)) == []
    assert list(kept.entries(NAMESPACE)) == []
    assert kept.namespaces() == []


@pytest.mark.parametrize("namespace", ["", ".", "..", "a/b", "-x", "ü", "x" * 101, "a\n"])
def test_malformed_names_are_refused(kept: BlobStore, namespace: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: kept.writer(namespace),
        lambda: kept.open(namespace, bytes(32)),
        lambda: kept.delete(namespace, bytes(32)),
        lambda: list(kept.digests(namespace)),
        lambda: list(kept.entries(namespace)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="cannot name a namespace"):
            call()
    with pytest.raises(ValueError, match="32 bytes"):
        kept.open(NAMESPACE, b"short")


def test_digests_and_entries_ascend(kept: BlobStore) -> None:
    infos = [put(kept, noise(100 * n, n)) for n in range(12)]
    assert list(kept.digests(NAMESPACE)) == sorted(info.digest for info in infos)
    expected = sorted((info.digest, info.stored_size) for info in infos)
    assert list(kept.entries(NAMESPACE)) == expected
    for number, (digest, _) in enumerate(expected):
        assert list(kept.entries(NAMESPACE, after=digest)) == expected[number + 1 :]


@pytest.mark.parametrize("size", [0, 10, FRAME_SIZE + 1, 20 * FRAME_SIZE])
def test_an_aborted_or_discarded_blob_leaves_nothing(
    kept: BlobStore, place: Place, size: int
) -> None:
    with kept.writer(NAMESPACE) as writer:
        writer.write(noise(size))
    assert place.names() == []
    with kept.writer(NAMESPACE) as writer:
        writer.write(noise(size))
        pending = writer.finish()
    assert not kept.exists(NAMESPACE, pending.digest)
    pending.discard()
    assert place.names() == []


def test_a_live_owner_keeps_what_it_writes(kept: BlobStore, place: Place) -> None:
    with kept.writer(NAMESPACE) as writer:
        writer.write(CONTENT)
        assert kept.sweep_temporary(0) == 0
        pending = writer.finish()
    assert kept.sweep_temporary(0) == 0
    assert pending.publish().created
    assert kept.sweep_temporary(0) == 0
    assert get(kept, DIGEST) == CONTENT


@pytest.mark.parametrize("offset", [40, 5000, -30, -1])
def test_damage_is_found(kept: BlobStore, place: Place, offset: int) -> None:
    put(kept, CONTENT)
    before = place.read(DIGEST)
    at = offset % len(before)
    place.overwrite(DIGEST, at, bytes([before[at] ^ 1]))
    with pytest.raises((BlobDamagedError, WrongKeyError)):
        kept.verify(NAMESPACE, DIGEST)


def test_check_writable_leaves_nothing(kept: BlobStore, place: Place) -> None:
    free = kept.check_writable()
    assert free is None or free > 0
    assert place.names() == []


def test_rekey_moves_the_data_key_to_the_newest_storage_key(
    kept: BlobStore, keyring: Keyring, place: Place
) -> None:
    put(kept, CONTENT)
    before = place.read(DIGEST)
    assert not kept.rekey(NAMESPACE, DIGEST)
    assert place.read(DIGEST) == before
    for here, there in ((slice(112, 192), slice(32, 112)), (slice(32, 112), slice(112, 192))):
        newest = add_key(keyring)
        with kept.open(NAMESPACE, DIGEST) as reader:
            pieces = reader.iter()
            first = next(pieces)
            assert kept.rekey(NAMESPACE, DIGEST)
            assert first + b"".join(pieces) == CONTENT
        after = place.read(DIGEST)
        assert after[here][:16] == newest.key_id
        assert after[there] == bytes(80)
        assert after[:32] + after[192:] == before[:32] + before[192:]
        assert kept.verify(NAMESPACE, DIGEST).size == len(CONTENT)
        assert not kept.rekey(NAMESPACE, DIGEST)


def test_what_was_begun_under_an_older_key_is_published_under_the_newest(
    kept: BlobStore, keyring: Keyring
) -> None:
    with kept.writer(NAMESPACE) as writer:
        writer.write(CONTENT)
        pending = writer.finish()
    add_key(keyring)
    pending.publish()
    assert not kept.rekey(NAMESPACE, DIGEST)
    assert get(kept, DIGEST) == CONTENT


def test_recompress_replaces_a_blob_by_a_smaller_one(kept: BlobStore, place: Place) -> None:
    before = put(kept, CONTENT)
    count = len(place.names())
    with kept.open(NAMESPACE, DIGEST) as reader:
        pieces = reader.iter()
        first = next(pieces)
        after = kept.recompress(NAMESPACE, DIGEST, 19)
        assert first + b"".join(pieces) == CONTENT
    assert after == kept.verify(NAMESPACE, DIGEST)
    assert after.stored_size < before.stored_size * 63 / 64
    assert len(place.names()) == count
    assert get(kept, DIGEST) == CONTENT


def test_recompress_keeps_a_blob_that_gains_too_little(kept: BlobStore, place: Place) -> None:
    content = noise(3 * FRAME_SIZE)
    put(kept, content)
    before = place.names(), place.read(sha256(content))
    assert kept.recompress(NAMESPACE, sha256(content), 19) is None
    assert (place.names(), place.read(sha256(content))) == before


def test_recompress_makes_no_good_blob_of_a_damaged_one(kept: BlobStore, place: Place) -> None:
    put(kept, CONTENT)
    place.overwrite(DIGEST, 5000, b"\xff" * 8)
    before = place.names(), place.read(DIGEST)
    with pytest.raises(BlobDamagedError, match="frame 0"):
        kept.recompress(NAMESPACE, DIGEST, 19)
    assert (place.names(), place.read(DIGEST)) == before


@pytest.fixture
def spare(tmp_path: Path, keyring: Keyring) -> Iterator[BlobStore]:
    """A local store with a good copy."""
    spare = BlobStore(tmp_path / "spare", keyring)
    put(spare, CONTENT)
    yield spare
    spare.close()


def test_restore_brings_back_the_missing_and_the_damaged(
    kept: BlobStore, spare: BlobStore, place: Place
) -> None:
    good = spare.stat(NAMESPACE, DIGEST)
    assert kept.restore(NAMESPACE, DIGEST, spare) == good
    names = place.names()
    for offset in (50, 5000):
        place.overwrite(DIGEST, offset, b"\xff" * 8)
        with pytest.raises(BlobDamagedError):
            kept.verify(NAMESPACE, DIGEST)
        assert kept.restore(NAMESPACE, DIGEST, spare) == good
        assert kept.verify(NAMESPACE, DIGEST) == good
        assert len(place.names()) == len(names)


def test_restore_takes_no_bad_copy(kept: BlobStore, spare: BlobStore, place: Place) -> None:
    """In both directions: the spare store is damaged first, then this one is the source."""
    put(kept, CONTENT)
    place.overwrite(DIGEST, 5000, b"\xff" * 8)
    with pytest.raises(BlobDamagedError, match="frame 0"):
        spare.restore(NAMESPACE, DIGEST, kept)
    with pytest.raises(BlobNotFoundError):
        kept.restore(NAMESPACE, bytes(32), spare)
    assert get(spare, DIGEST) == CONTENT


def test_restore_works_both_ways(kept: BlobStore, tmp_path: Path, keyring: Keyring) -> None:
    content = noise(20 * FRAME_SIZE + 3)
    info = put(kept, content)
    spare = BlobStore(tmp_path / "spare", keyring)
    assert spare.restore(NAMESPACE, info.digest, kept).stored_size == info.stored_size
    kept.delete(NAMESPACE, info.digest)
    assert kept.restore(NAMESPACE, info.digest, spare).stored_size == info.stored_size
    assert get(kept, info.digest) == content
    spare.close()


def test_restore_seals_anew_what_another_keyring_sealed(
    kept: BlobStore, keyring: Keyring, tmp_path: Path
) -> None:
    keyring.storage_key(NAMESPACE)
    other = BlobStore(tmp_path / "other", Keyring.create(tmp_path / "other.json", bytes(32)))
    put(other, CONTENT)
    assert kept.restore(NAMESPACE, DIGEST, other).size == len(CONTENT)
    assert get(kept, DIGEST) == CONTENT
    other.close()


def test_a_copy_comes_under_the_newest_key(
    kept: BlobStore, spare: BlobStore, keyring: Keyring
) -> None:
    """Whoever retires the older one must not meet it again in what a backup brought back."""
    add_key(keyring)
    kept.restore(NAMESPACE, DIGEST, spare)
    assert not kept.rekey(NAMESPACE, DIGEST)
    assert get(kept, DIGEST) == CONTENT
