import struct

import pytest

from backend.content.media_types import DOC, PPT, XLS
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader


def test_word_pieces_tables_fields_and_notes(read: Reader) -> None:
    pieces = [
        "Grüße\rForty machines\tin two\x0blines\r",
        "Договор\r",
        'Item\x07Price\x07\x07See \x13HYPERLINK "http://x" \x01\x14the \x13PAGE\x14page\x15\x15 there\x0c',
    ]
    result = read(samples.old_word_document(pieces, notes="\x02 A footnote\r"), "a.doc")

    assert (result.status, result.media_type) == ("indexed", DOC)
    assert result.text.split("\n") == [
        "Grüße", "Forty machines\tin two", "lines", "Договор", "Item\tPrice", "See the page there", "A footnote",
    ]  # fmt: skip


def test_word_properties_and_those_an_author_named(read: Reader) -> None:
    streams = {
        "\x05SummaryInformation": samples.summary(
            {2: "Rahmenvertrag", 4: "Jürgen Groß", 12: 134169156000000000}
        ),
        "\x05DocumentSummaryInformation": samples.summary(
            {15: "Example Ltd"}, {"Matter": "A-17", "Büro": "Köln"}
        ),
    }
    metadata = read(samples.old_word_document(["text\r"], streams=streams), "a.doc").metadata

    assert (metadata.title, metadata.creators) == ("Rahmenvertrag", ("Jürgen Groß",))
    assert metadata.created == "2026-03-02T09:00:00+00:00"
    assert metadata.extra == {
        "company": "Example Ltd",
        "custom:Matter": "A-17",
        "custom:Büro": "Köln",
    }


def test_word_6_has_its_text_in_one_piece(read: Reader) -> None:
    text = b"An older letter\rof two lines\r"
    main = bytearray(1024) + text
    struct.pack_into("<HH", main, 0, 0xA5DC, 0x0065)
    struct.pack_into("<I", main, 0x18, 1024)
    struct.pack_into("<I", main, 0x34, len(text))

    result = read(samples.compound_file({"WordDocument": bytes(main)}), "a.doc")
    assert result.text == "An older letter\nof two lines"


def test_powerpoint_slides_are_pages_and_what_was_deleted_is_gone(read: Reader) -> None:
    data = samples.old_presentation(
        [("Quarterly figures", "Up by\ra tenth"), ("Ausblick für März", "größer")],
        comment="Check this",
    )
    result = read(data, "a.ppt")

    assert (result.status, result.media_type, result.page_count) == ("indexed", PPT, 2)
    first, second = result.page_offsets
    assert result.text[first:second] == "Quarterly figures\nUp by\na tenth\nCheck this\n"
    assert result.text[second:] == "Ausblick für März\ngrößer"


def test_powerpoint_with_a_broken_directory_is_read_all_the_same(read: Reader) -> None:
    data = samples.old_presentation([("Figures", "Up")])
    broken = data.replace(struct.pack("<HI", 6002, 12), struct.pack("<HI", 6001, 12))
    result = read(broken, "a.ppt")

    assert broken != data
    assert "Figures" in result.text
    assert "deleted in an earlier edit" in result.text
    assert "directory is broken" in result.detail


def test_excel_cells_text_boxes_and_headers(read: Reader) -> None:
    data = samples.old_workbook(
        [["Item", "Price"], ["Lathe", 9500.0]], box="Für März", header='&L&"Arial,Bold"&12Lager &P'
    )
    result = read(data, "a.xls")

    assert (result.status, result.media_type, result.page_count) == ("indexed", XLS, 1)
    assert result.text == "Orders\nItem\tPrice\nLathe\t9500\nLager\nFür März"


@pytest.mark.parametrize("name", ["a.doc", "a.ppt", "a.xls"])
def test_pictures_inside_wait_for_ocr(read: Reader, name: str) -> None:
    picture = samples.png(samples.scan())
    data = {
        "a.doc": samples.old_word_document(["text\r"], picture=picture),
        "a.ppt": samples.old_presentation([("title", "text")], picture=picture),
        "a.xls": samples.old_workbook([["text"]], picture=picture),
    }[name]
    result = read(data, name)

    assert result.status == "needs_ocr"
    assert "text" in result.text


def test_passwords(read: Reader) -> None:
    word = samples.old_word_document(["secret\r"])
    locked_word = word.replace(
        b"\xec\xa5\xc1\0" + bytes(6) + b"\0\2", b"\xec\xa5\xc1\0" + bytes(6) + b"\0\3"
    )
    show = samples.old_presentation([("secret", "secret")])
    locked_show = show.replace(struct.pack("<I", 0xE391C05F), struct.pack("<I", 0xF3D1C4DF))

    assert read(locked_word, "a.doc").status == "encrypted"
    assert read(locked_show, "a.ppt").status == "encrypted"


@pytest.mark.parametrize("name", ["a.doc", "a.ppt", "a.msg"])
def test_a_container_without_its_main_stream_is_damaged(read: Reader, name: str) -> None:
    stream = {
        "a.doc": "WordDocument",
        "a.ppt": "PowerPoint Document",
        "a.msg": "__properties_version1.0",
    }[name]

    assert read(samples.ole_file(stream), name).status in {"damaged", "no_text"}
    assert read(samples.ole_file(stream)[:700], name).status == "damaged"
