"""What Word, Excel and PowerPoint files share: their main part, properties, drawings, pictures and embedded files."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial

from backend.content.media_types import HEAD_BYTES, media_type_of
from worker.extraction.archive import Archive
from worker.extraction.embedded import EmbeddedFile, EmbeddedFiles, refuse_large
from worker.extraction.errors import Damaged
from worker.extraction.ole_objects import unwrapped
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


def read_embedded_files(
    archive: Archive, paths: Iterable[str], context: Context, content: Content
) -> None:
    """Append what the files of these paths say: office documents as they are, others wrapped in OLE objects."""
    files = EmbeddedFiles(context, content)
    for path in dict.fromkeys(paths):
        if not path.endswith(("/", ".rels")):
            files.read(posixpath.basename(path), partial(_unpacked, archive, path, context))
    content.metadata.put("attachments", files.names)


def _unpacked(archive: Archive, path: str, context: Context) -> EmbeddedFile:
    refuse_large(archive.size(path))
    return unwrapped(EmbeddedFile(posixpath.basename(path), archive.read(path)), context)


class Chunks:
    """Files whose text belongs where a part of a Word document takes them in (ECMA-376 part 1, 17.17.2)."""

    def __init__(self, archive: Archive, context: Context, content: Content) -> None:
        self._archive = archive
        self._files = EmbeddedFiles(context, content)

    def read(self, part: str, relation: str) -> None:
        """Append what the file says that a part calls by the id of a relation."""
        path = targets_of(self._archive, part).get(relation, "")
        if path in self._archive.names:
            self._files.read("", partial(self._unpacked, path))

    def _unpacked(self, path: str) -> EmbeddedFile:
        refuse_large(self._archive.size(path))
        data = self._archive.read(path)
        # Its name says what it is, and nothing to a reader.
        return EmbeddedFile("", data, media_type_of(data[:HEAD_BYTES], posixpath.basename(path)))


def targets_of(archive: Archive, part: str) -> dict[str, str]:
    """Give the paths a part's relations lead to, by their ids (ECMA-376 part 2, 9.3); none where they are broken."""
    found: dict[str, str] = {}
    folder, name = posixpath.split(part)
    with suppress(Damaged):
        for kind, tag, attributes in events(archive.open(f"{folder}/_rels/{name}.rels")):
            if kind == "start" and tag == "Relationship":
                target = posixpath.join("/", folder, attribute(attributes, "Target"))
                found[attribute(attributes, "Id")] = posixpath.normpath(target).lstrip("/")
    return found


class Pictures:
    """The pictures of an archive, each different one read once: where it is first shown, or at the end."""

    def __init__(self, archive: Archive, folder: str, context: Context, content: Content) -> None:
        self._archive = archive
        self._context = context
        self._content = content
        self._left = dict.fromkeys(archive.matching(folder))
        self._relations: dict[str, dict[str, str]] = {}
        self._seen: set[bytes] = set()

    def read(self, path: str) -> None:
        """Append what the picture of this path says, unless it was read before or there is none."""
        if path not in self._left:
            return
        del self._left[path]
        if path.lower().endswith(_NOT_PICTURES):
            return  # drawings made of lines: nothing here renders them
        if self._content.wants_ocr and self._context.engine is None:
            return  # that it waits for OCR is known
        self._context.check_time(self._content)
        data = self._archive.read(path)
        digest = hashlib.sha256(data).digest()
        if digest not in self._seen:
            self._seen.add(digest)
            read_embedded(data, self._context, self._content)

    def read_shown(self, part: str, relation: str) -> None:
        """Like `read`, for what a part of an Office file calls by the id of a relation."""
        if self._left:
            self.read(self._targets(part).get(relation, ""))

    def read_all_shown(self, part: str) -> None:
        """Read all that a part of an Office file refers to."""
        for path in self._targets(part).values() if self._left else ():
            self.read(path)

    def read_rest(self) -> None:
        """Read those that were shown nowhere that was looked at."""
        for path in list(self._left):
            self.read(path)

    def _targets(self, part: str) -> dict[str, str]:
        if part not in self._relations:
            self._relations[part] = targets_of(self._archive, part)
        return self._relations[part]
