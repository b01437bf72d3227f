"""Files embedded in documents: each different one read once, under a line with its name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from worker.extraction.errors import ExtractionError, LimitReached, Unsupported
from worker.extraction.reading import Content, Context
from worker.extraction.text import clean

MOST_FILES = 500
"""Files of one document that are read."""
TOO_MANY = f"Of the files inside it, the first {MOST_FILES:,} were read."
LARGEST_FILE = 64 << 20
"""Bytes of one of them."""
_LONGEST_NAME = 255
_UNNAMED = "an embedded file"


class EmbeddedFile(NamedTuple):
    """A file as the document around it has it."""

    name: str
    """As it is written there, which may be anything; empty where it has none."""
    data: bytes
    media_type: str | None = None
    """What it is said to be."""


class EmbeddedFiles:
    """The files of one document, which are read one after the other."""

    def __init__(self, context: Context, content: Content) -> None:
        self._context = context
        self._content = content
        self._count = 0
        self._seen: set[bytes] = set()
        self.names: list[str] = []
        """What stands above the text of each that has a name."""

    def read(self, name: str, unpack: Callable[[], EmbeddedFile]) -> None:
        """Append the name of a file and what it says.

        Args:
            name: what it is called unless unpacking it tells better; empty where nobody named it.
            unpack: gives the file. What it raises is noted, LimitReached is passed on, and Unsupported means that
                there is none.
        """
        self._context.check_time(self._content)
        if self._count >= MOST_FILES:
            self._content.cut(TOO_MANY)
            return
        self._count += 1
        name = shown_name(name)
        try:
            file = unpack()
        except Unsupported:
            return
        except ExtractionError as problem:
            self._content.add(name)
            if isinstance(problem, LimitReached):
                raise
            self._content.note(f"Inside: {name or _UNNAMED}: {problem}")
            return
        name = shown_name(file.name) or name
        self._content.add(name)
        if name:
            self.names.append(name)
        if self._is_new(file.data):
            self._context.read_attachment(
                file.data, name or _UNNAMED, file.media_type, self._content
            )

    def _is_new(self, data: bytes) -> bool:
        digest = hashlib.sha256(data).digest()
        known = digest in self._seen
        self._seen.add(digest)
        return bool(data) and not known


def shown_name(name: str) -> str:
    """Give the name of a file as one line of text that is not longer than names are."""
    return " ".join(clean(name[: 4 * _LONGEST_NAME]).split())[:_LONGEST_NAME]


def refuse_large(size: int) -> None:
    """Raise ExtractionError if a file of that many bytes is not read."""
    if size > LARGEST_FILE:
        raise ExtractionError(
            f"It is larger than the {LARGEST_FILE:,} bytes that are read of a file inside another."
        )
