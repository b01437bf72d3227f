"""The drawing itself: choose the way, draw page by page, hand over each picture as it is finished.

It runs in the calling process; what bounds it is the sandbox (`runner`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from PIL import Image

from worker.extraction.errors import ExtractionError
from worker.previews import images, pdf, text
from worker.previews.kinds import Kind, kind_of
from worker.previews.model import Drawing, DrawLimits, Picture, Status, Wanted

QUALITY_OPTIONS = {"quality": 78, "method": 3}
"""How WebP is written; the method is the effort, 0 to 6."""


class Pages(Protocol):
    """An opened document, page by page."""

    @property
    def sizes(self) -> Sequence[tuple[int, int]]:
        """Width and height of each page."""

    def draw(self, page: int, width: int) -> Image.Image:
        """Give a page, from 1 on, upright, RGB, `width` pixels wide or less.

        Raises ExtractionError if that page cannot be drawn.
        """


def _opened(
    stream: BinaryIO, media_type: str, limits: DrawLimits
) -> AbstractContextManager[Pages] | None:
    """Open a document; None if nothing here draws it."""
    match kind_of(media_type):
        case Kind.PDF:
            return pdf.opened(stream, limits)
        case Kind.IMAGE:
            return images.opened(stream, limits)
        case Kind.TEXT:
            return text.opened(stream, limits, media_type=media_type)
        case _:
            return None


def load_all() -> None:
    """Warm up what every reader will need."""
    _encoded(Image.new("RGB", (8, 8)))


def draw_stream(
    stream: BinaryIO,
    *,
    media_type: str,
    wanted: Sequence[Wanted],
    limits: DrawLimits,
    on_sizes: Callable[[Sequence[tuple[int, int]]], None],
    on_picture: Callable[[Picture], None],
    on_broken: Callable[[int, str], None],
) -> Drawing:
    """Draw what is wanted of an open document; tell of its pages and of each picture at once, of the end last.

    Never raises for what is in the file.
    """
    opening = _opened(stream, media_type, limits)
    if opening is None:
        return Drawing("unsupported", f"Files of this kind ({media_type}) have no preview.")
    try:
        with opening as pages:
            sizes = pages.sizes
            on_sizes(sizes)
            for picture in _drawn(pages, wanted, on_broken):
                on_picture(picture)
    except ExtractionError as problem:
        return Drawing(_AS_TOLD.get(problem.status, "failed"), str(problem))
    except MemoryError:
        return Drawing("failed", "Drawing it needs more memory than is allowed.")
    except Exception as problem:  # noqa: BLE001 - parsers of broken files raise anything; it costs this document only
        sentence = f"Drawing it failed unexpectedly ({type(problem).__name__}: {problem})."
        return Drawing("failed", sentence)
    return Drawing()


_AS_TOLD: Mapping[str, Status] = {
    "encrypted": "encrypted",
    "damaged": "damaged",
    "unsupported": "unsupported",
}
"""How a drawing ends when a reader of text would have said so."""


def _drawn(
    pages: Pages, wanted: Sequence[Wanted], on_broken: Callable[[int, str], None]
) -> Iterator[Picture]:
    """Yield the pictures: each page is drawn once, the smaller ones are made of the largest."""
    by_page: dict[int, list[int]] = {}
    for one in wanted:
        by_page.setdefault(one.page, []).append(one.width)
    for page, widths in by_page.items():
        if not 1 <= page <= len(pages.sizes):
            on_broken(page, f"There is no page {page}.")
            continue
        try:
            drawn = pages.draw(page, max(widths))
        except (ExtractionError, MemoryError, OSError, ValueError) as problem:
            if len(pages.sizes) == 1:
                raise
            on_broken(page, str(problem) or "The page is too large to be drawn.")
            continue
        for width in sorted(widths, reverse=True):
            shown = images.fitted(drawn, width)
            yield Picture(page, width, shown.width, shown.height, _encoded(shown))


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", **QUALITY_OPTIONS)
    return out.getvalue()
