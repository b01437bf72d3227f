"""Key slots changed where they lie, in a blob's file: rekeying and shredding.

Readers are not disturbed: they read the header once, when they open, and open through the slot
that holds while the other changes. Whoever calls keeps everybody else from changing the file.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storage._errors import BlobDamagedError
from storage._format import EMPTY_SLOT, FIXED_SIZE, HEADER_SIZE, SLOT_SIZE
from storage._slots import SlotChange

_WRITABLE = 0o600
_READ_ONLY = 0o400


def change_slots(path: Path, plan: Callable[[bytes], SlotChange | None]) -> bool:
    """Carry out what ``plan`` makes of the header; false if it sees nothing to do.

    One slot is written and synced before the other is emptied and synced, so that after a crash
    at least one opens.
    """
    with _writable(path) as descriptor:
        header = os.pread(descriptor, HEADER_SIZE, 0)
        if len(header) < HEADER_SIZE:
            raise BlobDamagedError("file", "it is shorter than a header")
        change = plan(header)
        if change is None:
            return False
        if change.slot is not None:
            _write_slot(descriptor, change.number, change.slot)
        _write_slot(descriptor, 1 - change.number, EMPTY_SLOT)
        return True


def shred(path: Path) -> None:
    """Overwrite both key slots on the medium: the content can never be opened again."""
    with _writable(path) as descriptor:
        if os.fstat(descriptor).st_size > FIXED_SIZE:
            os.pwrite(descriptor, 2 * EMPTY_SLOT, FIXED_SIZE)
            os.fsync(descriptor)


def _write_slot(descriptor: int, number: int, slot: bytes) -> None:
    os.pwrite(descriptor, slot, FIXED_SIZE + number * SLOT_SIZE)
    os.fsync(descriptor)


@contextmanager
def _writable(path: Path) -> Iterator[int]:
    """A descriptor to change a file that is read-only to everyone, also to its owner."""
    reading = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(reading, _WRITABLE)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        finally:
            os.fchmod(reading, _READ_ONLY)
    finally:
        os.close(reading)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
