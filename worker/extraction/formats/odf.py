"""OpenDocument text and presentations: content.xml, headers and footers out of styles.xml, pictures where they are.

The objects that are embedded in them come last: charts, tables and documents of OpenDocument, and OLE objects.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, NamedTuple

from backend.content.media_types import ODP, ODT
from worker.extraction.archive import Archive, open_archive
from worker.extraction.embedded import MOST_FILES, TOO_MANY, shown_name
from worker.extraction.errors import Damaged, Encrypted
from worker.extraction.ooxml import Pictures, read_embedded_files
from worker.extraction.properties import read_open_document_properties
from worker.extraction.reading import Content, Context, Source
from worker.extraction.xml import attribute, events, without

MEDIA_TYPES = (ODT, ODP, "application/vnd.oasis.opendocument.graphics")

_PARAGRAPHS = {"p", "h"}
_SKIPPED = frozenset({"tracked-changes", "binary-data", "page-number"})
_MARKS = {"tab": "\t", "line-break": "\n"}
_MOST_SPACES = 100
_OLE_OBJECT = re.compile(r"(?:Object [0-9]+/)*Object [0-9]+")
_DOCUMENT, _HEAD = b"document-content", 4096


def read(source: Source, context: Context, content: Content) -> None:
    """Append what an OpenDocument file says."""
    with open_archive(source.stream, context) as archive:
        content.read_by("odf")
        refuse_encrypted(archive)
        if "content.xml" not in archive.names:
            raise Damaged("The document's main part is missing.")
        read_open_document_properties(archive, content.metadata)
        pictures = Pictures(archive, "Pictures/", context, content)
        for name in ("content.xml", "styles.xml"):
            if name in archive.names:
                _read_part(archive.open(name), pictures, context, content)
        pictures.read_rest()
        read_embedded_objects(archive, context, content)


def read_embedded_objects(archive: Archive, context: Context, content: Content) -> None:
    """Append what the objects in a document of OpenDocument say (ODF 1.3 part 2, 3.1; part 3, 10.4.6)."""
    parts = list(dict.fromkeys(archive.matching("", "/content.xml")))
    if len(parts) > MOST_FILES:
        content.cut(TOO_MANY)
    for part in parts[:MOST_FILES]:
        context.check_time(content)
        folder = part.removesuffix("/content.xml")
        read = partial(_read_object, archive, folder, context, content)
        context.read_inside(shown_name(folder), content, read)
    read_embedded_files(archive, filter(_OLE_OBJECT.fullmatch, archive.names), context, content)


def _read_object(archive: Archive, folder: str, context: Context, content: Content) -> None:
    data = archive.read(f"{folder}/content.xml")
    if _DOCUMENT not in data[:_HEAD]:
        return  # a formula: marks without words, in old files with a document type that would be refused
    pictures = Pictures(archive, f"{folder}/Pictures/", context, content)
    _read_part(io.BytesIO(data), pictures, context, content)
    pictures.read_rest()


def refuse_encrypted(archive: Archive) -> None:
    """Raise Encrypted if the manifest says that parts are encrypted (ODF 1.3 part 2, 4.4)."""
    if b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise Encrypted("The document is protected with a password.")


def _read_part(stream: IO[bytes], pictures: Pictures, context: Context, content: Content) -> None:
    for paragraph in _paragraphs(stream):
        context.check_time(content)
        if paragraph.begins_slide:
            content.page_count = (content.page_count or 0) + 1
            content.begin_page()
        content.add(paragraph.text)
        for path in paragraph.pictures:
            pictures.read(path)
    content.end_page()


class _Paragraph(NamedTuple):
    text: str
    pictures: Sequence[str] = ()
    """The paths of the pictures in it, or after the paragraph before it."""
    begins_slide: bool = False


def _paragraphs(stream: IO[bytes]) -> Iterator[_Paragraph]:
    """Yield paragraphs; the cells of a table row as one line."""
    runs: list[str] = []
    pictures: list[str] = []
    inside = rows = 0
    for kind, value, attributes in without(_SKIPPED, events(stream)):
        if kind == "text":
            runs.append(value if inside else "")
            continue
        step = 1 if kind == "start" else -1
        if value == "page" and step > 0:
            yield _Paragraph("", pictures)
            yield _Paragraph("", begins_slide=True)
            pictures = []
        elif value == "image" and step > 0:
            pictures.append(attribute(attributes, "href").removeprefix("./"))
        elif value in _PARAGRAPHS:
            inside += step
            runs.append("\t" if rows and step < 0 else "")
        elif value == "table-row":
            rows += step
        elif step > 0 and inside:
            runs.append(_mark(value, attribute(attributes, "c")))
        if step < 0 and not rows and (value == "table-row" or value in _PARAGRAPHS):
            yield _Paragraph("".join(runs), pictures)
            runs.clear()
            pictures = []
    yield _Paragraph("".join(runs), pictures)


def _mark(tag: str, count: str) -> str:
    """Give the characters that an element without text stands for; `text:s` is a run of spaces."""
    if tag == "s":
        return " " * min(int(count), _MOST_SPACES) if count.isdigit() else " "
    return _MARKS.get(tag, "")
