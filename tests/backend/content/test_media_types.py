import pytest

from backend.content import media_types as known
from backend.content.media_types import media_type_of
from tests.worker.extraction import samples


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"%PDF-1.7\n", "a.bin", "application/pdf"),
        (b"\n\njunk\n%PDF-1.4\n", "a.pdf", "application/pdf"),
        (samples.png(samples.scan([])), "photo.txt", "image/png"),
        (samples.png(samples.scan([]), "WEBP"), "x", "image/webp"),
        (samples.png(samples.scan([]), "TIFF"), "x", "image/tiff"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "x.jpg", "image/heic"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "x", "video/mp4"),
        (samples.word_document(), "report.bin", known.DOCX),
        (samples.presentation(), "deck", known.PPTX),
        (samples.workbook([["a"]]), "table", known.XLSX),
        (samples.open_document(["a"]), "x.zip", known.ODT),
        (samples.archive({"a.txt": b"a"}), "a.zip", "application/zip"),
        (samples.archive({"a.txt": b"a"}), "a.docx", known.DOCX),
        (samples.ole_file("WordDocument"), "x", known.DOC),
        (samples.ole_file("Workbook"), "x.doc", known.XLS),
        (samples.ole_file("EncryptedPackage", "EncryptionInfo"), "x.docx", known.OLE),
        (b"<!DOCTYPE html><p>a", "x", "text/html"),
        (b"<!-- a --> <HTML><p>a", "x.txt", "text/html"),
        (b"<?xml version='1.0'?><a/>", "x", "application/xml"),
        (b"<?xml version='1.0'?><svg/>", "x", "image/svg+xml"),
        (samples.mail(), "x.txt", "message/rfc822"),
        (b"Subject: only one field\n\nis a note", "note.txt", "text/plain"),
        (b"a,b\n1,2\n", "x.csv", "text/csv"),
        (b"a,b\n1,2\n", "x", "text/plain"),
        ("Grüße".encode("utf-16"), "x", "text/plain"),
        ("Grüße aus dem Allgäu".encode("utf-16-le"), "x", "text/plain"),
        (b"{\\rtf1 a}", "x.doc", "application/rtf"),
        (b"", "empty.pdf", "text/plain"),
        (b"MZ is how this text begins", "x.txt", "text/plain"),
        (bytes(range(256)), "x", "application/octet-stream"),
        (bytes(range(256)), "x.pdf", "application/pdf"),
        (bytes(range(256)), "x.txt", "application/octet-stream"),
    ],
)
def test_content_decides_and_the_name_settles_the_rest(
    data: bytes, name: str, expected: str
) -> None:
    assert expected == media_type_of(data[: known.HEAD_BYTES], name)


@pytest.mark.parametrize("length", [1, 5, 30, 60, 511, 513, 600])
def test_a_cut_off_head_is_no_error(length: int) -> None:
    for data in (samples.word_document(), samples.ole_file("WordDocument"), samples.mail()):
        assert media_type_of(data[:length], "x")
