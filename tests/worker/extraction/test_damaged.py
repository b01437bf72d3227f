"""Every reader, given valid files that were cut off, flipped bit by bit, or overwritten in part with zeros."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from tests.worker.extraction import embedded_samples as embedded
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader
from tests.worker.extraction.formats.test_media import exif

VARIANTS = 8
"""Of each kind of damage."""

PICTURE = samples.scan(["A line"], dpi=40)
OBJECT = embedded.package_object("a.rtf", b"{\\rtf1 text}", wide_name="a.rtf")
DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "a.pdf": lambda: samples.pdf([samples.text_page(samples.GERMAN)], title="Title"),
    "attached.pdf": lambda: embedded.pdf_with(
        ("a.txt", b"one"), ("b.docx", samples.word_document()), pinned=[("c.xml", embedded.INVOICE)]
    ),
    "a.docx": lambda: samples.word_document(PICTURE),
    "embedded.docx": lambda: embedded.office_with(
        samples.word_document(), "word/embeddings", ("oleObject1.bin", OBJECT)
    ),
    "a.pptx": lambda: samples.presentation(PICTURE),
    "a.xlsx": lambda: samples.workbook([["a", 1.5]], PICTURE),
    "a.odt": lambda: samples.open_document(["one", "two"]),
    "a.epub": lambda: samples.archive(
        {"mimetype": b"application/epub+zip", "1.xhtml": b"<html><body><p>Once</p></body></html>"}
    ),
    "a.zip": lambda: samples.archive({"a.txt": b"text", "b.txt": b"more text"}),
    "a.eml": lambda: samples.mail(("a.docx", "application/x", samples.word_document()), html="<p>a"),
    "a.html": "<html><meta charset=utf-8><title>Übergröße</title><p>text".encode,
    "a.rtf": lambda: (
        rb"{\rtf1\ansi{\fonttbl{\f0\fcharset204 A;}}{\info{\title T}{\creatim\yr2026\mo3\dy2}}\f0 \'cf\u1088?\par{\pict"
        rb"\pngblip " + samples.png(PICTURE).hex().encode() + b"}}"
    ),
    "a.doc": lambda: samples.old_word_document(
        ["text\r", "Договор\r"], picture=samples.png(PICTURE), streams=_summaries()
    ),
    "embedded.doc": lambda: samples.old_word_document(
        ["text\r"], streams={"ObjectPool/_1/\x01Ole10Native": embedded.packaged("a.txt", b"one")}
    ),
    "a.ppt": lambda: samples.old_presentation([("Title", "größer")], picture=samples.png(PICTURE)),
    "a.xls": lambda: samples.old_workbook([["a", 1.5]], box="box", picture=samples.png(PICTURE)),
    "a.msg": lambda: samples.compound_file(
        samples.outlook_message(
            {0x0037: "Subject", 0x1000: "Body"},
            recipients=[(1, "Ada", "ada@example.org")],
            attachments=[("a.rtf", b"{\\rtf1 text}")],
            inner=samples.outlook_message({0x0037: "Inner"}),
        )
    ),
    "a.wav": lambda: samples.wave_sound(0.1, title="Title"),
    "a.mp3": lambda: samples.mp3(0.5, title="Title", artist="Ada"),
    "a.mp4": lambda: samples.mp4(5, title="Title"),
    "a.jpg": lambda: samples.png(PICTURE, "JPEG", exif=exif()),
    "a.heic": lambda: samples.png(PICTURE, "HEIF", exif=exif()),
}  # fmt: skip


def _summaries() -> dict[str, bytes]:
    return {
        "\x05SummaryInformation": samples.summary({2: "Title", 12: 134169156000000000}),
        "\x05DocumentSummaryInformation": samples.summary({15: "Company"}, {"Matter": "A-17"}),
    }


def damaged(whole: bytes, dice: random.Random) -> Iterator[bytes]:
    for number in range(VARIANTS):
        yield whole[: len(whole) * number // VARIANTS]
        flipped = bytearray(whole)
        for _ in range(1 << number % 6):
            flipped[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        yield bytes(flipped)
        start = dice.randrange(len(whole))
        size = dice.choice((4, 64, 600))
        yield whole[:start] + bytes(min(size, len(whole) - start)) + whole[start + size :]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_damage_costs_the_document_and_is_told(read_bounded: Reader, name: str) -> None:
    whole = DOCUMENTS[name]()
    assert read_bounded(whole, name).status in {"indexed", "no_text", "needs_ocr"}
    for number, data in enumerate(damaged(whole, random.Random(name))):  # noqa: S311 - the same damage every time
        result = read_bounded(data, name, wall_seconds=20, cpu_seconds=10, memory_bytes=512 << 20)

        assert result.detail or result.status in {"indexed", "needs_ocr"}, number
        assert "unexpectedly" not in result.detail, (number, result.detail)
        assert "crashed" not in result.detail, (number, result.detail)
        assert "took" not in result.detail, (number, result.detail)


def test_damage_in_an_object_costs_the_object(read_bounded: Reader) -> None:
    for number, data in enumerate(damaged(OBJECT, random.Random("OLE"))):  # noqa: S311 - as above
        whole = embedded.office_with(
            samples.word_document(), "word/embeddings", ("oleObject1.bin", data)
        )
        result = read_bounded(whole, "a.docx", wall_seconds=20, cpu_seconds=10)

        assert result.status == "indexed", number
        assert "Forty machines" in result.text, number
        assert "unexpectedly" not in result.detail, (number, result.detail)
