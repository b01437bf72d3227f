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

    The new file is later than the one it replaces, if only by a nanosecond: inode, time and size
    together are never those of an earlier content. The caller holds the lock that keeps others
    from replacing it meanwhile.
    """
    fresh = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        _make_later(descriptor, path)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
    sync_directory(path.parent)


def _make_later(descriptor: int, path: Path) -> None:
    """The kernel's clock ticks every few milliseconds; a file may be replaced twice in one."""
    with suppress(FileNotFoundError):
        before, now = path.stat().st_mtime_ns, os.fstat(descriptor).st_mtime_ns
        if now <= before:
            os.utime(descriptor, ns=(before + 1, before + 1))


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path`` against every other process and thread."""
    turn = _lock(f"{path}.turn", fcntl.LOCK_EX)
    try:
        held = _lock(path, fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(held)
    finally:
        os.close(turn)


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path`` together with others, but with none that is exclusive.

    A second file, ``.turn``, stands in front of the first: an exclusive one waits there for the
    others to leave, and is next. They would else keep it waiting for ever if they overlapped.
    """
    turn = _lock(f"{path}.turn", fcntl.LOCK_SH)
    try:
        held = _lock(path, fcntl.LOCK_SH)
    finally:
        os.close(turn)
    try:
        yield
    finally:
        os.close(held)


def _lock(path: Path | str, kind: int) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
