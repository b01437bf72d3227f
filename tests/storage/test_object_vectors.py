"""The golden name objects, in the bucket of a real server: read for ever, and damage told by its class."""

import json
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import BlobStore, Keyring, StoreError
from tests.storage.helpers import get, sha256
from tests.storage.places import Objects
from tests.vectors import make_blob_v1 as blobs
from tests.vectors import make_objects_v1 as maker

MANIFEST: dict[str, Any] = json.loads(maker.MANIFEST.read_text())
CONTENT = blobs.CONTENTS[maker.NAME]


@pytest.fixture
def golden(objects: Objects, tmp_path: Path) -> BlobStore:
    """A store that holds the data object, and yet no name."""
    path = tmp_path / "golden.json"
    path.write_bytes((blobs.HERE / "keyring.json").read_bytes())
    objects.put(MANIFEST["data_key"], bytes.fromhex(MANIFEST["data"]))
    return BlobStore(objects.backend, Keyring.open(path, blobs.MASTER_KEY))


def test_the_good_one_is_read(golden: BlobStore, objects: Objects) -> None:
    objects.put(MANIFEST["name_key"], bytes.fromhex(MANIFEST["name"]))
    assert list(golden.digests(blobs.NAMESPACE)) == [sha256(CONTENT)]
    assert get(golden, sha256(CONTENT), blobs.NAMESPACE) == CONTENT
    file = blobs.HERE / f"{maker.NAME}.blob"
    assert golden.verify(blobs.NAMESPACE, sha256(CONTENT)).stored_size == file.stat().st_size


@pytest.mark.parametrize("vector", MANIFEST["damaged"], ids=lambda vector: vector["name"])
def test_damaged_ones_are_told_by_their_class(
    golden: BlobStore, objects: Objects, vector: dict[str, Any]
) -> None:
    objects.put(MANIFEST["name_key"], bytes.fromhex(vector["bytes"]))
    with pytest.raises(StoreError) as caught:
        golden.verify(blobs.NAMESPACE, sha256(CONTENT))
    assert type(caught.value) is getattr(storage, vector["error"])
    assert getattr(caught.value, "part", None) == vector["part"]


def test_the_writer_still_writes_them_byte_for_byte() -> None:
    assert maker.make_manifest() == MANIFEST


def test_the_data_object_is_the_file_behind_its_header() -> None:
    file = (blobs.HERE / f"{maker.NAME}.blob").read_bytes()
    assert bytes.fromhex(MANIFEST["name"])[: blobs.HEADER] == file[: blobs.HEADER]
    assert bytes.fromhex(MANIFEST["data"]) == file[blobs.HEADER :]
