"""The store's directory: names become durable here, and are listed, replaced and removed here.

What the files contain is not looked at, but for the key slots that ``_slotfile`` changes.
"""

import fcntl
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from storage._slotfile import change_slots, shred
from storage._slots import SlotChange
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

    def names(self, descriptor: int, namespace: str, digest: bytes) -> bool:
        """Whether the name still is that of the open file."""
        with store_errors("looking for a blob"):
            return _has_name(descriptor, blob_path(self._root, namespace, digest))

    def exists(self, namespace: str, digest: bytes) -> bool:
        """Whether the name is taken."""
        with store_errors("looking for a blob"):
            return blob_path(self._root, namespace, digest).exists()

    @contextmanager
    def exclusive(self, namespace: str, digest: bytes) -> Iterator[None]:
        """Hold the file that has the name against all who would change, replace or remove it.

        Readers hold nothing and are not held up. Where the name is free, nothing is held.
        """
        with store_errors("locking a blob"):
            descriptor = _lock_named(blob_path(self._root, namespace, digest))
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def change_slots(
        self, namespace: str, digest: bytes, plan: Callable[[bytes], SlotChange | None]
    ) -> bool:
        """Change a blob's key slots where they lie, under ``exclusive``; whether they changed.

        Raises ``BlobNotFoundError``, and what ``plan`` raises.
        """
        with store_errors("changing key slots"):
            try:
                return change_slots(blob_path(self._root, namespace, digest), plan)
            except FileNotFoundError as error:
                raise BlobNotFoundError(namespace, digest) from error

    def replace(self, source: Path, namespace: str, digest: bytes) -> None:
        """Give a file the name, durably, whoever has it; under ``exclusive``.

        The key slots of a file that had it are shredded. Whoever has that open reads on in it.
        """
        shard = shard_path(self._root, namespace, digest)
        target = shard / digest.hex()
        with store_errors("replacing a blob"):
            make_directory(shard)
            grave = self._grave(namespace)
            with suppress(FileNotFoundError):
                os.link(target, grave)
            source.replace(target)
            self._sync_names(shard, namespace, digest)
            with suppress(FileNotFoundError):
                _bury(grave)

    def delete(self, namespace: str, digest: bytes) -> None:
        """Remove a name, durably, and shred the blob's key slots; under ``exclusive``.

        The name goes first: so whoever publishes the same content meanwhile, or after a crash in
        between, finds it free and never a blob that does not open. What a crash leaves is a
        temporary file, which the next sweep shreds. Raises ``BlobNotFoundError``.
        """
        path = blob_path(self._root, namespace, digest)
        with store_errors("deleting a blob"):
            if not os.path.lexists(path):
                raise BlobNotFoundError(namespace, digest)
            grave = self._grave(namespace)
            path.rename(grave)
            sync_directory(path.parent)
            _bury(grave)

    def namespaces(self) -> list[str]:
        """The namespaces that have a directory, sorted."""
        with store_errors("listing namespaces"):
            paths = [path for path in self._root.iterdir() if path.is_dir()]
        return sorted(path.name for path in paths if is_namespace(path.name))

    def digests(self, namespace: str) -> Iterator[bytes]:
        """The digests of a namespace, ascending; one shard in memory at a time."""
        for shard in self._shards(namespace):
            for name in _listed(shard, BLOB_NAME):
                yield bytes.fromhex(name)

    def entries(self, namespace: str, after: bytes = b"") -> Iterator[tuple[bytes, int]]:
        """Digest and bytes of every file of a namespace above ``after``, ascending, likewise."""
        least = after.hex()
        for shard in self._shards(namespace, least):
            for name in _listed(shard, BLOB_NAME):
                size = _size(f"{shard}/{name}") if name > least else None
                if size is not None:
                    yield bytes.fromhex(name), size

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

    def _shards(self, namespace: str, least: str = "") -> Iterator[str]:
        """The directories of a namespace from that of the name ``least`` on."""
        top = str(self._root / require_namespace(namespace))
        for first in _listed(top, SHARD):
            if first < least[:2]:
                continue
            for second in _listed(f"{top}/{first}", SHARD):
                if first + second >= least[:4]:
                    yield f"{top}/{first}/{second}"

    def _grave(self, namespace: str) -> Path:
        """A free name among the temporary files, where a sweep finds what a crash leaves."""
        directory = temporary_path(self._root, namespace)
        make_directory(directory)
        return directory / secrets.token_hex(16)

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

    def replace(self, source: Path, digest: bytes) -> None:
        """Give the file its durable name, also if a blob has it."""
        self.directory.replace(source, self.namespace, digest)


def _directory_number(prefix: bytes) -> int:
    """Numbers the directories of a namespace: itself, then ``a1``, then ``a1/b2``."""
    return (0, 1, 1 + 256)[len(prefix)] + int.from_bytes(prefix, "big")


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    return True


def _lock_named(path: Path) -> int | None:
    """Lock the file that has this name when the lock is got; ``None`` if none has it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _has_name(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _has_name(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _bury(grave: Path) -> None:
    """Shred what lies there, then remove it."""
    shred(grave)
    grave.unlink()


def _listed(directory: str, pattern: re.Pattern[str]) -> list[str]:
    with store_errors("listing blobs"):
        try:
            with os.scandir(directory) as found:
                return sorted(entry.name for entry in found if pattern.fullmatch(entry.name))
        except FileNotFoundError:
            return []


def _size(path: str) -> int | None:
    """The bytes of a file; ``None`` if it has gone."""
    with store_errors("listing blobs"):
        try:
            return os.lstat(path).st_size
        except FileNotFoundError:
            return None
