"""Text on pages: what has no pages of its own is set on sheets of A4, so that it has a look to be known by.

To be read, text is shown as text; this is what its thumbnail is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageDraw, ImageFont

from worker.extraction.errors import Damaged, Unsupported
from worker.extraction.extract import extract_stream
from worker.extraction.model import Limits
from worker.extraction.text import decode
from worker.previews.model import DrawLimits

_SHEET = 595, 842
_MARGIN = 48
_POINTS = 10
_LEADING = 14
_LINES = (_SHEET[1] - 2 * _MARGIN) // _LEADING
_MOST_SHEETS = 100
_CHARACTERS = 400_000
_TAB = 4
_FONTS = Path("/usr/share/fonts/truetype/dejavu")
_SERIFLESS, _TYPEWRITER = "DejaVuSans.ttf", "DejaVuSansMono.ttf"
_FINE = 4
"""Widths are measured in letters so many times as large: at 10 pixels they are rounded."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@contextmanager
def opened(stream: BinaryIO, limits: DrawLimits, *, media_type: str) -> Iterator[TextPages]:
    """Set what a document says; plain text as it is, with the lines it has."""
    is_plain = media_type.startswith("text/") and media_type != "text/html"
    if is_plain:
        stream.seek(0)
        text = decode(stream.read(_CHARACTERS))
    else:
        text = _extracted(stream, media_type, limits)
    yield TextPages(text, _TYPEWRITER if is_plain else _SERIFLESS)


class TextPages:
    """Text on sheets."""

    def __init__(self, text: str, font: str) -> None:
        self._font = font
        lines = list(_lines(text, _loaded(font, _POINTS * _FINE), _LINES * _MOST_SHEETS))
        self._sheets = [
            lines[first : first + _LINES] for first in range(0, len(lines), _LINES)
        ] or [[]]
        self.sizes: Sequence[tuple[int, int]] = [_SHEET] * len(self._sheets)

    def draw(self, page: int, width: int) -> Image.Image:
        """Give a sheet."""
        scale = width / _SHEET[0]
        sheet = Image.new("RGB", (width, round(_SHEET[1] * scale)), "white")
        pen, font = ImageDraw.Draw(sheet), _loaded(self._font, _POINTS * scale)
        for number, line in enumerate(self._sheets[page - 1]):
            place = _MARGIN * scale, (_MARGIN + number * _LEADING) * scale
            pen.text(place, line, (30, 34, 42), font)
        return sheet


def _extracted(stream: BinaryIO, media_type: str, limits: DrawLimits) -> str:
    result = extract_stream(
        stream,
        name="",
        media_type=media_type,
        limits=Limits(
            wall_seconds=limits.wall_seconds / 2, text_characters=_CHARACTERS, ocr_pages=0
        ),
        engine=None,
    )
    if not result.text and result.status == "unsupported":
        raise Unsupported(result.detail)
    if not result.text and result.status in {"damaged", "failed"}:
        raise Damaged(result.detail)
    return result.text


def _lines(text: str, font: Font, most: int) -> Iterator[str]:
    """Yield lines that fit, broken between words where they can be."""
    room = (_SHEET[0] - 2 * _MARGIN) * _FINE
    count = 0
    for paragraph in text.splitlines():
        rest = paragraph.expandtabs(_TAB).rstrip()
        while True:
            line, rest = _split(rest, font, room)
            yield line
            count += 1
            if count >= most:
                return
            if not rest:
                break


def _split(text: str, font: Font, room: float) -> tuple[str, str]:
    """Give as much of a text as fits, and the rest of it."""
    end = min(len(text), int(room))
    if font.getlength(text[:end]) <= room:
        return text[:end], text[end:]
    low, high = 1, end
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= room else (low, middle - 1)
    blank = text.rfind(" ", 0, low + 1)
    cut = blank if blank > 0 else low
    return text[:cut], text[cut:].lstrip()


@cache
def _loaded(name: str, size: float) -> Font:
    """Give a font of the system's; where it has none, the one that Pillow brings, which knows Latin letters."""
    path = _FONTS / name
    return ImageFont.truetype(path, size) if path.is_file() else ImageFont.load_default(size)
