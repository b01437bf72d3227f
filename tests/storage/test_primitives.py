"""Whole blobs changed in place: shredding deletion, rekeying, recompression, restoring, listing."""

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import (
    FRAME_SIZE,
    BlobDamagedError,
    BlobNotFoundError,
    BlobStat,
    BlobStore,
    Keyring,
    StorageKey,
    WrongKeyError,
)
from storage import _slotfile as slotfile
from storage._backend import Source
from storage._local import FileDraft
from tests.storage.helpers import NAMESPACE, file_of, files_below, get, noise, put, sha256, text

CONTENT = text(3 * FRAME_SIZE + 5)
DIGEST = sha256(CONTENT)
FIXED, SLOT, HEADER = 32, 80, 192
SLOT_A, SLOT_B = slice(FIXED, FIXED + SLOT), slice(FIXED + SLOT, HEADER)
EMPTY = bytes(SLOT)


def overwrite(path: Path, offset: int, data: bytes) -> None:
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def add_key(keyring: Keyring) -> StorageKey:
    """A newer storage key for the namespace; only the one before it stays."""
    keyring.retire(NAMESPACE, keyring.key_ids(NAMESPACE)[:-1])
    keyring.renew([NAMESPACE])
    return keyring.storage_key(NAMESPACE)


class Died(BaseException):
    """The process ends here."""


# -- delete --------------------------------------------------------------------------------------


def test_delete_shreds_the_key_slots_on_the_medium(store: BlobStore, root: Path) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    with path.open("rb") as file:
        before = file.read()
        store.delete(NAMESPACE, DIGEST)
        assert os.fstat(file.fileno()).st_nlink == 0
        file.seek(0)
        assert before[:FIXED] + 2 * EMPTY + before[HEADER:] == file.read()
    assert files_below(root) == []


def test_a_reader_opens_either_the_blob_or_nothing_while_it_is_deleted(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the file open when that is shredded, and has not read its header yet."""
    put(store, CONTENT)
    opened = store._backend.open

    def deleted_meanwhile(namespace: str, digest: bytes) -> Source:
        source = opened(namespace, digest)
        monkeypatch.setattr(store._backend, "open", opened)
        store.delete(namespace, digest)
        return source

    monkeypatch.setattr(store._backend, "open", deleted_meanwhile)
    with pytest.raises(BlobNotFoundError):
        store.open(NAMESPACE, DIGEST)


@pytest.mark.parametrize("size", [0, 10, FIXED, FIXED + 1, HEADER])
def test_a_fragment_of_a_blob_is_deleted_too(store: BlobStore, root: Path, size: int) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    os.truncate(path, size)
    store.delete(NAMESPACE, DIGEST)
    assert files_below(root) == []


def test_a_deletion_cut_short_frees_the_name_and_is_finished_by_the_sweep(
    store: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same content stored again must never be taken for the blob that was being shredded."""
    path = file_of(root, put(store, CONTENT).digest)

    def die(path: Path) -> None:
        raise Died

    with path.open("rb") as file:
        monkeypatch.setattr("storage._local.shred", die)
        with pytest.raises(Died):
            store.delete(NAMESPACE, DIGEST)
        assert put(store, CONTENT).created
        assert store.sweep_temporary(0) == 1
        assert file.read(HEADER)[FIXED:] == 2 * EMPTY
    assert get(store, DIGEST) == CONTENT


# -- rekey ---------------------------------------------------------------------------------------


def test_rekey_moves_the_data_key_to_the_newest_storage_key(
    store: BlobStore, keyring: Keyring, root: Path
) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    before = path.read_bytes()
    assert not store.rekey(NAMESPACE, DIGEST)
    assert path.read_bytes() == before
    for here, there in ((SLOT_B, SLOT_A), (SLOT_A, SLOT_B)):
        newest = add_key(keyring)
        assert store.rekey(NAMESPACE, DIGEST)
        after = path.read_bytes()
        assert after[here][:16] == newest.key_id
        assert after[there] == EMPTY
        assert after[:FIXED] + after[HEADER:] == before[:FIXED] + before[HEADER:]
        assert path.stat().st_mode & 0o777 == 0o400
        assert store.verify(NAMESPACE, DIGEST).size == len(CONTENT)
        assert not store.rekey(NAMESPACE, DIGEST)


@pytest.mark.parametrize("syncs", [0, 1], ids=["one written", "both written"])
def test_a_rekeying_cut_short_leaves_a_blob_that_opens_and_may_be_repeated(
    store: BlobStore, keyring: Keyring, root: Path, monkeypatch: pytest.MonkeyPatch, syncs: int
) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    newest = add_key(keyring)
    left = [None] * syncs

    def die(descriptor: int) -> None:
        if not left:
            raise Died
        left.pop()

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(Died):
        store.rekey(NAMESPACE, DIGEST)
    monkeypatch.undo()
    assert store.verify(NAMESPACE, DIGEST)
    assert store.rekey(NAMESPACE, DIGEST) is (syncs == 0)
    assert not store.rekey(NAMESPACE, DIGEST)
    after = path.read_bytes()
    assert (after[SLOT_B][:16], after[SLOT_A]) == (newest.key_id, EMPTY)


@pytest.mark.parametrize("place", [SLOT_A, SLOT_B])
def test_rekey_clears_away_a_slot_that_was_torn(
    store: BlobStore, keyring: Keyring, root: Path, place: slice
) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    overwrite(path, FIXED, path.read_bytes()[SLOT_A] * 2)
    torn = path.read_bytes()[place][:40] + bytes(40)
    overwrite(path, place.start, torn)
    with pytest.raises(BlobDamagedError, match="key slot"):
        store.verify(NAMESPACE, DIGEST)
    assert store.rekey(NAMESPACE, DIGEST)
    assert store.verify(NAMESPACE, DIGEST)
    assert path.read_bytes()[place] == EMPTY


def test_rekey_finishes_a_slot_of_the_newest_key_that_was_torn(
    store: BlobStore, keyring: Keyring, root: Path
) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    newest = add_key(keyring)
    overwrite(path, SLOT_B.start, newest.key_id + bytes(20))
    assert store.rekey(NAMESPACE, DIGEST)
    assert store.verify(NAMESPACE, DIGEST)
    assert not store.rekey(NAMESPACE, DIGEST)


def test_rekey_writes_a_slot_anew_whose_reserved_bytes_changed(
    store: BlobStore, root: Path
) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    overwrite(path, FIXED + 79, b"\x01")
    assert store.rekey(NAMESPACE, DIGEST)
    assert store.verify(NAMESPACE, DIGEST)


def test_rekey_refuses_what_does_not_open(store: BlobStore, root: Path, keyring: Keyring) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    with pytest.raises(BlobNotFoundError):
        store.rekey(NAMESPACE, bytes(32))
    overwrite(path, FIXED, b"\xff" * 16)
    with pytest.raises(WrongKeyError):
        store.rekey(NAMESPACE, DIGEST)
    os.truncate(path, 100)
    with pytest.raises(BlobDamagedError, match="shorter"):
        store.rekey(NAMESPACE, DIGEST)


def test_readers_notice_nothing_of_a_rekeying(store: BlobStore, keyring: Keyring) -> None:
    put(store, CONTENT)
    with store.open(NAMESPACE, DIGEST) as reader:
        pieces = reader.iter()
        first = next(pieces)
        add_key(keyring)
        assert store.rekey(NAMESPACE, DIGEST)
        assert first + b"".join(pieces) == CONTENT
        reader.verify()


def test_slots_that_change_while_they_are_checked_are_no_damage(
    store: BlobStore, keyring: Keyring, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check reads a torn slot, and the rekeying has finished when it looks again."""
    path = file_of(root, put(store, CONTENT).digest)
    preadv = os.preadv
    torn: list[bool] = []

    def tear(descriptor: int, targets: list[bytearray], offset: int) -> int:
        got = preadv(descriptor, targets, offset)
        if offset == 0 and not torn:
            torn.append(True)
            targets[0][FIXED + 20] ^= 1
        return got

    with store.open(NAMESPACE, DIGEST) as reader:
        monkeypatch.setattr(os, "preadv", tear)
        reader.verify()
    assert torn
    assert path.exists()


def test_rekeying_and_deleting_wait_for_each_other(
    store: BlobStore, keyring: Keyring, root: Path
) -> None:
    """Who waits for a blob that is deleted meanwhile does not bring its key back."""
    path = file_of(root, put(store, CONTENT).digest)
    add_key(keyring)
    outcome: list[object] = []

    def rekey() -> None:
        try:
            outcome.append(store.rekey(NAMESPACE, DIGEST))
        except BlobNotFoundError as error:
            outcome.append(error.digest)

    with path.open("rb") as file:
        with store._backend.exclusive(NAMESPACE, DIGEST):
            thread = threading.Thread(target=rekey)
            thread.start()
            while not _waits_for_lock(path):
                pass
            store._backend.delete(NAMESPACE, DIGEST)
        thread.join()
        assert outcome == [DIGEST]
        assert file.read(HEADER)[FIXED:] == 2 * EMPTY


def _waits_for_lock(path: Path) -> bool:
    inode = f":{path.stat().st_ino} "
    lines = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and inode in line for line in lines)


# -- recompress ----------------------------------------------------------------------------------


def test_recompress_replaces_a_blob_by_a_smaller_one(store: BlobStore, root: Path) -> None:
    before = put(store, CONTENT)
    after = store.recompress(NAMESPACE, DIGEST, 19)
    assert after == store.verify(NAMESPACE, DIGEST)
    assert after.stored_size < before.stored_size * 63 / 64
    assert files_below(root) == [file_of(root, DIGEST)]
    assert file_of(root, DIGEST).stat().st_mode & 0o777 == 0o400
    assert get(store, DIGEST) == CONTENT


def test_recompress_keeps_a_blob_that_gains_too_little(store: BlobStore, root: Path) -> None:
    content = noise(3 * FRAME_SIZE)
    path = file_of(root, put(store, content).digest)
    before = path.read_bytes()
    assert store.recompress(NAMESPACE, sha256(content), 19) is None
    assert files_below(root) == [path]
    assert path.read_bytes() == before


def test_readers_read_on_in_a_blob_that_was_replaced(store: BlobStore, root: Path) -> None:
    put(store, CONTENT)
    with store.open(NAMESPACE, DIGEST) as reader, file_of(root, DIGEST).open("rb") as file:
        assert store.recompress(NAMESPACE, DIGEST, 19)
        assert b"".join(reader.iter()) == CONTENT
        # What it lay in is shredded like a deleted blob.
        assert file.read(HEADER)[FIXED:] == 2 * EMPTY


def test_what_was_replaced_is_verified_in_what_took_its_place(store: BlobStore) -> None:
    put(store, CONTENT)
    with store.open(NAMESPACE, DIGEST) as reader:
        assert store.recompress(NAMESPACE, DIGEST, 19)
        reader.verify()


def test_a_reader_that_opens_what_is_being_replaced_opens_the_new(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, CONTENT)
    opened = store._backend.open
    replaced: list[BlobStat | None] = []

    def replaced_meanwhile(namespace: str, digest: bytes) -> Source:
        source = opened(namespace, digest)
        monkeypatch.setattr(store._backend, "open", opened)
        replaced.append(store.recompress(namespace, digest, 19))
        return source

    monkeypatch.setattr(store._backend, "open", replaced_meanwhile)
    assert store.stat(NAMESPACE, DIGEST) == replaced[0]


def test_recompress_seals_under_the_newest_key(store: BlobStore, keyring: Keyring) -> None:
    put(store, CONTENT)
    add_key(keyring)
    assert store.recompress(NAMESPACE, DIGEST, 19)
    assert not store.rekey(NAMESPACE, DIGEST)


def test_a_blob_deleted_while_it_is_recompressed_does_not_come_back(
    store: BlobStore, root: Path
) -> None:
    put(store, CONTENT)
    pending = store.recompressed(NAMESPACE, DIGEST, 19)
    assert pending is not None
    store.delete(NAMESPACE, DIGEST)
    with pytest.raises(BlobNotFoundError):
        store.put_in_place(NAMESPACE, pending)
    assert files_below(root) == []


def test_a_blob_is_read_and_deleted_and_written_while_it_is_recompressed(store: BlobStore) -> None:
    """What takes long holds nobody up; the same content, written anew, may be replaced as well."""
    put(store, CONTENT)
    pending = store.recompressed(NAMESPACE, DIGEST, 19)
    assert pending is not None
    store.delete(NAMESPACE, DIGEST)
    again = put(store, CONTENT)
    assert store.put_in_place(NAMESPACE, pending).stored_size < again.stored_size
    assert get(store, DIGEST) == CONTENT


def test_recompress_does_not_make_a_good_blob_of_a_damaged_one(
    store: BlobStore, root: Path
) -> None:
    path = file_of(root, put(store, CONTENT).digest)
    overwrite(path, 5000, b"\xff" * 8)
    before = path.read_bytes()
    with pytest.raises(BlobDamagedError, match="frame 0"):
        store.recompress(NAMESPACE, DIGEST, 19)
    assert path.read_bytes() == before
    assert files_below(root) == [path]
    with pytest.raises(BlobNotFoundError):
        store.recompress(NAMESPACE, bytes(32), 19)


def test_what_does_not_verify_takes_no_place(
    store: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The medium gives back other bytes than were written."""
    path = file_of(root, put(store, CONTENT).digest)
    before = path.read_bytes()
    source = FileDraft.source

    def spoil(draft: FileDraft) -> Source:
        os.pwrite(draft._file.descriptor, b"\xff" * 8, 5000)
        return source(draft)

    monkeypatch.setattr(FileDraft, "source", spoil)
    with pytest.raises(BlobDamagedError, match="frame 0"):
        store.recompress(NAMESPACE, DIGEST, 19)
    assert path.read_bytes() == before
    assert files_below(root) == [path]


def test_a_replacement_cut_short_leaves_one_whole_blob(
    store: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the new file has the name, or after and before the old one is shredded."""
    put(store, CONTENT)
    path = file_of(root, DIGEST)

    def die(*args: object) -> None:
        raise Died

    for place in ("pathlib.Path.replace", "storage._local.shred"):
        with path.open("rb") as old:
            monkeypatch.setattr(place, die)
            with pytest.raises(Died):
                store.recompress(NAMESPACE, DIGEST, 19)
            monkeypatch.undo()
            assert get(store, DIGEST) == CONTENT
            assert store.sweep_temporary(0) == 1
            shredded = old.read(HEADER)[FIXED:] == 2 * EMPTY
        assert shredded is (place == "storage._local.shred")
        assert store.verify(NAMESPACE, DIGEST)
        assert files_below(root) == [path]


# -- restore -------------------------------------------------------------------------------------


@pytest.fixture
def spare(tmp_path: Path, keyring: Keyring) -> Iterator[BlobStore]:
    """Another store with good copies."""
    spare = BlobStore(tmp_path / "spare", keyring)
    put(spare, CONTENT)
    yield spare
    spare.close()


def test_restore_brings_back_what_is_missing(store: BlobStore, spare: BlobStore) -> None:
    assert store.restore(NAMESPACE, DIGEST, spare) == store.verify(NAMESPACE, DIGEST)
    assert get(store, DIGEST) == CONTENT


def test_restore_replaces_what_is_damaged(store: BlobStore, spare: BlobStore, root: Path) -> None:
    put(store, CONTENT)
    os.truncate(file_of(root, DIGEST), 10)
    with pytest.raises(BlobDamagedError):
        store.verify(NAMESPACE, DIGEST)
    assert store.restore(NAMESPACE, DIGEST, spare).size == len(CONTENT)
    assert store.verify(NAMESPACE, DIGEST)
    assert files_below(root) == [file_of(root, DIGEST)]


def test_a_reader_that_meets_damage_goes_on_in_the_good_copy_that_replaced_it(
    store: BlobStore, spare: BlobStore, root: Path
) -> None:
    put(store, CONTENT)
    path = file_of(root, DIGEST)
    for size in (FRAME_SIZE, None):
        with store.open(NAMESPACE, DIGEST) as reader:
            pieces = reader.iter(0, size)
            os.truncate(path, 300)
            store.restore(NAMESPACE, DIGEST, spare)
            assert b"".join(pieces) == CONTENT[:size]


def test_restore_takes_no_bad_copy(
    store: BlobStore, spare: BlobStore, root: Path, tmp_path: Path
) -> None:
    overwrite(file_of(tmp_path / "spare", DIGEST), 5000, b"\xff" * 8)
    with pytest.raises(BlobDamagedError, match="frame 0"):
        store.restore(NAMESPACE, DIGEST, spare)
    with pytest.raises(BlobNotFoundError):
        store.restore(NAMESPACE, bytes(32), spare)
    assert files_below(root) == []


# -- entries -------------------------------------------------------------------------------------


def test_entries_tells_stored_sizes_ascending(store: BlobStore, root: Path) -> None:
    infos = [put(store, noise(100 * n, n)) for n in range(20)]
    stray = file_of(root, infos[0].digest)
    stray.with_name("note.txt").write_text("x")
    expected = sorted((info.digest, info.stored_size) for info in infos)
    assert list(store.entries(NAMESPACE)) == expected
    assert list(store.entries("org-9")) == []


def test_entries_start_after_a_digest(store: BlobStore) -> None:
    for n in range(40):
        put(store, noise(10, n))
    everything = list(store.entries(NAMESPACE))
    for number, (digest, _) in enumerate(everything):
        assert list(store.entries(NAMESPACE, after=digest)) == everything[number + 1 :]
        # What need not be stored, in the same shard and before all of it.
        assert list(store.entries(NAMESPACE, after=digest[:2])) == everything[number:]
    assert list(store.entries(NAMESPACE, after=b"\xff" * 32)) == []


def test_entries_passes_over_what_is_deleted_meanwhile(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, b"one")

    def deleted(path: str) -> os.stat_result:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "lstat", deleted)
    assert list(store.entries(NAMESPACE)) == []


def test_a_lock_that_cannot_be_had_leaves_no_descriptor(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, CONTENT)
    before = len(list(Path("/proc/self/fd").iterdir()))

    def die(descriptor: int, operation: int) -> None:
        raise Died

    monkeypatch.setattr(fcntl, "flock", die)
    with pytest.raises(Died):
        store.delete(NAMESPACE, DIGEST)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_read_only_files_are_opened_for_writing_and_stay_read_only(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(noise(HEADER))
    path.chmod(0o400)
    slotfile.shred(path)
    assert path.stat().st_mode & 0o777 == 0o400
    assert path.read_bytes()[FIXED:] == 2 * EMPTY
