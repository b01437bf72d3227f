"""Word documents: body, headers, footers, notes and comments out of the XML; a picture after its paragraph.

Files that Word takes in from its own archive when it opens the document (`altChunk`) are read where they stand.

The files embedded in them come last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, NamedTuple

from backend.content.media_types import DOCX
from worker.extraction.archive import open_archive
from worker.extraction.ooxml import Chunks, Pictures, main_part, read_embedded_files
from worker.extraction.properties import read_office_properties
from worker.extraction.reading import Content, Context, Source
from worker.extraction.xml import attribute, events, without

MEDIA_TYPES = (DOCX,)

_STORIES = ("word/header", "word/footnotes", "word/endnotes", "word/comments", "word/footer")
_BREAKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
# Text boxes are in the file twice, once for old readers; w:tabs describes tab stops, not tabs.
_PICTURES = {"blip": "embed", "imagedata": "id"}
"""Elements that show a picture, and their attribute with its relation: of DrawingML, of VML."""
_SKIPPED = frozenset({"Fallback", "tabs"})


def read(source: Source, context: Context, content: Content) -> None:
    """Append what a Word document says."""
    with open_archive(source.stream, context) as archive:
        content.read_by("ooxml")
        body = main_part(archive, "word/document.xml", "wordprocessingml.document.main")
        read_office_properties(archive, content.metadata)
        pictures = Pictures(archive, "word/media/", context, content)
        chunks = Chunks(archive, context, content)
        for name in [
            body,
            *(part for story in _STORIES for part in archive.matching(story, ".xml")),
        ]:
            context.check_time(content)
            for paragraph in _paragraphs(archive.open(name)):
                content.add(paragraph.text)
                for relation in paragraph.pictures:
                    pictures.read_shown(name, relation)
                for relation in paragraph.chunks:
                    chunks.read(name, relation)
        pictures.read_rest()
        read_embedded_files(archive, archive.matching("word/embeddings/"), context, content)


class _Paragraph(NamedTuple):
    text: str
    pictures: Sequence[str]
    """The relations of the pictures in it."""
    chunks: Sequence[str] = ()
    """The relations of files that are taken in after it."""


def _paragraphs(stream: IO[bytes]) -> Iterator[_Paragraph]:
    """Yield paragraphs; the cells of a table row as one line."""
    runs: list[str] = []
    pictures: list[str] = []
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
        elif starts and value == "altChunk":
            yield _Paragraph("".join(runs), pictures, [attribute(attributes, "id")])
            runs.clear()
            pictures = []
        elif starts and value in _PICTURES:
            pictures.append(attribute(attributes, _PICTURES[value]))
        elif starts:
            runs.append(_mark(value, attributes))
        if not starts and value in {"p", "tr"}:
            if rows:
                runs.append("\t")
            else:
                yield _Paragraph("".join(runs), pictures)
                runs.clear()
                pictures = []
    yield _Paragraph("".join(runs), pictures)


def _mark(tag: str, attributes: Mapping[str, str]) -> str:
    """Give the characters that an element without text stands for."""
    if tag == "sym":
        code = attribute(attributes, "char")
        # most symbols lie in private use areas and mean nothing outside their font
        return chr(int(code, 16)) if len(code) == 4 and not code.upper().startswith("F0") else " "
    return _BREAKS.get(tag, "")
