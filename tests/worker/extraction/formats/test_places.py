"""Where in the text the words of pictures stand. The engine here tells sizes: what is asked is the place."""

from __future__ import annotations

import io

import docx
import pptx
import pytest
from PIL import Image
from pptx.util import Inches

from backend.content.media_types import ODP, ODT
from tests.worker.extraction import samples
from worker.extraction import ExtractionResult, Limits
from worker.extraction.extract import extract_stream
from worker.extraction.ocr.engine import OcrPage


class Sizes:
    """Reads the size of a picture off it."""

    name = "sizes"

    def read(self, image: Image.Image) -> OcrPage:
        return OcrPage(f"[{image.width}×{image.height}]")


def read(data: bytes, name: str) -> ExtractionResult:
    stream = io.BytesIO(data)
    return extract_stream(stream, name=name, media_type=None, limits=Limits(), engine=Sizes())


def picture(width: int) -> bytes:
    return samples.png(Image.new("RGB", (width, 100), "white"))


def test_word() -> None:
    document = docx.Document()
    document.add_paragraph("before")
    document.add_picture(io.BytesIO(picture(201)))
    document.add_paragraph("between")
    document.add_picture(io.BytesIO(picture(202)))
    document.add_picture(io.BytesIO(picture(201)))
    document.add_paragraph("after")
    document.sections[0].header.paragraphs[0].add_run().add_picture(io.BytesIO(picture(203)))
    whole = io.BytesIO()
    document.save(whole)
    lines = read(whole.getvalue(), "a.docx").text.split("\n")

    assert lines == ["before", "[201×100]", "between", "[202×100]", "after", "[203×100]"]


def test_powerpoint_on_the_page_of_its_slide() -> None:
    deck = pptx.Presentation()
    for number in range(2):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"Slide {number}"
        data = io.BytesIO(picture(201 + number))
        slide.shapes.add_picture(data, Inches(1), Inches(2))
    whole = io.BytesIO()
    deck.save(whole)
    result = read(whole.getvalue(), "a.pptx")
    first, second = result.page_offsets

    assert result.text[first:second] == "Slide 0\n[201×100]\n"
    assert result.text[second:] == "Slide 1\n[202×100]"


@pytest.mark.parametrize(("media_type", "name"), [(ODT, "a.odt"), (ODP, "a.odp")])
def test_open_document(media_type: str, name: str) -> None:
    frame = '<d:frame><d:image xl:href="Pictures/{}.png"/></d:frame>'
    body = (
        f"<t:p>before</t:p><t:p>{frame.format(201)}with words</t:p><t:p>between</t:p>"
        f"<t:p>{frame.format(202)}</t:p><t:p>after</t:p>"
    )
    spaces = (
        'xmlns:t="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:d="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:xl="http://www.w3.org/1999/xlink"'
    )
    files = {f"Pictures/{width}.png": picture(width) for width in (202, 201, 203)}
    whole = samples.archive(
        {
            "mimetype": media_type.encode(),
            "content.xml": f"<x {spaces}>{body}</x>".encode(),
            **files,
        }
    )
    lines = read(whole, name).text.split("\n")

    assert lines == [
        "before",
        "with words",
        "[201×100]",
        "between",
        "[202×100]",
        "after",
        "[203×100]",
    ]


def test_rich_text() -> None:
    shown = b"{\\pict\\pngblip " + picture(201).hex().encode() + b"}"
    result = read(b"{\\rtf1 before\\par " + shown + b"\\par after}", "a.rtf")

    assert result.text == "before\n[201×100]\nafter"
