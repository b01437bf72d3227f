"""What a reader of the sandbox does to read a document's text."""

from __future__ import annotations

import socket
from typing import Any

from backend.content.media_types import UNKNOWN
from worker.extraction import registry
from worker.extraction.extract import extract_stream
from worker.extraction.model import ExtractionResult, Limits, Recognition
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
    engine: int | None,
    base_size: int,
) -> None:
    """Read the open document; send each page as it was read, and what came of the whole."""
    outcome = _outcome(request, document, connection, engine, base_size)
    wire.send_message(connection, {"result": outcome.to_json()})


def _outcome(
    request: dict[str, Any],
    document: int,
    connection: socket.socket,
    engine: int | None,
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
                engine=RemoteEngine(socket.socket(fileno=engine)) if engine is not None else None,
                recognition=Recognition.from_json(request["recognition"]),
                on_page=lambda page: wire.send_message(connection, {"page": page.to_json()}),
            )
    except BaseException as problem:  # noqa: BLE001 - panics of Rust libraries are no Exception
        sentence = f"Reading it failed unexpectedly ({type(problem).__name__}: {problem})."
        return ExtractionResult("failed", sentence, request["media_type"] or UNKNOWN)
