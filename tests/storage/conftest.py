"""Fixtures of the store's tests: a keyring and stores on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import BlobStore, Keyring
from tests.storage.helpers import MASTER_KEY


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
