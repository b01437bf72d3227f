"""OpenDocument text and presentations: content.xml, headers and footers out of styles.xml, pictures where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from backend.content.media_types import ODP, ODT
from worker.extraction.archive import Archive, open_archive
from worker.extraction.errors import Damaged, Encrypted
from worker.extraction.ooxml import Pictures
from worker.extraction.properties import read_open_document_properties
from worker.extraction.reading import Content, Context, Source
from worker.extraction.xml import attribute, events, without

MEDIA_TYPES = (ODT, ODP, "application/vnd.oasis.opendocument.graphics")

_PARAGRAPHS = {"p", "h"}
_SKIPPED = frozenset({"tracked-changes", "binary-data", "page-number"})
_MARKS = {"tab": "\t", "line-break": "\n"}
_MOST_SPACES = 100


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
