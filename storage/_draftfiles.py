"""The two files of a resumable draft: where they lie, who holds them, how they become durable.

``<directory>/<name>`` is the blob in the making, ``<name>.<blob id>.log`` its log: since the log's
name has the id that the file's header has, renaming the one file exchanges both at once. Whoever
writes holds a lock (``flock``) on the file. What the bytes mean is in ``_draftlog`` and
``_resumable``.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage._errors import BlobDamagedError, DraftBusyError, DraftNotFoundError
from storage._format import FIXED_SIZE, HEADER_SIZE
from storage._osfiles import (
    make_directory,
    replace_file,
    store_errors,
    sync_directory,
    write_all,
)
from storage._slotfile import shred

DRAFT_NAME: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_BLOB_ID = slice(16, FIXED_SIZE)
_NEW: Final = ".new"
_WRITABLE = 0o600
_READ_ONLY = 0o400
_RESERVED_AT_ONCE = 4 << 20
_MAKING = 3_600.0


class DraftDirectory:
    """The drafts of one namespace."""

    def __init__(self, directory: Path, namespace: str) -> None:
        self._directory = directory
        self._namespace = namespace

    def path(self, name: str) -> Path:
        """Where the file of a draft lies. Raises ``ValueError`` if it cannot be a draft's name."""
        if DRAFT_NAME.fullmatch(name) is None:
            message = f"{name!r} cannot name a draft"
            raise ValueError(message)
        return self._directory / name

    def log_path(self, name: str, header: bytes) -> Path:
        """Where the log of the draft with this header lies."""
        return self._directory / f"{name}.{header[_BLOB_ID].hex()}.log"

    def fresh_path(self, name: str, header: bytes) -> Path:
        """Where the draft with this header lies before it gets its name."""
        return self.path(name).with_name(f"{name}.{header[_BLOB_ID].hex()}{_NEW}")

    def names(self) -> list[str]:
        """The drafts there are, sorted."""
        with store_errors("listing drafts"):
            try:
                found = [entry.name for entry in os.scandir(self._directory)]
            except FileNotFoundError:
                return []
        return sorted(name for name in found if DRAFT_NAME.fullmatch(name))

    def begin(self, name: str, header: bytes, log: bytes) -> "DraftFile":
        """Make the files of a draft, durably; it takes the place of one that has this name.

        The caller holds that one. The log is there before the file that needs it.
        """
        with store_errors("making a draft"):
            make_directory(self._directory)
            log_path = self.log_path(name, header)
            log_file = os.open(
                log_path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _WRITABLE
            )
            file = -1
            try:
                write_all(log_file, log)
                os.fsync(log_file)
                file = os.open(
                    self.fresh_path(name, header),
                    os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC,
                    _WRITABLE,
                )
                fcntl.flock(file, fcntl.LOCK_EX)
                write_all(file, header)
            except BaseException:
                os.close(log_file)
                if file >= 0:
                    os.close(file)
                raise
        return DraftFile(self, name, file, log_file, header)

    def open(self, name: str, *, writing: bool = True) -> "DraftFile":
        """Open a draft, alone if it is for writing.

        Raises ``DraftNotFoundError``, ``DraftBusyError``, and ``BlobDamagedError`` where it has no
        log.
        """
        path = self.path(name)
        with store_errors("opening a draft"):
            while True:
                try:
                    file = _open_file(path, writing=writing)
                except FileNotFoundError:
                    raise DraftNotFoundError(self._namespace, name) from None
                try:
                    if writing:
                        _lock(file, name)
                    header = os.pread(file, HEADER_SIZE, 0)
                    log_file = os.open(self.log_path(name, header), _flags(writing=writing))
                    if _is_at(file, path):
                        return DraftFile(self, name, file, log_file, header)
                    os.close(log_file)
                except FileNotFoundError:
                    if _is_at(file, path):
                        os.close(file)
                        raise BlobDamagedError("draft log", "it is missing") from None
                except BaseException:
                    os.close(file)
                    raise
                os.close(file)  # another took its place in this instant

    def drop(self, name: str) -> bool:
        """Remove a draft and destroy its key, unless the blob it became lives on; false if it is not there.

        Raises ``DraftBusyError``.
        """
        path = self.path(name)
        with store_errors("removing a draft"):
            try:
                file = _open_file(path, writing=True)
            except FileNotFoundError:
                return False
            try:
                _lock(file, name)
                if not _is_at(file, path):
                    return False
                header = os.pread(file, HEADER_SIZE, 0)
                if os.fstat(file).st_nlink == 1:
                    shred(path)
                path.unlink()
                with suppress(FileNotFoundError):
                    self.log_path(name, header).unlink()
                sync_directory(self._directory)
            finally:
                os.close(file)
        return True

    def sweep(self, older_than: float) -> int:
        """Remove what was left beside the drafts by those who died making or removing one.

        Only what is an hour old, however little ``older_than`` is: making one takes moments.
        """
        latest = time.time() - max(older_than, _MAKING)
        swept = 0
        with store_errors("sweeping drafts"):
            for path in self._leftovers():
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime <= latest:
                        path.unlink()
                        swept += 1
        return swept

    def _leftovers(self) -> Iterator[Path]:
        try:
            paths = list(self._directory.iterdir())
        except FileNotFoundError:
            return
        for path in paths:
            name, _, rest = path.name.partition(".")
            if (rest.endswith(_NEW) and not _is_locked(path)) or (
                rest.endswith(".log") and not self._is_log_of(path, name)
            ):
                yield path

    def _is_log_of(self, log: Path, name: str) -> bool:
        """Whether a log is that of the draft of this name, or of one being made."""
        if log.with_name(log.name.removesuffix(".log") + _NEW).exists():
            return True
        try:
            with self.path(name).open("rb") as file:
                return self.log_path(name, file.read(HEADER_SIZE)) == log
        except (FileNotFoundError, ValueError):
            return False


class DraftFile:
    """An open draft: its file and its log."""

    def __init__(
        self, directory: DraftDirectory, name: str, file: int, log: int, header: bytes
    ) -> None:
        self.directory = directory
        self.name = name
        self.descriptor = file
        self.header = header
        self._log = log
        self._log_end = os.fstat(log).st_size
        self._reserved = os.fstat(file).st_size

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.directory.path(self.name)

    @property
    def fresh_path(self) -> Path:
        """Where it lies before it gets its name."""
        return self.directory.fresh_path(self.name, self.header)

    def put_in_place(self) -> None:
        """Give it its name, durably, whatever had that."""
        with store_errors("naming a draft"):
            os.fsync(self.descriptor)
            self.fresh_path.replace(self.path)
            sync_directory(self.path.parent)
            sync_directory(self.path.parent.parent)

    def read_log(self) -> bytes:
        """All of the log."""
        with store_errors("reading a draft"):
            return os.pread(self._log, os.fstat(self._log).st_size, 0)

    def append_log(self, record: bytes) -> None:
        """Add to the log; durable with the next ``sync``."""
        with store_errors("writing a draft"):
            _write_at(self._log, record, self._log_end)
            self._log_end += len(record)

    def replace_log(self, data: bytes) -> None:
        """Put another log in the place of this one, durably and atomically."""
        path = self.directory.log_path(self.name, self.header)
        with store_errors("writing a draft"):
            replace_file(path, data)
            os.close(self._log)
            self._log = os.open(path, _flags(writing=True))
            self._log_end = len(data)

    def reserve(self, end: int) -> None:
        """Have the room for bytes up to an offset: so no frame is ever cut short by a full disk."""
        if end > self._reserved:
            with store_errors("writing a draft"):
                length = max(end - self._reserved, _RESERVED_AT_ONCE)
                os.posix_fallocate(self.descriptor, self._reserved, length)
                self._reserved += length

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Write bytes of the blob."""
        with store_errors("writing a draft"):
            _write_at(self.descriptor, data, offset)

    def sync(self) -> None:
        """Make the blob's bytes survive a power failure."""
        with store_errors("syncing a draft"):
            os.fdatasync(self.descriptor)

    def sync_log(self) -> None:
        """Make the log survive a power failure."""
        with store_errors("syncing a draft"):
            os.fdatasync(self._log)

    def trim(self, end: int) -> None:
        """Give back room that was reserved beyond an offset."""
        with store_errors("writing a draft"):
            os.ftruncate(self.descriptor, end)
            self._reserved = end

    def is_clear(self, start: int) -> bool:
        """Whether nothing but zeros lies from an offset on."""
        with store_errors("reading a draft"):
            while piece := os.pread(self.descriptor, 1 << 20, start):
                if piece.count(0) != len(piece):
                    return False
                start += len(piece)
        return True

    def finished(self) -> None:
        """Make all of it durable, and read-only as blobs are."""
        with store_errors("syncing a draft"):
            os.fchmod(self.descriptor, _READ_ONLY)
            os.fsync(self.descriptor)

    def close(self) -> None:
        """Close both files, and with that let go of the lock. May be called again."""
        for descriptor in (self._log, self.descriptor):
            if descriptor >= 0:
                os.close(descriptor)
        self._log = self.descriptor = -1

    def abandon(self) -> None:
        """Remove a draft that was begun and did not get its name."""
        for path in (self.fresh_path, self.directory.log_path(self.name, self.header)):
            with suppress(FileNotFoundError):
                path.unlink()
        self.close()

    def forget_log(self) -> None:
        """Remove the log, once another draft has taken this one's place."""
        with suppress(FileNotFoundError):
            self.directory.log_path(self.name, self.header).unlink()


def _flags(*, writing: bool) -> int:
    return (os.O_RDWR if writing else os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC


def _open_file(path: Path, *, writing: bool) -> int:
    try:
        return os.open(path, _flags(writing=writing))
    except PermissionError:
        # It was finished, which made it read-only, and whoever finished it died.
        path.chmod(_WRITABLE)
        return os.open(path, _flags(writing=writing))


def _lock(descriptor: int, name: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DraftBusyError(name) from None


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _write_at(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written
