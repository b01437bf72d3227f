"""Reading ZIP archives whose sizes cannot be believed."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from worker.extraction.errors import Damaged, Encrypted, LimitReached
from worker.extraction.reading import Context

_MAX_ENTRIES = 50_000
_CHUNK = 1 << 16
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    KeyError,
)


class Archive:
    """An open ZIP whose entries are decompressed under the context's limit of expanded bytes."""

    def __init__(self, archive: zipfile.ZipFile, context: Context) -> None:
        self._archive = archive
        self._context = context
        self.entries = archive.infolist()
        self.names = archive.namelist()

    def matching(self, prefix: str, suffix: str = "") -> list[str]:
        """Give the names of entries with this beginning and ending, numbers in them in counting order."""
        found = [name for name in self.names if name.startswith(prefix) and name.endswith(suffix)]
        return sorted(found, key=lambda name: (len(name), name))

    def size(self, name: str) -> int:
        """Give the bytes an entry has at most: no more of it are unpacked, whatever there is."""
        entry = self._archive.NameToInfo.get(name)
        return 0 if entry is None else entry.file_size

    def read(self, name: str) -> bytes:
        """Give an entry's content, empty if there is none of that name.

        Raises Damaged, Encrypted or LimitReached if it cannot be read.
        """
        if name not in self._archive.NameToInfo:
            return b""
        chunks = []
        try:
            with self._archive.open(name) as entry:
                while chunk := entry.read(_CHUNK):
                    self._context.expand(len(chunk))
                    chunks.append(chunk)
        except RuntimeError as problem:
            raise Encrypted("The archive is protected with a password.") from problem
        except BROKEN as problem:
            raise Damaged(f"A part of it is broken ({problem}).") from problem
        return b"".join(chunks)

    def open(self, name: str) -> io.BytesIO:
        """Like `read`, as a stream."""
        return io.BytesIO(self.read(name))


@contextmanager
def open_archive(stream: BinaryIO, context: Context) -> Iterator[Archive]:
    """Open a ZIP; Damaged if it is none, LimitReached if it promises too much."""
    try:
        archive = zipfile.ZipFile(stream)
    except BROKEN as problem:
        raise Damaged(f"The file's archive is broken ({problem}).") from problem
    with archive:
        if len(archive.filelist) > _MAX_ENTRIES:
            raise LimitReached(f"It holds more than {_MAX_ENTRIES:,} files.")
        yield Archive(archive, context)
