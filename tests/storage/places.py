"""Where a store under test keeps its blobs, looked at from outside: what lies there, and damage to it."""

from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import ObjectStore

from storage import Backend
from tests.storage.helpers import NAMESPACE, file_of, files_below


class Place(Protocol):
    """A backend, and what it keeps."""

    backend: Backend

    def names(self) -> list[str]:
        """What lies there, however it is called."""
        ...

    def read(self, digest: bytes) -> bytes:
        """All bytes of a blob's file."""
        ...

    def overwrite(self, digest: bytes, offset: int, data: bytes) -> None:
        """Change bytes of a blob's file."""
        ...

    def remove(self, digest: bytes) -> None:
        """Lose a blob."""
        ...


class Directory:
    """Below a directory of this machine."""

    def __init__(self, root: Path, backend: Backend) -> None:
        self.root = root
        self.backend = backend

    def names(self) -> list[str]:
        return [str(path.relative_to(self.root)) for path in files_below(self.root)]

    def read(self, digest: bytes) -> bytes:
        return file_of(self.root, digest).read_bytes()

    def overwrite(self, digest: bytes, offset: int, data: bytes) -> None:
        path = file_of(self.root, digest)
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def remove(self, digest: bytes) -> None:
        file_of(self.root, digest).unlink()


class Objects:
    """In a bucket: as one object, or as the two of a large blob."""

    HEADER = 192
    NAME_OBJECT = 224

    def __init__(self, bucket: ObjectStore, backend: Backend) -> None:
        self.bucket = bucket
        self.backend = backend

    def names(self) -> list[str]:
        return sorted(meta["path"] for chunk in obstore.list(self.bucket) for meta in chunk)

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self.bucket, key).bytes())

    def put(self, key: str, data: bytes) -> None:
        obstore.put(self.bucket, key, data)

    def key(self, digest: bytes) -> str:
        return f"{NAMESPACE}/blobs/{digest.hex()}"

    def data_key(self, digest: bytes) -> str | None:
        """Where the bytes behind the header of a large blob lie; `None` for a small one."""
        found = self.get(self.key(digest))
        is_large = len(found) == self.NAME_OBJECT and found.endswith(b"DMSN")
        return f"{NAMESPACE}/data/{found[196:212].hex()}" if is_large else None

    def read(self, digest: bytes) -> bytes:
        data_key = self.data_key(digest)
        found = self.get(self.key(digest))
        return found if data_key is None else found[: self.HEADER] + self.get(data_key)

    def overwrite(self, digest: bytes, offset: int, data: bytes) -> None:
        key, data_key = self.key(digest), self.data_key(digest)
        if data_key is not None and offset >= self.HEADER:
            key, offset = data_key, offset - self.HEADER
        found = self.get(key)
        self.put(key, found[:offset] + data + found[offset + len(data) :])

    def remove(self, digest: bytes) -> None:
        obstore.delete(self.bucket, self.key(digest))
