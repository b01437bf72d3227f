"""What a format works with: the source it reads, the content it writes, and the context of limits around both."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from worker.extraction.errors import Damaged, ExtractionError, LimitReached, Unsupported
from worker.extraction.metadata import Collector
from worker.extraction.model import Limits
from worker.extraction.ocr import OcrEngine
from worker.extraction.text import clean

_WIND_UP = 0.9
"""Share of the wall time after which reading stops by itself, so that what was read is not lost to the kill."""

_MOST_NOTES, _LONGEST_NOTE = 10, 500
_MORE = "More in it could not be read."


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: a seekable binary stream, the name people gave it, and its media type."""

    stream: BinaryIO
    name: str
    media_type: str

    def read(self, limit: int) -> bytes:
        """Give the whole file, or LimitReached if it has more than `limit` bytes."""
        self.stream.seek(0)
        data = self.stream.read(limit + 1)
        if len(data) > limit:
            raise LimitReached(
                f"The file is larger than the {limit:,} bytes that are read of this kind."
            )
        return data


class Enough(Exception):  # noqa: N818 - not an error: the wanted amount of text is there
    """Raised where a limit ends reading in good order; what was collected counts."""


class Content:
    """Collects the text of a document, page by page, up to the limit of characters."""

    def __init__(self, limit: int) -> None:
        self._parts: list[str] = []
        self._left = limit
        self.page_starts: list[int] = []
        self.page_count: int | None = None
        self.engines: list[str] = []
        self.notes: list[str] = []
        self.wants_ocr = False
        self.truncated = False
        self.metadata = Collector()

    def add(self, text: str) -> None:
        """Append a paragraph, a row or a line; raises Enough once the limit is reached."""
        text = clean(text)
        if not text:
            return
        self._parts.append(text[: self._left])
        if len(text) >= self._left:
            self.cut("Only the beginning of the text was kept.")
            raise Enough
        self._left -= len(text) + 1

    def begin_page(self) -> None:
        """Say that what is added next belongs to a new page."""
        self.page_starts.append(len(self._parts))

    def cut(self, why: str) -> None:
        """Note that something was left out, and why."""
        self.truncated = True
        self.note(why)

    def note(self, sentence: str) -> None:
        """Keep a sentence for the person who looks at the document; each one once, and not more than can be read."""
        if len(self.notes) == _MOST_NOTES:
            sentence = _MORE
        if sentence not in self.notes and len(self.notes) <= _MOST_NOTES:
            self.notes.append(sentence[:_LONGEST_NOTE])

    def name_notes(self, start: int, name: str) -> None:
        """Say of the notes from number `start` on that they are about a part called `name`."""
        told, self.notes = self.notes[start:], self.notes[:start]
        for sentence in told:
            self.note(sentence if sentence == _MORE else f"Inside: {name}: {sentence}")

    def read_by(self, engine: str) -> None:
        """Note which library or engine contributed."""
        if engine not in self.engines:
            self.engines.append(engine)

    def text_and_offsets(self) -> tuple[str, tuple[int, ...]]:
        """Give the text and where in it each page begins."""
        starts, position = [], 0
        for part in self._parts:
            starts.append(position)
            position += len(part) + 1
        text = "\n".join(self._parts)
        return text, tuple(starts[at] if at < len(starts) else len(text) for at in self.page_starts)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Keep pages and metadata of what is read meanwhile away from the document's own."""
        kept = self.page_count, self.page_starts, self.metadata
        self.page_starts, self.metadata = [], Collector()
        try:
            yield
        finally:
            self.page_count, self.page_starts, self.metadata = kept

    @property
    def is_empty(self) -> bool:
        """Tell whether no text was found yet."""
        return not self._parts


class NestedReader(Protocol):
    """Reads a document found inside another one."""

    def __call__(
        self, data: bytes, name: str, media_type: str | None, context: Context, content: Content
    ) -> None:
        """Append what the inner document says to `content`."""


@dataclass(slots=True)
class Context:
    """Limits and means shared by one document and everything inside it."""

    limits: Limits
    engine: OcrEngine | None
    read_nested: NestedReader
    started: float = field(default_factory=time.monotonic)
    depth: int = 0
    expanded_left: int = 0
    ocr_left: int = 0

    def __post_init__(self) -> None:
        self.expanded_left = self.limits.expanded_bytes
        self.ocr_left = self.limits.ocr_pages

    def check_time(self, content: Content) -> None:
        """Stop in good order before the sandbox's clock runs out."""
        if time.monotonic() - self.started > self.limits.wall_seconds * _WIND_UP:
            content.cut(
                f"Reading took longer than {self.limits.wall_seconds:.0f} s; the rest was left out."
            )
            raise Enough

    def expand(self, size: int) -> None:
        """Count bytes that were decompressed; LimitReached if they are too many."""
        self.expanded_left -= size
        if self.expanded_left < 0:
            raise LimitReached(
                f"It expands to more than the {self.limits.expanded_bytes:,} bytes allowed."
            )

    def read_attachment(
        self, data: bytes, name: str, media_type: str | None, content: Content
    ) -> None:
        """Append what a document inside this one says. A broken or encrypted inner document is noted, never fatal."""

        def read() -> None:
            self.expand(len(data))
            self.read_nested(data, name, media_type, self, content)

        self.read_inside(name, content, read)

    def read_inside(self, name: str, content: Content, read: Callable[[], None]) -> None:
        """Let `read` append what a part called `name` says that is a document of its own, as far as the depth allows.

        The text is the document's; pages and metadata of the part are not.
        """
        if self.depth >= self.limits.depth:
            content.cut("Documents nested deeper were left out.")
            return
        self.depth += 1
        told = len(content.notes)
        try:
            with content.apart():
                read()
        except LimitReached:
            raise
        except Unsupported:
            return  # of a kind that has no text: nothing is missing
        except ExtractionError as problem:
            content.note(str(problem))
        finally:
            self.depth -= 1
        content.name_notes(told, name)


def source_of(data: bytes, name: str, media_type: str) -> Source:
    """Wrap bytes that are in memory already."""
    return Source(io.BytesIO(data), name, media_type)


@contextmanager
def as_damaged(what: str, *errors: type[BaseException]) -> Iterator[None]:
    """Turn a library's complaint about the file into Damaged."""
    try:
        yield
    except errors as problem:
        raise Damaged(f"{what} ({str(problem).strip() or type(problem).__name__}).") from problem
