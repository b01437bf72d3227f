"""The store's directory: names become durable here, and are listed and removed here.

What the files contain is not looked at.
"""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storage._errors import BlobNotFoundError
from storage._names import (
    BLOB_NAME,
    SHARD,
    blob_path,
    is_namespace,
    require_namespace,
    shard_path,
    temporary_path,
)
from storage._osfiles import make_directory, store_errors, sync_directory
from storage._temporary import TemporaryFile, sweep

_DIRECTORIES = 1 + 256 + 256 * 256


class StoreDirectory:
    """``root/<namespace>/a1/b2/<digest>``, and ``root/<namespace>/tmp`` beside them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._durable: dict[str, bytearray] = {}
        with store_errors("opening the store"):
            make_directory(root)

    def destination(self, namespace: str) -> "Destination":
        """Where the writers of a namespace put their files."""
        return Destination(self, require_namespace(namespace))

    def temporary(self, namespace: str) -> TemporaryFile:
        """A new temporary file in the namespace's own file system."""
        return TemporaryFile(temporary_path(self._root, namespace))

    def publish(self, source: Path, namespace: str, digest: bytes) -> bool:
        """Give a file its name, durably, unless the name is taken; whether it was free."""
        shard = shard_path(self._root, namespace, digest)
        target = shard / digest.hex()
        with store_errors("publishing a blob"):
            try:
                created = _link(source, target)
            except FileNotFoundError:
                make_directory(shard)
                created = _link(source, target)
            self._sync_names(shard, namespace, digest)
        return created

    def open(self, namespace: str, digest: bytes) -> int:
        """A descriptor to read a blob's file. Raises ``BlobNotFoundError``."""
        path = blob_path(self._root, namespace, digest)
        with store_errors("opening a blob"):
            try:
                return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise BlobNotFoundError(namespace, digest) from error

    def exists(self, namespace: str, digest: bytes) -> bool:
        """Whether the name is taken."""
        with store_errors("looking for a blob"):
            return blob_path(self._root, namespace, digest).exists()

    def delete(self, namespace: str, digest: bytes) -> None:
        """Remove a name, durably. Raises ``BlobNotFoundError``."""
        path = blob_path(self._root, namespace, digest)
        with store_errors("deleting a blob"):
            try:
                path.unlink()
            except FileNotFoundError as error:
                raise BlobNotFoundError(namespace, digest) from error
            sync_directory(path.parent)

    def namespaces(self) -> list[str]:
        """The namespaces that have a directory, sorted."""
        with store_errors("listing namespaces"):
            paths = [path for path in self._root.iterdir() if path.is_dir()]
        return sorted(path.name for path in paths if is_namespace(path.name))

    def digests(self, namespace: str) -> Iterator[bytes]:
        """The digests of a namespace, ascending; one shard in memory at a time."""
        for first in _listed(self._root / require_namespace(namespace), SHARD.fullmatch):
            for second in _listed(first, SHARD.fullmatch):
                for path in _listed(second, BLOB_NAME.fullmatch):
                    yield bytes.fromhex(path.name)

    def sweep(self, older_than: float) -> int:
        """Remove the temporary files that nobody owns any more; how many."""
        with store_errors("sweeping temporary files"):
            return sum(
                sweep(temporary_path(self._root, namespace), older_than=older_than)
                for namespace in self.namespaces()
            )

    def probe(self) -> int:
        """Write, sync and remove a small file; the bytes free for blobs."""
        path = self._root / f".probe-{secrets.token_hex(8)}"
        with store_errors("checking that the store is writable"):
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                os.write(descriptor, bytes(4096))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                with suppress(FileNotFoundError):
                    path.unlink()
            space = os.statvfs(self._root)
        return space.f_bavail * space.f_frsize

    def _sync_names(self, shard: Path, namespace: str, digest: bytes) -> None:
        """Sync the blob's directory, and the parents of those above it once per process.

        Another process may have made a directory and died before it synced the parent: so the
        first use counts, not who made it.
        """
        sync_directory(shard)
        with self._lock:
            durable = self._durable.setdefault(namespace, bytearray(_DIRECTORIES))
        for depth, parent in zip((2, 1, 0), shard.parents, strict=False):
            number = _directory_number(digest[:depth])
            if not durable[number]:
                sync_directory(parent)
                durable[number] = 1


@dataclass(frozen=True, slots=True)
class Destination:
    """One namespace of a store's directory, as the writers see it."""

    directory: StoreDirectory
    namespace: str

    def temporary(self) -> TemporaryFile:
        """A new temporary file."""
        return self.directory.temporary(self.namespace)

    def publish(self, source: Path, digest: bytes) -> bool:
        """Give the file its durable name; false if a blob already has it."""
        return self.directory.publish(source, self.namespace, digest)


def _directory_number(prefix: bytes) -> int:
    """Numbers the directories of a namespace: itself, then ``a1``, then ``a1/b2``."""
    return (0, 1, 1 + 256)[len(prefix)] + int.from_bytes(prefix, "big")


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    return True


def _listed(directory: Path, matches: Callable[[str], object]) -> list[Path]:
    with store_errors("listing blobs"):
        try:
            return sorted(path for path in directory.iterdir() if matches(path.name))
        except FileNotFoundError:
            return []
