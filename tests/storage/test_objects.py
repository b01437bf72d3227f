"""Object storage: what lies in the bucket, and what a lost answer, a crash or an outage leaves there."""

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError
from obstore.store import S3Store

from storage import (
    FRAME_SIZE,
    BlobDamagedError,
    BlobNotFoundError,
    BlobStore,
    Keyring,
    PendingBlob,
    StoreFullError,
    StoreUnavailableError,
    UnsupportedVersionError,
)
from storage import _bucket as bucket_module
from storage._bucket import Bucket, Upload
from storage._locks import LockDirectory
from storage._objectdraft import Limits
from storage._objects import ObjectBackend
from tests.storage.helpers import NAMESPACE, get, noise, put, sha256, text
from tests.storage.places import Objects
from tests.storage.test_primitives import add_key
from tests.support.programs import wait_until
from tests.support.s3 import S3Server

CONTENT = text(3 * FRAME_SIZE + 5)
DIGEST = sha256(CONTENT)
NAME = f"{NAMESPACE}/blobs/{DIGEST.hex()}"


def store_in(place: Objects, keyring: Keyring, **limits: float) -> BlobStore:
    """A store in the place's bucket with other limits."""
    backend = ObjectBackend(Bucket(place.bucket), limits=replace(Limits(), **limits))
    return BlobStore(backend, keyring)


@pytest.fixture
def large(large_objects: Objects, keyring: Keyring) -> Iterator[BlobStore]:
    """A store that gives every blob a data object."""
    store = BlobStore(large_objects.backend, keyring)
    yield store
    store.close()


def pending(store: BlobStore, content: bytes = CONTENT) -> PendingBlob:
    with store.writer(NAMESPACE) as writer:
        writer.write(content)
        return writer.finish()


def folders(place: Objects) -> list[str]:
    """`.intents` for what is below that, else the part of a namespace: `blobs`, `data`."""
    parts = [name.split("/") for name in place.names()]
    return sorted(part[0] if part[0] == ".intents" else part[1] for part in parts)


# -- what lies there -----------------------------------------------------------------------------


def test_a_small_blob_is_one_object(objects: Objects, keyring: Keyring) -> None:
    info = put(BlobStore(objects.backend, keyring), CONTENT)
    assert objects.names() == [NAME]
    found = objects.get(NAME)
    assert len(found) == info.stored_size
    assert found.startswith(b"\x89DMSB")


def test_a_large_blob_is_a_data_object_and_one_that_names_it(
    large: BlobStore, large_objects: Objects
) -> None:
    info = put(large, CONTENT)
    name = large_objects.get(NAME)
    data_id, length = name[196:212], int.from_bytes(name[212:220], "big")
    assert name.startswith(b"\x89DMSB")
    assert (name[192:196], name[220:]) == (b"\x01\0\0\0", b"DMSN")
    assert large_objects.names() == [NAME, f"{NAMESPACE}/data/{data_id.hex()}"]
    data = large_objects.get(f"{NAMESPACE}/data/{data_id.hex()}")
    assert len(data) == length == info.stored_size - 192
    # Whoever destroys the name object has destroyed the key: no slot lies in the data object.
    assert name[32:112] not in data


def test_what_exceeds_one_part_is_sent_in_parts(objects: Objects, keyring: Keyring) -> None:
    store = store_in(objects, keyring, small=1 << 20, part=5 << 20)
    content = noise(12 << 20)
    put(store, content)
    key = objects.data_key(sha256(content))
    assert key is not None
    # S3's tag of a multipart object ends in how many parts it has.
    assert str(obstore.head(objects.bucket, key)["e_tag"]).strip('"').endswith("-3")
    assert get(store, sha256(content)) == content


def test_what_fills_its_last_part_ends_with_it(objects: Objects, keyring: Keyring) -> None:
    part = 5 << 20
    store = store_in(objects, keyring, small=1 << 20, part=part)
    around = put(store, noise(part)).stored_size - 192 - part
    content = noise(part - around)
    assert put(store, content).stored_size == 192 + part
    key = objects.data_key(sha256(content))
    assert key is not None
    assert str(obstore.head(objects.bucket, key)["e_tag"]).strip('"').endswith("-1")
    assert get(store, sha256(content)) == content


def test_foreign_objects_are_passed_over(objects: Objects, keyring: Keyring) -> None:
    store = BlobStore(objects.backend, keyring)
    info = put(store, CONTENT)
    objects.put(f"{NAMESPACE}/blobs/README", b"x")
    objects.put("lost+found/x", b"x")
    objects.put(".probe-left", b"x")
    objects.put(".intents/README", b"x")
    objects.put(f".intents/-/{'0' * 32}", b"x")
    assert list(store.digests(NAMESPACE)) == [DIGEST]
    assert list(store.entries(NAMESPACE)) == [(DIGEST, info.stored_size)]
    assert store.namespaces() == [NAMESPACE]
    assert later(objects, store).sweep_temporary(AT_ONCE) == 0
    assert len(objects.names()) == 6


# -- damage --------------------------------------------------------------------------------------


def test_a_lost_data_object_is_damage(large: BlobStore, large_objects: Objects) -> None:
    put(large, CONTENT)
    key = large_objects.data_key(DIGEST)
    with large.open(NAMESPACE, DIGEST) as reader:
        obstore.delete(large_objects.bucket, key)
        with pytest.raises(BlobDamagedError, match="has gone"):
            reader.read(0, 10)
    with pytest.raises(BlobDamagedError, match="has gone"):
        large.open(NAMESPACE, DIGEST)


@pytest.mark.parametrize("left", [0, 10, FRAME_SIZE])
def test_a_data_object_that_is_too_short_is_damage(
    large: BlobStore, large_objects: Objects, left: int
) -> None:
    content = noise(3 * FRAME_SIZE)
    put(large, content)
    key = large_objects.data_key(sha256(content))
    assert key is not None
    with large.open(NAMESPACE, sha256(content)) as reader:
        large_objects.put(key, large_objects.get(key)[:left])
        with pytest.raises(BlobDamagedError, match="ends inside it"):
            reader.read(2 * FRAME_SIZE, 10)
    with pytest.raises(BlobDamagedError, match="ends inside it"):
        large.open(NAMESPACE, sha256(content))


@pytest.mark.parametrize("size", [0, 100, 224, 300])
def test_a_fragment_of_an_object_is_damage(objects: Objects, keyring: Keyring, size: int) -> None:
    store = BlobStore(objects.backend, keyring)
    put(store, CONTENT)
    objects.put(NAME, objects.get(NAME)[:size])
    with pytest.raises(BlobDamagedError):
        store.open(NAMESPACE, DIGEST)
    assert list(store.entries(NAMESPACE)) == [(DIGEST, size)]
    if size < 192:
        with pytest.raises(BlobDamagedError, match="shorter"):
            store.rekey(NAMESPACE, DIGEST)
    store.delete(NAMESPACE, DIGEST)
    assert objects.names() == []


def test_a_newer_kind_of_name_is_left_alone(large: BlobStore, large_objects: Objects) -> None:
    put(large, CONTENT)
    large_objects.overwrite(DIGEST, 0, b"\x89")
    name = large_objects.get(NAME)
    large_objects.put(NAME, name[:192] + b"\x02" + name[193:])
    for call in (large.open, large.delete):
        with pytest.raises(UnsupportedVersionError, match="version 2"):
            call(NAMESPACE, DIGEST)
    assert list(large.entries(NAMESPACE)) == [(DIGEST, 224)]
    large_objects.put(f".intents/{NAMESPACE}/{name[196:212].hex()}", DIGEST)
    assert later(large_objects, large).sweep_temporary(AT_ONCE) == 0
    assert len(large_objects.names()) == 3


AT_ONCE = -2.0
"""Seconds: the server's times are rounded to whole ones, so what it has just written may be of the future."""


def later(place: Objects, store: BlobStore) -> BlobStore:
    """The store as after the time in which a writer gives its blob a name."""
    return store_in(place, store._keyring, abandoned=AT_ONCE)


# -- readers -------------------------------------------------------------------------------------


def test_deleting_ends_readers_with_not_found(large: BlobStore) -> None:
    content = noise(3 * FRAME_SIZE)
    put(large, content)
    with large.open(NAMESPACE, sha256(content)) as reader:
        large.delete(NAMESPACE, sha256(content))
        with pytest.raises(BlobNotFoundError):
            reader.read(0, 10)


def test_readers_of_a_small_blob_go_on_in_what_replaced_it(
    objects: Objects, keyring: Keyring
) -> None:
    """Its bytes lie under the name itself: their tag tells that they are others now."""
    store = BlobStore(objects.backend, keyring)
    content = text(1 << 20) + noise(2 << 20)
    put(store, content)
    with store.open(NAMESPACE, sha256(content)) as reader:
        assert store.recompress(NAMESPACE, sha256(content), 19)
        assert b"".join(reader.iter()) == content
    with store.open(NAMESPACE, sha256(content)) as reader:
        store.delete(NAMESPACE, sha256(content))
        with pytest.raises(BlobNotFoundError):
            reader.read(2 << 20, 10)


# -- lost answers, crashes, sweeps ---------------------------------------------------------------


@pytest.mark.parametrize("small", [0, 8 << 20], ids=["large", "small"])
def test_a_creation_whose_answer_got_lost_is_recognised(
    objects: Objects, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    """The library sends the request again, and hears that somebody created the object: itself."""
    store = store_in(objects, keyring, small=small)
    create = Bucket.create

    def twice(bucket: Bucket, key: str, data: bytes) -> bool:
        assert create(bucket, key, data)
        return create(bucket, key, data)

    monkeypatch.setattr(Bucket, "create", twice)
    assert put(store, CONTENT).created
    assert get(store, DIGEST) == CONTENT
    assert ".intents" not in folders(objects)


def test_a_blob_deleted_while_it_is_met_is_written_again(
    large: BlobStore, large_objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bucket, "create", lambda *_: False)
    with pytest.raises(StoreUnavailableError, match="deleted in this instant"):
        put(large, CONTENT)
    monkeypatch.undo()
    assert put(large, CONTENT).created


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_creation_of_unknown_outcome_destroys_nothing(
    large: BlobStore,
    large_objects: Objects,
    monkeypatch: pytest.MonkeyPatch,
    *,
    carried_out: bool,
) -> None:
    """The connection broke: the name may be there, and then what it refers to must stay."""
    create = Bucket.create

    def broken(bucket: Bucket, key: str, data: bytes) -> bool:
        if carried_out:
            create(bucket, key, data)
        raise StoreUnavailableError("the connection broke")

    monkeypatch.setattr(Bucket, "create", broken)
    with pytest.raises(StoreUnavailableError, match="broke"):
        put(large, CONTENT)
    monkeypatch.undo()
    assert sorted(set(folders(large_objects)) - {"blobs"}) == [".intents", "data"]
    assert large.sweep_temporary(0) == 0
    swept = later(large_objects, large).sweep_temporary(AT_ONCE)
    assert swept == (0 if carried_out else 1)
    assert put(large, CONTENT).created is not carried_out
    assert get(large, DIGEST) == CONTENT
    assert folders(large_objects) == ["blobs", "data"]


def test_what_a_writer_that_died_has_left_is_swept_when_it_is_old(
    large: BlobStore, large_objects: Objects
) -> None:
    pending(large)
    assert folders(large_objects) == [".intents", "data"]
    assert large.sweep_temporary(0) == 0
    swept = later(large_objects, large)
    assert swept.sweep_temporary(3600) == 0
    assert swept.sweep_temporary(AT_ONCE) == 1
    assert large_objects.names() == []


def test_two_sweeps_at_once_settle_an_intent_once(
    large: BlobStore, large_objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending(large)
    get_object = Bucket.get

    def settled_meanwhile(bucket: Bucket, key: str, *args: int) -> object:
        obstore.delete(large_objects.bucket, key)
        return get_object(bucket, key, *args)

    monkeypatch.setattr(Bucket, "get", settled_meanwhile)
    assert later(large_objects, large).sweep_temporary(AT_ONCE) == 0


def test_a_name_is_not_given_to_what_a_sweep_may_have_taken(
    objects: Objects, keyring: Keyring
) -> None:
    store = store_in(objects, keyring, small=0, abandoned=0.01)
    late = pending(store)
    time.sleep(0.01)  # its age is what is tested
    with pytest.raises(StoreUnavailableError, match="waited too long"):
        late.publish()
    assert objects.names() == []


@pytest.mark.parametrize("step", ["delete", "replace"])
def test_a_removal_cut_short_is_finished_by_the_sweep(
    large: BlobStore, large_objects: Objects, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The name is gone, or another's, and the data object is still there."""
    put(large, CONTENT)
    delete = Bucket.delete

    def fail(bucket: Bucket, key: str) -> None:
        if "/blobs/" in key:
            delete(bucket, key)
        else:
            raise StoreUnavailableError("the connection broke")

    monkeypatch.setattr(Bucket, "delete", fail)
    if step == "delete":
        with pytest.raises(StoreUnavailableError):
            large.delete(NAMESPACE, DIGEST)
    else:
        assert large.recompress(NAMESPACE, DIGEST, 19)
    monkeypatch.undo()
    assert later(large_objects, large).sweep_temporary(AT_ONCE) == 1
    if step == "delete":
        assert large_objects.names() == []
    else:
        assert get(large, DIGEST) == CONTENT
        assert folders(large_objects) == ["blobs", "data"]


def test_an_upload_that_cannot_be_aborted_is_left_to_the_bucket(
    objects: Objects, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(upload: Upload) -> None:
        raise StoreUnavailableError("the connection broke")

    monkeypatch.setattr(Upload, "abort", fail)
    store = store_in(objects, keyring, small=0, part=5 << 20)
    with store.writer(NAMESPACE) as writer:
        writer.write(noise(11 << 20))
    assert objects.names() == []


def test_a_completion_that_fails_leaves_nothing_once_the_connection_is_back(
    large: BlobStore, large_objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Upload.complete

    def fail(upload: Upload) -> None:
        complete(upload)
        raise StoreUnavailableError("the answer got lost")

    monkeypatch.setattr(Upload, "complete", fail)
    with pytest.raises(StoreUnavailableError, match="got lost"):
        put(large, CONTENT)
    assert large_objects.names() == []


def test_entries_passes_over_what_is_deleted_meanwhile(
    large: BlobStore, large_objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(large, CONTENT)
    get_object = Bucket.get

    def deleted_meanwhile(bucket: Bucket, key: str, *args: int) -> object:
        obstore.delete(large_objects.bucket, key)
        return get_object(bucket, key, *args)

    monkeypatch.setattr(Bucket, "get", deleted_meanwhile)
    assert list(large.entries(NAMESPACE)) == []


# -- outages -------------------------------------------------------------------------------------


def broken_store(s3: S3Server, keyring: Keyring, **wrong: str) -> BlobStore:
    """A store whose server is not there, or does not let it in, or has no such bucket."""
    given = {
        "bucket": "blobs",
        "endpoint": f"http://127.0.0.1:{s3.port}",
        "secret_access_key": s3.credentials.secret,
    }
    bucket = S3Store(
        prefix=f"tests/{secrets.token_hex(8)}",
        region="us-east-1",
        access_key_id=s3.credentials.key_id,
        client_options={"allow_http": True, "timeout": timedelta(seconds=10)},
        retry_config={"max_retries": 0},
        **{**given, **wrong},
    )
    return BlobStore(ObjectBackend(Bucket(bucket), limits=Limits(small=0)), keyring)


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "http://127.0.0.1:9"},
        {"secret_access_key": "wrong"},
        {"bucket": "no-such-bucket"},
    ],
    ids=["no server", "wrong secret", "no bucket"],
)
def test_an_object_store_that_is_away_is_unavailable_and_nothing_else(
    s3: S3Server, keyring: Keyring, wrong: dict[str, str]
) -> None:
    """Above all it is not a store in which nothing is found: then everything would seem lost."""
    store = broken_store(s3, keyring, **wrong)
    keyring.storage_key(NAMESPACE)
    calls = (store.open, store.stat, store.exists, store.delete, store.rekey, store.verify)
    for call in calls:
        with pytest.raises(StoreUnavailableError):
            call(NAMESPACE, DIGEST)
    for each in (
        lambda: put(store, CONTENT),
        lambda: list(store.digests(NAMESPACE)),
        lambda: list(store.entries(NAMESPACE)),
        store.namespaces,
        store.check_writable,
        lambda: store.sweep_temporary(0),
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            each()
        assert s3.credentials.secret not in str(caught.value)
        assert "\n" not in str(caught.value)
    store.close()


@pytest.mark.parametrize("code", ["507 Insufficient Storage", "QuotaExceeded", "EntityTooLarge"])
def test_an_object_store_without_room_is_full(code: str) -> None:
    """What the servers there are answer; none of them can be filled in a test."""
    with pytest.raises(StoreFullError, match="writing: "), bucket_module._failures("writing"):
        raise GenericError(f"Server returned non-2xx status code: {code}\nDebug source: …")


def test_an_outage_while_reading_ahead_is_told_and_the_reader_may_go_on(
    large: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = noise(40 * FRAME_SIZE)
    put(large, content)
    get_object = Bucket.get
    requests: list[int] = []

    def fails_once(bucket: Bucket, key: str, start: int, end: int, **tag: str | None) -> object:
        requests.append(end - start)
        if len(requests) == 8:
            raise StoreUnavailableError("the connection broke")
        return get_object(bucket, key, start, end, **tag)

    monkeypatch.setattr(Bucket, "get", fails_once)
    with large.open(NAMESPACE, sha256(content)) as reader:
        found = bytearray()
        failures = 0
        while len(found) < len(content):
            try:
                found += reader.read(len(found), FRAME_SIZE)
            except StoreUnavailableError:
                failures += 1
    assert (failures, found) == (1, content)


def test_a_blob_may_end_with_a_part(objects: Objects, keyring: Keyring) -> None:
    backend = ObjectBackend(Bucket(objects.bucket), limits=replace(Limits(), part=5 << 20))
    draft = backend.draft(NAMESPACE)
    output = draft.output(100)
    content = noise(10 << 20)
    output.append(content)
    output.flush()
    output.close()
    draft.finish(DIGEST)
    found = bytearray(len(content))
    assert draft.source().read_into([found], 0) == len(content)
    assert found == content
    draft.drop()
    draft.drop()
    assert objects.names() == []


def test_changes_of_a_blob_wait_for_each_other(
    objects: Objects, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes share the directory of locks: what is deleted is not brought back by a rekeying under way."""
    stores = [
        BlobStore(
            ObjectBackend(Bucket(objects.bucket), locks=LockDirectory(tmp_path / "locks")), keyring
        )
        for _ in range(2)
    ]
    put(stores[0], CONTENT)
    add_key(keyring)
    replace_object = Bucket.put
    deleting = threading.Thread(target=stores[1].delete, args=(NAMESPACE, DIGEST))

    def deleted_meanwhile(bucket: Bucket, key: str, data: bytes) -> None:
        deleting.start()
        wait_until(lambda: waits_for_lock(tmp_path / "locks"))
        replace_object(bucket, key, data)

    monkeypatch.setattr(Bucket, "put", deleted_meanwhile)
    assert stores[0].rekey(NAMESPACE, DIGEST)
    deleting.join()
    assert objects.names() == []


def waits_for_lock(directory: Path) -> bool:
    inodes = {f":{path.stat().st_ino} " for path in directory.iterdir()}
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
    return any(inode in line for line in waiting for inode in inodes)


def test_a_directory_of_locks_that_cannot_be_made_is_unavailable(
    objects: Objects, keyring: Keyring, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    locks = LockDirectory(tmp_path / "file" / "locks")
    store = BlobStore(ObjectBackend(Bucket(objects.bucket), locks=locks), keyring)
    put(store, CONTENT)
    with pytest.raises(StoreUnavailableError, match="locking a blob"):
        store.delete(NAMESPACE, DIGEST)
    assert get(store, DIGEST) == CONTENT
