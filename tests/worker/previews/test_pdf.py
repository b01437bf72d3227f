"""Pages of PDFs as pictures."""

from __future__ import annotations

from reportlab.pdfgen.canvas import Canvas

from tests.worker.extraction import samples
from tests.worker.previews.conftest import Draw, is_near, pixels

PDF = "application/pdf"


def colour_page(red: float, green: float, blue: float, size: tuple[float, float]) -> object:
    def draw(canvas: Canvas) -> None:
        canvas.setPageSize(size)
        canvas.setFillColorRGB(red, green, blue)
        canvas.rect(0, 0, size[0], size[1] / 2, stroke=0, fill=1)

    return draw


def test_pages_are_drawn_in_the_sizes_asked_for(draw: Draw) -> None:
    pages = [colour_page(1, 0, 0, (400, 600)), colour_page(0, 0, 1, (600, 300))]
    drawing = draw(samples.pdf(pages), PDF, [(1, 200), (1, 1000), (2, 320)])

    assert (drawing.status, drawing.page_count) == ("ready", 2)
    assert drawing.sheet_sizes == [(400, 600), (600, 300)]
    by_size = {(one.page, one.asked_width): one for one in drawing.pictures}
    assert {key: (one.width, one.height) for key, one in by_size.items()} == {
        (1, 200): (200, 300),
        (1, 1000): (1000, 1500),
        (2, 320): (320, 160),
    }
    for key, colour in (((1, 200), (255, 0, 0)), ((1, 1000), (255, 0, 0)), ((2, 320), (0, 0, 255))):
        image = pixels(by_size[key])
        across, down = image.width // 2, image.height
        assert is_near(image.getpixel((across, down * 3 // 4)), colour)
        assert is_near(image.getpixel((across, down // 4)), (255, 255, 255))


def test_a_page_that_is_not_there_is_told(draw: Draw) -> None:
    drawing = draw(samples.pdf([samples.text_page(["one"])]), PDF, [(7, 100), (1, 100)])
    assert [one.page for one in drawing.pictures] == [1]
    assert list(drawing.broken_pages) == [7]


def test_a_locked_pdf_says_so(draw: Draw) -> None:
    locked = samples.pdf([samples.text_page(["secret"])], password="open sesame")
    drawing = draw(locked, PDF)
    assert (drawing.status, drawing.pictures) == ("encrypted", [])


def test_a_broken_pdf_says_so(draw: Draw) -> None:
    assert draw(b"%PDF-1.7\nnothing more", PDF).status == "damaged"


def test_form_fields_show_what_they_hold(draw: Draw) -> None:
    def form(canvas: Canvas) -> None:
        canvas.setPageSize((400, 200))
        canvas.acroForm.textfield(
            name="amount", value="MMMMMM", x=20, y=60, width=360, height=80, fontSize=60
        )

    def empty(canvas: Canvas) -> None:
        canvas.setPageSize((400, 200))
        canvas.acroForm.textfield(name="amount", x=20, y=60, width=360, height=80, fontSize=60)

    filled, blank = (
        draw(samples.pdf([page]), PDF, [(1, 400)]).pictures[0].data for page in (form, empty)
    )
    assert filled != blank


def test_a_scroll_is_bounded(draw: Draw) -> None:
    """A page a hundred times as tall as it is wide is not drawn as tall."""
    drawing = draw(samples.pdf([colour_page(1, 0, 0, (100, 10_000))]), PDF, [(1, 300)])
    [picture] = drawing.pictures
    assert picture.height <= 900
    assert picture.width < 20


def test_a_page_that_takes_for_ever_ends_the_drawing_and_not_what_was_drawn(draw: Draw) -> None:
    def endless(canvas: Canvas) -> None:
        canvas.beginForm("f0")
        canvas.rect(0, 0, 10, 10)
        canvas.endForm()
        for level in range(1, 12):
            canvas.beginForm(f"f{level}")
            for _ in range(10):
                canvas.doForm(f"f{level - 1}")
            canvas.endForm()
        canvas.doForm("f11")

    bomb = samples.pdf([samples.text_page(["fine"]), endless])
    drawing = draw(bomb, PDF, [(1, 200), (2, 200)], cpu_seconds=2)
    assert drawing.status == "failed"
    assert "2 s of processor time" in drawing.detail
    assert [one.page for one in drawing.pictures] == [1]
    assert drawing.page_count == 2
