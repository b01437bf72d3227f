"""Which engine reads what: by language, by what could not be read, and by what is installed."""

from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader
from worker.extraction import Limits, Recognition, run_bounded
from worker.extraction.errors import OcrUnavailable
from worker.extraction.ocr import OcrPage, OcrWord, tesseract
from worker.extraction.ocr.choice import ChoosingEngine, engines_for, lacking

RUSSIAN = [
    "Настоящий договор заключён между сторонами",
    "и вступает в силу первого марта.",
    "Оплата производится по счёту 20417.",
]
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
SHEET = Image.new("RGB", (10, 10))


def page(lines: Sequence[str]) -> Image.Image:
    """Draw a page with a font that has Cyrillic letters; the one of `samples` has none."""
    sheet = Image.new("RGB", (875, 1240), (250, 250, 247))
    pen, font = ImageDraw.Draw(sheet), ImageFont.truetype(FONT, 25)
    for number, line in enumerate(lines):
        pen.text((90, 105 + number * 48), line, (25, 25, 30), font)
    return sheet


class Fixed:
    """An engine that always reads the same, and counts how often."""

    def __init__(self, name: str, page: OcrPage | OcrUnavailable) -> None:
        self.name = name
        self.page = page
        self.reads = 0

    def read(self, image: Image.Image, languages: Sequence[str] = ()) -> OcrPage:
        del image, languages
        self.reads += 1
        if isinstance(self.page, OcrUnavailable):
            raise self.page
        return self.page


def reading(text: str, confidence: float, missed: float = 0.0) -> OcrPage:
    words = tuple(OcrWord(word, (0, 0, 1, 1), confidence) for word in text.split())
    return OcrPage(text, words, missed=missed)


@pytest.mark.parametrize(
    ("languages", "asked", "expected"),
    [
        ((), "", ["rapidocr"]),
        (("de", "en"), "", ["rapidocr"]),
        (("ru",), "", ["tesseract"]),
        (("en", "ru"), "", ["rapidocr", "tesseract"]),
        (("en", "ru"), "tesseract", ["tesseract"]),
    ],
    ids=str,
)
def test_languages_choose(languages: tuple[str, ...], asked: str, expected: list[str]) -> None:
    assert engines_for(languages, asked, "rapidocr") == expected


def test_the_second_is_asked_only_where_the_first_missed_much() -> None:
    first, second = Fixed("a", reading("words", 0.9)), Fixed("b", reading("other words", 0.9))
    assert ChoosingEngine({"a": first, "b": second}, ()).read(SHEET).engine == "a"
    assert second.reads == 0
    first.page = reading("words", 0.9, missed=0.5)
    found = ChoosingEngine({"a": first, "b": second}, ()).read(SHEET)
    assert (found.engine, found.text) == ("b", "other words")


def test_uncertain_words_speak_against_a_reading() -> None:
    first = Fixed("a", reading("Page 1", 0.95, missed=0.5))
    second = Fixed("b", reading("noise of a pattern taken for letters", 0.3))
    assert ChoosingEngine({"a": first, "b": second}, ()).read(SHEET).engine == "a"


def test_an_engine_that_fails_leaves_it_to_the_other() -> None:
    failing, other = Fixed("a", OcrUnavailable("broken")), Fixed("b", reading("words", 0.9))
    assert ChoosingEngine({"a": failing, "b": other}, ()).read(SHEET).engine == "b"
    with pytest.raises(OcrUnavailable, match="broken"):
        ChoosingEngine({"a": failing}, ()).read(SHEET)
    with pytest.raises(OcrUnavailable, match="not installed"):
        ChoosingEngine({}, (), "tesseract is not installed").read(SHEET)


def test_what_was_missed_for_want_of_an_engine_is_said() -> None:
    first = Fixed("a", reading("words", 0.9, missed=0.5))
    found = ChoosingEngine({"a": first}, (), "tesseract is not installed").read(SHEET)
    assert found.remark == "Some of its lines were not read: tesseract is not installed."


def test_what_an_engine_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking("rapidocr", ["en"], None) is None
    assert lacking("tesseract", ["ru", "am"], None) is None
    assert lacking("tesseract", ["am"], None) == "tesseract has no data of the language 'am'"
    monkeypatch.setenv("PATH", "/nowhere")
    assert lacking("tesseract", ["ru"], None) == "tesseract is not installed"
    assert "paddleocr" in str(lacking("paddleocr", ["en"], None))


@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_tesseract_reads_cyrillic_whichever_way_up(degrees: int) -> None:
    picture = page(RUSSIAN).rotate(degrees, expand=True)  # counter-clockwise
    found = tesseract.TesseractEngine().read(picture, ["ru"])

    assert found.rotation == degrees
    assert found.text.split() == " ".join(RUSSIAN).split()
    for word in found.words:
        left, top, right, bottom = word.box
        assert 0 <= left < right <= picture.width
        assert 0 <= top < bottom <= picture.height
        assert picture.crop(word.box).convert("L").getextrema()[0] < 100


def test_tesseract_needs_the_data_of_a_language() -> None:
    with pytest.raises(OcrUnavailable, match="'am'"):
        tesseract.TesseractEngine().read(page(RUSSIAN), ["am"])
    assert tesseract.TesseractEngine().read(Image.new("RGB", (200, 200), "white")).text == ""


def test_a_mixed_scan_in_the_sandbox(read_bounded: Reader, tmp_path: object) -> None:
    """Both engines run locked in: the one out of wheels reads the first page, the program the second."""
    data = samples.pdf([samples.picture_page(samples.scan()), samples.picture_page(page(RUSSIAN))])
    path = samples.write(tmp_path, "scan.pdf", data)
    result = run_bounded(
        path,
        name="scan.pdf",
        limits=Limits(wall_seconds=900),
        ocr=True,
        recognition=Recognition(languages=("en", "ru")),
    )
    assert [one.engine for one in result.pages] == ["rapidocr", "tesseract"]
    assert result.pages[0].text.replace("\n\n", "\n").split("\n") == samples.CONTRACT
    assert result.pages[1].text.split() == " ".join(RUSSIAN).split()
