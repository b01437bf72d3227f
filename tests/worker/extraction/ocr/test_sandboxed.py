"""OCR through the sandbox: reader, OCR server and back."""

from __future__ import annotations

import io

import psutil
from PIL import Image

from tests.worker.extraction import embedded_samples as embedded
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader
from worker.extraction.ocr.engine import RAPID


def _server() -> psutil.Process:
    """Return the server of the engine that reads English; other tests of this process may have started more."""
    (found,) = [
        child
        for child in psutil.Process().children()
        if {"worker.extraction.sandbox.ocr_server", RAPID} <= set(child.cmdline())
    ]
    return found


def test_a_scanned_pdf_page_by_page(read_bounded: Reader) -> None:
    pages = [
        samples.picture_page(samples.scan()),
        samples.text_page(["A page with text of its own, which is not recognised again"]),
        samples.picture_page(samples.scan(samples.GERMAN).rotate(90, expand=True)),
    ]
    result = read_bounded(samples.pdf(pages), "scan.pdf", ocr=True)

    assert (result.status, result.engine, result.page_count) == ("indexed", "pdfium+rapidocr", 3)
    first, second, third = result.page_offsets
    assert result.text[first:second].replace("\n\n", "\n").strip().split("\n") == samples.CONTRACT
    assert result.text[second:third].startswith("A page with text")
    assert "Größere Mängel" in result.text[third:]


def test_pictures_in_every_kind_of_document(read_bounded: Reader) -> None:
    picture = samples.scan(["Delivery note 4711"])
    for data, name in (
        (samples.png(picture), "a.png"),
        (samples.png(picture, "JPEG", quality=85), "a.jpg"),
        (samples.png(picture, "HEIF"), "a.heic"),
        (samples.png(picture, "WEBP"), "a.webp"),
        (samples.png(picture.convert("1", dither=Image.Dither.NONE), "TIFF"), "a.tif"),
        (samples.png(picture.convert("LA")), "alpha.png"),
        (samples.word_document(picture), "a.docx"),
        (samples.presentation(picture), "a.pptx"),
        (samples.workbook([["a"]], picture), "a.xlsx"),
        (samples.mail(("note.png", "image/png", samples.png(picture))), "a.eml"),
        (embedded.pdf_with(("note.png", samples.png(picture))), "a.pdf"),
    ):
        result = read_bounded(data, name, ocr=True)
        assert (name, result.status) == (name, "indexed")
        assert "Delivery note 4711" in result.text, name


def test_a_photograph_of_nothing_and_a_broken_one(read_bounded: Reader) -> None:
    assert read_bounded(samples.png(samples.scan([])), "a.png", ocr=True).status == "no_text"
    assert read_bounded(samples.png(samples.scan())[:9000], "a.png", ocr=True).status == "damaged"


def test_more_pictures_than_allowed_are_left_out_and_it_says_so(read_bounded: Reader) -> None:
    pages = io.BytesIO()
    lines = [samples.scan([f"Page number {number}"]) for number in range(3)]
    lines[0].save(pages, "TIFF", save_all=True, append_images=lines[1:])
    result = read_bounded(pages.getvalue(), "fax.tif", ocr=True, ocr_pages=2)

    assert (result.status, result.truncated, result.page_count) == ("indexed", True, 3)
    assert "Page number 1" in result.text
    assert "Page number 2" not in result.text
    assert "first 2" in result.detail


def test_the_server_stays_warm_and_is_replaced_when_it_dies(read_bounded: Reader) -> None:
    data = samples.png(samples.scan(["Delivery note 4711"]))
    assert read_bounded(data, "a.png", ocr=True).status == "indexed"
    server = _server()
    assert read_bounded(data, "a.png", ocr=True).status == "indexed"
    assert _server() == server

    server.kill()
    server.wait(5)
    assert read_bounded(data, "a.png", ocr=True).status == "indexed"
    assert _server() != server


def test_the_server_is_offline_and_without_telemetry(read_bounded: Reader) -> None:
    assert (
        read_bounded(samples.png(samples.scan(["Delivery note"])), "a.png", ocr=True).status
        == "indexed"
    )
    server = _server()

    assert not server.net_connections()
    assert not [mapped for mapped in server.memory_maps() if "telemetry" in mapped.path]
