"""Word documents: body, headers, footers, notes and comments out of the XML, then the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO

from backend.content.media_types import DOCX
from worker.extraction.archive import open_archive
from worker.extraction.ooxml import main_part, read_pictures
from worker.extraction.properties import read_office_properties
from worker.extraction.reading import Content, Context, Source
from worker.extraction.xml import attribute, events, without

MEDIA_TYPES = (DOCX,)

_STORIES = ("word/header", "word/footnotes", "word/endnotes", "word/comments", "word/footer")
_BREAKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
# Text boxes are in the file twice, once for old readers; w:tabs describes tab stops, not tabs.
_SKIPPED = frozenset({"Fallback", "tabs"})


def read(source: Source, context: Context, content: Content) -> None:
    """Append what a Word document says."""
    with open_archive(source.stream, context) as archive:
        content.read_by("ooxml")
        body = main_part(archive, "word/document.xml", "wordprocessingml.document.main")
        read_office_properties(archive, content.metadata)
        for name in [
            body,
            *(part for story in _STORIES for part in archive.matching(story, ".xml")),
        ]:
            context.check_time(content)
            for paragraph in _paragraphs(archive.open(name)):
                content.add(paragraph)
        read_pictures(archive, "word/media/", context, content)


def _paragraphs(stream: IO[bytes]) -> Iterator[str]:
    """Yield paragraphs; the cells of a table row as one line."""
    runs: list[str] = []
    rows, in_text = 0, False
    for kind, value, attributes in without(_SKIPPED, events(stream)):
        if kind == "text":
            runs.append(value if in_text else "")
            continue
        starts = kind == "start"
        if value == "t":
            in_text = starts
        elif value == "tr":
            rows += 1 if starts else -1
        elif starts:
            runs.append(_mark(value, attributes))
        if not starts and value in {"p", "tr"}:
            if rows:
                runs.append("\t")
            else:
                yield "".join(runs)
                runs.clear()
    yield "".join(runs)


def _mark(tag: str, attributes: Mapping[str, str]) -> str:
    """Give the characters that an element without text stands for."""
    if tag == "sym":
        code = attribute(attributes, "char")
        # most symbols lie in private use areas and mean nothing outside their font
        return chr(int(code, 16)) if len(code) == 4 and not code.upper().startswith("F0") else " "
    return _BREAKS.get(tag, "")
