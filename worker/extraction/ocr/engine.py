"""The interface of OCR engines and what they give back."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from PIL import Image

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class OcrWord:
    """A word and where it stands."""

    text: str
    box: Box
    """Left, top, right, bottom in pixels of the picture as it was given, also where the page lies on its side."""
    confidence: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class OcrPage:
    """What an engine read on one picture."""

    text: str
    """Lines in reading order, words separated by one space, blocks by an empty line."""
    words: tuple[OcrWord, ...] = ()
    rotation: int = 0
    """Degrees clockwise by which the picture has to be turned to be upright: 0, 90, 180 or 270."""
    engine: str = ""
    """The name of the engine that read it, where that is not the one that was asked."""
    missed: float = 0.0
    """Share of the lines seen, by their length, that could not be read; 0 where the engine does not know."""
    remark: str = ""
    """One sentence for a person: what was left out, and why."""


def scaled(box: Box, factor: float) -> Box:
    """Give a box on a picture that is larger by `factor`."""
    left, top, right, bottom = box
    return int(left * factor), int(top * factor), int(right * factor), int(bottom * factor)


def turned_back(box: Box, size: tuple[int, int], turns: int) -> Box:
    """Give a box on a picture as it was before `turns` quarter turns clockwise made it one of `size`."""
    width, height = size
    left, top, right, bottom = box
    if turns >= 2:
        left, top, right, bottom = width - right, height - bottom, width - left, height - top
    if turns % 2:  # undo a quarter turn clockwise: what is left above was left below
        left, top, right, bottom = top, width - right, bottom, width - left
    return left, top, right, bottom


class OcrEngine(Protocol):
    """Reads pictures of text. Not safe to share between threads."""

    name: str

    def read(self, image: Image.Image, languages: Sequence[str] = ()) -> OcrPage:
        """Read an RGB picture of any size. `languages` are ISO 639-1 codes of what is expected; some engines need them.

        Raises OcrUnavailable if the engine broke or lacks something; no text is no error.
        """


RAPID, PADDLE, TESSERACT = "rapidocr", "paddleocr", "tesseract"
_ENGINES = {
    RAPID: ("worker.extraction.ocr.rapid", "RapidEngine"),
    PADDLE: ("worker.extraction.ocr.paddle", "PaddleEngine"),
    TESSERACT: ("worker.extraction.ocr.tesseract", "TesseractEngine"),
}


@cache
def local_engine(name: str = "rapidocr", threads: int = 1, models: Path | None = None) -> OcrEngine:
    """Give this process's engine of a name, its models loaded once; `models` is where those of `paddleocr` are.

    Most cost seconds and a gigabyte: see `sandbox` for those that documents share.
    """
    forbid_telemetry()
    module, engine = _ENGINES[name]
    made = getattr(importlib.import_module(module), engine)
    arguments: dict[str, object] = {} if name == TESSERACT else {"threads": threads}
    if name == PADDLE:
        arguments["models"] = models
    return cast("OcrEngine", made(**arguments))


def forbid_telemetry() -> None:
    """Keep OpenVINO's telemetry client from being imported. Only its converter, which nothing here uses, wants it."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None forbids an import
