"""Pictures as they are: photographs upright, TIFF page by page, colours and depths as a screen shows them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from PIL import Image, ImageCms

from worker.extraction.errors import Damaged, LimitReached
from worker.extraction.pictures import on_white, open_picture, upright
from worker.previews.model import MOST_PAGES, TALLEST, DrawLimits

_TURNED = {5, 6, 7, 8}
"""Orientations (EXIF 2.32, 4.6.4) in which width and height change places."""
_ORIENTATION = 0x0112
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError)


def fitted(picture: Image.Image, width: int) -> Image.Image:
    """Give a picture that fits the width, and `TALLEST` times as much in height; never enlarged."""
    scale = min(width / picture.width, TALLEST * width / picture.height)
    if scale >= 1:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


@contextmanager
def opened(stream: BinaryIO, limits: DrawLimits) -> Iterator[ImagePages]:
    """Open a picture file."""
    stream.seek(0)
    with open_picture(stream) as image:
        yield ImagePages(image, limits)


class ImagePages:
    """A picture, or the pages of a TIFF."""

    def __init__(self, image: Image.Image, limits: DrawLimits) -> None:
        self._image = image
        self._limits = limits
        self.sizes: Sequence[tuple[int, int]] = list(_sizes(image))

    def draw(self, page: int, width: int) -> Image.Image:
        """Give a page upright, in the colours of screens, on white."""
        if self._image.tell() != page - 1:
            self._seek(page)
        image = self._image
        pixels = image.width * image.height
        if pixels > self._limits.pixels_per_image:
            raise LimitReached(
                f"The picture has {image.width:,} × {image.height:,} pixels; "
                f"up to {self._limits.pixels_per_image / 1e6:,.0f} million are drawn."
            )
        # JPEG decodes straight to a half, a quarter or an eighth.
        image.draft("RGB", (width, width))
        return fitted(on_white(_for_screens(upright(image))), width)

    def _seek(self, page: int) -> None:
        try:
            self._image.seek(page - 1)
        except _BROKEN as problem:
            raise Damaged(f"Page {page} is damaged.") from problem


def _sizes(image: Image.Image) -> Iterator[tuple[int, int]]:
    """Yield the size of each page as it is shown. Frames of what moves are not pages."""
    yield _shown_size(image)
    if image.format != "TIFF":
        return
    # One after the other: counting them all first would follow a chain of a million directories.
    with suppress(*_BROKEN):
        for page in range(1, MOST_PAGES):
            image.seek(page)
            yield _shown_size(image)
    with suppress(*_BROKEN):
        image.seek(0)


def _shown_size(image: Image.Image) -> tuple[int, int]:
    turned = False
    # Of a PNG that does not begin with it, all would be decoded to look for it behind the pixels.
    if image.format != "PNG" or "exif" in image.info:
        with suppress(*_BROKEN):
            turned = image.getexif().get(_ORIENTATION) in _TURNED
    return (image.height, image.width) if turned else image.size


def _for_screens(image: Image.Image) -> Image.Image:
    """Bring the colours of printing and of wide profiles to sRGB; as they are where the profile is no good."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "CMYK"}:
        return image
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, *_BROKEN):
        return image
    return converted if converted is not None else image
