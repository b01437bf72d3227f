"""Watched directories: which files have come to rest, and putting them aside. Blocking; for threads.

Nothing is opened through a symbolic link below the allowed directory: each step of a path is opened from the one
before (openat(2), O_NOFOLLOW), so that nobody who may write there can have the service read something else.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote_from_bytes, unquote_to_bytes

from backend.intake.errors import SourceUnreachableError

FILED = ".filed"
REFUSED = ".refused"
_PARTIAL = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", "~")
"""How names end of files that somebody is still writing."""
_HIDDEN = (".", "~$")
_DEEPEST = 40
_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not to wait where a file was replaced by a pipe meanwhile.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REASON = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileChangedError(Exception):
    """The file is not any more what it was when it was found."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below a watched directory that has come to rest."""

    steps: tuple[str, ...]
    """The way to it from the directory; the last is its name."""
    size: int
    inode: int
    modified_ns: int

    @property
    def key(self) -> str:
        """What it is known again by: where it was found, and which file of which state it is."""
        path = hashlib.sha256(b"/".join(os.fsencode(step) for step in self.steps)).hexdigest()
        return f"{path[:32]}:{self.identity}"

    @property
    def identity(self) -> str:
        """Which file of which state it is, wherever it was moved."""
        return f"{self.inode}:{self.size}:{self.modified_ns}"

    @property
    def place(self) -> str:
        """The way to it, as text that any database can hold; `steps_of` reads it."""
        return quote_from_bytes(os.fsencode("/".join(self.steps)), safe="/ ")


def steps_of(place: str) -> tuple[str, ...]:
    """Return the way that the `place` of a file says."""
    return tuple(os.fsdecode(unquote_to_bytes(place)).split("/"))


def identity_of(key: str) -> str:
    """Return the `identity` of the file that has a key."""
    return key.partition(":")[2]


def shown(name: str) -> str:
    """Return a file's name as text, whatever bytes it is of."""
    return os.fsencode(name).decode("utf-8", "replace")


@contextmanager
def opened(root: PurePosixPath, directory: str) -> Iterator[int]:
    """Open a directory that is, or lies below, an allowed one; yield its descriptor.

    Raises:
        SourceUnreachableError: it is not there, may not be read, or a step of the way is a link.
    """
    descriptor = -1
    try:
        # The way to the allowed directory is the operator's, links included.
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for step in PurePosixPath(directory).relative_to(root).parts:
            descriptor = _replaced(descriptor, step)
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise SourceUnreachableError(_why(directory, error)) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def files(
    directory: int, *, stable_seconds: float, after: Sequence[str] = ()
) -> Iterator[FoundFile]:
    """Yield the files below a directory that have not changed for so long, in an order that stays.

    What is hidden or half written is not among them; nor is, with `after`, what comes up to that file.
    """
    yield from _below(directory, (), stable_seconds, after)


def count_files(directory: int, *, most: int) -> int:
    """Return how many files there are that could be filed once they rest, counted up to a number."""
    return sum(1 for _, _ in zip(files(directory, stable_seconds=0), range(most), strict=False))


def open_file(directory: int, steps: Sequence[str], identity: str) -> int:
    """Open a file that was found; return its descriptor.

    Raises:
        FileChangedError: it is another one, or gone.
        OSError: it may not be read.
    """
    with _taken_as_changed(), _parent(directory, steps) as parent:
        descriptor = os.open(steps[-1], _FILE, dir_fd=parent)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or _found(steps, found).identity != identity:
        os.close(descriptor)
        raise FileChangedError
    return descriptor


def is_there(directory: int, steps: Sequence[str], identity: str) -> bool:
    """Tell whether a file is where it was found, and what it was."""
    try:
        os.close(open_file(directory, steps, identity))
    except FileChangedError:
        return False
    except OSError:
        pass  # it may not be read, and is there
    return True


@contextmanager
def unchanged(descriptor: int, identity: str) -> Iterator[None]:
    """Make sure that an open file stays what it was when it was found, for the block.

    Raises:
        FileChangedError: somebody has written to it, whatever its time says.
    """
    begun = os.fstat(descriptor).st_ctime_ns
    yield
    ended = os.fstat(descriptor)
    if _found((), ended).identity != identity or ended.st_ctime_ns != begun:
        raise FileChangedError


def remove(directory: int, steps: Sequence[str], identity: str) -> None:
    """Delete a file, unless it is another one by now.

    Raises:
        FileChangedError: it is another one, or gone.
        OSError: it may not be deleted.
    """
    moved = put_aside(directory, steps, identity, into=FILED)
    with _parent(directory, moved) as parent:
        os.unlink(moved[-1], dir_fd=parent)
    with suppress(OSError):  # others are there
        for length in range(len(moved) - 1, 0, -1):
            with _parent(directory, moved[:length]) as parent:
                os.rmdir(moved[length - 1], dir_fd=parent)


def put_aside(
    directory: int, steps: Sequence[str], identity: str, *, into: str, reason: str | None = None
) -> tuple[str, ...]:
    """Move a file into a hidden directory beside the others, keeping the tree; return the way to where it is then.

    With a reason, a text beside it says that.

    Raises:
        FileChangedError: it is another one, or gone.
        OSError: it may not be moved.
    """
    tree = steps[1:-1] if steps[0] in {FILED, REFUSED} else steps[:-1]
    with ExitStack() as stack:
        with _taken_as_changed():
            parent = stack.enter_context(_parent(directory, steps))
            if _state(parent, steps) != identity:
                raise FileChangedError
        target = os.dup(directory)
        stack.callback(lambda: os.close(target))
        for step in (into, *tree):
            target = _made(target, step)
        name = _free(target, steps[-1])
        with _taken_as_changed():
            os.rename(steps[-1], name, src_dir_fd=parent, dst_dir_fd=target)
            if _state(target, (name,)) != identity:
                # Another file took its name in this very moment.
                os.rename(name, _free(parent, steps[-1]), src_dir_fd=target, dst_dir_fd=parent)
                raise FileChangedError
        if reason is not None:
            _write_reason(target, f"{name}.txt", reason)
    return (into, *tree, name)


@contextmanager
def _taken_as_changed() -> Iterator[None]:
    """Say that a file has changed where it, or a step of the way to it, is gone."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileChangedError from error


def _below(
    directory: int, way: tuple[str, ...], stable_seconds: float, after: Sequence[str]
) -> Iterator[FoundFile]:
    for name in _names(directory):
        if after and name < after[0]:
            continue
        is_begun = bool(after) and name == after[0]
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            continue  # gone meanwhile
        steps = (*way, name)
        if stat.S_ISDIR(found.st_mode) and len(steps) < _DEEPEST:
            with suppress(OSError), _stepped(directory, name) as below:
                yield from _below(below, steps, stable_seconds, after[1:] if is_begun else ())
        elif is_begun:
            continue
        elif stat.S_ISREG(found.st_mode) and _rests(name, found, stable_seconds):
            yield _found(steps, found)


def _names(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        return sorted(one.name for one in entries if not one.name.startswith(_HIDDEN))


def _rests(name: str, found: os.stat_result, stable_seconds: float) -> bool:
    # Whoever writes may set the time of the last change, back or far ahead; not that of the inode's.
    return not name.lower().endswith(_PARTIAL) and time.time() - found.st_ctime >= stable_seconds


def _found(steps: Sequence[str], found: os.stat_result) -> FoundFile:
    return FoundFile(tuple(steps), found.st_size, found.st_ino, found.st_mtime_ns)


def _state(parent: int, steps: Sequence[str]) -> str:
    found = os.stat(steps[-1], dir_fd=parent, follow_symlinks=False)
    return _found(steps, found).identity if stat.S_ISREG(found.st_mode) else ""


@contextmanager
def _parent(directory: int, steps: Sequence[str]) -> Iterator[int]:
    descriptor = os.dup(directory)
    try:
        for step in steps[:-1]:
            descriptor = _replaced(descriptor, step)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _stepped(directory: int, step: str) -> Iterator[int]:
    with _parent(directory, (step, "")) as descriptor:
        yield descriptor


def _replaced(descriptor: int, step: str) -> int:
    """Open a directory in another, which is closed; where that fails it stays open."""
    below = os.open(step, _STEP, dir_fd=descriptor)
    os.close(descriptor)
    return below


def _made(descriptor: int, step: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(step, 0o770, dir_fd=descriptor)
    return _replaced(descriptor, step)


def _free(directory: int, name: str) -> str:
    """Return a name that no entry of a directory has; with a number, where it has to be, after one that is taken."""
    if not _is_taken(directory, name):
        return name
    taken, free = 0, 1
    while _is_taken(directory, _numbered(name, free)):
        taken, free = free, free * 2
    while free - taken > 1:
        middle = (taken + free) // 2
        if _is_taken(directory, _numbered(name, middle)):
            taken = middle
        else:
            free = middle
    return _numbered(name, free)


def _numbered(name: str, number: int) -> str:
    stem, dot, extension = name.rpartition(".")
    return f"{stem} ({number}).{extension}" if stem and dot else f"{name} ({number})"


def _is_taken(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write_reason(directory: int, name: str, reason: str) -> None:
    """Say beside a file why it was refused; it is no harm where that fails."""
    with suppress(OSError):
        descriptor = os.open(_free(directory, name), _REASON, 0o660, dir_fd=directory)
        with os.fdopen(descriptor, "w", encoding="utf-8") as text:
            text.write(f"{reason}\n")


def _why(directory: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"The directory {directory} is not there."
    if isinstance(error, PermissionError):
        return f"The service may not read the directory {directory}."
    if isinstance(error, NotADirectoryError) or error.errno == errno.ELOOP:
        return f"A step of {directory} is a link, or no directory; links are not followed."
    return f"The directory {directory} cannot be read: {error.strerror}."
