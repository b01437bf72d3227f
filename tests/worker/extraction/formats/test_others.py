import io

import pytest

from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader


def test_plain_text_and_csv(read: Reader) -> None:
    assert read("Grüße aus Köln".encode("cp1252"), "a.txt").text == "Grüße aus Köln"
    assert read(b"a;b\n1;2\n", "a.csv").text == "a;b\n1;2"


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.html", "a.pdf", "a"])
def test_an_empty_file_has_no_text(read: Reader, name: str) -> None:
    result = read(b"", name)

    assert result.status == "no_text"
    assert result.detail


def test_bytes_of_no_known_kind_are_unsupported(read: Reader) -> None:
    assert read(bytes(range(256)) * 10, "a.bin").status == "unsupported"
    assert read(b"\x7fELF\2\1\1", "a").status == "unsupported"


def test_long_text_is_cut_and_it_says_so(read: Reader) -> None:
    result = read(b"word " * 1000, "a.txt", text_characters=100)

    assert (result.status, len(result.text), result.truncated) == ("indexed", 100, True)
    assert result.detail


def test_html_gives_what_a_reader_sees(read: Reader) -> None:
    page = """<!doctype html><meta name="description" content="An offer"><title>Offer</title>
    <style>p {color: red}</style><script>alert('no')</script>
    <p>Forty <b>mach</b>ines<br>within 30&nbsp;days<!-- not this --></p>
    <ul><li>one</li><li>two</li></ul><img alt="A lathe"><table><tr><td>a</td><td>b</td></tr></table>"""

    assert read(page.encode(), "a.html").text.split("\n") == [
        "An offer", "Offer", "Forty machines", "within 30 days", "one", "two", "A lathe", "a b",
    ]  # fmt: skip


@pytest.mark.parametrize("codec", ["utf-8", "cp1252", "utf-16"])
def test_html_in_any_encoding(read: Reader, codec: str) -> None:
    page = f"<html><head><meta charset={codec}><title>Übergröße</title></head><body>Schlüssel</body></html>"

    assert read(page.encode(codec), "a.html").text == "Übergröße\nSchlüssel"


def test_html_nested_a_hundred_thousand_deep(read: Reader) -> None:
    page = b"<html><body>" + b"<div>" * 100_000 + b"deep"

    assert read(page, "a.html").status in {"indexed", "damaged", "no_text"}


def test_mail_header_body_and_attachments(read: Reader) -> None:
    data = samples.mail(
        ("contract.docx", "application/msword", samples.word_document()),
        (
            "locked.pdf",
            "application/pdf",
            samples.pdf([samples.text_page(["secret"])], password="x"),
        ),
        html="<p>not this one</p>",
    )
    result = read(data, "a.eml")

    assert (result.status, result.media_type) == ("indexed", "message/rfc822")
    for expected in (
        "Rechnung für März",
        "Jürgen Groß",
        "Please find",
        "contract.docx",
        "Forty machines",
    ):
        assert expected in result.text
    assert "not this one" not in result.text
    assert "locked.pdf: The PDF is protected with a password." in result.detail


def test_a_header_in_an_encoding_that_is_none_is_shown_as_it_is(read: Reader) -> None:
    data = samples.mail().replace(b"=?utf-8?", "=?u\u00f8f-8?".encode())
    result = read(data, "a.eml")

    assert result.status == "indexed"
    assert "Please find" in result.text


def test_mail_within_mail_stops_at_the_depth_allowed(read: Reader) -> None:
    data = samples.mail()
    for _ in range(6):
        data = samples.mail(("inner.eml", "application/octet-stream", data))
    result = read(data, "a.eml", depth=3)

    assert (result.status, result.truncated) == ("indexed", True)
    assert "nested deeper" in result.detail
    assert result.text.count("Please find") == 4


def test_a_mail_with_a_scan_waits_for_ocr(read: Reader) -> None:
    data = samples.mail(("scan.png", "image/png", samples.png(samples.scan())))

    assert read(data, "a.eml").status == "needs_ocr"


def test_zip_lists_names_in_any_code_page(read: Reader) -> None:
    data = samples.archive({"Verträge/März.txt": b"", "b.txt": b""})
    placeholder, name = b"x" * 26, "审计压缩包文件检索测试.txt".encode("gbk")
    old = samples.archive({placeholder.decode(): b""}).replace(placeholder, name)

    assert read(data, "a.zip").text == "Verträge/März.txt\nb.txt"
    assert read(old, "a.zip").text == "审计压缩包文件检索测试.txt"


def test_documents_in_an_archive_are_read_and_pictures_and_programs_are_not(read: Reader) -> None:
    data = samples.archive(
        {
            "contract.docx": samples.word_document(),
            "scan.png": samples.png(samples.scan()),
            "program": bytes(range(256)),
            "inner.zip": samples.archive({"deep.txt": b"further in"}),
            "locked.pdf": samples.pdf([samples.text_page(["secret"])], password="x"),
            "broken.docx": b"PK\x03\x04 nothing",
        }
    )
    result = read(data, "a.zip")

    assert result.status == "indexed"
    assert result.text.startswith("contract.docx\nscan.png\nprogram\ninner.zip\n")
    for expected in ("Forty machines", "deep.txt", "further in"):
        assert expected in result.text
    assert "Inside: locked.pdf: The PDF is protected with a password." in result.detail
    assert "broken.docx" in result.detail
    assert "program" not in result.detail
    assert result.metadata.title is None
    assert result.page_count is None


def test_archives_within_archives_stop_at_the_depth_and_the_size_allowed(read: Reader) -> None:
    data = b"innermost"
    for number in range(6):
        data = samples.archive({f"level{number}": data})
    result = read(data, "a.zip", depth=3)
    assert result.text == "level5\nlevel4\nlevel3\nlevel2"
    assert "nested deeper" in result.detail

    bomb = samples.archive({f"{number}.txt": bytes(1 << 20) for number in range(64)})
    nested = samples.archive({f"{number}.zip": bomb for number in range(64)})
    result = read(nested, "a.zip", expanded_bytes=32 << 20)
    assert result.truncated
    assert "expands to more than" in result.detail


def test_of_an_archive_of_thousands_the_first_are_read(read: Reader) -> None:
    result = read(samples.archive({f"{number}.txt": b"word" for number in range(600)}), "a.zip")

    assert result.text.count(".txt") == 600
    assert result.text.count("word") == 500
    assert "the first 500 were read" in result.detail


def test_what_went_wrong_is_told_in_as_many_words_as_can_be_read(read: Reader) -> None:
    locked = samples.pdf([samples.text_page(["secret"])], password="x")
    result = read(samples.archive({f"{number}.pdf": locked for number in range(30)}), "a.zip")

    assert result.detail.count("password") == 10
    assert result.detail.endswith("More in it could not be read.")


def test_an_entry_without_a_name_does_no_harm(read: Reader) -> None:
    data = samples.archive({"a.txt": b"first", "b.txt": b"second"})
    nameless = data.replace(b"b.txt", b"\0.txt")

    assert read(nameless, "a.zip").text == "a.txt\nfirst"


def test_epub_pages(read: Reader) -> None:
    book = samples.archive(
        {
            "mimetype": b"application/epub+zip",
            "OEBPS/1.xhtml": b"<html><body><p>Once</p></body></html>",
        }
    )

    assert read(book, "a.epub").text == "Once"


def test_pictures_wait_for_ocr_page_by_page(read: Reader) -> None:
    pages = io.BytesIO()
    samples.scan().save(
        pages, "TIFF", save_all=True, append_images=[samples.scan(), samples.scan()]
    )
    result = read(pages.getvalue(), "fax.tif")

    assert (result.status, result.page_count, len(result.page_offsets)) == ("needs_ocr", 3, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "HEIF", "GIF", "BMP"])
def test_half_a_picture_is_damaged_or_waits_to_be_found_so(read: Reader, kind: str) -> None:
    whole = samples.png(samples.scan(), kind)

    assert read(whole, "a").status == "needs_ocr"
    assert read(whole[:60], "a").status in {"damaged", "needs_ocr"}


def test_xml_gives_its_text_and_broken_xml_is_plain_text(read: Reader) -> None:
    assert (
        read(b"<?xml version='1.0'?><a><b>one</b> <c d='x'>two</c></a>", "a.xml").text == "one\ntwo"
    )
    assert read(b"<?xml version='1.0'?><a/>one", "a.xml").text == "<?xml version='1.0'?><a/>one"
