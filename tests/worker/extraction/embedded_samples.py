"""Documents with files in them, made for the tests: real ones, and such as lie."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence

import pypdf
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

from tests.worker.extraction import samples

INVOICE = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    "<rsm:CrossIndustryInvoice xmlns:rsm='urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100'>"
    "<rsm:ExchangedDocument><ID>RE-20417</ID></rsm:ExchangedDocument>"
    "<Name>Walzenlager für Förderband</Name></rsm:CrossIndustryInvoice>"
).encode()
"""What lies in an e-invoice (ZUGFeRD, Factur-X), much shortened."""

File = tuple[str, bytes]


def pdf_with(
    *files: File,
    pinned: Sequence[File] = (),
    associated: Sequence[File] = (),
    whole: bytes | None = None,
    password: str | None = None,
) -> bytes:
    """Give a PDF with files attached: to it, pinned to its first page, associated with it."""
    whole = whole or samples.pdf([samples.text_page(samples.CONTRACT)])
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(whole))
    names = ArrayObject()
    for name, data in files:
        names += [TextStringObject(name), specification(writer, name, data)]
    if files:
        _put(writer.root_object, {"/Names": {"/EmbeddedFiles": {"/Names": names}}})
    if associated:
        listed = ArrayObject(specification(writer, *one) for one in associated)
        _put(writer.root_object, {"/AF": listed})
    if pinned:
        notes = ArrayObject(_note(writer, *one) for one in pinned)
        _put(writer.pages[0], {"/Annots": notes})
    if password is not None:
        writer.encrypt("", password, algorithm="AES-256")
    return _written(writer)


def specification(writer: pypdf.PdfWriter, name: str, data: bytes) -> IndirectObject:
    """Put a file into a PDF, and give where it is described."""
    return specification_of(writer, name, writer._add_object(stream(data)))


def specification_of(writer: pypdf.PdfWriter, name: str, at: IndirectObject) -> IndirectObject:
    """Describe a file of which the stream is there already."""
    described = DictionaryObject()
    text = TextStringObject(name)
    _put(described, {"/Type": NameObject("/Filespec"), "/F": text, "/UF": text})
    _put(described, {"/EF": {"/F": at, "/UF": at}})
    return writer._add_object(described)


def stream(data: bytes, *, packed: bytes | None = None) -> StreamObject:
    """Give the stream of a file; with `packed`, of what is there in its place."""
    made = StreamObject()
    made.set_data(zlib.compress(data, 9) if packed is None else packed)
    kinds = {"/Type": NameObject("/EmbeddedFile"), "/Subtype": NameObject("/text/xml")}
    _put(made, {**kinds, "/Filter": NameObject("/FlateDecode")})
    _put(made, {"/Params": {"/Size": NumberObject(len(data))}})
    return made


def pdf_tree(writer: pypdf.PdfWriter, tree: DictionaryObject) -> bytes:
    """Give the PDF with this tree of names for its files."""
    _put(writer.root_object, {"/Names": {"/EmbeddedFiles": writer._add_object(tree)}})
    return _written(writer)


def _note(writer: pypdf.PdfWriter, name: str, data: bytes) -> IndirectObject:
    note = DictionaryObject()
    _put(note, {"/Type": NameObject("/Annot"), "/Subtype": NameObject("/FileAttachment")})
    _put(note, {"/Rect": ArrayObject(map(NumberObject, (50, 50, 70, 70)))})
    _put(note, {"/Contents": TextStringObject("pinned here")})
    _put(note, {"/FS": specification(writer, name, data)})
    return writer._add_object(note)


def _put(into: DictionaryObject, values: dict[str, object]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and not isinstance(value, DictionaryObject):
            into[NameObject(name)] = inner = DictionaryObject()
            _put(inner, value)
        else:
            into[NameObject(name)] = value


def _written(writer: pypdf.PdfWriter) -> bytes:
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def office_with(whole: bytes, folder: str, *files: File) -> bytes:
    """Give an Office document with these files in the folder of those embedded."""
    buffer = io.BytesIO(whole)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as target:
        for name, data in files:
            target.writestr(f"{folder}/{name}", data)
    return buffer.getvalue()


def packaged(
    name: str, data: bytes, *, wide_name: str = "", size: int | None = None, path: str | None = None
) -> bytes:
    """Give a stream of the Object Packager ([MS-OLEDS] 2.3.6), perhaps with a size that is not the file's."""
    at = (f"C:\\Users\\ada\\{name}" if path is None else path).encode("cp1252") + b"\0"
    body = b"\2\0" + name.encode("cp1252") + b"\0" + at
    body += struct.pack("<HHI", 0, 3, len(at)) + at
    body += struct.pack("<I", len(data) if size is None else size) + data
    if wide_name:
        for text in (f"C:\\Temp\\{wide_name}", wide_name, f"C:\\Users\\ada\\{wide_name}"):
            body += struct.pack("<I", len(text)) + text.encode("utf-16-le")
    return struct.pack("<I", len(body)) + body


def package_object(name: str, data: bytes, **options: object) -> bytes:
    """Give the OLE object of a file that was put into a document as an icon."""
    native = packaged(name, data, **options)
    return samples.compound_file({"\x01CompObj": b"made up", "\x01Ole10Native": native})


def object_data(native: bytes, *, program: bytes = b"Package", form: int = 2) -> bytes:
    """Give an object as OLE 1.0 writes it ([MS-OLEDS] 2.2.5)."""
    names = struct.pack("<I", len(program) + 1) + program + b"\0" + bytes(8)
    return struct.pack("<II", 0x501, form) + names + struct.pack("<I", len(native)) + native


def rich_text_with(*objects: bytes) -> bytes:
    """Give a Rich Text document with these objects in the middle of a sentence."""
    embedded = b"".join(
        b"{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata\n"
        + one.hex("\n", 32).encode()
        + b"}}"
        for one in objects
    )
    return b"{\\rtf1\\ansi Signed " + embedded + b"in March.\\par}"


def taking_in(*parts: tuple[str, bytes]) -> bytes:
    """Give a Word document that takes in files of its archive after its first paragraph."""
    whole = samples.archive_of(samples.word_document())
    names = [name for name, _ in parts]
    chunks = "".join(f'<w:altChunk r:id="chunk{number}"/>' for number in range(len(names)))
    body = whole["word/document.xml"].replace(b"</w:p>", b"</w:p>" + chunks.encode(), 1)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/aFChunk"
    relations = "".join(
        f'<Relationship Id="chunk{number}" Type="{kind}" Target="{name}"/>'
        for number, name in enumerate(names)
    )
    closing = b"</Relationships>"
    rels = whole["word/_rels/document.xml.rels"].replace(closing, relations.encode() + closing)
    changed = {"word/document.xml": body, "word/_rels/document.xml.rels": rels}
    return samples.archive(whole | changed | {f"word/{name}": data for name, data in parts})
