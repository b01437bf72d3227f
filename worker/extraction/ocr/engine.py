"""The interface of OCR engines and what they give back."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from functools import cache
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


def scaled(box: Box, factor: float) -> Box:
    """Give a box on a picture that is larger by `factor`."""
    left, top, right, bottom = box
    return int(left * factor), int(top * factor), int(right * factor), int(bottom * factor)


class OcrEngine(Protocol):
    """Reads pictures of text. Not safe to share between threads."""

    name: str

    def read(self, image: Image.Image) -> OcrPage:
        """Read an RGB picture of any size. Raises OcrUnavailable if the engine broke; no text is no error."""


@cache
def local_engine(threads: int = 1) -> OcrEngine:
    """Give this process's engine, its models loaded once.

    It costs seconds and a gigabyte: see `sandbox` for the one that documents share.
    """
    forbid_telemetry()
    module = importlib.import_module("worker.extraction.ocr.rapid")
    return cast("OcrEngine", module.RapidEngine(threads=threads))


def forbid_telemetry() -> None:
    """Keep OpenVINO's telemetry client from being imported. Only its converter, which nothing here uses, wants it."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None forbids an import
