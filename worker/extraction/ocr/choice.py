"""Which engine reads a page: the one for its languages, or, where they are of different scripts, the one that can.

PP-OCRv6 is sure of what it reads and lets drop what it does not know. So where it had to drop much, and a script is
expected that it does not know, tesseract reads the page too, and what reads more of it with more certainty counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from backend.texts.languages import BY_TESSERACT
from worker.extraction.errors import OcrEnded, OcrUnavailable
from worker.extraction.ocr import paddle, tesseract
from worker.extraction.ocr.engine import PADDLE, TESSERACT, OcrEngine, OcrPage

_MUCH = 0.1
"""Share of the lines seen that may go unread before another engine is asked."""
_GUESSED = 0.5
"""Words of less certainty speak against a reading."""


def engines_for(languages: Sequence[str], asked: str, first: str) -> list[str]:
    """Return the names of the engines that pages may need, in the order in which they are tried.

    `asked` is the engine a person chose, if any; `first` the one of this installation for what it can read.
    """
    if asked:
        return [asked]
    foreign = [code for code in languages if code in BY_TESSERACT]
    if not foreign:
        return [first]
    return [TESSERACT] if len(foreign) == len(languages) else [first, TESSERACT]


def lacking(name: str, languages: Sequence[str], models: Path | None) -> str | None:
    """Say why an engine cannot read pages in some languages here; None where it can."""
    if name == TESSERACT:
        return tesseract.missing(languages)
    return paddle.missing(models) if name == PADDLE else None


class ChoosingEngine:
    """An `OcrEngine` out of others; each page says which of them read it."""

    name = "choice"

    def __init__(
        self, engines: Mapping[str, OcrEngine], languages: Sequence[str], missing: str = ""
    ) -> None:
        """Choose among engines in their order; `missing` says why there is one less than the languages need."""
        self._engines = engines
        self._languages = languages
        self._missing = missing

    def read(self, image: Image.Image, languages: Sequence[str] = ()) -> OcrPage:
        """Read a picture by the engine that suits it."""
        languages = languages or self._languages
        best: OcrPage | None = None
        problem: OcrUnavailable | None = None
        for name, engine in self._engines.items():
            try:
                page = replace(engine.read(image, languages), engine=name)
            except OcrEnded:
                raise
            except OcrUnavailable as error:
                problem = error
                continue
            if best is None or _score(page) > _score(best):
                best = page
            if page.missed <= _MUCH:
                break
        if best is None:
            raise problem or OcrUnavailable(self._missing or "there is no engine")
        if best.missed > _MUCH and self._missing:
            return replace(best, remark=f"Some of its lines were not read: {self._missing}.")
        return best


def _score(page: OcrPage) -> float:
    return sum((word.confidence - _GUESSED) * len(word.text) for word in page.words)
