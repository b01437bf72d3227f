"""The contract of every OCR engine: text, order, boxes, whichever way up the page lies."""

from __future__ import annotations

import difflib

import pytest
from PIL import Image

from tests.worker.extraction import samples
from worker.extraction.ocr import OcrEngine, local_engine


@pytest.fixture(scope="session", params=["rapidocr"])
def engine(request: pytest.FixtureRequest) -> OcrEngine:
    engine = local_engine()
    assert engine.name == request.param
    return engine


def error_rate(expected: list[str], text: str) -> float:
    """Give the share of characters that differ, blank lines apart."""
    wanted, got = "\n".join(expected), text.replace("\n\n", "\n")
    matched = sum(
        block.size
        for block in difflib.SequenceMatcher(
            None, wanted, got, autojunk=False
        ).get_matching_blocks()
    )
    return 1 - matched / max(len(wanted), len(got))


@pytest.mark.parametrize("dpi", [150, 300])
def test_a_clean_scan_is_read_without_error(engine: OcrEngine, dpi: int) -> None:
    page = engine.read(samples.scan(dpi=dpi))

    assert page.text.replace("\n\n", "\n").split("\n") == samples.CONTRACT
    assert page.rotation == 0


def test_german_is_read_without_error(engine: OcrEngine) -> None:
    assert error_rate(samples.GERMAN, engine.read(samples.scan(samples.GERMAN)).text) <= 0.005


def test_specks_do_little_harm(engine: OcrEngine) -> None:
    assert error_rate(samples.CONTRACT, engine.read(samples.scan(noise=0.01)).text) <= 0.01


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_turned_back(engine: OcrEngine, degrees: int) -> None:
    turned = samples.scan().rotate(degrees, expand=True)  # counter-clockwise
    page = engine.read(turned)

    assert page.rotation == degrees
    assert page.text.replace("\n\n", "\n").split("\n") == samples.CONTRACT


@pytest.mark.parametrize("degrees", [-7, 3])
def test_a_skewed_page_keeps_its_lines(engine: OcrEngine, degrees: int) -> None:
    skewed = samples.scan().rotate(
        degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white"
    )

    assert error_rate(samples.CONTRACT, engine.read(skewed).text) <= 0.01


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_boxes_hold_their_words_on_the_picture_as_given(engine: OcrEngine, degrees: int) -> None:
    picture = samples.scan().rotate(degrees, expand=True)
    page = engine.read(picture)

    assert [word.text for word in page.words] == " ".join(samples.CONTRACT).split()
    for word in page.words:
        left, top, right, bottom = word.box
        assert 0 <= left < right <= picture.width + 2
        assert 0 <= top < bottom <= picture.height + 2
        assert 0.5 < word.confidence <= 1
    (word,) = [word for word in page.words if word.text == "arbitration."]
    cut = picture.crop(word.box).rotate(-degrees, expand=True)
    padded = Image.new("RGB", (cut.width + 80, cut.height + 80), "white")
    padded.paste(cut, (40, 40))
    assert "arbitration" in engine.read(padded).text


def test_columns_are_read_one_after_the_other(engine: OcrEngine) -> None:
    left, right = samples.scan(samples.CONTRACT, points=8), samples.scan(samples.GERMAN, points=8)
    half = (0, 0, round(left.width * 0.72), left.height)
    sheet = Image.new("RGB", (half[2] * 2, left.height), "white")
    sheet.paste(left.crop(half), (0, 0))
    sheet.paste(right.crop(half), (half[2], 0))
    text = engine.read(sheet).text

    assert error_rate([*samples.CONTRACT, *samples.GERMAN], text) <= 0.01


def test_rows_of_a_table_stay_together(engine: OcrEngine) -> None:
    sheet = Image.new("RGB", (1200, 500), "white")
    for column, cells in enumerate(
        (
            ["Item", "Lathe", "Drill", "Saw"],
            ["Count", "14", "220", "7"],
            ["Price", "9500", "120", "64"],
        )
    ):
        drawn = samples.scan(cells)
        sheet.paste(drawn.crop((60, 60, 300, 400)), (40 + column * 380, 30))

    assert engine.read(sheet).text.replace("\n\n", "\n").split("\n") == [
        "Item Count Price", "Lathe 14 9500", "Drill 220 120", "Saw 7 64",
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["The first page", "Page 12 of 40"])
def test_a_lone_line_on_a_large_sheet_is_seen(engine: OcrEngine, line: str) -> None:
    sheet = Image.new("RGB", (1414, 2000), "white")
    sheet.paste(samples.scan([line]).crop((80, 90, 700, 150)), (150, 170))
    page = engine.read(sheet)

    assert page.text == line
    assert all(word.box[0] >= 140 and word.box[1] >= 165 for word in page.words)


def test_a_long_receipt_is_read_line_by_line(engine: OcrEngine) -> None:
    lines = [f"Item {number} of the long receipt" for number in range(60)]
    receipt = Image.new("RGB", (620, 60 * 70 + 100), "white")
    for number, line in enumerate(lines):
        receipt.paste(samples.scan([line]).crop((80, 90, 700, 150)), (0, 50 + number * 70))
    page = engine.read(receipt)

    assert page.text.split() == " ".join(lines).split()
    assert page.words[-1].box[3] > receipt.height - 120


@pytest.mark.parametrize("size", [(1, 1), (3000, 8), (8, 3000), (640, 640)])
def test_nothing_on_it_is_no_text(engine: OcrEngine, size: tuple[int, int]) -> None:
    page = engine.read(Image.new("RGB", size, "white"))

    assert (page.text, page.words) == ("", ())
