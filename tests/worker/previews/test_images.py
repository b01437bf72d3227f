"""Pictures of every kind as a screen shows them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.worker.previews.conftest import Draw, is_near, pixels
from worker.previews import MOST_PAGES

RED, BLUE, WHITE = (220, 30, 30), (30, 30, 220), (255, 255, 255)
ORIENTATION = 0x0112


def halves(size: tuple[int, int] = (200, 100)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours near the four corners: top left, top right, bottom left, bottom right."""
    across, down = image.width - 4, image.height - 4
    return [image.getpixel(place) for place in ((3, 3), (across, 3), (3, down), (across, down))]


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("TIFF", "image/tiff"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("HEIF", "image/heic"),
        ("AVIF", "image/avif"),
        ("JPEG2000", "image/jp2"),
    ],
)
def test_every_format_is_drawn(draw: Draw, kind: str, media_type: str) -> None:
    drawing = draw(encoded(halves(), kind), media_type, [(1, 100)])
    assert (drawing.status, drawing.page_count, drawing.sheet_sizes) == ("ready", 1, [(200, 100)])
    [picture] = drawing.pictures
    assert (picture.width, picture.height) == (100, 50)
    top_left, top_right, _, _ = corners(pixels(picture))
    assert is_near(top_left, RED, 25)
    assert is_near(top_right, BLUE, 25)


def test_small_pictures_are_not_enlarged(draw: Draw) -> None:
    [picture] = draw(encoded(halves((40, 20)), "PNG"), "image/png", [(1, 1000)]).pictures
    assert (picture.width, picture.height) == (40, 20)


def test_a_photograph_stands_upright(draw: Draw) -> None:
    photograph = halves()
    exif = photograph.getexif()
    exif[ORIENTATION] = 6  # turn it by 90° clockwise
    drawing = draw(encoded(photograph, "JPEG", exif=exif, quality=95), "image/jpeg", [(1, 100)])
    assert drawing.sheet_sizes == [(100, 200)]
    [picture] = drawing.pictures
    assert (picture.width, picture.height) == (100, 200)
    top_left, top_right, bottom_left, bottom_right = corners(pixels(picture))
    assert is_near(top_left, RED, 25)
    assert is_near(top_right, RED, 25)
    assert is_near(bottom_left, BLUE, 25)
    assert is_near(bottom_right, BLUE, 25)


def test_the_pages_of_a_tiff_are_pages(draw: Draw) -> None:
    pages = [Image.new("RGB", (60 + 10 * number, 90), (number * 60, 0, 0)) for number in range(4)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    drawing = draw(data, "image/tiff", [(3, 50), (1, 50), (4, 50)])
    assert drawing.sheet_sizes == [(60, 90), (70, 90), (80, 90), (90, 90)]
    found = {one.page: pixels(one).getpixel((5, 5)) for one in drawing.pictures}
    for page, red in ((1, 0), (3, 120), (4, 180)):
        assert is_near(found[page], (red, 0, 0))


def test_what_moves_shows_its_first_picture(draw: Draw) -> None:
    frames = [Image.new("RGB", (50, 50), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    drawing = draw(data, "image/gif")
    assert drawing.page_count == 1
    assert is_near(pixels(drawing.pictures[0]).getpixel((20, 20)), RED, 25)


def test_transparency_lies_on_white(draw: Draw) -> None:
    image = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    [picture] = draw(encoded(image, "PNG"), "image/png").pictures
    assert is_near(pixels(picture).getpixel((20, 20)), WHITE)


def test_colours_of_printing_come_out_as_on_paper(draw: Draw) -> None:
    image = Image.new("CMYK", (50, 50), (0, 255, 255, 0))
    [picture] = draw(encoded(image, "TIFF"), "image/tiff").pictures
    assert is_near(pixels(picture).getpixel((20, 20)), (255, 0, 0), 30)


def test_sixteen_bits_of_grey_keep_their_shades(draw: Draw) -> None:
    shades = np.tile(np.arange(64, dtype=np.uint16) * 1000, (16, 1))
    image = Image.fromarray(shades)
    [picture] = draw(encoded(image, "PNG"), "image/png").pictures
    shown = pixels(picture)
    dark, middle, light = (shown.getpixel((across, 8))[0] for across in (2, 32, 61))
    assert dark < 30
    assert 90 < middle < 165
    assert light > 225


def test_a_wide_profile_is_brought_to_the_screen(draw: Draw) -> None:
    """In a colour space whose red is blue, what says red is blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = profile.replace(b"rXYZ", b"XXXX").replace(b"bXYZ", b"rXYZ")
    exchanged = exchanged.replace(b"XXXX", b"bXYZ")
    image = Image.new("RGB", (50, 50), (250, 0, 0))
    [picture] = draw(encoded(image, "PNG", icc_profile=exchanged), "image/png").pictures
    assert is_near(pixels(picture).getpixel((20, 20)), (0, 0, 250), 25)


def test_a_broken_profile_is_passed_over(draw: Draw) -> None:
    data = encoded(halves(), "PNG", icc_profile=b"no profile at all")
    assert draw(data, "image/png").status == "ready"


def test_a_cut_off_picture_is_damaged(draw: Draw) -> None:
    data = encoded(halves((900, 900)), "JPEG")
    drawing = draw(data[: len(data) // 4], "image/jpeg")
    assert (drawing.status, drawing.pictures) == ("damaged", [])


def png_bomb(side: int) -> bytes:
    """A PNG of side × side black pixels that is tiny."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_before_it_expands(draw: Draw) -> None:
    drawing = draw(png_bomb(40_000), "image/png", cpu_seconds=5)
    assert drawing.status == "failed"
    assert "40,000 × 40,000 pixels" in drawing.detail


def tiff_of(pages: int) -> bytes:
    """A TIFF of so many pages of one pixel, each a directory of a few bytes."""
    entries = [
        (256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1),
    ]  # fmt: skip
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    length = 2 + len(body) + 4
    first = 12
    parts = [struct.pack("<2sHI", b"II", 42, first), b"\x80\0\0\0"]
    for number in range(pages):
        following = first + (number + 1) * length if number + 1 < pages else 0
        parts.append(struct.pack("<H", len(entries)) + body + struct.pack("<I", following))
    return b"".join(parts)


def test_of_a_tiff_with_a_hundred_thousand_pages_the_first_can_be_seen(draw: Draw) -> None:
    drawing = draw(tiff_of(100_000), "image/tiff", [(1, 100), (MOST_PAGES, 100)])
    assert (drawing.status, drawing.page_count) == ("ready", MOST_PAGES)
    assert [one.page for one in drawing.pictures] == [1, MOST_PAGES]


def test_what_is_no_picture_is_damaged(draw: Draw) -> None:
    assert draw(b"words", "image/png").status == "damaged"


def test_what_nothing_draws_is_unsupported(draw: Draw) -> None:
    assert draw(b"PK", "application/zip").status == "unsupported"
