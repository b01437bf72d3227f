"""XML of no special kind: the text between the tags; as plain text where it is not well-formed."""

from __future__ import annotations

from worker.extraction.errors import Damaged
from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import decode
from worker.extraction.xml import events

MEDIA_TYPES = ("application/xml", "image/svg+xml")

_PLAIN_BYTES = 8 << 20


def read(source: Source, context: Context, content: Content) -> None:
    """Append the character data."""
    content.read_by("xml")
    try:
        for kind, value, _ in events(source.stream):
            if kind == "text":
                context.check_time(content)
                content.add(value)
    except Damaged as problem:
        if content.is_empty:
            source.stream.seek(0)
            content.add(decode(source.stream.read(_PLAIN_BYTES)))
        content.note(str(problem))
