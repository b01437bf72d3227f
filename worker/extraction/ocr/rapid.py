"""RapidOCR: PaddleOCR's PP-OCRv6 models out of the wheel, run by OpenVINO. Nothing is downloaded, nothing phones home.

The line classifier for turned text stays off: it flips upright lines at random. The page is turned as a whole instead,
if its boxes are tall or its widest lines read better upside down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rapidocr import EngineType, RapidOCR
from rapidocr.ch_ppocr_rec.typings import WordInfo
from rapidocr.main import RapidOCRError

from worker.extraction.errors import OcrUnavailable
from worker.extraction.ocr.engine import Box, OcrPage, OcrWord, scaled, turned_back
from worker.extraction.ocr.layout import Line, arrange, text_of

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float32]

_LONGEST_SIDE = 2000
"""Pixels: larger pictures are scaled down, as the models were trained to see text; see STACK.md for what it costs."""
_SHORTEST_SIDE = 32
_NARROWEST = 6
"""Times that a picture's longer side may be as long as the shorter; narrower ones are widened with white."""
_CONTRAST = 25
"""Of 255: what differs more from the paper is ink, or may be."""
_MARGIN = 60
"""Pixels left around the ink: closer to the edge words are torn."""
_TALLEST_PAGE = 1.5
"""Height over width of the tallest paper."""
_PROBES = 6
"""Lines whose scores decide which way up a page is; as many as the engine reads at once, so they cost nothing extra."""
_SURELY_UPRIGHT = 0.9
_LEAST_CONFIDENCE = 0.5
_LEAST_CHARACTERS = 2
"""A page of one character is a stain, a bullet or a pattern."""
_TALL = 1.5
_SPARSE = 2.0
"""Line heights of a line that has no more than one character for so much of its length."""


@dataclass(slots=True)
class _Found:
    """A line found on the picture: its corners from the upper left on clockwise, and its pixels, cut out straight."""

    box: Corners
    crop: Pixels


@dataclass(slots=True)
class _Read:
    """What the recogniser made of a line."""

    characters: str
    confidence: float
    info: WordInfo


class RapidEngine:
    """An `OcrEngine`. Loads its models when made; keeps about a gigabyte."""

    name = "rapidocr"

    def __init__(self, *, threads: int = 1) -> None:
        self._engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.return_word_box": True,
                "Det.engine_type": EngineType.OPENVINO,
                "Cls.engine_type": EngineType.OPENVINO,
                "Rec.engine_type": EngineType.OPENVINO,
                "EngineConfig.openvino.inference_num_threads": threads,
            }
        )

    def read(self, image: Image.Image, languages: Sequence[str] = ()) -> OcrPage:
        """Read a picture of any size, whichever way up it lies. One model reads every language it knows."""
        del languages
        pages = []
        for top, band in bands(image):
            scale = min(1.0, _LONGEST_SIDE / max(band.size))
            sheet = _scaled(band, scale)
            left, above, right, below = _inked(sheet)
            pixels = _for_the_models(sheet.crop((left, above, right, below)))
            page = self._read_band(pixels, scale)
            by = int(left / scale), int(above / scale) + top
            words = tuple(replace(word, box=_moved(word.box, by)) for word in page.words)
            pages.append(replace(page, words=words))
        return _joined(pages)

    def _read_band(self, pixels: Pixels, scale: float) -> OcrPage:
        try:
            return self._read_upright(pixels, scale)
        except MemoryError:
            raise
        except Exception as problem:  # a runtime of C++ that raises anything
            raise OcrUnavailable(
                f"the recognition engine failed ({type(problem).__name__})"
            ) from problem

    def _read_upright(self, pixels: Pixels, scale: float) -> OcrPage:
        found = self._detect(pixels)
        turns = 0
        if found and _lies_on_its_side(found):
            turns = 1
            pixels = np.ascontiguousarray(np.rot90(pixels, -1))
            found = self._detect(pixels)
        if not found:
            return OcrPage("")
        # the widest lines first: they show best which way up they are
        found.sort(key=lambda line: -line.crop.shape[1] / line.crop.shape[0])
        probes, rest = found[:_PROBES], found[_PROBES:]
        read = self._recognise(probes)
        if _confidence(read) < _SURELY_UPRIGHT:
            flipped_probes = [_flipped(line, pixels) for line in probes]
            flipped = self._recognise(flipped_probes)
            if _confidence(flipped) > _confidence(read):
                turns += 2
                read, probes = flipped, flipped_probes
                rest = [_flipped(line, pixels) for line in rest]
        if rest:
            read += self._recognise(rest)
        lines = [
            _line(line, text)
            for line, text in zip(probes + rest, read, strict=True)
            if _is_read(text)
        ]
        missed = _missed(probes + rest, read)
        if (
            sum(character.isalnum() for line in lines for character in line.text)
            < _LEAST_CHARACTERS
        ):
            return OcrPage("", rotation=turns * 90, missed=missed)
        blocks = arrange(lines)
        words = tuple(
            _word_as_given(word, pixels.shape, turns, scale)
            for block in blocks
            for row in block
            for line in row
            for word in line.words
        )
        return OcrPage(text_of(blocks), words, turns * 90, missed=missed)

    def _detect(self, pixels: Pixels) -> list[_Found]:
        try:
            record: dict[str, dict[str, float]] = {}
            crops, result = self._engine.detect_and_crop(pixels, record)
        except RapidOCRError:  # its way to say that there is no text
            return []
        padding = record["padding_1"]
        boxes = np.asarray(result.boxes) - np.array([padding["left"], padding["top"]], np.float32)
        return [_Found(box, crop) for box, crop in zip(boxes, crops, strict=True) if crop.size]

    def _recognise(self, lines: list[_Found]) -> list[_Read]:
        result: Any = self._engine.recognize_txt(
            [line.crop for line in lines]
        )  # its annotations are not what it gives
        return [
            _Read(text, float(score), info)
            for text, score, info in zip(
                result.txts, result.scores, result.word_results, strict=True
            )
        ]


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Cut a picture that is much taller than wide into (top, band): scaled to one page it could not be read.

    Receipts and long screenshots are such pictures. The cuts go where a row of pixels is plainest: between lines.
    """
    height = max(_LONGEST_SIDE, round(image.width * _TALLEST_PAGE))
    if image.height <= height * _TALLEST_PAGE:
        yield 0, image
        return
    rows = np.asarray(image.convert("L"), dtype=np.float32).std(axis=1)
    top = 0
    while image.height - top > height:
        margin = top + round(height * 0.8)
        cut = margin + int(rows[margin : top + height].argmin())
        yield top, image.crop((0, top, image.width, cut))
        top = cut
    yield top, image.crop((0, top, image.width, image.height))


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    if scale == 1.0:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR)


def _inked(image: Image.Image) -> Box:
    """Return where there is anything on a picture, with a margin: on wide white paper lone lines are missed."""
    grey = np.asarray(image.convert("L"), dtype=np.int16)
    differs = np.abs(grey - np.median(grey)) > _CONTRAST
    columns, rows = np.flatnonzero(differs.any(axis=0)), np.flatnonzero(differs.any(axis=1))
    if not rows.size:
        return 0, 0, image.width, image.height
    return (
        max(0, int(columns[0]) - _MARGIN),
        max(0, int(rows[0]) - _MARGIN),
        min(image.width, int(columns[-1]) + _MARGIN),
        min(image.height, int(rows[-1]) + _MARGIN),
    )


def _for_the_models(image: Image.Image) -> Pixels:
    """Widen a strip: the detector scales short sides up, a line of pixels to a gigabyte."""
    short = max(_SHORTEST_SIDE, max(image.size) // _NARROWEST)
    if min(image.size) < short:
        sheet = Image.new("RGB", (max(image.width, short), max(image.height, short)), "white")
        sheet.paste(image)
        image = sheet
    # the models were trained on pictures with blue first
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _joined(pages: list[OcrPage]) -> OcrPage:
    """Make one page of the bands of a picture."""
    return OcrPage(
        text="\n".join(page.text for page in pages if page.text),
        words=tuple(word for page in pages for word in page.words),
        rotation=pages[0].rotation,
        missed=sum(page.missed for page in pages) / len(pages),
    )


def _moved(box: Box, by: tuple[int, int]) -> Box:
    left, top, right, bottom = box
    return left + by[0], top + by[1], right + by[0], bottom + by[1]


def _lies_on_its_side(found: list[_Found]) -> bool:
    """Tell whether most of the text, by its length, runs up or down."""
    sizes = [_size(line.box) for line in found]
    tall = sum(height for width, height in sizes if height >= _TALL * width)
    wide = sum(width for width, height in sizes if height < _TALL * width)
    return bool(tall > wide)


def _flipped(line: _Found, pixels: Pixels) -> _Found:
    """Give a line as it is on the page turned upside down."""
    corner = np.array([pixels.shape[1], pixels.shape[0]], dtype=np.float32)
    return _Found((corner - line.box)[[2, 3, 0, 1]], np.ascontiguousarray(np.rot90(line.crop, 2)))


def _is_read(text: _Read) -> bool:
    return text.confidence >= _LEAST_CONFIDENCE and bool(text.characters.strip())


def _missed(found: list[_Found], read: list[_Read]) -> float:
    """Return the share of the lines, by their length, that are of another script than the models know.

    Of such a line hardly a character is recognised, though it is long.
    """
    unread = total = 0.0
    for line, text in zip(found, read, strict=True):
        length, height = _size(line.box)
        total += length
        is_sparse = len(text.characters.strip()) * height * _SPARSE < length
        unread += length if not _is_read(text) or is_sparse else 0.0
    return unread / total if total else 0.0


def _confidence(read: list[_Read]) -> float:
    return sum(text.confidence for text in read) / len(read)


def _size(box: Corners) -> tuple[float, float]:
    return float(np.linalg.norm(box[1] - box[0])), float(np.linalg.norm(box[3] - box[0]))


def _line(found: _Found, read: _Read) -> Line:
    return Line(read.characters.strip(), found.box, list(_words(found.box, read)))


def _words(box: Corners, read: _Read) -> Iterator[OcrWord]:
    """Yield the words of a line, placed by the columns in which the recogniser saw their characters."""
    columns = [column for word in read.info.word_cols for column in word]
    at = seen = 0
    for token in read.characters.split():
        at = read.characters.index(token, at)
        first, last = columns[seen], columns[seen + len(token) - 1]
        seen += len(token)
        confidences = read.info.confs[at : at + len(token)]
        at += len(token)
        length = max(read.info.line_txt_len, last + 1)
        left, right = max(0.0, (first - 0.5) / length), min(1.0, (last + 1.5) / length)
        corners = np.array(
            [box[0] + (box[1] - box[0]) * share for share in (left, right)]
            + [box[3] + (box[2] - box[3]) * share for share in (left, right)]
        )
        low, high = corners.min(axis=0), corners.max(axis=0)
        yield OcrWord(
            token,
            (int(low[0]), int(low[1]), int(high[0]), int(high[1])),
            sum(confidences) / max(1, len(confidences)),
        )


def _word_as_given(word: OcrWord, shape: tuple[int, ...], turns: int, scale: float) -> OcrWord:
    """Turn a word's box back by `turns` quarter turns and out of scale."""
    # of the picture that was read, which is already turned if it lay on its side
    height, width = shape[:2]
    box = turned_back(word.box, (width, height), turns)
    return OcrWord(word.text, scaled(box, 1 / scale), word.confidence)
