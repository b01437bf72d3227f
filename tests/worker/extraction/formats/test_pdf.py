import pytest

from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader


def test_pages_are_read_in_order_with_their_offsets(read: Reader) -> None:
    result = read(
        samples.pdf([samples.text_page(samples.CONTRACT), samples.text_page(["Second page"])]),
        "a.pdf",
    )

    assert (result.status, result.page_count, result.engine, result.language) == (
        "indexed",
        2,
        "pdfium",
        "en",
    )
    assert result.text.startswith(samples.CONTRACT[0])
    assert result.text[result.page_offsets[1] :] == "Second page"


def test_umlauts_survive(read: Reader) -> None:
    result = read(samples.pdf([samples.text_page(samples.GERMAN)]), "a.pdf")

    assert result.text.split("\n") == samples.GERMAN
    assert result.language == "de"


def test_a_scan_waits_for_ocr(read: Reader) -> None:
    result = read(samples.pdf([samples.picture_page(samples.scan())]), "scan.pdf")

    assert result.status == "needs_ocr"
    assert result.text == ""


def test_a_scan_with_a_stamp_waits_too_and_keeps_the_stamp(read: Reader) -> None:
    def page(canvas: object) -> None:
        samples.picture_page(samples.scan())(canvas)
        samples.text_page(["Received 2 March 2026"])(canvas)

    result = read(samples.pdf([page]), "scan.pdf")

    assert result.status == "needs_ocr"
    assert result.text == "Received 2 March 2026"


def test_a_scan_that_has_a_text_layer_does_not(read: Reader) -> None:
    def page(canvas: object) -> None:
        samples.picture_page(samples.scan())(canvas)
        samples.text_page(samples.CONTRACT)(canvas)

    assert read(samples.pdf([page]), "scan.pdf").status == "indexed"


def test_an_empty_page_has_no_text(read: Reader) -> None:
    assert read(samples.pdf([samples.text_page([])]), "a.pdf").status == "no_text"


def test_a_password_is_needed(read: Reader) -> None:
    result = read(samples.pdf([samples.text_page(["secret"])], password="open sesame"), "a.pdf")

    assert (result.status, result.text) == ("encrypted", "")
    assert "password" in result.detail


def test_form_fields_are_text(read: Reader) -> None:
    def form(canvas: object) -> None:
        canvas.acroForm.textfield(name="city", value="Ludwigshafen", x=72, y=700)

    assert "Ludwigshafen" in read(samples.pdf([form]), "form.pdf").text


def test_more_pages_than_allowed_are_left_out_and_it_says_so(read: Reader) -> None:
    result = read(samples.many_pages(30), "a.pdf", pages=10)

    assert (result.status, result.page_count, result.truncated) == ("indexed", 30, True)
    assert len(result.page_offsets) == 10
    assert "10 of 30" in result.detail


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_cut_off_file_is_repaired_or_damaged(read: Reader, cut: float) -> None:
    whole = samples.pdf([samples.text_page(samples.CONTRACT)] * 5)
    result = read(whole[: int(len(whole) * cut)], "a.pdf")

    assert result.status in {"indexed", "damaged"}
