"""What calamine leaves out of old workbooks: text boxes and comments, headers and footers, pictures ([MS-XLS])."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker.extraction.ole import pictures_in
from worker.extraction.reading import Context

_BEGIN, _CONTINUE = 0x0809, 0x003C
_HEADER, _FOOTER, _TEXT_BOX, _DRAWINGS = 0x0014, 0x0015, 0x01B6, 0x00EB
_BIFF8 = b"\x00\x06"
_LOOKED_AT = frozenset({_BEGIN, _CONTINUE, _HEADER, _FOOTER, _TEXT_BOX, _DRAWINGS})
_TEXT_LENGTH_AT = 10
_WIDE = 1


def texts_and_pictures(data: bytes, context: Context) -> tuple[list[str], Iterator[bytes]]:
    """Give the texts beside the cells of a Workbook stream, in its order, and the pictures.

    Nothing of a workbook older than Excel 97, whose records are others.
    """
    texts: list[str] = []
    drawings = bytearray()
    for kind, parts in _records(data):
        if kind == _BEGIN and parts[0][:2] != _BIFF8:
            break
        if kind == _DRAWINGS:
            context.expand(sum(map(len, parts)))
            drawings += b"".join(parts)
        elif kind == _TEXT_BOX:
            texts.append(_text_of_box(parts))
        elif kind in {_HEADER, _FOOTER} and len(parts[0]) > 3:
            texts.append(_without_codes(_text(parts[0][2:])))
    return texts, pictures_in(bytes(drawings))


def _records(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the records that are looked at, each with those that continue it. A sheet is thousands of others."""
    kind, parts, at, last = 0, list[bytes](), 0, len(data) - 4
    unpack = struct.Struct("<HH").unpack_from
    while at <= last:
        found, size = unpack(data, at)
        if found in _LOOKED_AT:
            if found != _CONTINUE:
                if parts:
                    yield kind, parts
                kind, parts = found, [data[at + 4 : at + 4 + size]]
            elif parts:
                parts.append(data[at + 4 : at + 4 + size])
        elif parts:
            yield kind, parts
            parts = []
        at += 4 + size
    if parts:
        yield kind, parts


def _text_of_box(parts: list[bytes]) -> str:
    """Join a box's text, which lies in the records that continue it, up to the length it has."""
    wanted = int.from_bytes(parts[0][_TEXT_LENGTH_AT : _TEXT_LENGTH_AT + 2], "little")
    text = ""
    for part in parts[1:]:
        text += _text(part)[: wanted - len(text)]
        if len(text) >= wanted:
            break
    return text


def _text(data: bytes) -> str:
    """Decode a string that begins with the flags that tell its width."""
    is_wide = data[:1] != b"" and data[0] & _WIDE
    return data[1:].decode("utf-16-le" if is_wide else "latin-1", "replace")


def _without_codes(text: str) -> str:
    """Give a header without its codes (&L, &"Arial,Bold", &12), places as blanks (ECMA-376 part 1, 18.3.1.46)."""
    parts, at = [], 0
    while at < len(text):
        if text[at] != "&" or at + 1 == len(text):
            parts.append(text[at])
            at += 1
        elif text[at + 1] == '"':
            end = text.find('"', at + 2)
            at = len(text) if end < 0 else end + 1
        elif text[at + 1].isdigit():
            at += 2
            while at < len(text) and text[at].isdigit():
                at += 1
        else:
            parts.append("&" if text[at + 1] == "&" else " ")
            at += 2
    return "".join(parts)
