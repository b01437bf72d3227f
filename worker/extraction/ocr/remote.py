"""An OCR engine as a reader sees it: a connection to its server, over which go pixels and come words."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from PIL import Image

from worker.extraction.errors import OcrEnded, OcrUnavailable
from worker.extraction.ocr.engine import OcrPage, OcrWord, scaled
from worker.extraction.sandbox import wire

REQUEST_BYTES = 4096
"""Of what goes before the pixels: width, height and languages. Then come three bytes a pixel, row by row."""
MAX_PIXELS = 24_000_000
ANSWER_BYTES = 16 << 20


class RemoteEngine:
    """An `OcrEngine` in another process."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        self.name = name
        self._connection = connection

    def read(self, image: Image.Image, languages: Sequence[str] = ()) -> OcrPage:
        """Read a picture; one larger than the server takes is scaled down first."""
        scale = min(1.0, (MAX_PIXELS / (image.width * image.height)) ** 0.5)
        sent = (
            image
            if scale == 1.0
            else image.resize((max(1, int(image.width * scale)), max(1, int(image.height * scale))))
        )
        try:
            request = {"size": sent.size, "languages": list(languages)}
            wire.send_message(self._connection, request)
            self._connection.sendall(sent.convert("RGB").tobytes())
            answer = wire.receive_message(self._connection, limit=ANSWER_BYTES)
        except (OSError, wire.ConnectionEnded) as problem:
            raise OcrEnded("the recognition process ended") from problem
        if "error" in answer:
            raise OcrUnavailable(str(answer["error"]))
        return page_from_json(answer, scale)


def page_to_json(page: OcrPage) -> dict[str, object]:
    """Give a page as JSON values."""
    words = [[word.text, *word.box, round(word.confidence, 4)] for word in page.words]
    return {
        "text": page.text,
        "words": words,
        "rotation": page.rotation,
        "missed": round(page.missed, 4),
    }


def page_from_json(answer: dict[str, object], scale: float) -> OcrPage:
    """Read what `page_to_json` gave, boxes in pixels of the picture before it was scaled."""
    words = answer["words"]
    if not isinstance(words, list):
        raise OcrUnavailable("the recognition process answered nonsense")
    return OcrPage(
        text=str(answer["text"]),
        words=tuple(
            OcrWord(str(text), scaled((left, top, right, bottom), 1 / scale), float(confidence))
            for text, left, top, right, bottom, confidence in words
        ),
        rotation=int(str(answer["rotation"])),
        missed=float(str(answer["missed"])),
    )
