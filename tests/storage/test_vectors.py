"""The golden blobs: what version 1 wrote must be read for ever, and damage told by its class."""

import json
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import BlobStore, Keyring, StoreError
from tests.storage.helpers import file_of, sha256
from tests.vectors import make_blob_v1 as maker

MANIFEST: dict[str, Any] = json.loads((maker.HERE / "manifest.json").read_text())
NAMESPACE: str = MANIFEST["namespace"]
GOOD = [vector for vector in MANIFEST["vectors"] if "content" in vector]
BAD = [vector for vector in MANIFEST["vectors"] if "error" in vector]


def _name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def _blob(name: str) -> bytes:
    return (maker.HERE / f"{name}.blob").read_bytes()


@pytest.fixture
def golden(tmp_path: Path) -> Keyring:
    """The committed keyring, in a place where locks may be made."""
    path = tmp_path / "keyring.json"
    path.write_bytes((maker.HERE / "keyring.json").read_bytes())
    return Keyring.open(path, bytes.fromhex(MANIFEST["master_key"]))


@pytest.fixture
def reader_store(root: Path, golden: Keyring) -> BlobStore:
    """A store with today's frame size: the header's is what counts."""
    return BlobStore(root, golden)


def _place(root: Path, digest: bytes, blob: bytes) -> None:
    path = file_of(root, digest, NAMESPACE)
    path.parent.mkdir(parents=True)
    path.write_bytes(blob)


@pytest.mark.parametrize("vector", GOOD, ids=_name)
def test_good_blobs_are_read(reader_store: BlobStore, root: Path, vector: dict[str, Any]) -> None:
    digest, content = bytes.fromhex(vector["digest"]), bytes.fromhex(vector["content"])
    assert sha256(content) == digest
    _place(root, digest, _blob(vector["name"]))
    with reader_store.open(NAMESPACE, digest) as reader:
        assert b"".join(reader.iter()) == content
        assert reader.read(1, 70) == content[1:71]
    assert reader_store.verify(NAMESPACE, digest).size == len(content)


@pytest.mark.parametrize("vector", BAD, ids=_name)
def test_damaged_blobs_are_told_by_their_class(
    reader_store: BlobStore, root: Path, vector: dict[str, Any]
) -> None:
    digest = bytes.fromhex(vector["digest"])
    _place(root, digest, _blob(vector["name"]))
    with pytest.raises(StoreError) as caught:
        reader_store.verify(NAMESPACE, digest)
    assert type(caught.value) is getattr(storage, vector["error"])
    assert getattr(caught.value, "part", None) == vector["part"]
    assert getattr(caught.value, "number", None) == vector["number"]


@pytest.mark.parametrize("name", ["slot-reserved", "slot-b-garbage", "rotation-torn"])
def test_one_slot_that_opens_is_enough_to_read(
    reader_store: BlobStore, root: Path, name: str
) -> None:
    content = maker.CONTENTS["frames"]
    _place(root, sha256(content), _blob(name))
    with reader_store.open(NAMESPACE, sha256(content)) as reader:
        assert b"".join(reader.iter()) == content


def test_another_keyring_does_not_open_them(tmp_path: Path, root: Path) -> None:
    content = maker.CONTENTS["frames"]
    _place(root, sha256(content), _blob("frames"))
    other = Keyring.create(tmp_path / "other.json", maker.MASTER_KEY)
    other.storage_key(NAMESPACE)
    with pytest.raises(storage.WrongKeyError):
        BlobStore(root, other).open(NAMESPACE, sha256(content))


def test_the_writer_still_writes_them_byte_for_byte() -> None:
    blobs, manifest = maker.make_vectors()
    assert manifest == MANIFEST["vectors"]
    assert sorted(blobs) == sorted(path.stem for path in maker.HERE.glob("*.blob"))
    # What zstd makes of content may differ between its versions; everything else may not.
    assert [name for name in blobs if blobs[name] != _blob(name) and name != "compressed"] == []


def test_an_index_in_pages_is_written_byte_for_byte(tmp_path: Path) -> None:
    blob = maker.write_blob(tmp_path, "paged", maker.noise(maker.PAGED_SIZE))
    assert sha256(blob).hex() == MANIFEST["paged_blob_sha256"]
