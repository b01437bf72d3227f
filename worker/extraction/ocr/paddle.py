"""The `paddleocr` package, with models in a directory: an optional engine, for models that are not in a wheel.

The package is not one of this service's dependencies; where it and the models are installed, it is used on demand. The
directory has one folder for each of `det` and `rec`, and perhaps `doc_ori`, which tells which way up a page lies. The
package is told every model, so that it has none to download.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from worker.extraction.errors import OcrUnavailable
from worker.extraction.ocr.engine import Box, OcrPage, OcrWord, turned_back
from worker.extraction.ocr.layout import Line, arrange, text_of

_DETECTION, _RECOGNITION, _ORIENTATION = "det", "rec", "doc_ori"
_LEAST_CONFIDENCE = 0.5


class PaddleEngine:
    """An `OcrEngine`. Loads its models when made; keeps several gigabytes."""

    name = "paddleocr"

    def __init__(self, *, threads: int, models: Path) -> None:
        package: Any = importlib.import_module("paddleocr")
        self._tells_orientation = (models / _ORIENTATION).is_dir()
        orientation = (
            {"doc_orientation_classify_model_dir": str(models / _ORIENTATION)}
            if self._tells_orientation
            else {}
        )
        self._engine = package.PaddleOCR(
            text_detection_model_dir=str(models / _DETECTION),
            text_recognition_model_dir=str(models / _RECOGNITION),
            use_doc_orientation_classify=self._tells_orientation,
            use_doc_unwarping=False,
            use_textline_orientation=False,
            return_word_box=True,
            cpu_threads=threads,
            **orientation,
        )

    def read(self, image: Image.Image, languages: Sequence[str] = ()) -> OcrPage:
        """Read a picture; the models decide what languages they know."""
        del languages
        # the models were trained on pictures with blue first
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
        try:
            found = self._engine.predict(pixels)
        except MemoryError:
            raise
        except Exception as problem:  # a runtime of C++ that raises anything
            raise OcrUnavailable(
                f"the recognition engine failed ({type(problem).__name__})"
            ) from problem
        return page_of(found[0], image.size) if found else OcrPage("")


def missing(models: Path | None) -> str | None:
    """Say why there is no such engine here; None where there is."""
    if importlib.util.find_spec("paddleocr") is None:
        return "the package paddleocr is not installed"
    if models is None or not all((models / name).is_dir() for name in (_DETECTION, _RECOGNITION)):
        return "there are no models for paddleocr in DMS_OCR_MODELS"
    return None


def page_of(found: Mapping[str, Any], size: tuple[int, int]) -> OcrPage:
    """Give what the package found on a picture of a size as a page."""
    # The angle is counter-clockwise: by so much it had to turn the page.
    angle = int((found.get("doc_preprocessor_res") or {}).get("angle") or 0)
    turns = (4 - angle // 90) % 4 if angle in {90, 180, 270} else 0
    upright = size if turns % 2 == 0 else (size[1], size[0])
    lines = [line for line in _lines(found) if line.text]
    blocks = arrange(lines)
    words = tuple(
        OcrWord(word.text, turned_back(word.box, upright, turns), word.confidence)
        for block in blocks
        for row in block
        for line in row
        for word in line.words
    )
    return OcrPage(text_of(blocks), words, turns * 90)


def _lines(found: Mapping[str, Any]) -> Iterator[Line]:
    tokens, boxes = found.get("text_word") or [], found.get("text_word_boxes")
    for number, (text, score, corners) in enumerate(
        zip(found["rec_texts"], found["rec_scores"], found["rec_polys"], strict=True)
    ):
        if float(score) < _LEAST_CONFIDENCE:
            continue
        line = " ".join(str(text).split())
        outline = np.asarray(corners, dtype=np.float32)
        parts: list[tuple[str, Box]] = []
        if boxes is not None and number < len(tokens):
            parts = [
                (str(token), _box(box))
                for token, box in zip(tokens[number], boxes[number], strict=True)
            ]
        yield Line(line, outline, list(_words(line, _box(outline), parts, float(score))))


def _words(
    line: str, whole: Box, parts: Sequence[tuple[str, Box]], score: float
) -> Iterator[OcrWord]:
    """Yield the words of a line: where its parts stand that the package measured, else on their share of the line."""
    at = 0
    left, top, right, bottom = whole
    places = _places(line, parts)
    for text in line.split():
        at = line.index(text, at)
        end = at + len(text)
        inside = [box for start, box in places if at <= start < end]
        if inside:
            box = (
                min(one[0] for one in inside), min(one[1] for one in inside),
                max(one[2] for one in inside), max(one[3] for one in inside),
            )  # fmt: skip
        else:
            across = (right - left) / len(line)
            box = left + int(at * across), top, left + round(end * across), bottom
        yield OcrWord(text, box, score)
        at = end


def _places(line: str, parts: Sequence[tuple[str, Box]]) -> list[tuple[int, Box]]:
    """Return where in the line each measured part begins; those that are not in it are left out."""
    found = []
    at = 0
    for text, box in parts:
        start = line.find(text.strip(), at) if text.strip() else -1
        if start >= 0:
            found.append((start, box))
            at = start + len(text.strip())
    return found


def _box(corners: Any) -> Box:
    """Return the box around corners, or one that is given as its sides."""
    numbers = np.asarray(corners, dtype=np.float32)
    points = numbers.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
