"""What a reader of the sandbox does to read a document's text."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from backend.content.media_types import UNKNOWN
from worker.extraction import registry
from worker.extraction.extract import extract_stream
from worker.extraction.model import ExtractionResult, Limits, Recognition
from worker.extraction.ocr import OcrEngine
from worker.extraction.ocr.choice import ChoosingEngine
from worker.extraction.ocr.remote import RemoteEngine
from worker.extraction.sandbox import wire
from worker.extraction.sandbox.confine import limit_reader
from worker.extraction.text import language_of


def load() -> None:
    """Import every format and load the model of languages, once for all readers to come."""
    registry.load_all()
    language_of("This loads the model of languages, once for all readers to come.")


def run(
    request: dict[str, Any],
    document: int,
    connection: socket.socket,
    *,
    engines: Sequence[int],
    base_size: int,
) -> None:
    """Read the open document; send its pages as they are read, other text before files inside, and the whole."""
    outcome = _outcome(request, document, connection, engines, base_size)
    wire.send_message(connection, {"result": outcome.to_json()})


def _outcome(
    request: dict[str, Any],
    document: int,
    connection: socket.socket,
    engines: Sequence[int],
    base_size: int,
) -> ExtractionResult:
    limits = Limits(**request["limits"])
    try:
        limit_reader(memory_bytes=base_size + limits.memory_bytes, cpu_seconds=limits.cpu_seconds)
        with open(document, "rb") as stream:
            return extract_stream(
                stream,
                name=request["name"],
                media_type=request["media_type"],
                limits=limits,
                engine=_engine(request, engines),
                recognition=Recognition.from_json(request["recognition"]),
                on_page=lambda page: wire.send_message(connection, {"page": page.to_json()}),
                on_beyond=lambda text: wire.send_message(connection, {"beyond": text}),
            )
    except BaseException as problem:  # noqa: BLE001 - panics of Rust libraries are no Exception
        sentence = f"Reading it failed unexpectedly ({type(problem).__name__}: {problem})."
        return ExtractionResult("failed", sentence, request["media_type"] or UNKNOWN)


def _engine(request: dict[str, Any], connections: Sequence[int]) -> OcrEngine | None:
    """Return what recognises pictures; None where they are only noted."""
    if request["engines"] is None:
        return None
    engines = {
        name: RemoteEngine(name, socket.socket(fileno=connection))
        for name, connection in zip(request["engines"], connections, strict=True)
    }
    return ChoosingEngine(engines, request["recognition"]["languages"], request["missing"])
