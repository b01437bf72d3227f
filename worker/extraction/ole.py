"""OLE compound files, in which Microsoft's old formats keep their streams: opening, properties, code pages."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import olefile

from worker.extraction.errors import Damaged
from worker.extraction.metadata import Collector, moment_of_filetime
from worker.extraction.reading import Context

BROKEN = (
    OSError, ValueError, IndexError, KeyError, TypeError, RecursionError, OverflowError, struct.error,
)  # fmt: skip
"""What reading a broken one raises."""

# [MS-OLEPS] 3.1.2 and [MS-OSHARED] 2.3.3.2
_SUMMARY = {
    2: "title", 3: "subject", 4: "creators", 5: "keywords", 6: "description", 7: "template", 8: "contributors",
    9: "revision", 12: "created", 13: "modified", 14: "pages", 15: "words", 18: "software",
}  # fmt: skip
_DOCUMENT_SUMMARY = {2: "category", 14: "manager", 15: "company", 27: "status", 28: "language"}
_MOST_PROPERTIES = 500
_MAX_PROPERTY_STREAM = 4 << 20

_CODE_PAGES = {
    708: "iso8859_6", 932: "cp932", 936: "gb18030", 949: "cp949", 950: "big5", 1200: "utf-16-le", 1201: "utf-16-be",
    10000: "mac_roman", 20127: "cp1252", 20866: "koi8_r", 20932: "euc_jp", 21866: "koi8_u", 28591: "cp1252",
    28605: "iso8859_15", 38598: "iso8859_8", 50220: "iso2022_jp", 50221: "iso2022_jp", 50222: "iso2022_jp",
    51932: "euc_jp", 51936: "gb18030", 51949: "euc_kr", 52936: "gb18030", 54936: "gb18030",
    65001: "utf-8",
}  # fmt: skip
_ISO_8859 = range(28592, 28600)
_WINDOWS_AND_DOS = {
    437,
    737,
    775,
    850,
    852,
    855,
    857,
    860,
    861,
    862,
    863,
    864,
    865,
    866,
    869,
    874,
    *range(1250, 1259),
}


def codec_of_code_page(number: int) -> str | None:
    """Give Python's name of a Windows code page; None for one it does not know."""
    if number in _CODE_PAGES:
        return _CODE_PAGES[number]
    if number in _ISO_8859:
        return f"iso8859_{number - 28590}"
    return f"cp{number}" if number in _WINDOWS_AND_DOS else None


class Container:
    """An open compound file; its streams come out whole, under the context's limit of expanded bytes."""

    def __init__(self, file: olefile.OleFileIO[Any], size: int, context: Context) -> None:
        self._file = file
        self._size = size
        self._context = context

    def names(self) -> list[list[str]]:
        """Give the paths of all streams and storages."""
        with _as_damaged():
            return list(self._file.listdir(streams=True, storages=True))

    def read(self, *path: str) -> bytes:
        """Give a stream's content, empty if there is none of that path. Damaged if its sectors are broken."""
        with _as_damaged():
            name = "/".join(path)
            if self._file.get_type(name) != olefile.STGTY_STREAM:
                return b""
            size = self._file.get_size(name)
            if size > self._size:
                raise Damaged("A stream of the file is said to be longer than the file.")
            self._context.expand(size)
            return bytes(self._file.openstream(name).read())


@contextmanager
def open_container(stream: BinaryIO, context: Context) -> Iterator[Container]:
    """Open a compound file; Damaged if it is none."""
    stream.seek(0)
    data = stream.read()
    with _as_damaged():
        file = olefile.OleFileIO(io.BytesIO(data))
    with file:
        yield Container(file, len(data), context)


def read_summaries(container: Container, into: Collector) -> None:
    """Take the properties that Office keeps in streams of their own; broken ones are passed over."""
    for name, fields in (
        ("\x05SummaryInformation", _SUMMARY),
        ("\x05DocumentSummaryInformation", _DOCUMENT_SUMMARY),
    ):
        try:
            data = container.read(name)[:_MAX_PROPERTY_STREAM]
            for key, value in _properties(data, fields):
                into.put(key, value)
        except (Damaged, *BROKEN):
            continue


def _properties(data: bytes, fields: dict[int, str]) -> Iterator[tuple[str, object]]:
    """Yield the properties of a set ([MS-OLEPS] 2.21) by our names; the second section holds what authors named."""
    if len(data) < 28:
        return
    (sections,) = struct.unpack_from("<I", data, 24)
    for number in range(min(sections, 2)):
        (start,) = struct.unpack_from("<I", data, 28 + 20 * number + 16)
        entries = dict(_entries(data, start))
        codec = _codec(data, entries)
        names = dict(_dictionary(data, entries[0], codec)) if number and 0 in entries else {}
        for key, at in entries.items():
            name = f"custom:{names[key]}" if key in names else "" if number else fields.get(key, "")
            if name:
                yield name, _typed_value(data, at, codec)


def _entries(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield number and place of each property of the section at `start`."""
    (count,) = struct.unpack_from("<I", data, start + 4)
    for number in range(min(count, _MOST_PROPERTIES)):
        key, offset = struct.unpack_from("<II", data, start + 8 + 8 * number)
        yield key, start + offset


def _codec(data: bytes, entries: dict[int, int]) -> str:
    page = _typed_value(data, entries[1], "cp1252") if 1 in entries else None
    return (codec_of_code_page(page & 0xFFFF) if isinstance(page, int) else None) or "cp1252"


def _dictionary(data: bytes, at: int, codec: str) -> Iterator[tuple[int, str]]:
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    for _ in range(min(count, _MOST_PROPERTIES)):
        key, length = struct.unpack_from("<II", data, at)
        size = length * 2 if codec == "utf-16-le" else length
        yield key, _decoded(data[at + 8 : at + 8 + size], codec)
        at += 8 + (size + 3) // 4 * 4 if codec == "utf-16-le" else 8 + size


def _typed_value(data: bytes, at: int, codec: str) -> object:
    (kind,) = struct.unpack_from("<H", data, at)
    at += 4
    if kind in _NUMBERS:
        return struct.unpack_from(_NUMBERS[kind], data, at)[0]
    if kind == _BOOL:
        return bool(struct.unpack_from("<H", data, at)[0])
    if kind == _FILETIME:
        return moment_of_filetime(struct.unpack_from("<Q", data, at)[0])
    if kind in {_LPSTR, _LPWSTR}:
        (length,) = struct.unpack_from("<I", data, at)
        size, codec = (length, codec) if kind == _LPSTR else (length * 2, "utf-16-le")
        return _decoded(data[at + 4 : at + 4 + size], codec)
    return None


_NUMBERS = {2: "<h", 3: "<i", 4: "<f", 5: "<d", 17: "<B", 18: "<H", 19: "<I", 20: "<q", 21: "<Q"}
_BOOL, _LPSTR, _LPWSTR, _FILETIME = 11, 30, 31, 64


def _decoded(data: bytes, codec: str) -> str:
    return data.decode(codec, "replace").split("\0")[0]


@contextmanager
def _as_damaged() -> Iterator[None]:
    try:
        yield
    except BROKEN as problem:
        raise Damaged(f"The file's streams are broken ({problem}).") from problem


# OfficeArt records of pictures ([MS-ODRAW] 2.2.23): JPEG, PNG, TIFF, JPEG in CMYK
_PICTURE_RECORD = re.compile(rb"[\x1d\x1e\x29\x2a]\xf0(....)", re.DOTALL)
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_BEFORE_PICTURE = (17, 33)
"""Bytes between a record's header and the picture: one or two digests, and a mark."""


def pictures_in(data: bytes) -> Iterator[bytes]:
    """Yield the pictures that OfficeArt put into a stream."""
    at = 0
    while (match := _PICTURE_RECORD.search(data, at)) is not None:
        at = match.start() + 1
        for skipped in _BEFORE_PICTURE:
            start = match.end() + skipped
            if data.startswith(_PICTURE_STARTS, start):
                at = max(at, match.end() + int.from_bytes(match[1], "little"))
                yield data[start:at]
                break
