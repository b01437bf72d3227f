"""The optional `paddleocr` package: what it answers becomes a page; where it is installed, it reads."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from tests.worker.extraction import samples
from worker.extraction.ocr import paddle


def found(angle: int = 0) -> dict[str, object]:
    """Return what `PaddleOCR.predict` gives for two lines, the second unsure of itself (PaddleOCR 3, `OCRResult`)."""
    return {
        "doc_preprocessor_res": {"angle": angle},
        "rec_texts": ["The lease  ends", "noise"],
        "rec_scores": [0.98, 0.2],
        "rec_polys": [
            np.array([[100, 50], [400, 50], [400, 80], [100, 80]]),
            np.array([[100, 150], [200, 150], [200, 180], [100, 180]]),
        ],
        "text_word": [["The", " ", "lease", " ", "ends"], ["noise"]],
        "text_word_boxes": [
            np.array(
                [
                    [100, 50, 160, 80],
                    [160, 50, 180, 80],
                    [180, 50, 290, 80],
                    [290, 50, 310, 80],
                    [310, 50, 400, 80],
                ]
            ),
            np.array([[100, 150, 200, 180]]),
        ],
    }


def test_lines_and_words_with_their_measured_boxes() -> None:
    page = paddle.page_of(found(), (1000, 500))

    assert (page.text, page.rotation) == ("The lease ends", 0)
    assert [(word.text, word.box) for word in page.words] == [
        ("The", (100, 50, 160, 80)),
        ("lease", (180, 50, 290, 80)),
        ("ends", (310, 50, 400, 80)),
    ]


def test_words_without_boxes_share_the_line() -> None:
    answer = found() | {"text_word": None, "text_word_boxes": None}
    page = paddle.page_of(answer, (1000, 500))

    assert [word.text for word in page.words] == ["The", "lease", "ends"]
    assert page.words[0].box[0] == 100
    assert page.words[-1].box[2] == 400


def test_boxes_are_on_the_picture_as_given() -> None:
    page = paddle.page_of(found(angle=180), (1000, 500))

    assert page.rotation == 180
    assert page.words[0].box == (840, 420, 900, 450)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    if importlib.util.find_spec("paddleocr") is None:
        assert paddle.missing(tmp_path) == "the package paddleocr is not installed"
    else:
        assert "DMS_OCR_MODELS" in str(paddle.missing(tmp_path))


@pytest.mark.skipif(
    paddle.missing(Path(os.environ.get("DMS_OCR_MODELS", "/nowhere"))) is not None,
    reason="the package paddleocr or its models are not installed",
)
def test_it_reads_a_scan() -> None:
    engine = paddle.PaddleEngine(threads=1, models=Path(os.environ["DMS_OCR_MODELS"]))
    text = engine.read(samples.scan()).text

    assert text.replace("\n\n", "\n").split("\n") == samples.CONTRACT
