"""PowerPoint presentations of the old kind: slides in order with comments; then notes, files, pictures ([MS-PPT])."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from backend.content.media_types import PPT
from worker.extraction.embedded import LARGEST_FILE, EmbeddedFile, EmbeddedFiles, refuse_large
from worker.extraction.errors import Damaged, Encrypted
from worker.extraction.ole import open_container, pictures_in, read_summaries
from worker.extraction.ole_objects import unwrapped
from worker.extraction.pictures import read_each
from worker.extraction.reading import Content, Context, Source

MEDIA_TYPES = (PPT,)

_ENCRYPTED_TOKEN = 0xF3D1C4DF
_IS_CONTAINER = 0xF
_DOCUMENT, _MASTER, _SLIDE_OF, _TEXT_LIST = 1000, 1016, 1011, 4080
_CHARACTERS, _BYTES, _STRING = 4000, 4008, 4026
_HEADERS_AND_FOOTERS, _COMMENT = 4057, 12000
_TAGS = 5003
_OBJECT, _IS_PACKED = 4113, 1
_EDIT, _PERSIST_DIRECTORY = 4085, 6002
_ENCRYPTED_EDIT = 32
_MOST_EDITS = 10_000
_MOST_OBJECTS = 100_000
_SLIDES, _NOTES = 0, 2
"""Instances of the lists of texts; 1 is that of the masters, whose texts are placeholders."""
_FOOTERS = {1, 2}
_COMMENT_TEXT = 1


class _Record(NamedTuple):
    kind: int
    instance: int
    is_container: bool
    start: int
    """Where its content begins; containers' records lie there."""
    end: int


class _Slide(NamedTuple):
    place: int | None
    """Where its record is; None if the list names one that is not there."""
    outline: list[str]


def read(source: Source, context: Context, content: Content) -> None:
    """Append what an old presentation says."""
    content.read_by("ppt")
    with open_container(source.stream, context) as container:
        read_summaries(container, content.metadata)
        data = container.read("PowerPoint Document")
        if not data:
            raise Damaged("The presentation's main part is missing.")
        try:
            _read_live(data, container.read("Current User"), context, content)
        except (struct.error, _NotLive):
            _read_all(data, context, content)
        read_each(pictures_in(container.read("Pictures")), context, content)


class _NotLive(Exception):  # noqa: N818 - no error: another way is taken
    """The directory of what is current is broken."""


def _records(data: bytes, start: int, end: int) -> Iterator[_Record]:
    """Yield the records from `start` on, those in containers after their container; flat, however deep they nest."""
    while start + 8 <= end:
        header, kind, length = struct.unpack_from("<HHI", data, start)
        # what newer versions added is wrapped into what older ones take for one record
        is_container = header & 15 == _IS_CONTAINER or kind == _TAGS
        last = min(start + 8 + length, end)
        yield _Record(kind, header >> 4, is_container, start + 8, last)
        start = start + 8 if is_container else last


def _record_at(data: bytes, place: int, kind: int) -> _Record:
    found = next(_records(data, place, len(data)), None)
    if found is None or found.kind != kind:
        raise _NotLive
    return found


def _read_live(data: bytes, current_user: bytes, context: Context, content: Content) -> None:
    """Read what the newest edit refers to: what was deleted since may still be in the file."""
    token, edit = struct.unpack_from("<II", current_user, 12)
    if token == _ENCRYPTED_TOKEN:
        raise Encrypted("The presentation is protected with a password.")
    places, document = _directory(data, edit)
    lists = _text_lists(data, _record_at(data, document, _DOCUMENT), places)
    slides, notes = lists.get(_SLIDES, []), lists.get(_NOTES, [])
    content.page_count = len(slides)
    for slide in slides[: context.limits.pages]:
        content.begin_page()
        _read_slide(data, slide, context, content)
    content.end_page()
    if len(slides) > context.limits.pages:
        content.cut(f"Only the first {context.limits.pages:,} of {len(slides):,} slides were read.")
    for slide in notes:
        _read_slide(data, slide, context, content)
    _read_objects(data, places.values(), context, content)


def _read_objects(data: bytes, places: Iterable[int], context: Context, content: Content) -> None:
    """Append what the files say that were put on slides, each an OLE object (2.10.34)."""
    files = EmbeddedFiles(context, content)
    for place in places:
        record = next(_records(data, place, len(data)), None)
        if record is not None and record.kind == _OBJECT:
            files.read("", partial(_unpacked, data, record, context))
    content.metadata.put("attachments", files.names)


def _unpacked(data: bytes, record: _Record, context: Context) -> EmbeddedFile:
    held = data[record.start : record.end]
    if record.instance == _IS_PACKED:
        try:
            held = zlib.decompressobj().decompress(held[4:], LARGEST_FILE + 1)
        except zlib.error as problem:
            raise Damaged("It is packed in a way that is broken.") from problem
        context.expand(len(held))
    refuse_large(len(held))
    return unwrapped(EmbeddedFile("", held), context)


def _directory(data: bytes, edit: int) -> tuple[dict[int, int], int]:
    """Give where each object is, by its number, and where the document is; newer edits win."""
    places: dict[int, int] = {}
    document = 0
    for _ in range(_MOST_EDITS):
        record = _record_at(data, edit, _EDIT)
        earlier, directory, reference = struct.unpack_from("<III", data, record.start + 8)
        if record.end - record.start >= _ENCRYPTED_EDIT:
            raise Encrypted("The presentation is protected with a password.")
        document = document or reference
        entries = _record_at(data, directory, _PERSIST_DIRECTORY)
        for number, place in _places(data[entries.start : entries.end]):
            places.setdefault(number, place)
        if not 0 < earlier < edit or len(places) > _MOST_OBJECTS:
            break
        edit = earlier
    if document not in places:
        raise _NotLive
    return places, places[document]


def _places(entries: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at + 4 <= len(entries):
        (head,) = struct.unpack_from("<I", entries, at)
        first, count = head & 0xFFFFF, head >> 20
        count = min(count, (len(entries) - at - 4) // 4)
        yield from enumerate(struct.unpack_from(f"<{count}I", entries, at + 4), first)
        at += 4 + 4 * count


def _text_lists(data: bytes, document: _Record, places: dict[int, int]) -> dict[int, list[_Slide]]:
    """Give, by the kind of list, the slides in order, each with the text of its outline."""
    lists: dict[int, list[_Slide]] = {}
    current: list[_Slide] = []
    for record in _records(data, document.start, document.end):
        if record.kind == _TEXT_LIST:
            current = lists.setdefault(record.instance, [])
        elif record.kind == _SLIDE_OF:
            (reference,) = struct.unpack_from("<I", data, record.start)
            current.append(_Slide(places.get(reference), []))
        elif current and record.kind in {_CHARACTERS, _BYTES}:
            current[-1].outline.append(_text(data, record))
        elif record.is_container:
            current = []
    return lists


def _read_slide(data: bytes, slide: _Slide, context: Context, content: Content) -> None:
    context.check_time(content)
    for text in slide.outline:
        content.add(text)
    record = None if slide.place is None else next(_records(data, slide.place, len(data)), None)
    if record is not None and record.is_container:
        for text in _texts(data, record.start, record.end):
            content.add(text)


def _texts(data: bytes, start: int, end: int) -> Iterator[str]:
    """Yield the texts of shapes, footers and comments between two places."""
    around, around_end = 0, 0
    for record in _records(data, start, end):
        if record.kind in {_HEADERS_AND_FOOTERS, _COMMENT}:
            around, around_end = record.kind, record.end
        if record.kind in {_CHARACTERS, _BYTES}:
            yield _text(data, record)
        elif record.kind == _STRING and record.start < around_end:
            wanted = _FOOTERS if around == _HEADERS_AND_FOOTERS else {_COMMENT_TEXT}
            if record.instance in wanted:
                yield _text(data, record)


def _text(data: bytes, record: _Record) -> str:
    codec = "latin-1" if record.kind == _BYTES else "utf-16-le"
    text = data[record.start : record.end].decode(codec, "replace")
    return text.replace("\r", "\n").replace("\x0b", "\n")


def _read_all(data: bytes, context: Context, content: Content) -> None:
    """Read every text there is, in the order of the file: what was deleted may be among it."""
    content.note("Its directory is broken; text that was deleted from it may have been read too.")
    skipped_to = 0
    for record in _records(data, 0, len(data)):
        if record.kind == _MASTER:
            skipped_to = record.end
        if record.kind in {_CHARACTERS, _BYTES} and record.start >= skipped_to:
            context.check_time(content)
            content.add(_text(data, record))
