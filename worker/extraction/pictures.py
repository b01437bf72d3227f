"""Pictures on their way to the OCR engine: opening, limits, and what is too small to hold text."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from worker.extraction.errors import Damaged, LimitReached
from worker.extraction.reading import Content, Context

pillow_heif.register_heif_opener()

Image.init()  # its plugins now, not in every reader
Image.MAX_IMAGE_PIXELS = (
    None  # our own limit is checked before pixels are touched, and gives a better answer
)

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "HEIF", "AVIF", "JPEG2000", "PPM")
_SMALLEST_SIDE, _SMALLEST_AREA = 16, 4_000
"""Pixels below which a picture is an icon, a line or a bullet."""
_DRAFT_SIDE = 2400
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    ZeroDivisionError,
    OverflowError,
)


def read_picture(
    render: Callable[[], Image.Image], context: Context, content: Content, *, otherwise: str = ""
) -> None:
    """Append what the engine reads on a picture, after the text already known of it (`otherwise`).

    Without an engine the picture is only noted as waiting for OCR.
    """
    content.add(otherwise)
    if context.engine is None:
        content.wants_ocr = True
        return
    if context.ocr_left <= 0:
        content.cut(
            f"Only the first {context.limits.ocr_pages:,} pages and pictures were recognised."
        )
        return
    context.check_time(content)
    context.ocr_left -= 1
    page = context.engine.read(render())
    content.read_by(context.engine.name)
    content.add(page.text)


def read_embedded(data: bytes, context: Context, content: Content) -> None:
    """Append what a picture inside a document says; broken, foreign and tiny ones are passed over."""
    try:
        with open_picture(io.BytesIO(data)) as image:
            if may_hold_text(image):
                read_picture(lambda: first_frame(image, context), context, content)
    except (Damaged, LimitReached):
        content.note("A picture inside it could not be read.")


def read_each(pictures: Iterable[bytes], context: Context, content: Content) -> None:
    """Append what pictures inside a document say, each different one once."""
    seen: set[bytes] = set()
    for data in pictures:
        if content.wants_ocr and context.engine is None:
            return  # that they wait for OCR is known
        context.check_time(content)
        digest = hashlib.sha256(data).digest()
        if digest not in seen:
            seen.add(digest)
            read_embedded(data, context, content)


def open_picture(stream: BinaryIO) -> Image.Image:
    """Open a picture without decoding it; Damaged if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no concern of ours
            return Image.open(stream, formats=_FORMATS)
    except UnidentifiedImageError as problem:
        raise Damaged("The picture is broken or of an unknown kind.") from problem
    except _BROKEN as problem:
        raise Damaged(f"The picture is broken ({problem}).") from problem


def may_hold_text(image: Image.Image) -> bool:
    """Tell pictures from icons and rules by their size."""
    return min(image.size) >= _SMALLEST_SIDE and image.width * image.height >= _SMALLEST_AREA


def is_affordable(width: int, height: int, context: Context) -> None:
    """Raise LimitReached if a picture has more pixels than allowed."""
    limit = context.limits.pixels_per_image
    if width * height > limit:
        raise LimitReached(
            f"The picture has {width:,} × {height:,} pixels; up to {limit / 1e6:,.0f} million are read."
        )


def first_frame(image: Image.Image, context: Context) -> Image.Image:
    """Decode a picture upright, in RGB on white."""
    is_affordable(*image.size, context)
    # JPEG decodes straight to a half, a quarter or an eighth: less memory for photographs of 100 megapixels
    image.draft("RGB", (_DRAFT_SIDE, _DRAFT_SIDE))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            upright = ImageOps.exif_transpose(image)
            return _on_white(upright)
    except _BROKEN as problem:
        raise Damaged(f"The picture is broken ({problem}).") from problem


def frames(image: Image.Image, context: Context) -> Iterator[Callable[[], Image.Image]]:
    """Yield one renderer per page of a picture file: several for TIFF, one for everything that moves."""
    if image.format != "TIFF":
        yield lambda: first_frame(image, context)
        return
    for frame in ImageSequence.Iterator(image):
        yield partial(first_frame, frame, context)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Stretch grey values of 16 or 32 bits to 8; Pillow would cut them off."""
    values = np.asarray(image, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255.0 / max(high - low, 1.0))).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        image = _eight_bit(image)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        coloured = image.convert("RGBA")
        sheet = Image.new("RGBA", coloured.size, "white")
        sheet.alpha_composite(coloured)
        return sheet.convert("RGB")
    return image.convert("RGB")
