"""Word documents of the old kind: text by the piece table ([MS-DOC] 2.4.1), pictures and files that are in it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from backend.content.media_types import DOC
from worker.extraction.errors import Damaged, Encrypted
from worker.extraction.ole import Container, open_container, pictures_in, read_summaries
from worker.extraction.ole_objects import read_objects
from worker.extraction.pictures import read_each
from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import decode

MEDIA_TYPES = (DOC,)

# Places in the file information block ([MS-DOC] 2.5.1), and what is there
_MAGIC = {0xA5EC, 0xA5DC}
_VERSION, _FLAGS = 2, 10
_ENCRYPTED, _SECOND_TABLE = 0x0100, 0x0200
_FIRST_OF_WORD_97 = 0x00C1
_LENGTHS, _PIECES = 0x4C, 0x01A2
_OLD_TEXT, _OLD_LENGTH = 0x18, 0x34
_STORIES = (0, 1, 2, 4, 5, 6, 7)
"""Which of the eight lengths are those of stories; the one left out was of macros."""
_PIECE_TABLE, _PROPERTIES = 2, 1
_COMPRESSED = 1 << 30
_CHARACTERS_PER_READ = 1 << 18

_FIELD_MARKS = re.compile("([\x13\x14\x15])")
_BEGINS, _SEPARATES, _ENDS = "\x13", "\x14", "\x15"
_ROW_END = "\x07\x07"
_MEANINGS = str.maketrans(
    {
        "\x07": "\t", "\x0b": "\n", "\x0c": "\r", "\x0e": "\r", "\x1e": "-", "\x1f": "",
        "\x01": " ", "\x02": " ", "\x05": " ", "\x08": " ",
    }
)  # fmt: skip


def read(source: Source, context: Context, content: Content) -> None:
    """Append what an old Word document says."""
    content.read_by("doc")
    with open_container(source.stream, context) as container:
        read_summaries(container, content.metadata)
        main = container.read("WordDocument")
        if len(main) < _LENGTHS or struct.unpack_from("<H", main)[0] not in _MAGIC:
            raise Damaged("The document's main part is missing or of an unknown kind.")
        (flags,) = struct.unpack_from("<H", main, _FLAGS)
        if flags & _ENCRYPTED:
            raise Encrypted("The document is protected with a password.")
        try:
            _read_text(main, flags, container, context, content)
        except struct.error as problem:
            raise Damaged(f"The document's table of pieces is broken ({problem}).") from problem
        for data in (container.read("Data"), main):
            read_each(pictures_in(data), context, content)
        read_objects(container, context, content)


def _read_text(
    main: bytes, flags: int, container: Container, context: Context, content: Content
) -> None:
    (version,) = struct.unpack_from("<H", main, _VERSION)
    if version < _FIRST_OF_WORD_97:
        runs = _old_text(main)
    else:
        table = container.read("1Table" if flags & _SECOND_TABLE else "0Table")
        runs = _text_of_pieces(main, table)
    for paragraph in _paragraphs(runs):
        context.check_time(content)
        content.add(paragraph)


def _old_text(main: bytes) -> Iterator[str]:
    """Yield the text of Word 6 and 95, which lies in one piece unless it was saved in a hurry."""
    (start,) = struct.unpack_from("<I", main, _OLD_TEXT)
    (length,) = struct.unpack_from("<I", main, _OLD_LENGTH)
    yield decode(main[start : start + length])


def _text_of_pieces(main: bytes, table: bytes) -> Iterator[str]:
    """Yield the text in order: the body, then notes, headers, comments and text boxes."""
    lengths = struct.unpack_from("<8I", main, _LENGTHS)
    end = sum(lengths[story] for story in _STORIES)
    start, size = struct.unpack_from("<II", main, _PIECES)
    pieces = _piece_table(table[start : start + size])
    count = (len(pieces) - 4) // 12
    for number in range(count):
        first, last = struct.unpack_from("<II", pieces, 4 * number)
        (at,) = struct.unpack_from("<I", pieces, 4 * (count + 1) + 8 * number + 2)
        last = min(last, end) if any(lengths[1:]) else last
        yield from _piece(main, at, last - first)


def _piece_table(data: bytes) -> bytes:
    at = 0
    while at < len(data) and data[at] == _PROPERTIES:
        at += 3 + struct.unpack_from("<H", data, at + 1)[0]
    if at >= len(data) or data[at] != _PIECE_TABLE:
        raise Damaged("The document's table of pieces is missing.")
    (size,) = struct.unpack_from("<I", data, at + 1)
    return data[at + 5 : at + 5 + size]


def _piece(main: bytes, at: int, length: int) -> Iterator[str]:
    width, codec = (1, "cp1252") if at & _COMPRESSED else (2, "utf-16-le")
    start = (at & ~_COMPRESSED) // 2 if width == 1 else at
    end = min(start + max(length, 0) * width, len(main))
    step = _CHARACTERS_PER_READ * width
    for position in range(start, end, step):
        yield main[position : min(position + step, end)].decode(codec, "replace")


def _paragraphs(runs: Iterator[str]) -> Iterator[str]:
    """Yield paragraphs, rows of tables as one line, without the instructions of fields."""
    rest = ""
    for run in _without_instructions(runs):
        lines = (rest + run.replace(_ROW_END, "\r").translate(_MEANINGS)).split("\r")
        rest = lines.pop()
        yield from lines
    yield rest


def _without_instructions(runs: Iterator[str]) -> Iterator[str]:
    """Pass on the text; of a field (0x13 instructions 0x14 result 0x15) its result."""
    in_instructions: list[bool] = []
    hidden = 0
    for run in runs:
        for part in _FIELD_MARKS.split(run):
            if part == _BEGINS:
                in_instructions.append(True)
                hidden += 1
            elif part in {_SEPARATES, _ENDS}:
                if in_instructions and in_instructions.pop():
                    hidden -= 1
                if part == _SEPARATES:
                    in_instructions.append(False)
            elif part and not hidden:
                yield part
