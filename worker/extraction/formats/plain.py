"""Text without markup, CSV and source code included: the encoding is found, the rest is taken as it is."""

from __future__ import annotations

from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import decode

MEDIA_TYPES = ("text/*", "application/json", "application/yaml", "application/sql")

_BYTES_PER_CHARACTER = 4


def read(source: Source, context: Context, content: Content) -> None:
    """Append the text, as much of it as the limit of characters allows."""
    source.stream.seek(0)
    limit = context.limits.text_characters * _BYTES_PER_CHARACTER
    data = source.stream.read(limit + 1)
    content.read_by("text")
    content.add(decode(data[:limit]))
    if len(data) > limit:
        content.cut("Only the beginning of the text was kept.")
