"""What is asked of a drawing and what comes out. No reading of files here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Status = Literal[
    "ready",  # drawn
    "encrypted",  # a password is needed
    "damaged",  # not what it claims to be, or broken
    "unsupported",  # nothing here draws it
    "failed",  # a limit was reached, or the reader crashed
]
STATUSES: frozenset[str] = frozenset(get_args(Status))

ENCODING = "image/webp"
MOST_PAGES = 5_000
"""Pages of one document that can be looked at."""
TALLEST = 3
"""A picture is at most so many times as tall as it is wide allowed to be: a receipt, not a scroll."""


@dataclass(frozen=True, slots=True)
class DrawLimits:
    """How much one drawing may cost."""

    wall_seconds: float = 60.0
    cpu_seconds: int = 45
    memory_bytes: int = 1 << 30
    """Address space of the reading process on top of what it starts with."""
    pixels_per_image: int = 120_000_000
    picture_bytes: int = 8 << 20
    """Of one finished picture."""

    def to_json(self) -> dict[str, Any]:
        """Give the limits as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One picture that is asked for."""

    page: int
    """From 1 on."""
    width: int
    """Pixels it may be wide; it may be `TALLEST` times as tall."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A page, drawn."""

    page: int
    asked_width: int
    width: int
    height: int
    data: bytes
    """WebP."""


@dataclass(slots=True)
class Drawing:
    """What came of a drawing. It may have ended early: what was drawn until then counts."""

    status: Status = "ready"
    detail: str = ""
    """One sentence for a person, where it is not `ready` or not whole."""
    page_count: int | None = None
    """Pages of the document; where it has more than can be looked at, it says `MOST_PAGES`."""
    sheet_sizes: list[tuple[int, int]] = field(default_factory=list)
    """Width and height of each page, in units of its own: what matters is their ratio."""
    pictures: list[Picture] = field(default_factory=list)
    broken_pages: dict[int, str] = field(default_factory=dict)
    """Pages that could not be drawn, and why."""
