"""tesseract: the engine for scripts that PP-OCRv6 does not know. An installed program, called once or twice a page.

It gets pixels on its standard input and answers in tab-separated values (tesseract(1), `tsv`). Without it, or without
the data of a language, the reason is said; nothing is downloaded.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import Image

from backend.texts.languages import BY_TESSERACT, READABLE
from worker.extraction.errors import OcrUnavailable
from worker.extraction.ocr.engine import Box, OcrPage, OcrWord, turned_back

_SECONDS = 300.0
"""How long one page may take."""
_ANSWER_BYTES = 16 << 20
_WORD = "5"
"""The level of a word in its table; those of pages, blocks, paragraphs and lines are lower."""
_COLUMNS = 12
_SURELY_TURNED = 2.0
"""Its measure of how sure it is which way up a page is."""
_LEAST_CONFIDENCE = 0.3
_DATA = ("/usr/share/tesseract-ocr", "/usr/share/tessdata", "/usr/local/share/tessdata")


@dataclass(frozen=True, slots=True)
class _Row:
    """A word as tesseract gives it."""

    line: tuple[str, str, str]
    """Block, paragraph and line it is in."""
    box: Box
    confidence: float
    text: str


class TesseractEngine:
    """An `OcrEngine`. Keeps nothing: each page is read by a process of its own."""

    name = "tesseract"

    def read(self, image: Image.Image, languages: Sequence[str] = ()) -> OcrPage:
        """Read a picture of any size, whichever way up it lies; without languages, as English."""
        codes = _codes(languages)
        if min(image.size) < 3:
            return OcrPage("")
        grey = image.convert("L")
        rotation = self._rotation(grey)
        # Pillow turns counter-clockwise.
        upright = grey.rotate(-rotation, expand=True) if rotation else grey
        table = _run(upright, "-l", "+".join(codes), "--psm", "3", "tsv")
        rows = [row for row in _rows(table) if row.confidence >= _LEAST_CONFIDENCE]
        words = tuple(
            OcrWord(row.text, turned_back(row.box, upright.size, rotation // 90), row.confidence)
            for row in rows
        )
        return OcrPage(_text(rows), words, rotation)

    @staticmethod
    def _rotation(image: Image.Image) -> int:
        """Return by how many degrees clockwise to turn a page; 0 also where there is too little to tell by."""
        if "osd" not in installed():
            return 0
        try:
            answer = _run(image, "-l", "osd", "--psm", "0")
        except OcrUnavailable:
            return 0  # its way to say that there are too few characters
        found = dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
        try:
            rotation, sure = int(found["Rotate"]), float(found["Orientation confidence"])
        except (KeyError, ValueError):
            return 0
        return rotation if rotation in {90, 180, 270} and sure >= _SURELY_TURNED else 0


def program() -> Path | None:
    """Return where tesseract is, None where it is not."""
    found = shutil.which("tesseract", path=os.environ.get("PATH", os.defpath))
    return Path(found).resolve() if found else None


@cache
def installed() -> frozenset[str]:
    """Return the languages tesseract has data of, by its own names; none where it is not installed."""
    if program() is None:
        return frozenset()
    names = []
    for root in map(Path, _DATA):
        names += [path.stem for path in root.rglob("*.traineddata")] if root.is_dir() else []
    return frozenset(names)


def missing(languages: Sequence[str]) -> str | None:
    """Say why tesseract reads none of some languages, given as ISO 639-1 codes; None where it reads any."""
    if program() is None:
        return "tesseract is not installed"
    wanted = [code for code in languages if code in BY_TESSERACT] or list(languages) or ["en"]
    if any(READABLE.get(code) in installed() for code in wanted):
        return None
    return f"tesseract has no data of the language {wanted[0]!r}"


def _codes(languages: Sequence[str]) -> list[str]:
    """Return tesseract's names of languages; of those it has no data of, English stands for the ones in Latin letters.

    Raises:
        OcrUnavailable: it is not installed, or has no data of any.
    """
    reason = missing(languages)
    if reason is not None:
        raise OcrUnavailable(reason)
    wanted = [
        READABLE[code] if code in BY_TESSERACT or READABLE[code] in installed() else READABLE["en"]
        for code in languages or ("en",)
    ]
    return [name for name in dict.fromkeys(wanted) if name in installed()]


def _run(image: Image.Image, *arguments: str) -> str:
    """Run tesseract on a grey picture and return what it says.

    Raises:
        OcrUnavailable: it failed, took too long, or said too much.
    """
    pixels = io.BytesIO()
    image.save(pixels, "PPM")
    try:
        done = subprocess.run(  # noqa: S603 - an installed program, with arguments of our own
            [str(program()), "-", "-", *arguments],
            input=pixels.getvalue(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            env={"OMP_THREAD_LIMIT": "1", "LANG": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as problem:
        raise OcrUnavailable("tesseract took too long") from problem
    except (OSError, subprocess.CalledProcessError) as problem:
        raise OcrUnavailable("tesseract failed") from problem
    if len(done.stdout) > _ANSWER_BYTES:
        raise OcrUnavailable("tesseract found more than can be on a page")
    return done.stdout.decode("utf-8", "replace")


def _rows(table: str) -> Iterator[_Row]:
    for line in table.splitlines()[1:]:
        cells = line.split("\t")
        if len(cells) != _COLUMNS or cells[0] != _WORD or not cells[11].strip():
            continue
        left, top, width, height = map(int, cells[6:10])
        box = left, top, left + width, top + height
        yield _Row((cells[2], cells[3], cells[4]), box, float(cells[10]) / 100, cells[11].strip())


def _text(rows: Sequence[_Row]) -> str:
    """Return the text: words separated by one space, paragraphs by an empty line."""
    paragraphs = []
    for _, paragraph in groupby(rows, key=lambda row: row.line[:2]):
        lines = groupby(paragraph, key=lambda row: row.line)
        paragraphs.append("\n".join(" ".join(row.text for row in line) for _, line in lines))
    return "\n\n".join(paragraphs)
