"""Outlook messages: header, body and attachments out of the properties of an OLE container ([MS-OXMSG])."""

from __future__ import annotations

import email
import email.policy
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from backend.content.media_types import MSG
from worker.extraction.embedded import EmbeddedFile, EmbeddedFiles
from worker.extraction.errors import Damaged
from worker.extraction.formats.rtf import read_rtf
from worker.extraction.markup import html_text
from worker.extraction.metadata import first_of, moment_of_filetime
from worker.extraction.ole import Container, codec_of_code_page, open_container
from worker.extraction.ole_objects import file_at
from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import codec_of

MEDIA_TYPES = (MSG,)

_PROPERTIES = "__properties_version1.0"
_MOST_PARTS = 1_000

# Numbers of properties ([MS-OXPROPS])
_SUBJECT, _HEADERS, _MESSAGE_ID = 0x0037, 0x007D, 0x1035
_BODY, _BODY_RTF, _BODY_HTML = 0x1000, 0x1009, 0x1013
_SENDER_NAMES, _SENDER_ADDRESSES = (0x0C1A, 0x0042), (0x5D01, 0x5D02, 0x0C1F, 0x0065)
_TIMES_SENT = (0x0039, 0x0E06, 0x3007)
_MODIFIED = 0x3008
_CODE_PAGE_OF_TEXT, _CODE_PAGE_OF_HTML = 0x3FFD, 0x3FDE
_NAME, _ADDRESSES, _RECIPIENT_KIND = 0x3001, (0x39FE, 0x3003), 0x0C15
_FILE_NAMES, _MEDIA_TYPE, _DATA = (0x3707, 0x3704, 0x3001), 0x370E, 0x3701
_TO, _CC = 1, 2

_UNICODE, _STRING8, _BINARY, _OBJECT = "001F", "001E", "0102", "000D"

# The dictionary that compressed Rich Text begins with ([MS-OXRTFCP] 2.1.2.1)
_RTF_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_RTF_WINDOW = 4096
_RTF_COMPRESSED, _RTF_PLAIN = b"LZFu", b"MELA"


def read(source: Source, context: Context, content: Content) -> None:
    """Append what a message says."""
    content.read_by("msg")
    with open_container(source.stream, context) as container:
        paths = dict.fromkeys(tuple(path) for path in container.names())
        if (_PROPERTIES,) not in paths:
            raise Damaged("The message has no properties.")
        _read_message(_Storage(container, paths, (), 32), context, content)


@dataclass(frozen=True, slots=True)
class _Recipient:
    kind: int
    shown: str


class _Storage:
    """One object of the message: itself, a recipient, an attachment, a message inside it."""

    def __init__(
        self,
        container: Container,
        paths: dict[tuple[str, ...], None],
        at: tuple[str, ...],
        header_size: int,
        codec: str | None = None,
    ) -> None:
        self._container = container
        self._paths = paths
        self._at = at
        self._fixed = self._fixed_properties(header_size)
        self._codec = (
            codec_of_code_page(self.number(_CODE_PAGE_OF_TEXT))
            or codec
            or codec_of_code_page(self.number(_CODE_PAGE_OF_HTML))
            or self._likely_codec()
        )

    def _fixed_properties(self, header_size: int) -> dict[int, bytes]:
        data = self._container.read(*self._at, _PROPERTIES)
        entries = range(header_size, len(data) - 15, 16)
        return {struct.unpack_from("<H", data, at + 2)[0]: data[at + 8 : at + 16] for at in entries}

    def _likely_codec(self) -> str:
        """Guess by all that is long enough: a subject alone is not."""
        keys = (_BODY, _SUBJECT, *_SENDER_NAMES)
        return codec_of(b"\n".join(self._stream(key, _STRING8) for key in keys))

    def number(self, key: int) -> int:
        """Give a property of 32 bits, 0 if it is absent."""
        return int.from_bytes(self._fixed.get(key, b"")[:4], "little")

    def time(self, key: int) -> int:
        """Give a property that is a time, in FILETIME's ticks; 0 if it is absent."""
        return int.from_bytes(self._fixed.get(key, b""), "little")

    def data(self, key: int) -> bytes:
        """Give a binary property, empty if it is absent."""
        return self._stream(key, _BINARY)

    def text(self, *keys: int) -> str:
        """Give the first of some properties that has any text."""
        return first_of(self._text(key) for key in keys)

    def _stream(self, key: int, kind: str) -> bytes:
        path = (*self._at, _stream(key, kind))
        return self._container.read(*path) if path in self._paths else b""

    def _text(self, key: int) -> str:
        data = self._stream(key, _UNICODE)
        if data:
            return data.decode("utf-16-le", "replace").rstrip("\0")
        data = self._stream(key, _STRING8).rstrip(b"\0")
        return data.decode(codec_of(data, self._codec), "replace")

    def children(self, prefix: str) -> Iterator[_Storage]:
        """Give the recipients, or the attachments."""
        depth = len(self._at)
        found = [
            path
            for path in self._paths
            if len(path) == depth + 1 and path[:depth] == self._at and path[-1].startswith(prefix)
        ]
        for path in found[:_MOST_PARTS]:
            yield _Storage(self._container, self._paths, path, 8, self._codec)

    def embedded_file(self) -> EmbeddedFile:
        """Give the file in the OLE object that an attachment is; Unsupported if it is none, or holds no file."""
        return file_at(self._container, (*self._at, _stream(_DATA, _OBJECT)))

    def embedded(self) -> _Storage | None:
        """Give the message that an attachment is, if it is one."""
        path = (*self._at, _stream(_DATA, _OBJECT))
        if (*path, _PROPERTIES) not in self._paths:
            return None
        return _Storage(self._container, self._paths, path, 24, self._codec)


def _stream(key: int, kind: str) -> str:
    return f"__substg1.0_{key:04X}{kind}"


def _read_message(message: _Storage, context: Context, content: Content) -> None:
    sender = _person(message.text(*_SENDER_NAMES), message.text(*_SENDER_ADDRESSES))
    recipients = list(_recipients(message))
    subject = message.text(_SUBJECT)
    sent = next(filter(None, (moment_of_filetime(message.time(key)) for key in _TIMES_SENT)), None)
    shown = [one.shown for one in recipients if one.kind in {0, _TO}]
    copied = [one.shown for one in recipients if one.kind == _CC]
    for line in (subject, sender, ", ".join(shown), ", ".join(copied)):
        content.add(line)
    if sent is not None:
        content.add(f"{sent:%a, %d %b %Y %H:%M:%S %z}")
    for name, value in (
        ("title", subject), ("creators", [sender]), ("created", sent), ("to", shown), ("cc", copied),
        ("modified", moment_of_filetime(message.time(_MODIFIED))), ("message_id", _message_id(message)),
    ):  # fmt: skip
        content.metadata.put(name, value)
    _read_body(message, context, content)
    attachments = list(message.children("__attach_version1.0_"))
    content.metadata.put("attachments", [one.text(*_FILE_NAMES) for one in attachments])
    objects = EmbeddedFiles(context, content)
    for attachment in attachments:
        context.check_time(content)
        _read_attachment(attachment, objects, context, content)


def _person(name: str, address: str) -> str:
    """Give `name <address>`, without the addresses that mean something inside Exchange only."""
    if "@" not in address or address == name:
        return name or address
    return f"{name} <{address}>" if name else address


def _recipients(message: _Storage) -> Iterator[_Recipient]:
    for one in message.children("__recip_version1.0_"):
        shown = _person(one.text(_NAME), one.text(*_ADDRESSES))
        yield _Recipient(one.number(_RECIPIENT_KIND), shown)


def _message_id(message: _Storage) -> str:
    given = message.text(_MESSAGE_ID)
    if given:
        return given
    headers = message.text(_HEADERS)
    parsed = email.message_from_string(headers, policy=email.policy.compat32)
    return str(parsed.get("Message-ID", ""))


def _read_body(message: _Storage, context: Context, content: Content) -> None:
    """Append the body, in the plainest of the forms in which it is there."""
    text = message.text(_BODY)
    if text:
        content.add(text)
        return
    page = message.data(_BODY_HTML) or message.text(_BODY_HTML).encode()
    if page:
        for block in html_text(page, codec_of_code_page(message.number(_CODE_PAGE_OF_HTML))):
            content.add(block)
        return
    compressed = message.data(_BODY_RTF)
    if compressed:
        read_rtf(_decompressed(compressed, context), context, content)


def _decompressed(data: bytes, context: Context) -> bytes:
    """Unpack Rich Text ([MS-OXRTFCP] 3.1.3); Damaged if it is not packed that way."""
    if len(data) < 16 or data[8:12] not in {_RTF_COMPRESSED, _RTF_PLAIN}:
        raise Damaged("The message's body is broken.")
    if data[8:12] == _RTF_PLAIN:
        return data[16:]
    (size,) = struct.unpack_from("<I", data, 4)
    context.expand(size)
    return _unpacked(data[16:], size)


def _unpacked(data: bytes, size: int) -> bytes:
    """Follow the references, each so many bytes back in a window that begins with the dictionary."""
    out = bytearray(_RTF_DICTIONARY)
    end, at = size + len(out), 0
    while at < len(data) and len(out) < end:
        controls, at = data[at], at + 1
        for bit in range(8):
            if not controls >> bit & 1:
                out += data[at : at + 1]
                at += 1
                continue
            pair, at = int.from_bytes(data[at : at + 2], "big"), at + 2
            back = (len(out) - (pair >> 4)) % _RTF_WINDOW
            if not 0 < back <= len(out):
                return bytes(out[len(_RTF_DICTIONARY) :])
            for _ in range((pair & 15) + 2):
                out.append(out[-back])
    return bytes(out[len(_RTF_DICTIONARY) :])


def _read_attachment(
    attachment: _Storage, objects: EmbeddedFiles, context: Context, content: Content
) -> None:
    name = attachment.text(*_FILE_NAMES)
    content.add(name)
    inner = attachment.embedded()
    if inner is not None:
        context.read_inside(
            name or "message", content, lambda: _read_message(inner, context, content)
        )
        return
    data = attachment.data(_DATA)
    if data:
        context.read_attachment(data, name, attachment.text(_MEDIA_TYPE) or None, content)
    else:
        objects.read("", attachment.embedded_file)
