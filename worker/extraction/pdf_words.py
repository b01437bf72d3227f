"""Where the words of a PDF stand: pdfium's characters, put together and turned onto the page as it is displayed."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from ctypes import byref

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from backend.texts.pages import MOST_WORDS, UNIT, Placed

# What pdfium puts for a hyphen at a line's end (see `formats.pdf`) ends a part of a word, as a blank ends a word.
_WORD = re.compile("[^\\s\x00\x02\ufffe]+")
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_FINE = 1_000_000
"""Parts of the page's sides in which pdfium is asked for places: it answers in whole numbers."""
_PROBE = 1_000.0
"""Points between the places it is asked for."""

Transform = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f: x and y in points become a·x + c·y + e and b·x + d·y + f in units of the page."""


def words_on(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage) -> Iterator[Placed]:
    """Yield the words of a page in the order of its text. A hyphenated word comes in parts."""
    count = text_page.count_chars()
    text = _characters(text_page)
    transform = _transform(page)
    is_shifted = (
        len(text) != count
    )  # characters were left out or put in: places have to be looked up
    first_box, last_box = pdfium.FS_RECTF(), pdfium.FS_RECTF()
    for number, found in enumerate(_WORD.finditer(text)):
        if number >= MOST_WORDS:
            return
        first, last = found.start(), found.end() - 1
        if is_shifted:
            first = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, first)
            last = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, last)
        if pdfium.FPDFText_GetLooseCharBox(
            text_page, first, byref(first_box)
        ) and pdfium.FPDFText_GetLooseCharBox(text_page, last, byref(last_box)):
            yield Placed(_whole(found.group()), _on_page(transform, first_box, last_box))


def _characters(text_page: pypdfium2.PdfTextPage) -> str:
    """Return all characters, those beyond U+FFFF as two: places are counted in units of UTF-16."""
    return _BEYOND.sub(lambda found: "".join(_halves(found.group())), text_page.get_text_range())


def _halves(character: str) -> Iterator[str]:
    """Yield the two surrogates of a character (RFC 2781, 2.1)."""
    offset = ord(character) - 0x1_0000
    yield chr(0xD800 + (offset >> 10))
    yield chr(0xDC00 + (offset & 0x3FF))


def _whole(word: str) -> str:
    """Put halves together again."""
    if word.isascii():
        return word
    return word.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _transform(page: pypdfium2.PdfPage) -> Transform:
    """Return how points become units of the page as it is displayed: turned, cropped, from its upper left."""
    origin, right, up = (_device(page, x, y) for x, y in ((0, 0), (_PROBE, 0), (0, _PROBE)))
    unit = UNIT / _FINE
    return (
        (right[0] - origin[0]) / _PROBE * unit,
        (right[1] - origin[1]) / _PROBE * unit,
        (up[0] - origin[0]) / _PROBE * unit,
        (up[1] - origin[1]) / _PROBE * unit,
        origin[0] * unit,
        origin[1] * unit,
    )


def _device(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, _FINE, _FINE, 0, x, y, byref(across), byref(down))
    return across.value, down.value


def _on_page(
    transform: Transform, first: pdfium.FS_RECTF, last: pdfium.FS_RECTF
) -> tuple[int, int, int, int]:
    a, b, c, d, e, f = transform
    left, right, low, high = first.left, first.right, first.bottom, first.top
    left, right = min(left, last.left), max(right, last.right)
    low, high = min(low, last.bottom), max(high, last.top)
    x, y = a * left + c * low + e, b * left + d * low + f
    to_x, to_y = a * right + c * high + e, b * right + d * high + f
    if to_x < x:
        x, to_x = to_x, x
    if to_y < y:
        y, to_y = to_y, y
    return int(x), int(y), int(to_x) + 1, int(to_y) + 1
