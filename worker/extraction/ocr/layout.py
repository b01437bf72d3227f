"""Reading order: lines that an engine found anywhere on a page become text that reads as a person would read it.

A recursive X-Y cut (Nagy and Seth, 1984): a page is split at the gutters between columns or at the gaps between blocks,
until neither is left. Coordinates are turned back by the page's skew first.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.extraction.ocr.engine import OcrWord

_GUTTER = 1.0
"""Least width between columns, in line heights."""
_COLUMN_WIDTH = 6.0
"""Least width of a typical line of a column, in line heights: cells of tables are narrower, and are read row by row."""
_COLUMN_LINES = 3
_BLOCK_GAP = 0.9
"""Least height between blocks, in line heights; lines of one block are closer."""
_SAME_ROW = 0.5
_LONG = 8.0
"""Line heights from which on a line's angle is that of the page."""


@dataclass(slots=True)
class Line:
    """A recognised line: text, its four corners from the upper left on clockwise, its words."""

    text: str
    corners: NDArray[np.float32]
    words: list[OcrWord]
    left: float = field(init=False, default=0.0)
    top: float = field(init=False, default=0.0)
    right: float = field(init=False, default=0.0)
    bottom: float = field(init=False, default=0.0)

    @property
    def height(self) -> float:
        """Height in pixels, of the level line."""
        return self.bottom - self.top


Row = list[Line]
Block = list[Row]


def arrange(lines: Sequence[Line]) -> list[Block]:
    """Give the blocks of a page in reading order, each as rows from top to bottom, each row from left to right."""
    if not lines:
        return []
    _level(lines)
    unit = statistics.median(line.height for line in lines)
    return [_rows(block) for block in _blocks(list(lines), max(unit, 1.0))]


def text_of(blocks: list[Block]) -> str:
    """Give the text: parts of a row separated by a space, blocks by an empty line."""
    return "\n\n".join(
        "\n".join(" ".join(line.text for line in row) for row in block) for block in blocks
    )


def _level(lines: Sequence[Line]) -> None:
    """Set each line's edges as they are when the page is turned level by its typical angle."""
    angle = _skew(lines)
    sine, cosine = np.sin(-angle), np.cos(-angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    for line in lines:
        level = line.corners @ turn
        # the middles of the edges, for the corners of a box that is not quite level stick out
        line.left, line.right = float(level[[0, 3], 0].mean()), float(level[[1, 2], 0].mean())
        line.top, line.bottom = float(level[[0, 1], 1].mean()), float(level[[2, 3], 1].mean())


def _skew(lines: Sequence[Line]) -> float:
    """Give the typical angle of long lines, in radians; short ones are measured too coarsely to tell."""
    angles = []
    for line in lines:
        along, down = line.corners[1] - line.corners[0], line.corners[3] - line.corners[0]
        if np.linalg.norm(along) >= _LONG * np.linalg.norm(down):
            angles.append(float(np.arctan2(along[1], along[0])))
    return statistics.median(angles) if angles else 0.0


def _blocks(lines: list[Line], unit: float) -> list[list[Line]]:
    """Cut into columns where there are any, else into blocks one above the other, as long as either is possible."""
    columns = _cut(lines, lambda line: (line.left, line.right), _GUTTER * unit)
    if len(columns) > 1 and all(_is_column(column, unit) for column in columns):
        return [block for column in columns for block in _blocks(column, unit)]
    stacked = _cut(lines, lambda line: (line.top, line.bottom), _BLOCK_GAP * unit)
    if len(stacked) > 1:
        return [block for part in stacked for block in _blocks(part, unit)]
    return [lines]


def _cut(
    lines: list[Line], extent: Callable[[Line], tuple[float, float]], gap: float
) -> list[list[Line]]:
    """Split where no line reaches across, if the gap is wide enough."""
    parts: list[list[Line]] = []
    reach = float("-inf")
    for line in sorted(lines, key=lambda line: extent(line)[0]):
        start, end = extent(line)
        if start - reach >= gap:
            parts.append([])
        parts[-1].append(line)
        reach = max(reach, end)
    return parts


def _is_column(lines: list[Line], unit: float) -> bool:
    typical = statistics.median(line.right - line.left for line in lines)
    return len(lines) >= _COLUMN_LINES and typical >= _COLUMN_WIDTH * unit


def _rows(block: list[Line]) -> Block:
    """Put what stands side by side into one row."""
    rows: Block = []
    for line in sorted(block, key=_middle):
        row = rows[-1] if rows else []
        if row and _middle(line) - statistics.mean(map(_middle, row)) < _SAME_ROW * min(
            line.height, row[0].height
        ):
            row.append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _middle(line: Line) -> float:
    return (line.top + line.bottom) / 2
