"""Fixtures of the drawing tests: files drawn in the sandbox that all tests here share."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from worker.extraction import shut_down
from worker.previews import Drawing, DrawLimits, Picture, Wanted, draw_bounded

Draw = Callable[..., Drawing]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[None]:
    """Keep one set of helper processes for the session and leave none behind."""
    yield
    shut_down()


@pytest.fixture
def draw(tmp_path: Path, sandbox: None) -> Draw:
    """Draw bytes in the sandbox."""

    def draw(
        data: bytes,
        media_type: str,
        wanted: Sequence[tuple[int, int]] = ((1, 400),),
        **limits: Any,
    ) -> Drawing:
        path = tmp_path / "document"
        path.write_bytes(data)
        return draw_bounded(
            path,
            media_type=media_type,
            wanted=[Wanted(*one) for one in wanted],
            limits=DrawLimits(**limits),
        )

    return draw


def pixels(picture: Picture) -> Image.Image:
    """Decode a picture; it is what it says."""
    image = Image.open(io.BytesIO(picture.data))
    assert (image.format, image.size) == ("WEBP", (picture.width, picture.height))
    return image.convert("RGB")


def is_near(colour: tuple[int, ...], wanted: tuple[int, int, int], by: int = 12) -> bool:
    """Tell whether a colour is one that WebP made of another."""
    return all(abs(one - other) <= by for one, other in zip(colour, wanted, strict=True))
