"""Pages as they are read: their text, and which of its characters stand where. Pure; knows neither database nor web.

Boxes are in shares of the page as it is displayed, turned as the file says, from its upper left corner; one unit is a
ten-thousandth of the page's width or height. So they hold for a picture of the page in any size.
"""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import sub
from typing import NamedTuple

UNIT = 10_000
"""Parts into which a page's width and height are divided."""
MOST_WORDS = 20_000
"""Words of one page whose places are kept."""
_FORMAT = b"\x01"
_LARGEST = MOST_WORDS * 14
_NEAR = 400
"""Characters within which a word that stands somewhere else than expected is looked for."""


class PageStatus(StrEnum):
    """How far the text of a page is."""

    READ = "read"
    """To its end; there may be nothing on it."""
    WAITING = "waiting"
    """For recognition."""
    FAILED = "failed"


class PageSource(StrEnum):
    """Where the text of a page comes from."""

    FILE = "file"
    """It is written in the file."""
    OCR = "ocr"
    """Some or all of it was recognised on a picture."""
    PERSON = "person"


class Word(NamedTuple):
    """Which characters of the page's text stand where."""

    start: int
    end: int
    """The first character after it. Where the next word starts here, both are parts of one word, which was divided."""
    left: int
    top: int
    right: int
    bottom: int
    confidence: int
    """Percent: how sure recognition was; 100 where nothing had to be recognised."""


class Placed(NamedTuple):
    """A word as a reader finds it, before its place in the text is known."""

    text: str
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in units of the page."""
    confidence: int = 100


@dataclass(frozen=True, slots=True)
class PageText:
    """What was read on one page."""

    number: int
    """From 1."""
    text: str = ""
    words: bytes = b""
    """As `pack` gives them."""
    status: PageStatus = PageStatus.READ
    reason: str = ""
    """One sentence for a person: why it failed."""
    source: PageSource = PageSource.FILE
    engine: str = ""
    width: float | None = None
    """Of the page as it is displayed: points of a PDF, pixels of a picture; None where a page has no size."""
    height: float | None = None
    rotation: int = 0
    """Degrees clockwise by which its picture has to be turned to be upright."""
    confidence: float | None = None
    """Mean of the recognised words, weighted by their length, 0 to 1; None where none was recognised."""

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "number": self.number,
            "text": self.text,
            "words": base64.b64encode(self.words).decode(),
            "status": self.status,
            "reason": self.reason,
            "source": self.source,
            "engine": self.engine,
            "width": self.width,
            "height": self.height,
            "rotation": self.rotation,
            "confidence": self.confidence,
        }

    @classmethod
    def from_json(cls, value: object) -> PageText:
        """Read what `to_json` gave. The other side may be hostile: ValueError unless every field is as it should be."""
        if not isinstance(value, dict):
            raise ValueError("not a page")  # noqa: TRY004 - one error for all that is wrong with a message
        texts = [value.get(name) for name in ("text", "words", "reason", "engine")]
        number, rotation = value.get("number"), value.get("rotation")
        numbers = [value.get(name) for name in ("width", "height", "confidence")]
        if (
            not all(isinstance(text, str) for text in texts)
            or not (isinstance(number, int) and 0 < number < 2**31)
            or rotation not in {0, 90, 180, 270}
            or not all(one is None or isinstance(one, int | float) for one in numbers)
        ):
            raise ValueError("a field of a page is missing or has the wrong type")
        page = cls(
            number=number,
            text=value["text"],
            words=base64.b64decode(value["words"], validate=True),
            status=PageStatus(str(value.get("status"))),
            reason=value["reason"],
            source=PageSource(str(value.get("source"))),
            engine=value["engine"],
            width=value["width"],
            height=value["height"],
            rotation=int(rotation),
            confidence=value["confidence"],
        )
        unpack(page.words, len(page.text))
        return page


def pack(words: Sequence[Word]) -> bytes:
    """Give words, which stand one after the other, as bytes: a version byte, then the columns, compressed.

    No words are no bytes. What stands behind 65,535 blanks is left out.

    Positions are kept as differences from the word before, and the two bytes of all numbers apart: on a page of text
    most of them are then the same, which is what makes them small (docs/adr/0021).
    """
    if not words:
        return b""
    kept = words[: _packable(words)]
    if not kept:
        return b""
    starts, ends, lefts, tops, rights, bottoms, confidences = zip(*kept, strict=True)
    heights = list(map(sub, bottoms, tops))
    columns = (
        map(sub, starts, (0, *ends)),
        map(sub, ends, starts),
        map(sub, lefts, (0, *rights)),
        map(sub, tops, (0, *tops)),
        map(sub, rights, lefts),
        map(sub, heights, (0, *heights)),
        confidences,
    )
    data = b"".join(_little_endian(value & 0xFFFF for value in column) for column in columns)
    return _FORMAT + zlib.compress(data[0::2] + data[1::2], 6)


def _packable(words: Sequence[Word]) -> int:
    """Return how many words can be packed: up to one that is too long, or too far behind the one before."""
    end = 0
    for count, word in enumerate(words[:MOST_WORDS]):
        if word.start - end > 0xFFFF or word.end - word.start > 0xFFFF:
            return count
        end = word.end
    return min(len(words), MOST_WORDS)


def unpack(data: bytes, length: int) -> list[Word]:
    """Give the words that `pack` put into bytes, for a text of `length` characters.

    Raises:
        ValueError: these are no words of such a text.
    """
    if not data:
        return []
    if not data.startswith(_FORMAT):
        raise ValueError("words in an unknown format")
    unzip = zlib.decompressobj()
    try:
        planes = unzip.decompress(data[1:], _LARGEST + 1)
    except zlib.error as problem:
        raise ValueError("words that cannot be read") from problem
    if not unzip.eof or len(planes) % 14:
        raise ValueError("words of a wrong length")
    half = len(planes) // 2
    data_of_both = bytearray(len(planes))
    data_of_both[0::2], data_of_both[1::2] = planes[:half], planes[half:]
    numbers = _numbers(bytes(data_of_both))
    count = len(numbers) // 7
    columns = [numbers[column * count : (column + 1) * count] for column in range(7)]
    words = list(_summed(columns))
    if words and not _fit(words, length):
        raise ValueError("words that stand outside the text or the page")
    return words


def _summed(columns: Sequence[Sequence[int]]) -> Iterator[Word]:
    word = Word(0, 0, 0, 0, 0, 0, 0)
    for gap, size, left, top, width, height, confidence in zip(*columns, strict=True):
        start = word.end + gap
        left = (word.right + left) & 0xFFFF  # noqa: PLW2901 - the difference becomes the value
        top = (word.top + top) & 0xFFFF  # noqa: PLW2901
        height = (word.bottom - word.top + height) & 0xFFFF  # noqa: PLW2901
        word = Word(start, start + size, left, top, left + width, top + height, confidence)
        yield word


def _fit(words: Sequence[Word], length: int) -> bool:
    return words[-1].end <= length and all(
        word.right <= UNIT and word.bottom <= UNIT and word.confidence <= 100 for word in words
    )


def _little_endian(column: Iterable[int]) -> bytes:
    numbers = array("H", column)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _numbers(data: bytes) -> array[int]:
    numbers = array("H", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def locate(text: str, placed: Iterable[Placed]) -> list[Word]:
    """Give words their places in a text, in which they stand in this order; those that are not in it are left out."""
    words: list[Word] = []
    at = 0
    for one in placed:
        start = _next(text, at)
        if not text.startswith(one.text, start):
            start = text.find(one.text, at, at + _NEAR + len(one.text))
        is_packable = start - at <= 0xFFFF and 0 < len(one.text) <= 0xFFFF
        if start < 0 or not is_packable or len(words) == MOST_WORDS:
            continue
        at = start + len(one.text)
        words.append(Word(start, at, *_on_the_page(one.box), min(max(one.confidence, 0), 100)))
    return words


def _next(text: str, at: int) -> int:
    """Return where the next character that is no blank stands."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _on_the_page(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    if 0 <= left <= right <= UNIT and 0 <= top <= bottom <= UNIT:
        return box
    left, top, right, bottom = (min(max(value, 0), UNIT) for value in box)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)
