"""Letters, taken apart: the message as it came, and its attachments. Standard library only.

What is too deep, too long or too broken to be taken apart is kept as the message alone: nothing of it is lost. The
limits below bound time and memory, so that letters need no process of their own: whatever is sent is read within
seconds, and in ten times its size. What the standard library does in quadratic time (parameters of a field, boundaries
of nested parts, letters within letters) it is given little of; what it would do with a codec of the sender's choice
(`get_payload` without `decode`) it is not asked for.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesFeedParser, BytesHeaderParser
from email.policy import Compat32
from email.utils import collapse_rfc2231_value, parseaddr, parsedate_to_datetime

from backend.core.clock import now
from backend.intake.models import Keeps
from backend.intake.names import storable

LARGEST_LETTER = 64 * 2**20
"""Bytes."""
_LARGEST_HEADER = 256 * 2**10
_MOST_LINES = 1_000_000
"""The largest letter has 900 000 of base64."""
_MOST_MULTIPARTS = 50
"""So many parts may have parts of their own."""
_MOST_COMPARISONS = 10_000_000
"""Each line is compared with the boundary of every part that it is within."""
_MOST_PARTS = 500
_MOST_MESSAGES = _MOST_PARTS + 2 * _MOST_MULTIPARTS
"""Parts, and all that is within them: letters in letters, the blocks of delivery reports."""
_DEEPEST = 30
_LONGEST_FIELD = 4_000
_CHUNK = 64 * 2**10
# What the standard library raises on letters that are not as RFC 5322 has them.
_BROKEN = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError)


class _AsSent(Compat32):
    """Fields as text, whatever they hold: bytes that nobody said the encoding of are UTF-8 mostly (RFC 6532)."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return the beginning of a field's value, which is all of it unless it was made to keep us busy."""
        del name
        return value[:_LONGEST_FIELD].encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return a field as it came, not folded anew."""
        lines = value.replace("\r\n", self.linesep)
        return f"{name}: {lines}{self.linesep}".encode("ascii", "surrogateescape")


_AS_SENT = _AsSent()


class _Messages:
    """Makes the messages of a parser, which gives up where there are more than anybody wants filed."""

    def __init__(self) -> None:
        self._left = _MOST_MESSAGES

    def __call__(self, policy: _AsSent = _AS_SENT) -> Message:
        self._left -= 1
        if self._left < 0:
            raise MessageError("it has too many parts")
        return Message(policy)


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
    if _is_beyond(data):
        return []
    try:
        found = list(_parts(_parsed(data)))
        if len(found) > _MOST_PARTS:
            return []
        named = [_attached(part, is_embedded=embedded) for part, embedded in found]
    except _BROKEN:
        return []
    return [part for part in named if part is not None]


def _is_beyond(data: bytes) -> bool:
    """Tell whether a letter would take too long to parse."""
    # The parser ends lines at lone CR too.
    lines = data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
    multiparts = data.lower().count(b"multipart/")
    return (
        lines > _MOST_LINES
        or multiparts > _MOST_MULTIPARTS
        or lines * multiparts > _MOST_COMPARISONS
    )


def _parsed(data: bytes) -> Message:
    """Parse a letter.

    Raises:
        MessageError: it has too many parts, or is too deep.
    """
    parser = BytesFeedParser(_Messages(), policy=_AS_SENT)
    for start in range(0, len(data), _CHUNK):
        parser.feed(data[start : start + _CHUNK])
    message = parser.close()
    level, depth = [message], 0
    while level:
        level = [below for part in level for below in _below(part)]
        depth += 1
        if depth > _DEEPEST:
            raise MessageError("it is too deep")
    return message


def _below(part: Message) -> list[Message]:
    """Return the parts of a part, or the letter that it is; none where it is content."""
    if not part.is_multipart():
        return []
    return [one for one in part.get_payload() if isinstance(one, Message)]


def _parts(message: Message) -> Iterator[tuple[Message, bool]]:
    """Yield the parts that have no parts, attached letters among them, and whether a text may show them."""
    waiting = [(message, False)]
    while waiting:
        part, embedded = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            shown = part.get_content_subtype() == "related"
            waiting += [(one, shown) for one in reversed(_below(part))]
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
    if part.is_multipart():  # an attached letter
        return b"".join(one.as_bytes() for one in _below(part))
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _unnamed(part: Message) -> str:
    letters = _below(part)
    if letters:
        return f"{_field(letters[0], 'Subject') or 'letter'}.eml"
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
    address = ""
    with suppress(*_BROKEN):
        address = parseaddr(str(value))[1]
    return storable(address or _decoded(str(value))) or None


def _date(message: Message) -> datetime:
    """Return when a letter says that it was written; now, where it says nothing that can be."""
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        written = parsedate_to_datetime(str(message.get("Date")))
        if written.tzinfo is None:
            written = written.replace(tzinfo=UTC)
        if written <= now():
            return written.astimezone(UTC)
    return now()


def _decoded(value: str) -> str | None:
    """Return a field as text, its encoded words decoded."""
    with suppress(*_BROKEN):
        value = str(make_header(decode_header(value)))
    return storable(value) or None
