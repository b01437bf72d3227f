"""Pictures of documents: a plain library, without Celery, database or store.

Vocabulary: a *page* is what one sees at once of a document (a page of a PDF, a picture, a page of a TIFF); its *sheet
size* is what it measures before it is drawn; a *picture* is a page drawn in one of the sizes, as WebP. Office documents
are *converted* to PDF first. Like text, pictures are made in the sandbox of `worker.extraction`.
"""

from worker.previews.kinds import Kind, kind_of
from worker.previews.model import (
    ENCODING,
    MOST_PAGES,
    Drawing,
    DrawLimits,
    Picture,
    Status,
    Wanted,
)
from worker.previews.office import Converted, OfficeLimits, convert, soffice, sweep
from worker.previews.runner import draw_bounded

__all__ = [
    "ENCODING",
    "MOST_PAGES",
    "Converted",
    "DrawLimits",
    "Drawing",
    "Kind",
    "OfficeLimits",
    "Picture",
    "Status",
    "Wanted",
    "convert",
    "draw_bounded",
    "kind_of",
    "soffice",
    "sweep",
]
