"""Pictures: text by OCR, page by page for a TIFF of several."""

from __future__ import annotations

from worker.extraction.errors import Damaged
from worker.extraction.exif import read_picture_metadata
from worker.extraction.pictures import (
    frames,
    is_affordable,
    may_hold_text,
    open_picture,
    read_picture,
    upright_size,
)
from worker.extraction.reading import Content, Context, Source

MEDIA_TYPES = (
    "image/png", "image/jpeg", "image/tiff", "image/webp", "image/gif", "image/bmp",
    "image/heic", "image/avif", "image/jp2",
)  # fmt: skip


def read(source: Source, context: Context, content: Content) -> None:
    """Append the text recognised in a picture."""
    source.stream.seek(0)
    with open_picture(source.stream) as image:
        read_picture_metadata(image, content.metadata)
        is_affordable(*image.size, context)
        content.page_count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        if not may_hold_text(image):
            return
        for number, frame in enumerate(frames(image, context)):
            if number >= context.limits.pages:
                content.cut(
                    f"Only the first {context.limits.pages:,} of {content.page_count:,} pages were read."
                )
                return
            if not context.wants_page(number + 1):
                continue
            content.begin_page(number + 1, upright_size(image))
            try:
                read_picture(frame, context, content)
            except Damaged as problem:
                if number == 0:
                    raise
                content.note(f"Page {number + 1} is damaged.")
                content.fail_page(str(problem))
