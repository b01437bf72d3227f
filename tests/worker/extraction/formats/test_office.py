import pytest

from backend.content.media_types import DOCX, ODS, ODT, PPTX, XLSX
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader


def test_word_body_table_header_footer_and_title(read: Reader) -> None:
    result = read(samples.word_document(), "contract.docx")

    assert result.status == "indexed"
    assert result.media_type == DOCX
    lines = result.text.split("\n")
    assert result.metadata.title == "Rahmenvertrag"
    assert "Forty machines\twithin thirty days." in lines
    assert [line for line in lines if line.startswith("Item")] == ["Item\tPrice"]
    assert "Confidential" in lines
    assert "Page footer" in lines


def test_word_reads_text_boxes_once_and_leaves_deleted_text(read: Reader) -> None:
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    compatibility = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    box = "<w:p><w:r><w:t>in a box</w:t></w:r></w:p>"
    body = (
        f'<w:document xmlns:w="{main}" xmlns:mc="{compatibility}"><w:body>'
        f"<w:p><w:r><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
        '<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t xml:space="preserve"> c</w:t>'
        '<w:sym w:font="Symbol" w:char="03B1"/></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>'
        "</w:body></w:document>"
    )
    result = read(samples.archive({"word/document.xml": body.encode()}), "a.docx")

    assert result.text == "in a box\na\tb\ncα"


def test_powerpoint_slides_are_pages_and_notes_follow(read: Reader) -> None:
    result = read(samples.presentation(), "deck.pptx")

    assert (result.status, result.media_type, result.page_count) == ("indexed", PPTX, 2)
    first, second = result.page_offsets
    assert result.text[first:second].strip().endswith("Quarterly figures")
    assert result.text[second:].startswith("Outlook")
    assert "Say more about outlook" in result.text


def test_excel_rows_are_lines_and_numbers_look_as_people_write_them(read: Reader) -> None:
    result = read(samples.workbook([["Item", "Price"], ["Lathe", 9500], ["Drill", 0.25]]), "a.xlsx")

    assert (result.status, result.media_type, result.page_count) == ("indexed", XLSX, 1)
    assert result.text == "Orders\nItem\tPrice\nLathe\t9500\nDrill\t0.25"


def test_open_document_paragraphs_spaces_and_tabs(read: Reader) -> None:
    data = samples.open_document(
        ["Grüße<t:tab/>aus", "drei<t:s t:c='3'/>Wörter <t:span>und</t:span> mehr"]
    )
    result = read(data, "a.odt")

    assert (result.status, result.media_type) == ("indexed", ODT)
    assert result.text == "Grüße\taus\ndrei Wörter und mehr"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (samples.word_document(samples.scan()), "a.docx"),
        (samples.presentation(samples.scan()), "a.pptx"),
        (samples.workbook([["a"]], samples.scan()), "a.xlsx"),
    ],
)
def test_pictures_inside_wait_for_ocr_and_the_text_is_there_already(
    read: Reader, data: bytes, name: str
) -> None:
    result = read(data, name)

    assert result.status == "needs_ocr"
    assert result.text


def test_icons_do_not_wait_for_ocr(read: Reader) -> None:
    assert (
        read(samples.word_document(samples.scan().resize((24, 24))), "a.docx").status == "indexed"
    )


def test_a_password_is_told_apart_from_damage(read: Reader) -> None:
    wrapped = samples.ole_file("EncryptedPackage", "EncryptionInfo")
    manifest = b"<m:manifest xmlns:m='a'><m:encryption-data/></m:manifest>"
    locked = samples.archive(
        {"mimetype": ODT.encode(), "META-INF/manifest.xml": manifest, "content.xml": b"x"}
    )
    locked_sheet = samples.archive(
        {"mimetype": ODS.encode(), "META-INF/manifest.xml": manifest, "content.xml": b"x"}
    )

    assert read(wrapped, "a.docx").status == "encrypted"
    assert read(locked, "a.odt").status == "encrypted"
    assert read(locked_sheet, "a.ods").status == "encrypted"


@pytest.mark.parametrize(
    "name", ["a.docx", "a.pptx", "a.xlsx", "a.odt", "a.ods", "a.epub", "a.zip", "a.xls", "a.pdf"]
)
def test_half_a_file_is_damaged(read: Reader, name: str) -> None:
    whole = {
        "a.docx": samples.word_document(),
        "a.pptx": samples.presentation(),
        "a.xlsx": samples.workbook([["a"]]),
        "a.xls": samples.ole_file("Workbook"),
        "a.pdf": b"%PDF-1.7\n" + bytes(range(256)),
    }.get(name, samples.open_document(["a"]))
    result = read(whole[: len(whole) // 2], name)

    assert result.status == "damaged"
    assert result.detail


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx"])
def test_an_archive_that_only_calls_itself_office_is_damaged(read: Reader, name: str) -> None:
    assert read(samples.archive({"x.txt": b"x"}), name).status == "damaged"
