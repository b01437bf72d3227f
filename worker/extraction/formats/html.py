"""Web pages: title, description and what a reader sees."""

from __future__ import annotations

from worker.extraction.markup import html_text
from worker.extraction.reading import Content, Context, Source

MEDIA_TYPES = ("text/html", "application/xhtml+xml")

_MAX_BYTES = 64 << 20


def read(source: Source, context: Context, content: Content) -> None:
    """Append the visible text of a page."""
    content.read_by("html")
    for block in html_text(source.read(_MAX_BYTES)):
        context.check_time(content)
        content.add(block)
