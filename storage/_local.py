"""The local backend: one directory, in which names become durable, and are listed and removed.

What the files contain is not looked at, but for the key slots that ``_slotfile`` changes.
"""

import fcntl
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from storage._backend import PlanSlots
from storage._draftfiles import DraftDirectory
from storage._errors import BlobNotFoundError
from storage._names import (
    BLOB_NAME,
    DRAFTS,
    SHARD,
    blob_path,
    is_namespace,
    require_namespace,
    shard_path,
    temporary_path,
)
from storage._osfiles import make_directory, store_errors, sync_directory
from storage._output import OutputBuffers, PieceWriter
from storage._slotfile import change_slots, shred
from storage._temporary import TemporaryFile, sweep

_DIRECTORIES = 1 + 256 + 256 * 256


class LocalBackend:
    """``root/<namespace>/a1/b2/<digest>``, and ``root/<namespace>/tmp`` beside them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._outputs: dict[int, OutputBuffers] = {}
        self._lock = threading.Lock()
        self._durable: dict[str, bytearray] = {}
        with store_errors("opening the store"):
            make_directory(root)
            os.scandir(root).close()

    def draft(self, namespace: str) -> "FileDraft":
        """A new temporary file in the namespace's own file system."""
        return FileDraft(self, namespace, TemporaryFile(temporary_path(self._root, namespace)))

    def drafts(self, namespace: str) -> Path:
        """``root/<namespace>/drafts``, in the file system that the blobs are in."""
        return self._root.joinpath(require_namespace(namespace), DRAFTS)

    def adopt(self, namespace: str, path: Path, digest: bytes) -> "AdoptedFile":
        """The file itself, which gets a second name."""
        return AdoptedFile(self, namespace, path, digest)

    def buffers(self, room: int) -> OutputBuffers:
        """The stock of buffers for large writes in bits of this size."""
        buffers = self._outputs.get(room)
        if buffers is None:
            buffers = self._outputs.setdefault(room, OutputBuffers(room))
        return buffers

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

    def open(self, namespace: str, digest: bytes) -> "FileSource":
        """A blob's file, open for reading. Raises ``BlobNotFoundError``."""
        path = blob_path(self._root, namespace, digest)
        with store_errors("opening a blob"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise BlobNotFoundError(namespace, digest) from error
            return FileSource(descriptor, path)

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

    def change_slots(self, namespace: str, digest: bytes, plan: PlanSlots) -> bool:
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
                + DraftDirectory(self.drafts(namespace), namespace).sweep(older_than)
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

    def close(self) -> None:
        """Nothing is kept open."""

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


class FileDraft:
    """A blob on its way into a local backend: a temporary file."""

    def __init__(self, backend: LocalBackend, namespace: str, file: TemporaryFile) -> None:
        self._backend = backend
        self._namespace = namespace
        self._file = file
        self._digest = b""

    def write(self, data: bytes | bytearray) -> None:
        """Write a small blob."""
        self._file.append(data)

    def output(self, room: int) -> PieceWriter:
        """Write a large blob through one of the shared buffers."""
        return PieceWriter(self._file.descriptor, self._backend.buffers(room))

    def finish(self, digest: bytes) -> None:
        """Sync the file."""
        self._digest = digest
        self._file.sync()

    def source(self) -> "FileSource":
        """The file, to be read back."""
        return FileSource(os.dup(self._file.descriptor), self._file.path)

    def change_slots(self, plan: PlanSlots) -> None:
        """Change the key slots where they lie, and sync them."""
        with store_errors("changing key slots"):
            change_slots(self._file.path, plan)

    def publish(self) -> bool:
        """Give the file its durable name; false if a blob already has it."""
        return self._backend.publish(self._file.path, self._namespace, self._digest)

    def replace(self) -> None:
        """Give the file its durable name, also if a blob has it."""
        self._backend.replace(self._file.path, self._namespace, self._digest)

    def drop(self) -> None:
        """Remove the temporary name. A blob that was published keeps its own."""
        self._file.drop()


class AdoptedFile:
    """A blob that somebody else made in a file of their own, on its way into a local backend."""

    def __init__(self, backend: LocalBackend, namespace: str, path: Path, digest: bytes) -> None:
        self._backend = backend
        self._namespace = namespace
        self._path = path
        self._digest = digest

    def source(self) -> "FileSource":
        """The file, to be read back."""
        return FileSource(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC), self._path)

    def change_slots(self, plan: PlanSlots) -> None:
        """Change the key slots where they lie, and sync them."""
        with store_errors("changing key slots"):
            change_slots(self._path, plan)

    def publish(self) -> bool:
        """Give the file its durable name; false if a blob already has it."""
        return self._backend.publish(self._path, self._namespace, self._digest)

    def replace(self) -> None:
        """Give the file its durable name, also if a blob has it."""
        self._backend.replace(self._path, self._namespace, self._digest)

    def drop(self) -> None:
        """The file stays: it is not ours."""


class FileSource:
    """A file being read."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._status = os.fstat(descriptor)
        self.size = self._status.st_size

    def read_into(self, targets: Sequence[bytearray | memoryview], offset: int) -> int:
        """Fill the targets, completely but at the file's end."""
        return os.preadv(self._descriptor, targets, offset)

    def is_current(self) -> bool:
        """Whether the file still has its name."""
        with store_errors("looking for a blob"):
            return _has_name(self._status, self._path)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


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
            if _has_name(os.fstat(descriptor), path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _has_name(file: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(file, path.lstat())
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
