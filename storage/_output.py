"""Large sequential output to a file: sealed frames gathered in one aligned buffer, written in big pieces.

Knows bytes and the page cache; knows nothing of keys or of the format.
"""

import fcntl
import mmap
import os
from contextlib import suppress

from storage._osfiles import store_errors, write_all
from storage._pools import Recycler

PIECE = 4 << 20
"""Bytes per write: a multiple of every block size, as O_DIRECT demands."""

_DIRECT_AFTER = 16 << 20
"""The first bytes of a file stay in the page cache, where text extraction reads them at once."""


class OutputBuffers:
    """The stock of aligned buffers that the writers of one store share."""

    def __init__(self, frame_bound: int) -> None:
        size = -(-(PIECE + frame_bound) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._stock = Recycler(lambda: mmap.mmap(-1, size), keep=2)

    def take(self) -> mmap.mmap:
        """A page-aligned buffer of one piece and one frame."""
        return self._stock.take()

    def give(self, buffer: mmap.mmap) -> None:
        """Return a buffer to which no view remains in use."""
        self._stock.give(buffer)


class PieceWriter:
    """Appends to a file through one buffer.

    Large files go around the page cache: copying there costs more CPU than hashing or sealing,
    for pages that push out others and that nobody reads again soon.
    """

    def __init__(self, descriptor: int, buffers: OutputBuffers) -> None:
        self._descriptor = descriptor
        self._buffers = buffers
        self._buffer = buffers.take()
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._written = 0
        self._direct = False
        self._closed = False

    def room(self) -> memoryview:
        """Where the next bytes go; at least one sealed frame fits."""
        return self._view[self._filled :]

    def advance(self, length: int) -> None:
        """Take over ``length`` bytes that were put into ``room()``."""
        self._filled += length
        if self._filled >= PIECE:
            self._write_piece()

    def append(self, data: bytes) -> None:
        """Copy bytes of any length in."""
        view = memoryview(data)
        while view:
            part = view[: PIECE - self._filled]
            self._view[self._filled : self._filled + len(part)] = part
            self.advance(len(part))
            view = view[len(part) :]

    def flush(self) -> None:
        """Write what is left. Nothing may be appended afterwards."""
        self._set_direct(wanted=False)
        self._write(self._filled)
        self._filled = 0

    def close(self) -> None:
        """Give the buffer back; the file belongs to the caller."""
        if not self._closed:
            self._closed = True
            self._view.release()
            self._buffers.give(self._buffer)

    def _write_piece(self) -> None:
        self._set_direct(wanted=self._written >= _DIRECT_AFTER)
        self._write(PIECE)
        left = self._filled - PIECE
        self._view[:left] = self._view[PIECE : self._filled]
        self._filled = left
        self._written += PIECE

    def _write(self, length: int) -> None:
        with store_errors("writing a blob"), self._view[:length] as piece:
            write_all(self._descriptor, piece)

    def _set_direct(self, *, wanted: bool) -> None:
        if wanted == self._direct:
            return
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & ~os.O_DIRECT
        # A file system without direct I/O refuses the flag: then the page cache it is.
        with suppress(OSError):
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | (os.O_DIRECT if wanted else 0))
            self._direct = wanted
