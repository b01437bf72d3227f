"""What the person at the terminal sees: progress lines, then the children's lines, merged and prefixed.

And the same lines in files: one rotated log for each child.
"""

import contextlib
import logging
import logging.handlers
import os
import queue
import sys
import threading
from pathlib import Path
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""ANSI foreground colours, given to the children in turn."""

RED = 31
GREEN = 32
BOLD = 1
WAITING_LINES = 10_000
LOG_SIZE = 10 * 2**20
"""Bytes of one log file; the newest `LOG_FILES` older ones are kept."""
LOG_FILES = 5


class Console:
    """Writes lines to a terminal, pipe or file without ever waiting for it.

    A terminal that was stopped (Ctrl-S) or a reader that went away must not stop the service. So a thread
    of its own writes; lines for which there is no room are dropped and counted. They are in the logs.
    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING_LINES)
        self._dropped = 0
        self._writer = threading.Thread(target=self._write, name="console", daemon=True)
        self._writer.start()

    def say(self, text: str = "", *, colour: int | None = None) -> None:
        """Write a line."""
        try:
            self._lines.put_nowait(self._paint(text, colour))
        except queue.Full:
            self._dropped += 1

    def stage(self, title: str, outcome: str, seconds: float) -> None:
        """Write a progress line."""
        self.say(f"  {title + ' ':.<28} {self._paint(outcome, GREEN)} {seconds:5.1f} s")

    def prefixed(self, name: str, text: str, *, colour: int, width: int) -> None:
        """Write a child's line."""
        self.say(f"{self._paint(f'{name:<{width}} |', colour)} {text}")

    def close(self) -> None:
        """Write what is waiting, for a second at most."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._writer.join(1)

    def _paint(self, text: str, colour: int | None) -> str:
        if not self._coloured or colour is None:
            return text
        return f"\x1b[{colour}m{text}\x1b[0m"

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._stream.write(f"({dropped} lines were not shown; they are in the logs)\n")
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                continue  # nobody reads any more


class _RotatingFile(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Lose the line: with a full disk there is nowhere to say so."""


class ChildLog:
    """The rotated log file of one child."""

    def __init__(self, path: Path) -> None:
        self._handler = _RotatingFile(
            path, maxBytes=LOG_SIZE, backupCount=LOG_FILES, encoding="utf-8"
        )

    def write(self, line: str) -> None:
        """Append a line. A full disk loses the line and stops nothing."""
        self._handler.emit(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
