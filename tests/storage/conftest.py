"""Fixtures of the store's tests: a keyring and stores on it."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage import BlobStore, Keyring
from storage._bucket import Bucket
from storage._local import LocalBackend
from storage._objectdraft import Limits
from storage._objects import ObjectBackend
from tests.storage.helpers import MASTER_KEY
from tests.storage.places import Directory, Objects, Place
from tests.support.s3 import S3Server


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "keyring.json", MASTER_KEY)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(root: Path, keyring: Keyring) -> Iterator[BlobStore]:
    store = BlobStore(root, keyring)
    yield store
    store.close()


@pytest.fixture
def small_frames(root: Path, keyring: Keyring) -> Iterator[BlobStore]:
    """A store with frames of 64 bytes: every shape of blob in little content."""
    store = BlobStore(root, keyring, frame_log2=6)
    yield store
    store.close()


KINDS = ("directory", "objects", "large objects")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, root: Path) -> Place:
    """Each kind of backend in turn. Large objects: every blob is stored like those of many MiB."""
    if request.param == "directory":
        return Directory(root, LocalBackend(root))
    server: S3Server = request.getfixturevalue("s3")
    return objects_at(
        server, all_large=request.param == "large objects", drafts=root.with_name("drafts")
    )


def objects_at(server: S3Server, *, all_large: bool = False, drafts: Path | None = None) -> Objects:
    """A new place in the server's bucket."""
    bucket = server.store(f"tests/{secrets.token_hex(8)}")
    limits = replace(Limits(), small=0) if all_large else Limits()
    return Objects(bucket, ObjectBackend(Bucket(bucket), drafts=drafts, limits=limits))


@pytest.fixture
def objects(s3: S3Server) -> Objects:
    """A new place in the bucket of a real server."""
    return objects_at(s3)


@pytest.fixture
def large_objects(s3: S3Server) -> Objects:
    """The same, where every blob is stored like those of many MiB."""
    return objects_at(s3, all_large=True)


@pytest.fixture
def kept(place: Place, keyring: Keyring) -> Iterator[BlobStore]:
    """A store in that place."""
    kept = BlobStore(place.backend, keyring)
    yield kept
    kept.close()
