"""The worker's side: have a document drawn by a reader of the sandbox, and wait no longer than allowed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from worker.extraction.sandbox import wire
from worker.extraction.sandbox.runner import Reader, cause_of_death, open_reader
from worker.previews.model import (
    MOST_PAGES,
    STATUSES,
    TALLEST,
    Drawing,
    DrawLimits,
    Picture,
    Status,
    Wanted,
)

_JOB = "worker.previews.job"
_MESSAGE_BYTES = 256 * 1024
_LONGEST_REASON = 1_000
_RIFF, _WEBP = b"RIFF", b"WEBP"


def draw_bounded(
    path: Path, *, media_type: str, wanted: Sequence[Wanted], limits: DrawLimits | None = None
) -> Drawing:
    """Draw pages of a file nobody vouches for, in a process of its own that dies with it.

    Args:
        path: the file; it is opened here, the reader gets the open descriptor only.
        media_type: what it is.
        wanted: the pictures to draw; they come in this order, page by page.
        limits: what it may cost. What was drawn before one was passed is returned.

    Blocks for up to `limits.wall_seconds`. Raises OSError if the file cannot be opened or no process can be started;
    never for what is in the file.
    """
    limits = limits or DrawLimits()
    deadline = time.monotonic() + limits.wall_seconds
    request = {
        "media_type": media_type,
        "wanted": [[one.page, one.width] for one in wanted],
        "limits": limits.to_json(),
    }
    drawing = Drawing()
    with open_reader(path, _JOB, request) as reader:
        try:
            while _take(reader, drawing, limits, deadline):
                pass
        except wire.DeadlinePassed:
            reader.kill()
            drawing.status = "failed"
            drawing.detail = (
                f"Drawing it took longer than {limits.wall_seconds:.0f} s and was stopped."
            )
        except (wire.ConnectionEnded, ValueError):
            reader.kill()
            drawing.status = "failed"
            drawing.detail = cause_of_death(
                reader.exit_code(), what="Drawing", cpu_seconds=limits.cpu_seconds
            )
    return drawing


def _take(reader: Reader, drawing: Drawing, limits: DrawLimits, deadline: float) -> bool:
    """Take one message; False once it was the last. ValueError where it is none of ours: the reader may be hostile."""
    message = wire.receive_message(reader.result, limit=_MESSAGE_BYTES, deadline=deadline)
    match message:
        case {"sizes": [*sizes]} if 0 < len(sizes) <= MOST_PAGES:
            drawing.sheet_sizes = [_size(one) for one in sizes]
            drawing.page_count = len(sizes)
        case {"picture": [*numbers], "bytes": int(length)} if (
            0 < length <= limits.picture_bytes and len(numbers) == 4
        ):
            page, asked, width, height = (_count(number) for number in numbers)
            data = bytes(wire.receive_exactly(reader.result, length, deadline=deadline))
            if not _is_sound(data, width, height, asked):
                raise ValueError("not a picture that was asked for")
            drawing.pictures.append(Picture(page, asked, width, height, data))
        case {"broken": [int(page), str(why)]}:
            drawing.broken_pages[page] = why[:_LONGEST_REASON]
        case {"end": [str(status), str(detail)]} if status in STATUSES:
            drawing.status = cast("Status", status)
            drawing.detail = detail[:_LONGEST_REASON]
            return False
        case _:
            raise ValueError("not a message of ours")
    return True


def _is_sound(data: bytes, width: int, height: int, asked: int) -> bool:
    fits = 0 < width <= asked and 0 < height <= TALLEST * asked
    return fits and data[:4] == _RIFF and data[8:12] == _WEBP


def _size(value: Any) -> tuple[int, int]:
    match value:
        case [int(width), int(height)]:
            return _count(width), _count(height)
    raise ValueError("not a size")


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 2**31:
        raise ValueError("not a number of ours")
    return value
