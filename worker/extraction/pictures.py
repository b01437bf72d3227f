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
from PIL import ExifTags, Image, ImageOps, ImageSequence, UnidentifiedImageError

from backend.texts.pages import UNIT, Placed
from worker.extraction.errors import Damaged, LimitReached, OcrEnded, OcrUnavailable
from worker.extraction.ocr import OcrPage
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
_LYING = frozenset({5, 6, 7, 8})
"""Values of Exif's orientation with which width and height change places."""
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

    Without an engine the picture is only noted as waiting for OCR. An engine that fails on the picture of a page costs
    that page only.
    """
    content.add(otherwise)
    if context.engine is None:
        content.await_recognition()
        return
    if context.ocr_left <= 0:
        why = f"Only the first {context.limits.ocr_pages:,} pages and pictures were recognised."
        content.fail_page(why)
        content.cut(why)
        return
    context.check_time(content)
    context.ocr_left -= 1
    picture = render()
    try:
        page = context.engine.read(picture)
    except OcrEnded:
        raise
    except OcrUnavailable as problem:
        if not content.fail_page(f"Text recognition failed on it: {problem}."):
            raise
        return
    if page.remark:
        content.remark(page.remark)
    content.recognised(
        page.engine or context.engine.name,
        rotation=page.rotation,
        words=_placed(page, picture.size),
    )
    content.add(page.text)


def _placed(page: OcrPage, size: tuple[int, int]) -> Iterator[Placed]:
    """Yield the words of a page in units of it."""
    across, down = UNIT / size[0], UNIT / size[1]
    for word in page.words:
        left, top, right, bottom = word.box
        box = int(left * across), int(top * down), round(right * across), round(bottom * down)
        yield Placed(word.text, box, round(word.confidence * 100))


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


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Give width and height of a picture as it is displayed, without decoding it."""
    if image.format == "PNG" and "exif" not in image.info:
        return image.size  # asked for its Exif data, Pillow would decode it to look behind its end
    try:
        lies = image.getexif().get(ExifTags.Base.Orientation) in _LYING
    except _BROKEN:
        lies = False  # broken metadata: it is decoded as it is
    return (image.height, image.width) if lies else image.size


def first_frame(image: Image.Image, context: Context) -> Image.Image:
    """Decode a picture upright, in RGB on white."""
    is_affordable(*image.size, context)
    # JPEG decodes straight to a half, a quarter or an eighth: less memory for photographs of 100 megapixels
    image.draft("RGB", (_DRAFT_SIDE, _DRAFT_SIDE))
    return on_white(upright(image))


def upright(image: Image.Image) -> Image.Image:
    """Decode a picture and turn it as its camera says; Damaged if it cannot be."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            return ImageOps.exif_transpose(image)
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


def on_white(image: Image.Image) -> Image.Image:
    """Give a picture in RGB: what is transparent on white, grey of more than 8 bits stretched."""
    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        image = _eight_bit(image)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        coloured = image.convert("RGBA")
        sheet = Image.new("RGBA", coloured.size, "white")
        sheet.alpha_composite(coloured)
        return sheet.convert("RGB")
    return image.convert("RGB")
