"""What Word, Excel and PowerPoint files share: their main part, properties, drawings and pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from worker.extraction.archive import Archive
from worker.extraction.errors import Damaged
from worker.extraction.pictures import read_embedded
from worker.extraction.reading import Content, Context
from worker.extraction.xml import attribute, events

_RUNS = {"t", "v", "text"}
_LINES = {"p", "tr", "comment", "cm", "threadedComment"}
_NOT_PICTURES = (".emf", ".wmf", ".emz", ".wmz", ".svg", ".wdp", ".bin", ".svm", "/")


def main_part(archive: Archive, usual: str, content_type: str) -> str:
    """Give the name of the part with this content type, nearly always the usual one; Damaged if there is none."""
    if usual in archive.names:
        return usual
    for kind, tag, attributes in events(archive.open("[Content_Types].xml")):
        if (
            kind == "start"
            and tag == "Override"
            and content_type in attribute(attributes, "ContentType")
        ):
            return attribute(attributes, "PartName").lstrip("/")
    raise Damaged("The document's main part is missing.")


def drawing_text(archive: Archive, name: str) -> Iterator[str]:
    """Yield the paragraphs of DrawingML and its kin: slides, notes, text boxes, charts, diagrams, comments."""
    runs: list[str] = []
    in_run, cells = False, 0
    for kind, value, _ in events(archive.open(name)):
        if kind == "text":
            if in_run:
                runs.append(value)
            continue
        starts = kind == "start"
        if value in _RUNS:
            in_run = starts
            runs.append(" " if value == "v" else "")
        elif value == "tc":
            cells += 1 if starts else -1
            runs.append("\t")
        elif value == "br" and starts:
            runs.append("\n")
        elif value in _LINES and not starts:
            if cells:
                runs.append(" ")
            else:
                yield "".join(runs)
                runs.clear()
    yield "".join(runs)


def read_pictures(archive: Archive, folder: str, context: Context, content: Content) -> None:
    """Append what the pictures in a folder of the archive say, each different one once."""
    seen: set[bytes] = set()
    for name in archive.matching(folder):
        if name.lower().endswith(_NOT_PICTURES):
            continue  # drawings made of lines: nothing here renders them
        context.check_time(content)
        data = archive.read(name)
        digest = hashlib.sha256(data).digest()
        if digest not in seen:
            seen.add(digest)
            read_embedded(data, context, content)
