"""What calamine leaves out of old workbooks: text boxes and comments, headers and footers, pictures ([MS-XLS])."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker.extraction.ole import pictures_in
from worker.extraction.reading import Context

_BEGIN, _CONTINUE = 0x0809, 0x003C
_HEADER, _FOOTER, _TEXT_BOX, _DRAWINGS = 0x0014, 0x0015, 0x01B6, 0x00EB
_BIFF8 = 0x0600
_TEXT_LENGTH_AT = 10
_WIDE = 1


def texts_and_pictures(data: bytes, context: Context) -> tuple[list[str], Iterator[bytes]]:
    """Give the texts beside the cells of a Workbook stream, in its order, and the pictures.

    Nothing of a workbook older than Excel 97, whose records are others.
    """
    texts: list[str] = []
    drawings = bytearray()
    owner, wanted, box = 0, 0, ""
    for kind, start, end in _records(data):
        if kind == _BEGIN and struct.unpack_from("<H", data, start)[0] != _BIFF8:
            break
        if kind != _CONTINUE:
            owner = kind
            if box:
                texts.append(box)
            box, wanted = "", 0
        if kind in {_HEADER, _FOOTER} and end - start > 3:
            texts.append(_without_codes(_text(data[start + 2 : end])))
        elif kind == _TEXT_BOX and end - start > _TEXT_LENGTH_AT + 2:
            (wanted,) = struct.unpack_from("<H", data, start + _TEXT_LENGTH_AT)
        elif owner == _DRAWINGS:
            context.expand(end - start)
            drawings += data[start:end]
        elif kind == _CONTINUE and owner == _TEXT_BOX and len(box) < wanted:
            box += _text(data[start:end])[: wanted - len(box)]
    if box:
        texts.append(box)
    return texts, pictures_in(bytes(drawings))


def _records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (kind, start, end) of each record's content."""
    at = 0
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, at)
        end = min(at + 4 + size, len(data))
        if not (kind == _BEGIN and end - at < 6):
            yield kind, at + 4, end
        at = end


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
