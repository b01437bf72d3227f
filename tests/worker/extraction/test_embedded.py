"""Files in documents: attached to PDFs, embedded in Office documents, and such as are made to do harm."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pptx
import pypdf
import pytest
from pptx.enum.shapes import PROG_ID
from pptx.util import Inches
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NullObject, TextStringObject

from tests.worker.extraction import embedded_samples as embedded
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader

INVOICE = ("factur-x.xml", embedded.INVOICE)


def test_the_invoice_in_a_pdf_is_read_and_its_pages_stay_as_they_are(read: Reader) -> None:
    pages = samples.pdf([samples.text_page(samples.CONTRACT), samples.text_page(["Second page"])])
    plain, invoice = read(pages, "a.pdf"), read(embedded.pdf_with(INVOICE, whole=pages), "a.pdf")

    assert invoice.status == "indexed"
    assert invoice.text == f"{plain.text}\n{invoice.beyond}"
    assert invoice.beyond.split("\n") == ["factur-x.xml", "RE-20417", "Walzenlager für Förderband"]
    assert invoice.pages == plain.pages
    assert (invoice.page_count, invoice.page_offsets) == (2, plain.page_offsets)
    assert invoice.metadata.extra["attachments"] == ("factur-x.xml",)


def test_files_are_found_wherever_a_pdf_has_them(read: Reader) -> None:
    data = embedded.pdf_with(
        ("a.txt", b"of the document"),
        pinned=[("b.txt", b"of a page")],
        associated=[("c.txt", b"for machines")],
    )
    result = read(data, "a.pdf")

    assert result.beyond.split("\n") == [
        "a.txt", "of the document", "c.txt", "for machines", "b.txt", "of a page",
    ]  # fmt: skip
    assert result.pages[0].text.endswith("pinned here")
    assert result.page_offsets == (0,)


@pytest.mark.parametrize("kind", ["pinned", "associated"])
def test_one_place_is_enough(read: Reader, kind: str) -> None:
    assert read(embedded.pdf_with(**{kind: [INVOICE]}), "a.pdf").beyond.startswith("factur-x.xml\n")


def test_a_file_that_a_pdf_names_in_many_places_is_read_once(read: Reader) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(samples.pdf([samples.text_page(["page"])])))
    at = writer._add_object(embedded.stream(b"once"))
    names = ArrayObject()
    for number in range(20_000):
        one = embedded.specification_of(writer, "a.txt", at)
        names += [TextStringObject(str(number)), one]
    result = read(
        embedded.pdf_tree(writer, DictionaryObject({NameObject("/Names"): names})), "a.pdf"
    )

    assert result.text == "page\na.txt\nonce"


def test_the_same_name_twice_is_two_files_and_the_same_file_twice_is_one(read: Reader) -> None:
    data = embedded.pdf_with(("a.txt", b"one"), ("a.txt", b"two"), ("b.txt", b"one"))

    assert read(data, "a.pdf").beyond.split("\n") == ["a.txt", "one", "a.txt", "two", "b.txt"]


def test_a_tree_of_names_with_branches_and_loops(read: Reader) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(samples.pdf([samples.text_page(["page"])])))
    leaf, root = DictionaryObject(), DictionaryObject()
    at = writer._add_object(root)
    specification = embedded.specification(writer, "", b"found")
    leaf[NameObject("/Names")] = ArrayObject(
        [TextStringObject("x"), NullObject(), TextStringObject("key.txt"), specification]
    )
    leaf[NameObject("/Kids")] = ArrayObject([at] * 1_000)
    root[NameObject("/Kids")] = ArrayObject([at, writer._add_object(leaf), NullObject(), at])
    result = read(embedded.pdf_tree(writer, root), "a.pdf")

    assert result.text == "page\nkey.txt\nfound"
    assert result.detail == ""


def test_documents_of_all_kinds_are_read_out_of_a_pdf(read: Reader) -> None:
    data = embedded.pdf_with(
        ("contract.docx", samples.word_document()),
        ("orders.xlsx", samples.workbook([["Lathe", 9500]])),
        ("letter.eml", samples.mail()),
        ("locked.pdf", samples.pdf([samples.text_page(["secret"])], password="x")),
        ("broken.docx", b"PK\x03\x04 nothing"),
        ("program", bytes(range(256))),
    )
    result = read(data, "a.pdf")

    for expected in ("Forty machines", "Lathe\t9500", "Rechnung für März", "program"):
        assert expected in result.beyond
    assert "Inside: locked.pdf: The PDF is protected with a password." in result.detail
    assert "Inside: broken.docx:" in result.detail
    assert "program" not in result.detail
    assert result.metadata.title is None


def test_a_scan_attached_waits_for_ocr_and_its_document_is_found_by_then(read: Reader) -> None:
    scan = samples.pdf([samples.picture_page(samples.scan())])
    result = read(embedded.pdf_with(("scan.pdf", scan)), "a.pdf")

    assert result.status == "needs_ocr"
    assert result.beyond == "scan.pdf"
    assert [page.status.value for page in result.pages] == ["read"]


def test_scans_attached_to_a_scan_are_told_to_stay_unread(read: Reader) -> None:
    scan = samples.pdf([samples.picture_page(samples.scan())])
    result = read(embedded.pdf_with(("scan.pdf", scan), whole=scan), "a.pdf")

    assert result.status == "needs_ocr"
    assert "Pictures in its attachments are not recognised" in result.detail
    assert read(embedded.pdf_with(("a.txt", b"words"), whole=scan), "a.pdf").detail == ""


def test_a_scan_waits_for_ocr_whatever_is_attached_to_it(read: Reader) -> None:
    scan = samples.pdf([samples.picture_page(samples.scan())])
    data = embedded.pdf_with(("a.txt", bytes(2 << 20)), whole=scan)
    result = read(data, "a.pdf", expanded_bytes=1 << 20)

    assert (result.status, result.truncated) == ("needs_ocr", True)
    assert "expands to more than" in result.detail


def test_pdfs_in_pdfs_end_at_the_depth_allowed(read: Reader) -> None:
    data = samples.pdf([samples.text_page(["level 0"])])
    for level in range(1, 7):
        page = samples.pdf([samples.text_page([f"level {level}"])])
        data = embedded.pdf_with((f"{level - 1}.pdf", data), whole=page)
    result = read(data, "a.pdf", depth=3)

    assert (result.status, result.truncated, result.page_count) == ("indexed", True, 1)
    assert "nested deeper" in result.detail
    assert [line for line in result.text.split("\n") if line.startswith("level")] == [
        f"level {level}" for level in (6, 5, 4, 3)
    ]


def test_a_pdf_that_opens_without_a_password_gives_its_files(read: Reader) -> None:
    assert "RE-20417" in read(embedded.pdf_with(INVOICE, password="owner"), "a.pdf").text


def test_a_pdf_that_pdfium_refuses_gives_its_files(read: Reader) -> None:
    data = embedded.pdf_with(("a.txt", b"attached"), pinned=[("b.txt", b"pinned")])
    result = read(bytes(2_000) + data, "a.pdf")

    assert result.engine.startswith("pypdf")
    assert result.beyond.split("\n") == ["a.txt", "attached", "b.txt", "pinned"]


def test_of_thousands_of_attachments_the_first_are_read(read: Reader) -> None:
    data = embedded.pdf_with(*((f"{number}.txt", b"word %d" % number) for number in range(1_200)))
    result = read(data, "a.pdf")

    assert (result.text.count("word"), result.text.count(".txt")) == (500, 500)
    assert "the first 500 were read" in result.detail
    assert len(result.metadata.extra["attachments"]) == 100


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/pass\nwd\r\n\t.txt", "../../etc/pass wd .txt"),
        ("a\u202etxt.exe\0", "atxt.exe"),
        ("x" * 100_000, "x" * 255),
        ("\x01\x02", ""),
    ],
    ids=["lines", "turned", "long", "none"],
)
def test_names_are_one_clean_line(read: Reader, name: str, shown: str) -> None:
    result = read(embedded.pdf_with((name, b"said")), "a.pdf")

    assert result.beyond.split("\n") == ([shown] if shown else []) + ["said"]


def test_a_stream_that_unpacks_to_more_than_is_read(read_bounded: Reader) -> None:
    bomb = bytes(200 << 20)
    result = read_bounded(
        embedded.pdf_with(("bomb.txt", bomb), ("a.txt", b"after it")),
        "a.pdf",
        memory_bytes=512 << 20,
    )

    assert result.status == "indexed"
    assert "Inside: bomb.txt: It unpacks to more than" in result.detail
    assert result.beyond.split("\n") == ["bomb.txt", "a.txt", "after it"]


def test_streams_that_unpack_to_too_much_together(read_bounded: Reader) -> None:
    files = [(f"{number}.bin", bytes([number]) * (16 << 20)) for number in range(8)]
    result = read_bounded(embedded.pdf_with(*files), "a.pdf", expanded_bytes=64 << 20)

    assert (result.status, result.truncated) == ("indexed", True)
    assert "expands to more than" in result.detail
    assert samples.CONTRACT[0] in result.pages[0].text
    assert "4.bin" in result.text
    assert "5.bin" not in result.text


@pytest.mark.parametrize(
    "packed", [b"", b"not packed at all", b"x\x9c" + bytes(3_000_000)], ids=["none", "text", "long"]
)
def test_a_broken_stream_costs_itself_only(read: Reader, packed: bytes) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(samples.pdf([samples.text_page(["page"])])))
    names = ArrayObject()
    for name, made in (("a", embedded.stream(b"", packed=packed)), ("b", embedded.stream(b"fine"))):
        one = embedded.specification_of(writer, f"{name}.txt", writer._add_object(made))
        names += [TextStringObject(name), one]
    result = read(
        embedded.pdf_tree(writer, DictionaryObject({NameObject("/Names"): names})), "a.pdf"
    )

    assert result.status == "indexed"
    assert result.text.endswith("b.txt\nfine")


def test_files_of_a_pdf_that_says_nothing_true_about_them(read: Reader) -> None:
    whole = embedded.pdf_with(INVOICE)
    for wrong in (b"/EF 1 0 R  ", b"/EF null   ", b"/EF [ 1 2 ]"):
        start = whole.index(b"/EF")
        result = read(whole[:start] + wrong + whole[start + len(wrong) :], "a.pdf")
        assert samples.CONTRACT[0] in result.text


def test_word_excel_and_powerpoint_files_in_one_another(read: Reader) -> None:
    sheet = samples.workbook([["Drill", 120]])
    deck = embedded.office_with(
        samples.presentation(), "ppt/embeddings", ("Letter1.docx", samples.word_document())
    )
    sheet = embedded.office_with(sheet, "xl/embeddings", ("Deck1.pptx", deck))
    letter = embedded.office_with(
        samples.word_document(), "word/embeddings", ("Sheet1.xlsx", sheet), ("Sheet20.xlsx", sheet)
    )
    result = read(letter, "a.docx")

    lines = result.text.split("\n")
    assert (result.status, result.page_count, result.metadata.title) == (
        "indexed",
        None,
        "Rahmenvertrag",
    )
    assert lines.index("Sheet1.xlsx") < lines.index("Drill\t120") < lines.index("Deck1.pptx")
    assert lines.index("Deck1.pptx") < lines.index("Outlook") < lines.index("Letter1.docx")
    assert result.text.count("Forty machines") == 2
    assert result.text.count("Drill\t120") == 1
    assert lines.count("Sheet20.xlsx") == 1


def test_what_is_embedded_in_a_slide_is_on_no_slide(read: Reader) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Quarterly figures"
    slide.shapes.add_ole_object(
        io.BytesIO(samples.workbook([["Lathe", 9500]])), PROG_ID.XLSX, Inches(1), Inches(2)
    )
    buffer = io.BytesIO()
    deck.save(buffer)
    result = read(buffer.getvalue(), "a.pptx")

    assert (result.page_count, len(result.pages), result.pages[0].text) == (
        1,
        1,
        "Quarterly figures",
    )
    assert result.beyond.endswith(".xlsx\nOrders\nLathe\t9500")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (embedded.package_object("note.txt", b"by the way"), ["note.txt", "by the way"]),
        (
            embedded.package_object("?.txt", b"by the way", wide_name="Übergabe Łódź.txt"),
            ["Übergabe Łódź.txt", "by the way"],
        ),
        (embedded.package_object("", b"by the way", path="D:\\x\\y.txt"), ["y.txt", "by the way"]),
        (
            samples.compound_file({"Package": samples.workbook([["Lathe", 9500]])}),
            ["oleObject1.bin", "Orders", "Lathe\t9500"],
        ),
        (
            samples.compound_file({"EmbeddedOdf": samples.open_document(["Of OpenOffice"])}),
            ["oleObject1.bin", "Of OpenOffice"],
        ),
        (
            samples.compound_file({"CONTENTS": samples.pdf([samples.text_page(["Of Acrobat"])])}),
            ["oleObject1.bin", "Of Acrobat"],
        ),
        (samples.old_word_document(["Of Word 97"]), ["oleObject1.bin", "Of Word 97"]),
        (samples.compound_file({"CONTENTS": b"state of a button"}), ["oleObject1.bin"]),
        (samples.compound_file({"\x01Ole": bytes(20)}), ["oleObject1.bin"]),
    ],
    ids=["file", "wide", "path", "office", "odf", "acrobat", "doc", "control", "link"],
)  # fmt: skip
def test_what_an_ole_object_holds(read: Reader, made: bytes, expected: list[str]) -> None:
    data = embedded.office_with(
        samples.workbook([["own"]]), "xl/embeddings", ("oleObject1.bin", made)
    )
    result = read(data, "a.xlsx")

    assert result.text.split("\n") == ["Orders", "own", *expected]
    assert result.detail == ""


def _with_size(made: bytes, size: int) -> bytes:
    """Change what the directory says is the size of the native stream ([MS-CFB] 2.6.1)."""
    at = made.index("\x01Ole10Native".encode("utf-16-le")) + 120
    return made[:at] + size.to_bytes(4, "little") + made[at + 4 :]


LIES: dict[str, Callable[[], bytes]] = {
    "file_longer_than_stream": lambda: embedded.package_object("a.txt", b"a lie", size=0xFFFFFFFF),
    "stream_longer_than_file": lambda: _with_size(embedded.package_object("a.txt", b"a lie"), 1 << 31),
    "stream_longer_than_is": lambda: _with_size(embedded.package_object("a.txt", b"a lie"), 2_000),
    "no_end_of_name": lambda: samples.compound_file({"\x01Ole10Native": bytes(4) + b"\2\0" + b"a" * 99}),
    "nothing_in_it": lambda: samples.compound_file({"\x01Ole10Native": b"\0\0\0"}),
    "cut": lambda: embedded.package_object("a.txt", b"a lie" * 5_000)[:-9_000],
    "no_container": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_an_ole_object_that_lies_costs_itself_only(read: Reader, lie: str) -> None:
    data = embedded.office_with(
        samples.word_document(),
        "word/embeddings",
        ("oleObject1.bin", LIES[lie]()),
        ("oleObject2.bin", embedded.package_object("b.txt", b"the truth")),
    )
    result = read(data, "a.docx")

    assert result.status == "indexed"
    assert "Forty machines" in result.text
    assert result.text.endswith("b.txt\nthe truth")
    assert "unexpectedly" not in result.detail


def test_documents_embedded_in_themselves_end_at_the_depth_allowed(read: Reader) -> None:
    data = samples.word_document()
    for number in range(6):
        package = embedded.package_object(f"{number}.docx", data)
        data = embedded.office_with(
            samples.word_document(), "word/embeddings", ("oleObject1.bin", package)
        )
    result = read(data, "a.docx", depth=3)

    assert result.text.count("Forty machines") == 4
    assert "nested deeper" in result.detail


def test_a_bomb_in_a_document_leaves_its_own_text(read_bounded: Reader) -> None:
    data = embedded.office_with(
        samples.word_document(), "word/embeddings", ("a.docx", samples.zip_bomb(200 << 20))
    )
    result = read_bounded(data, "a.docx", expanded_bytes=50 << 20)

    assert (result.status, result.truncated) == ("indexed", True)
    assert "expands to more than" in result.detail
    assert "Forty machines" in result.text


def test_an_embedded_file_larger_than_is_read_is_not_unpacked(read: Reader) -> None:
    data = embedded.office_with(
        samples.word_document(), "word/embeddings", ("a.bin", bytes(80 << 20))
    )
    result = read(data, "a.docx", expanded_bytes=8 << 20)

    assert "Inside: a.bin: It is larger than the 67,108,864 bytes" in result.detail


def test_a_password_and_a_picture_inside_are_told(read: Reader) -> None:
    data = embedded.office_with(
        samples.word_document(),
        "word/embeddings",
        ("locked.docx", samples.ole_file("EncryptedPackage", "EncryptionInfo")),
        ("scanned.docx", samples.word_document(samples.scan())),
    )
    result = read(data, "a.docx")

    assert result.status == "needs_ocr"
    assert "Inside: locked.docx: The document is protected with a password." in result.detail


def test_objects_in_open_documents(read: Reader) -> None:
    inner = samples.archive_of(samples.open_document(["A table inside"]))
    formula = b'<?xml version="1.0"?><!DOCTYPE math PUBLIC "-//a//b" "math.dtd"><math>x</math>'
    parts = {
        "Object 1/content.xml": inner["content.xml"],
        "Object 2/content.xml": formula,
        "Object 3": embedded.package_object("note.txt", b"by the way"),
        "ObjectReplacements/Object 3": b"a picture",
    }
    for kind, name in (("text", "a.odt"), ("presentation", "a.odp")):
        whole = samples.archive_of(samples.open_document(["Own text"], kind=kind))
        result = read(samples.archive(whole | parts), name)

        assert result.text.split("\n") == ["Own text", "A table inside", "note.txt", "by the way"]
        assert result.detail == ""


def test_of_thousands_of_objects_in_an_open_document_the_first_are_read(read: Reader) -> None:
    whole = samples.archive_of(samples.open_document(["said"]))
    objects = {f"Object {number}/content.xml": whole["content.xml"] for number in range(1_200)}
    result = read(samples.archive(whole | objects), "a.odt")

    assert result.text.count("said") == 501
    assert "the first 500 were read" in result.detail


def test_files_in_old_office_documents(read: Reader) -> None:
    native = embedded.packaged("note.txt", b"by the way")
    letter = samples.old_word_document(
        ["Own text"],
        streams={"ObjectPool/_1/\x01Ole10Native": native, "ObjectPool/_1/\x01Ole": b""},
    )
    sheet = samples.old_workbook([["own"]], streams={"MBD0001/\x01Ole10Native": native})

    assert read(letter, "a.doc").text == "Own text\nnote.txt\nby the way"
    assert read(sheet, "a.xls").text == "Orders\nown\nnote.txt\nby the way"

    objects = [
        embedded.package_object("note.txt", b"by the way"),
        samples.old_word_document(["Of Word 97"]),
        bytes(80 << 20),
    ]
    slides = read(samples.old_presentation([("Title", "Text")], objects=objects), "a.ppt")
    assert slides.text == "Title\nText\nnote.txt\nby the way\nOf Word 97"
    assert slides.beyond == "note.txt\nby the way\nOf Word 97"
    assert "Inside: an embedded file: It is larger than" in slides.detail


def test_objects_in_rich_text(read: Reader) -> None:
    packed = embedded.packaged("note.txt", b"by the way")[4:]
    document = embedded.package_object("b.docx", samples.word_document())
    result = read(
        embedded.rich_text_with(
            embedded.object_data(packed),
            embedded.object_data(document, program=b"Word.Document.12"),
        ),
        "a.rtf",
    )

    lines = result.text.split("\n")
    assert lines[:4] == ["Signed in March.", "note.txt", "by the way", "b.docx"]
    assert "Forty machines" in result.text
    assert result.metadata.extra["attachments"] == ("note.txt", "b.docx")


@pytest.mark.parametrize(
    "lie",
    [
        b"",
        b"no object",
        embedded.object_data(b"\2\0note.txt"),
        embedded.object_data(b"\2\0a\0", form=1),
        embedded.object_data(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
        struct.pack("<II", 0x501, 2) + b"\xff" * 12,
    ],
)
def test_an_object_in_rich_text_that_lies_costs_itself_only(read: Reader, lie: bytes) -> None:
    truth = embedded.object_data(embedded.packaged("b.txt", b"the truth")[4:])
    result = read(embedded.rich_text_with(lie, truth), "a.rtf")

    assert (result.status, result.text) == ("indexed", "Signed in March.\nb.txt\nthe truth")
    assert "unexpectedly" not in result.detail


def test_an_object_that_is_attached_to_a_message(read: Reader) -> None:
    attached = "__attach_version1.0_#00000000"
    at = f"{attached}/__substg1.0_3701000D"
    native = embedded.packaged("note.txt", b"by the way")
    streams = {
        "__properties_version1.0": bytes(32),
        "__substg1.0_0037001F": "Subject".encode("utf-16-le"),
        f"{attached}/__properties_version1.0": bytes(8),
        f"{at}/\x01Ole10Native": native,
    }
    result = read(samples.compound_file(streams), "a.msg")

    assert result.text == "Subject\nnote.txt\nby the way"


def test_what_word_takes_in_is_read_where_it_stands(read: Reader) -> None:
    letter = samples.archive_of(samples.word_document())
    body = letter["word/document.xml"].replace(b"Forty machines", b"Fifty machines")
    inner = samples.archive(letter | {"word/document.xml": body})
    result = read(
        embedded.taking_in(
            ("chunk.html", b"<html><body><p>Taken <b>in</b></p></body></html>"),
            ("chunk.docx", inner),
            ("missing.html/../../../elsewhere.html", b"<p>nowhere</p>"),
        ),
        "a.docx",
    )

    lines = result.text.split("\n")
    own, taken = result.text.index("Forty machines"), result.text.index("Fifty machines")
    assert lines.index("Taken in") > 0
    assert result.text.index("Taken in") < taken
    assert own != taken
    assert "chunk" not in result.text
    assert (result.metadata.title, result.detail) == ("Rahmenvertrag", "")
