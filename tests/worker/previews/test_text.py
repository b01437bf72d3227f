"""Text set on sheets: for those who look for it by its looks."""

from __future__ import annotations

import pytest

from tests.worker.extraction import samples
from tests.worker.previews.conftest import Draw, pixels
from worker.previews import Picture


def ink(picture: Picture) -> int:
    """The rows of pixels with something dark in them."""
    image = pixels(picture).convert("L")
    return sum(
        min(image.crop((0, row, image.width, row + 1)).tobytes()) < 128
        for row in range(image.height)
    )


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        ("text/plain", "Grüße\naus dem Hafen".encode("cp1252")),
        ("text/csv", b"ship;length\nAurora;41\n"),
        ("text/html", b"<h1>Tide table</h1><p>High at noon</p>"),
        ("message/rfc822", samples.mail()),
        ("application/json", b'{"ship": "Aurora"}'),
    ],
    ids=["plain", "csv", "html", "mail", "json"],
)
def test_text_has_a_look(draw: Draw, media_type: str, data: bytes) -> None:
    drawing = draw(data, media_type, [(1, 595)])
    assert (drawing.status, drawing.page_count) == ("ready", 1)
    [picture] = drawing.pictures
    assert (picture.width, picture.height) == (595, 842)
    assert ink(picture) > 5


def test_long_text_goes_on_and_ends(draw: Draw) -> None:
    drawing = draw(b"a line of the log\n" * 200_000, "text/plain", [(1, 300), (100, 300)])
    assert drawing.page_count == 100
    first, last = drawing.pictures
    assert ink(first) > 50
    assert ink(last) > 50


def test_long_lines_are_broken(draw: Draw) -> None:
    words, unbroken = b"word " * 400, b"x" * 2_000
    for data in (words, unbroken):
        [picture] = draw(data, "text/plain", [(1, 595)]).pictures
        image = pixels(picture).convert("L")
        edge = image.crop((595 - 40, 0, 595, 842))
        assert min(edge.tobytes()) > 200, "the margin is empty"
        assert ink(picture) > 50


def test_an_empty_file_is_an_empty_sheet(draw: Draw) -> None:
    [picture] = draw(b"", "text/plain").pictures
    assert ink(picture) == 0


def test_what_claims_to_be_a_book_and_is_none_is_damaged(draw: Draw) -> None:
    assert draw(b"PK\x03\x04" + bytes(60), "application/epub+zip").status in {
        "damaged",
        "unsupported",
    }
