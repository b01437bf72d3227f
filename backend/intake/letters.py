"""Letters, taken apart: the message as it came, and its attachments. Standard library only, and bounded.

What is too deep, too long or too broken to be taken apart is kept as the message alone: nothing of it is lost.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32
from email.utils import collapse_rfc2231_value, parseaddr, parsedate_to_datetime

from backend.core.clock import now
from backend.intake.models import Keeps
from backend.intake.names import storable

LARGEST_LETTER = 64 * 2**20
"""Bytes."""
_LARGEST_HEADER = 256 * 2**10
_MOST_LINES = 2_000_000
_MOST_MULTIPARTS = 50
"""So many parts may have parts of their own."""
_MOST_PARTS = 500
_LONGEST_FIELD = 10_000
# What the standard library raises on letters that are not as RFC 5322 has them.
_BROKEN = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError)


class _AsSent(Compat32):
    """Fields as text, whatever they hold: bytes that nobody said the encoding of are UTF-8 mostly (RFC 6532)."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return a field's value."""
        del name
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_AS_SENT = _AsSent()


@dataclass(frozen=True, slots=True)
class Part:
    """Something to be filed of a letter."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, and what is to be filed of it."""

    key: str
    """What it is known again by, whatever mailbox or server it is in."""
    sender: str | None
    subject: str | None
    at: datetime
    parts: tuple[Part, ...]


def read_letter(data: bytes, keeps: Keeps) -> Letter:
    """Take a letter apart. One without attachments is kept as a message, whatever is to be kept of others."""
    header, body = _split(data)
    fields = BytesHeaderParser(policy=_AS_SENT).parsebytes(header[:_LARGEST_HEADER])
    subject = _field(fields, "Subject")
    message = Part(f"{subject or 'letter'}.eml", data)
    attachments = [] if keeps is Keeps.MESSAGE else _attachments(data)
    is_message_kept = keeps is not Keeps.ATTACHMENTS or not attachments
    parts = [*([message] if is_message_kept else []), *attachments]
    return Letter(
        key=_key(fields, body),
        sender=_address(fields),
        subject=subject,
        at=_date(fields),
        parts=tuple(parts),
    )


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return header and body: an empty line is between them."""
    ends = [(at, at + len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark)) >= 0]
    if not ends:
        return data, b""
    end, begin = min(ends)
    return data[:end], data[begin:]


def _key(fields: Message, body: bytes) -> str:
    """Return a digest of what stays the same however often, and by whatever way, a letter is delivered."""
    digest = hashlib.sha256()
    names = ("Message-ID",) if fields.get("Message-ID") else ("From", "Date", "Subject")
    for name in names:
        digest.update(f"{name}: {fields.get(name, '')}\n".encode("utf-8", "surrogateescape"))
    digest.update(body.replace(b"\r\n", b"\n").rstrip())
    return f"letter:{digest.hexdigest()}"


def _attachments(data: bytes) -> list[Part]:
    """Return the attachments; none where the letter is beyond the limits or too broken."""
    lines, multiparts = data.count(b"\n"), data.lower().count(b"multipart/")
    if lines > _MOST_LINES or multiparts > _MOST_MULTIPARTS:
        return []
    try:
        found = list(_parts(message_from_bytes(data, policy=_AS_SENT)))
        if len(found) > _MOST_PARTS:
            return []
        named = [_attached(part, is_embedded=embedded) for part, embedded in found]
    except _BROKEN:
        return []
    return [part for part in named if part is not None]


def _parts(message: Message) -> Iterator[tuple[Message, bool]]:
    """Yield the parts that have no parts, attached letters among them, and whether a text may show them."""
    waiting = [(message, False)]
    while waiting:
        part, embedded = waiting.pop()
        kind = part.get_content_maintype()
        payload = part.get_payload()
        if kind == "multipart" and isinstance(payload, list):
            shown = part.get_content_subtype() == "related"
            below = [one for one in payload if isinstance(one, Message)]
            waiting += [(one, shown) for one in reversed(below)]
        else:
            yield part, embedded


def _attached(part: Message, *, is_embedded: bool) -> Part | None:
    """Return a part as an attachment; None where it is the letter's own text, or a picture in it."""
    disposition, name = part.get_content_disposition(), _name(part)
    if disposition != "attachment":
        in_text = is_embedded and part.get("Content-ID") and part.get_content_maintype() == "image"
        is_letter = part.get_content_type() == "message/rfc822"
        if in_text or (name is None and not is_letter):
            return None
    return Part(name or _unnamed(part), _content(part))


def _content(part: Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):  # an attached letter
        return b"".join(one.as_bytes() for one in payload if isinstance(one, Message))
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _unnamed(part: Message) -> str:
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return f"{_field(payload[0], 'Subject') or 'letter'}.eml"
    return f"attachment.{part.get_content_subtype()}"


def _name(part: Message) -> str | None:
    """Return what an attachment is called: by RFC 2231, or as RFC 2047 forbids and many do."""
    value = part.get_param("filename", None, "content-disposition") or part.get_param("name")
    if not value or isinstance(value, bool):
        return None
    return _decoded(collapse_rfc2231_value(value))


def _field(message: Message, name: str) -> str | None:
    value = message.get(name)
    return None if value is None else _decoded(str(value))


def _address(message: Message) -> str | None:
    value = message.get("From")
    if value is None:
        return None
    address = parseaddr(str(value)[:_LONGEST_FIELD])[1]
    return storable(address or _decoded(str(value))) or None


def _date(message: Message) -> datetime:
    """Return when a letter says that it was written; now, where it says nothing that can be."""
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        written = parsedate_to_datetime(str(message.get("Date"))[:_LONGEST_FIELD])
        if written.tzinfo is None:
            written = written.replace(tzinfo=UTC)
        if written <= now():
            return written.astimezone(UTC)
    return now()


def _decoded(value: str) -> str | None:
    """Return a field as text, its encoded words decoded."""
    value = value[:_LONGEST_FIELD]
    with suppress(*_BROKEN):
        value = str(make_header(decode_header(value)))
    return storable(value) or None
