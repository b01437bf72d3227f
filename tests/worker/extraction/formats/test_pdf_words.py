"""Where the words of a PDF stand: turned pages, cropped pages, hyphens, characters beyond the basic plane."""

import io

import pypdf
import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from backend.texts.pages import UNIT, PageSource, PageStatus, Word, unpack
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader
from worker.extraction import ExtractionResult


def words(result: ExtractionResult, page: int = 0) -> dict[str, Word]:
    found = result.pages[page]
    return {found.text[one.start : one.end]: one for one in unpack(found.words, len(found.text))}


def ink(data: bytes, word: Word) -> float:
    """Give the share of dark pixels within a word's box and, of all outside it, without."""
    page = pypdfium2.PdfDocument(data)[0].render(scale=2).to_pil().convert("L")
    box = (
        word.left * page.width // UNIT,
        word.top * page.height // UNIT,
        -(-word.right * page.width // UNIT),
        -(-word.bottom * page.height // UNIT),
    )
    inside = page.crop(box).point(lambda value: value < 128 and 255).histogram()[255]
    everywhere = page.point(lambda value: value < 128 and 255).histogram()[255]
    return inside / everywhere


def one_word(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 40)
    canvas.drawString(120, 600, "Arbitration")


def test_every_word_has_its_place(read: Reader) -> None:
    result = read(samples.pdf([samples.text_page(samples.CONTRACT)]), "a.pdf")
    [page] = result.pages

    assert page.text == result.text
    assert (page.number, page.status, page.source) == (1, PageStatus.READ, PageSource.FILE)
    assert (round(page.width or 0), round(page.height or 0)) == (595, 842)
    found = unpack(page.words, len(page.text))
    assert [page.text[one.start : one.end] for one in found] == page.text.split()
    assert all(one.left < one.right and one.top < one.bottom for one in found)
    lines = [found[0].top, words(result)["named"].top, words(result)["Signed"].top]
    assert lines == sorted(lines)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_the_box_is_around_the_ink_however_the_page_is_turned(read: Reader, turned: int) -> None:
    writer = pypdf.PdfWriter(io.BytesIO(samples.pdf([one_word])))
    writer.pages[0].rotate(turned)
    writer.pages[0].cropbox = pypdf.generic.RectangleObject((80, 300, 500, 800))
    buffer = io.BytesIO()
    writer.write(buffer)
    result = read(buffer.getvalue(), "a.pdf")

    size = (420, 500) if turned % 180 == 0 else (500, 420)
    assert (result.pages[0].width, result.pages[0].height) == size
    assert ink(buffer.getvalue(), words(result)["Arbitration"]) > 0.99


def test_text_that_runs_upwards(read: Reader) -> None:
    def upwards(canvas: Canvas) -> None:
        canvas.rotate(90)
        canvas.setFont("Helvetica", 40)
        canvas.drawString(200, -300, "Arbitration")

    data = samples.pdf([upwards])
    word = words(read(data, "a.pdf"))["Arbitration"]

    assert word.bottom - word.top > word.right - word.left
    assert ink(data, word) > 0.99


def test_what_is_outside_the_page_has_no_place(read: Reader) -> None:
    def outside(canvas: Canvas) -> None:
        canvas.drawString(100, 700, "visible before")
        canvas.drawString(-500, 650, "hidden")
        canvas.drawString(100, 600, "visible after")

    result = read(samples.pdf([outside]), "a.pdf")

    assert "hidden" not in result.text
    assert set(words(result)) == {"visible", "before", "after"}


def test_pages_are_numbered_and_what_is_on_none_comes_after(read: Reader) -> None:
    result = read(samples.pdf([samples.text_page([name]) for name in ("one", "two")]), "a.pdf")

    assert [(page.number, page.text) for page in result.pages] == [(1, "one"), (2, "two")]
    assert result.beyond == ""
    deck = read(samples.presentation(), "a.pptx")
    assert [page.number for page in deck.pages] == [1, 2]
    assert (deck.pages[0].width, deck.pages[0].words) == (None, b"")
    assert "Say more about outlook" in deck.beyond
    assert read(b"plain", "a.txt").pages == ()


def test_pages_of_an_attachment_are_not_pages_of_the_mail(read: Reader) -> None:
    attached = samples.pdf([samples.text_page(["attached"])])
    result = read(samples.mail(("a.pdf", "application/pdf", attached)), "a.eml")

    assert "attached" in result.text
    assert result.pages == ()


def test_a_scanned_page_waits_and_the_others_do_not(read: Reader) -> None:
    pages = [samples.picture_page(samples.scan()), samples.text_page(["A page with text"])]
    result = read(samples.pdf(pages), "a.pdf")

    assert result.status == "needs_ocr"
    assert [page.status for page in result.pages] == [PageStatus.WAITING, PageStatus.READ]
