"""What a format works with: the source it reads, the content it writes, and the context of limits around both."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from backend.texts.pages import PageSource, PageStatus, PageText, Placed, locate, pack
from worker.extraction.errors import Damaged, ExtractionError, LimitReached, Unsupported
from worker.extraction.metadata import Collector
from worker.extraction.model import WHOLE, Limits, Recognition
from worker.extraction.ocr import OcrEngine
from worker.extraction.text import clean

_WIND_UP = 0.9
"""Share of the time allowed after which reading stops by itself, so that what was read is not lost to the kill."""

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


@dataclass(slots=True)
class _OpenPage:
    """The page that is being read."""

    number: int
    size: tuple[float, float] | None
    engines: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    source: PageSource = PageSource.FILE
    status: PageStatus = PageStatus.READ
    reason: str = ""
    rotation: int = 0
    confidences: list[tuple[float, int]] = field(default_factory=list)
    """Of each recognised word, with its length."""

    def closed(self) -> PageText:
        """Return what was read on it."""
        text = "\n".join(self.parts)
        words = locate(text, self.placed)
        letters = sum(length for _, length in self.confidences)
        sure = sum(confidence * length for confidence, length in self.confidences)
        return PageText(
            number=self.number,
            text=text,
            words=pack(words),
            status=self.status,
            reason=self.reason,
            source=self.source,
            engine="+".join(self.engines),
            width=self.size and self.size[0],
            height=self.size and self.size[1],
            rotation=self.rotation,
            confidence=sure / letters if letters else None,
        )


def _cleaned(word: Placed) -> Placed:
    """Return a word as it is in the text; most are plain, and that is quickly seen."""
    if word.text.isascii() and word.text.isprintable():
        return word
    return Placed(clean(word.text), word.box, word.confidence)


class Content:
    """Collects the text of a document, page by page, up to the limit of characters.

    Pages are handed to `on_page` as each of them ends. Those of documents inside a document are no pages of it.
    What is on no page is handed to `on_beyond` before a document inside this one is read: nothing of what is known
    by then is lost with a reader that breaks on it.
    """

    def __init__(
        self,
        limit: int,
        on_page: Callable[[PageText], None] | None = None,
        on_beyond: Callable[[str], None] | None = None,
    ) -> None:
        self._parts: list[str] = []
        self._left = limit
        self._on_page = on_page
        self._on_beyond = on_beyond
        self._page: _OpenPage | None = None
        self._beyond: list[str] = []
        self._handed_on = 0
        self._nesting = 0
        self._last_page = 0
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
        kept = text[: self._left]
        self._parts.append(kept)
        (self._beyond if self._page is None else self._page.parts).append(kept)
        if len(text) >= self._left:
            self.cut("Only the beginning of the text was kept.")
            raise Enough
        self._left -= len(text) + 1

    def begin_page(
        self, number: int | None = None, size: tuple[float, float] | None = None
    ) -> None:
        """Say that what is added next belongs to a new page.

        Args:
            number: its number, from 1; without one it is the next.
            size: its width and height as it is displayed. Only a page with a size can be recognised by itself.
        """
        self.page_starts.append(len(self._parts))
        if self._nesting:
            return
        self.end_page()
        self._last_page = self._last_page + 1 if number is None else number
        self._page = _OpenPage(self._last_page, size)

    def end_page(self) -> None:
        """Say that what is added next is on no page."""
        if self._nesting or self._page is None:
            return
        page, self._page = self._page, None
        page.engines = page.engines or self.engines[:1]
        if self._on_page is not None:
            self._on_page(page.closed())

    def drop_page(self) -> None:
        """Say that the page was not read, if it can be read by itself."""
        if self._sized_page is not None:
            self._page = None

    def place(self, words: Iterable[Placed]) -> None:
        """Say where on the page words of its text stand, in their order."""
        if (page := self._sized_page) is not None:
            page.placed.extend(word for word in map(_cleaned, words) if word.text)

    def recognised(self, engine: str, *, rotation: int, words: Iterable[Placed]) -> None:
        """Say that words were recognised on a picture: on that of the page, if it is one."""
        self.read_by(engine)
        if (page := self._sized_page) is None:
            return
        words = list(words)
        page.source, page.rotation = PageSource.OCR, rotation
        page.confidences += [(word.confidence / 100, len(word.text)) for word in words]
        self.place(words)

    def await_recognition(self) -> None:
        """Say that there is a picture only recognition can read: the page, if it is one, has to be read again."""
        self.wants_ocr = True
        if (page := self._sized_page) is not None:
            page.status = PageStatus.WAITING

    def remark(self, sentence: str) -> None:
        """Keep a sentence on what of the page was left out; without a page, of the document."""
        if (page := self._sized_page) is not None:
            page.reason = sentence
        else:
            self.note(sentence)

    def fail_page(self, reason: str) -> bool:
        """Say why the page could not be read; return False where there is none, so that the document could not be."""
        if (page := self._sized_page) is None:
            return False
        page.status, page.reason = PageStatus.FAILED, reason
        return True

    @property
    def _sized_page(self) -> _OpenPage | None:
        page = None if self._nesting else self._page
        return None if page is None or page.size is None else page

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Take what is added within the block for that of a document inside this one.

        Its text is this document's; its pages and its metadata are not.
        """
        self._hand_on()
        kept = self.page_count, self.page_starts, self.metadata
        self.page_starts, self.metadata = [], Collector()
        self._nesting += 1
        try:
            yield
        finally:
            self._nesting -= 1
            self.page_count, self.page_starts, self.metadata = kept

    def _hand_on(self) -> None:
        """Hand on what was added since, unless it is that of a document inside."""
        new = self._beyond[self._handed_on :]
        if self._on_beyond is not None and not self._nesting and new:
            self._handed_on = len(self._beyond)
            self._on_beyond("\n".join(new))

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
        if not self._nesting and self._page is not None and engine not in self._page.engines:
            self._page.engines.append(engine)

    def text_and_offsets(self) -> tuple[str, tuple[int, ...]]:
        """Give the text and where in it each page begins."""
        starts, position = [], 0
        for part in self._parts:
            starts.append(position)
            position += len(part) + 1
        text = "\n".join(self._parts)
        return text, tuple(starts[at] if at < len(starts) else len(text) for at in self.page_starts)

    @property
    def beyond(self) -> str:
        """The text that is on no page of a document that has pages."""
        return "\n".join(self._beyond) if self._last_page else ""

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
    recognition: Recognition = WHOLE
    started: float = field(default_factory=time.monotonic)
    worked: float = field(default_factory=time.process_time)
    """The processor time this process had used when reading began, in seconds."""
    depth: int = 0
    expanded_left: int = 0
    ocr_left: int = 0

    def __post_init__(self) -> None:
        self.expanded_left = self.limits.expanded_bytes
        self.ocr_left = self.limits.ocr_pages

    def wants_page(self, number: int) -> bool:
        """Tell whether a page, from 1, is one of those to read."""
        pages = self.recognition.pages
        return self.depth > 0 or pages is None or number in pages

    @property
    def wants_whole(self) -> bool:
        """Whether what is on no page is read too, and not pages alone."""
        return self.depth > 0 or self.recognition.pages is None

    @property
    def is_forced(self) -> bool:
        """Whether a page is to be recognised, whatever text of its own it has."""
        return self.depth == 0 and self.recognition.is_forced

    def check_time(self, content: Content) -> None:
        """Stop in good order before one of the sandbox's clocks runs out."""
        limits = self.limits
        if time.monotonic() - self.started > limits.wall_seconds * _WIND_UP:
            content.cut(
                f"Reading took longer than {limits.wall_seconds:.0f} s; the rest was left out."
            )
            raise Enough
        if time.process_time() - self.worked > limits.cpu_seconds * _WIND_UP:
            content.cut(
                f"Reading took more than {limits.cpu_seconds} s of processor time; the rest was left out."
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
            with content.inside():
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
