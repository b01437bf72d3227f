"""The process that keeps an engine's models, or may start its program.

`python -m worker.extraction.sandbox.ocr_server DESCRIPTOR ENGINE THREADS [MODELS]`

The worker passes it connections of readers, one per document. It reads one page at a time, in the order they come. It
ends when the worker closes its side, after a while without work, and between documents when it has grown too large.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from backend.texts.languages import READABLE
from worker.extraction.errors import OcrUnavailable
from worker.extraction.ocr import tesseract
from worker.extraction.ocr.engine import TESSERACT, OcrEngine, local_engine
from worker.extraction.ocr.remote import MAX_PIXELS, REQUEST_BYTES, page_to_json
from worker.extraction.sandbox import wire
from worker.extraction.sandbox.confine import confine, limit_memory, resident, silence

_IDLE_SECONDS = 900.0
_TRANSFER_SECONDS = 20.0
_LARGEST_ADDRESS_SPACE = 6 << 30
_LARGEST_RESIDENT = 2 << 30
_MOST_PAGES = 2_000


def main(descriptor: int, name: str, threads: int, models: Path | None) -> None:
    """Serve until the worker closes its side, or until it is time for a fresh process."""
    control = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = tesseract.program() if name == TESSERACT else None
    locks = confine(executable=program, readable=models)
    limit_memory(_LARGEST_ADDRESS_SPACE)
    engine = local_engine(name, threads, models)
    if program is None:
        engine.read(_first_page())
    silence()
    control.send(json.dumps({"locks": locks}).encode())
    _Server(control, engine).serve()


def _first_page() -> Image.Image:
    """Give a picture of a word, for the engine loads each model when it first needs it."""
    page = Image.new("RGB", (320, 160), "white")
    ImageDraw.Draw(page).text((40, 40), "Ready", "black", ImageFont.load_default(60))
    return page


class _Server:
    """The loop of connections and of pages on them."""

    def __init__(self, control: socket.socket, engine: OcrEngine) -> None:
        self._control = control
        self._engine = engine
        self._connections: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._pages = 0

    def serve(self) -> None:
        while self._connections or not self._is_worn():
            ready = self._poll.poll(_IDLE_SECONDS * 1000)
            if not ready and not self._connections:
                return
            for descriptor, _ in ready:
                if descriptor == self._control.fileno():
                    if not self._take_connection():
                        return
                elif not self._read_page(self._connections[descriptor]):
                    self._poll.unregister(descriptor)
                    self._connections.pop(descriptor).close()

    def _take_connection(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._control, 16, 1)
        for descriptor in descriptors:
            self._connections[descriptor] = socket.socket(fileno=descriptor)
            self._poll.register(descriptor, select.POLLIN)
        return bool(packet)

    def _read_page(self, connection: socket.socket) -> bool:
        """Answer one request; False if the reader is gone or misbehaves, which ends its connection."""
        deadline = time.monotonic() + _TRANSFER_SECONDS
        try:
            width, height, languages = _request(
                wire.receive_message(connection, limit=REQUEST_BYTES, deadline=deadline)
            )
            if not 0 < width * height <= MAX_PIXELS:
                return False
            pixels = wire.receive_exactly(connection, width * height * 3, deadline=deadline)
            connection.settimeout(_TRANSFER_SECONDS)
            picture = Image.frombytes("RGB", (width, height), bytes(pixels))
            wire.send_message(connection, self._answer(picture, languages))
        except (OSError, ValueError, wire.ConnectionEnded, wire.DeadlinePassed):
            return False
        self._pages += 1
        return True

    def _answer(self, picture: Image.Image, languages: list[str]) -> dict[str, object]:
        try:
            return page_to_json(self._engine.read(picture, languages))
        except OcrUnavailable as problem:
            return {"error": str(problem)}
        except MemoryError:
            return {"error": "the page needs more memory than recognition has"}

    def _is_worn(self) -> bool:
        return resident() > _LARGEST_RESIDENT or self._pages >= _MOST_PAGES


def _request(message: Any) -> tuple[int, int, list[str]]:
    """Return width, height and languages of a request; ValueError if it is none. Readers may be anybody's by now."""
    match message:
        case {"size": [int(width), int(height)], "languages": list(languages)}:
            if width > 0 and height > 0 and all(code in READABLE for code in languages):
                return width, height, languages
    raise ValueError("not a request")


if __name__ == "__main__":
    main(
        int(sys.argv[1]),
        sys.argv[2],
        int(sys.argv[3]),
        Path(sys.argv[4]) if len(sys.argv) > 4 else None,
    )
