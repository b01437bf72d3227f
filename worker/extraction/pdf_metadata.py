"""What a PDF says about itself: its information dictionary, else its XMP."""

from __future__ import annotations

from typing import BinaryIO

import pypdf
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from pypdf.generic import StreamObject

from worker.extraction.metadata import Collector
from worker.extraction.xmp import read_xmp

_INFORMATION = {
    "Title": "title", "Author": "creators", "Subject": "subject", "Keywords": "keywords", "Creator": "software",
    "Producer": "producer", "CreationDate": "created", "ModDate": "modified",
}  # fmt: skip
_METADATA_STREAM, _ARCHIVAL = b"/Metadata", b"pdfaid"
_CHUNK = 1 << 20
_BEGINS, _ENDS = b"<x:xmpmeta", b"</x:xmpmeta>"
_SEARCHED_WHOLE = 64 << 20
_LONGEST_LANGUAGE = 64


def read_pdf_metadata(document: pypdfium2.PdfDocument, stream: BinaryIO, into: Collector) -> None:
    """Take what an open document says. Costs little unless only XMP says it: that takes a second reader."""
    said = {key: _value(document, key) for key in _INFORMATION}
    for key, name in _INFORMATION.items():
        into.put(name, said[key])
    into.put("language", _language(document))
    version = document.get_version()
    if version:
        into.put("pdf_version", f"{version // 10}.{version % 10}")
    # of XMP in PDF/A nothing at all is compressed
    wanted = _ARCHIVAL if said["Title"] and said["Author"] else _METADATA_STREAM
    if mentions(stream, wanted):
        packet = _xmp(stream)
        if packet:
            read_xmp(packet, into)


def _value(document: pypdfium2.PdfDocument, key: str) -> str:
    try:
        return str(document.get_metadata_value(key))
    except UnicodeDecodeError:
        return ""


def _language(document: pypdfium2.PdfDocument) -> str:
    size = min(pdfium.FPDFCatalog_GetLanguage(document, None, 0), 2 * _LONGEST_LANGUAGE)
    buffer = (pdfium.FPDF_WCHAR * (size // 2))()
    pdfium.FPDFCatalog_GetLanguage(document, buffer, size)
    return bytes(buffer).decode("utf-16-le", "ignore").rstrip("\0")


def mentions(stream: BinaryIO, wanted: bytes) -> bool:
    """Look for a word in the bytes. It finds what is in the dictionary of a stream, which is never compressed."""
    stream.seek(0)
    before = b""
    while chunk := stream.read(_CHUNK):
        if wanted in before + chunk:
            return True
        before = chunk[-len(wanted) :]
    return False


def _xmp(stream: BinaryIO) -> bytes:
    """Give the document's packet: the only one in the file, else the one that its catalog names."""
    stream.seek(0)
    data = stream.read(_SEARCHED_WHOLE)
    if len(data) < _SEARCHED_WHOLE and data.count(_BEGINS) == 1:
        start = data.index(_BEGINS)
        end = data.find(_ENDS, start)
        if end > 0:
            return data[start : end + len(_ENDS)]
    stream.seek(0)
    try:
        entry = pypdf.PdfReader(stream).root_object.get("/Metadata")
        found = entry.get_object() if entry is not None else None
        return found.get_data() if isinstance(found, StreamObject) else b""
    except Exception:  # noqa: BLE001 - pypdf raises anything on odd files, and the pages' text is what counts
        return b""
