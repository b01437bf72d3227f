"""OpenDocument text and presentations: content.xml, headers and footers out of styles.xml, then the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from backend.content.media_types import ODP, ODT
from worker.extraction.archive import Archive, open_archive
from worker.extraction.errors import Damaged, Encrypted
from worker.extraction.ooxml import read_pictures
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
        for name in ("content.xml", "styles.xml"):
            if name in archive.names:
                _read_part(archive.open(name), context, content)
        read_pictures(archive, "Pictures/", context, content)


def refuse_encrypted(archive: Archive) -> None:
    """Raise Encrypted if the manifest says that parts are encrypted (ODF 1.3 part 2, 4.4)."""
    if b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise Encrypted("The document is protected with a password.")


def _read_part(stream: IO[bytes], context: Context, content: Content) -> None:
    for is_page, text in _paragraphs(stream):
        context.check_time(content)
        if is_page:
            content.page_count = (content.page_count or 0) + 1
            content.begin_page()
        content.add(text)


def _paragraphs(stream: IO[bytes]) -> Iterator[tuple[bool, str]]:
    """Yield (whether a slide begins here, paragraph); the cells of a table row as one line."""
    runs: list[str] = []
    inside = rows = 0
    for kind, value, attributes in without(_SKIPPED, events(stream)):
        if kind == "text":
            runs.append(value if inside else "")
            continue
        step = 1 if kind == "start" else -1
        if value == "page" and step > 0:
            yield True, ""
        elif value in _PARAGRAPHS:
            inside += step
            runs.append("\t" if rows and step < 0 else "")
        elif value == "table-row":
            rows += step
        elif step > 0 and inside:
            runs.append(_mark(value, attribute(attributes, "c")))
        if step < 0 and not rows and (value == "table-row" or value in _PARAGRAPHS):
            yield False, "".join(runs)
            runs.clear()
    yield False, "".join(runs)


def _mark(tag: str, count: str) -> str:
    """Give the characters that an element without text stands for; `text:s` is a run of spaces."""
    if tag == "s":
        return " " * min(int(count), _MOST_SPACES) if count.isdigit() else " "
    return _MARKS.get(tag, "")
