"""E-mail: the header people read, the body, the attachments' names and what they say."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from worker.extraction.errors import Damaged
from worker.extraction.markup import html_text
from worker.extraction.metadata import MOST_ITEMS, Collector
from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import decode

MEDIA_TYPES = ("message/rfc822",)

_MAX_BYTES = 256 << 20
_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_MOST_PARTS = 1_000


def read(source: Source, context: Context, content: Content) -> None:
    """Append what a message says."""
    content.read_by("mail")
    # The older policy: the newer one's header parser raises on what real mail has in it, and is slow.
    message = email.message_from_bytes(source.read(_MAX_BYTES), policy=email.policy.compat32)
    if not message.keys():
        raise Damaged("The message has no header.")
    _read_message(message, context, content)


def _read_message(message: Message, context: Context, content: Content) -> None:
    for name in _SHOWN:
        content.add(_header(message.get(name)))
    _take_metadata(message, content.metadata)
    attachments = []
    for part in _parts_read(message):
        context.check_time(content)
        if (
            part.get_filename()
            or part.get_content_maintype() not in {"text", "message"}
            or part.get_content_type() == "message/rfc822"
        ):
            attachments.append(part)
        else:
            _read_body(part, content)
    content.metadata.put("attachments", [_header(part.get_filename()) for part in attachments])
    for part in attachments:
        _read_attachment(part, context, content)


def _take_metadata(message: Message, into: Collector) -> None:
    into.put("title", _header(message.get("Subject")))
    into.put("message_id", message.get("Message-ID"))
    into.put("software", _header(message.get("User-Agent") or message.get("X-Mailer")))
    for name, field in (("creators", "From"), ("to", "To"), ("cc", "Cc"), ("reply_to", "Reply-To")):
        into.put(name, list(_people(message, field)))
    with suppress(TypeError, ValueError, IndexError, OverflowError):
        into.put("created", parsedate_to_datetime(str(message.get("Date", ""))))


def _people(message: Message, field: str) -> Iterator[str]:
    """Yield the people a field names, each as `name <address>`; what is no address as it is."""
    fields = [str(value) for value in message.get_all(field, [])]
    for name, address in getaddresses(fields)[:MOST_ITEMS]:
        shown = _header(name)
        if shown or address:
            yield f"{shown} <{address}>" if shown and address else shown or address


def _parts_read(message: Message) -> Iterator[Message]:
    """Yield the leaves: of alternatives only the plain one, else the last, which is the richest (RFC 2046, 5.1.4)."""
    pending, count = [message], 0
    while pending and count < _MOST_PARTS:
        part = pending.pop()
        count += 1
        children = part.get_payload() if part.is_multipart() else []
        if (
            part.get_content_type() == "message/rfc822"
            or not isinstance(children, list)
            or not children
        ):
            yield part
            continue
        branches = [child for child in children if isinstance(child, Message)]
        if part.get_content_type() == "multipart/alternative":
            plain = [
                child
                for child in branches
                if child.get_content_type() == "text/plain" and _payload(child).strip()
            ]
            branches = (plain or branches[-1:])[:1]
        pending.extend(reversed(branches))


def _read_body(part: Message, content: Content) -> None:
    data, charset = _payload(part), part.get_content_charset()
    if part.get_content_type() == "text/html":
        for block in html_text(data, charset):
            content.add(block)
    else:
        content.add(decode(data, charset))


def _read_attachment(part: Message, context: Context, content: Content) -> None:
    name = _header(part.get_filename())
    content.add(name)
    if part.get_content_type() == "message/rfc822" and part.is_multipart():
        inner = part.get_payload(0)
        data = inner.as_bytes() if isinstance(inner, Message) else b""
        context.read_attachment(data, name or "message.eml", "message/rfc822", content)
        return
    context.read_attachment(_payload(part), name, part.get_content_type(), content)


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _header(value: object) -> str:
    """Give a header field with its encoded words decoded (RFC 2047), as it is where they are wrong."""
    if value is None:
        return ""
    text = str(value)
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError, MessageError):
        return text
