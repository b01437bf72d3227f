"""Temporary files: where a blob grows before it has a name, and how abandoned ones are found.

A live owner holds a lock on its file; the kernel drops the lock when the owner dies, however
it dies. So a file that can be locked is abandoned, and no clock or process list is needed.
"""

import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from storage._osfiles import make_directory, store_errors, write_all
from storage._slotfile import shred

_READ_ONLY = 0o400


class TemporaryFile:
    """An unfinished blob on disk, locked by its owner until it is kept or dropped."""

    def __init__(self, directory: Path) -> None:
        with store_errors("creating a temporary file"):
            self.path, self.descriptor = _create_locked(directory)

    def append(self, data: bytes | bytearray) -> None:
        """Write all of it."""
        with store_errors("writing a blob"):
            write_all(self.descriptor, data)

    def sync(self) -> None:
        """Make the content survive a power failure."""
        with store_errors("syncing a blob"):
            os.fsync(self.descriptor)

    def drop(self) -> None:
        """Remove the name and release the lock. A published blob keeps its other name."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            with suppress(FileNotFoundError):
                self.path.unlink()
            os.close(descriptor)


def _create_locked(directory: Path) -> tuple[Path, int]:
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
    while True:
        path = directory / secrets.token_hex(16)
        try:
            descriptor = os.open(path, flags, _READ_ONLY)
        except FileNotFoundError:
            make_directory(directory)
            continue
        if _lock(descriptor) and os.fstat(descriptor).st_nlink:
            return path, descriptor
        # A sweep met the file in the instant before it was locked, and took it.
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(directory: Path, *, older_than: float) -> int:
    """Remove abandoned files last written at least ``older_than`` seconds ago; return how many."""
    latest = time.time() - older_than
    try:
        paths = list(directory.iterdir())
    except FileNotFoundError:
        return 0
    return sum(_sweep_file(path, latest) for path in paths)


def _sweep_file(path: Path, latest: float) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        abandoned = os.fstat(descriptor).st_mtime <= latest and _lock(descriptor)
        if abandoned:
            if os.fstat(descriptor).st_nlink == 1:  # else it is a blob's second name
                shred(path)
            path.unlink()
        return abandoned
    finally:
        os.close(descriptor)
