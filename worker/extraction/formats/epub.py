"""EPUB books: the pages in the order of the file names, which is nearly always that of the book."""

from __future__ import annotations

from backend.content.media_types import EPUB
from worker.extraction.archive import open_archive
from worker.extraction.errors import Damaged
from worker.extraction.markup import html_text
from worker.extraction.properties import read_book_properties
from worker.extraction.reading import Content, Context, Source

MEDIA_TYPES = (EPUB,)

_PAGES = (".xhtml", ".html", ".htm")


def read(source: Source, context: Context, content: Content) -> None:
    """Append the book's title and its pages."""
    with open_archive(source.stream, context) as archive:
        content.read_by("html")
        pages = [name for name in archive.names if name.lower().endswith(_PAGES)]
        if not pages:
            raise Damaged("The book has no pages.")
        for package in archive.matching("", ".opf"):
            read_book_properties(archive, package, content.metadata)
        for name in pages:
            context.check_time(content)
            for block in html_text(archive.read(name)):
                content.add(block)
