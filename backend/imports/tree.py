"""A directory tree on disk, read without following a link, whoever writes to it meanwhile.

Each step from the directory down is opened by itself and must be a directory: whoever puts a link where a directory was
listed does not lead the import out of the tree. Paths are bytes, as they are on disk.
"""

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from backend.imports.errors import ChangedWhileReadError, UnreadableError

PIECE = 1 << 20
"""Bytes that are read at a time."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that took a file's place must not be waited for.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Kind(StrEnum):
    """What something in a directory is."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a directory; `path` is below the tree's root, `size` in bytes."""

    path: bytes
    kind: Kind
    size: int
    mtime_ns: int

    @property
    def name(self) -> bytes:
        """The last step of its path."""
        return self.path.rpartition(b"/")[2]


class OpenedFile:
    """A file being read, which must stay what it was when it was opened."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._opened = os.fstat(descriptor)
        self._read = 0

    @property
    def size(self) -> int:
        """Bytes there were when it was opened."""
        return self._opened.st_size

    @property
    def mtime_ns(self) -> int:
        """When it had last been written then."""
        return self._opened.st_mtime_ns

    def read(self) -> bytes:
        """Return the next bytes; none at the end.

        Raises:
            UnreadableError: the disk does not give them.
            ChangedWhileReadError: it is not what was opened any more.
        """
        try:
            piece = os.read(self._descriptor, PIECE)
            if not piece:
                self._require_unchanged()
        except OSError as error:
            raise _unreadable(error) from error
        self._read += len(piece)
        return piece

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)

    def _require_unchanged(self) -> None:
        if _state(os.fstat(self._descriptor)) != _state(self._opened) or self._read != self.size:
            raise ChangedWhileReadError(
                "It was changed while it was read. Import it again when nobody writes to it."
            )


class Tree:
    """The tree below a directory."""

    def __init__(self, root: Path) -> None:
        """Open it.

        Raises:
            OSError: it is no directory, or cannot be read.
        """
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def entries(self, directory: bytes) -> list[Entry]:
        """Return what is in a directory (empty: the root), by name.

        Raises:
            UnreadableError: it cannot be read, or is no directory any more.
        """
        try:
            descriptor = self._open(directory, _DIRECTORY)
            try:
                with os.scandir(descriptor) as found:
                    listed = [_entry(directory, one) for one in found]
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _unreadable(error) from error
        return sorted((one for one in listed if one is not None), key=lambda one: one.path)

    def open(self, path: bytes) -> OpenedFile:
        """Open a file.

        Raises:
            UnreadableError: it cannot be read, or is no file any more.
        """
        try:
            descriptor = self._open(path, _FILE)
        except OSError as error:
            raise _unreadable(error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnreadableError("It was a file when the directory was listed, and is none now.")
        return OpenedFile(descriptor)

    def _open(self, path: bytes, flags: int) -> int:
        """Open what is at a path, step by step. Raises OSError where a step is a link."""
        steps = path.split(b"/") if path else [b"."]
        at = os.dup(self._root)
        try:
            for step in steps[:-1]:
                above, at = at, os.open(step, _DIRECTORY, dir_fd=at)
                os.close(above)
            return os.open(steps[-1], flags, dir_fd=at)
        finally:
            os.close(at)


def _entry(directory: bytes, found: os.DirEntry[str]) -> Entry | None:
    """Describe something that was listed; None where it is gone by now."""
    name = os.fsencode(found.name)
    try:
        state = found.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Entry(
        b"/".join((directory, name)) if directory else name,
        _kind(state.st_mode),
        state.st_size,
        state.st_mtime_ns,
    )


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.SPECIAL


def _state(of: os.stat_result) -> tuple[int, int, int]:
    return of.st_size, of.st_mtime_ns, of.st_ctime_ns


def _unreadable(error: OSError) -> UnreadableError:
    return UnreadableError(f"It cannot be read: {error.strerror}.")
