"""Small truths about files: what an OSError means to the store, and how a name becomes durable.

Everything that calls the operating system on behalf of the store goes through here or through
``_temporary``; nothing here knows blobs or keys.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage._errors import StoreFullError, StoreUnavailableError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Turn an ``OSError`` into ``StoreFullError`` or ``StoreUnavailableError``."""
    try:
        yield
    except OSError as error:
        message = f"{doing}: {error.strerror or error}"
        kind = StoreFullError if error.errno in _FULL else StoreUnavailableError
        raise kind(message) from error


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and its parents; whoever names something in it syncs the parents."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """``write`` until every byte is taken."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file's content atomically and durably, with mode 0600.

    The caller holds the lock that keeps others from replacing it meanwhile.
    """
    fresh = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
    sync_directory(path.parent)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path`` against every other process and thread."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
