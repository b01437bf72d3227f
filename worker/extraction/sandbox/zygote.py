"""The process that forks a reader per document (`python -m worker.extraction.sandbox.zygote DESCRIPTOR`).

It speaks on one socket with the worker. Each request brings descriptors: the document, a socket for the result, a
socket for the reader's fate, and perhaps connections to OCR servers. On the socket for the fate it sends the
reader's pidfd at once and its exit code at its end. When the worker closes its side, everything ends.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Any, NoReturn

from backend.content.media_types import UNKNOWN
from worker.extraction import registry
from worker.extraction.extract import extract_stream
from worker.extraction.model import ExtractionResult, Limits, Recognition
from worker.extraction.ocr import OcrEngine
from worker.extraction.ocr.choice import ChoosingEngine
from worker.extraction.ocr.remote import RemoteEngine
from worker.extraction.sandbox import wire
from worker.extraction.sandbox.confine import (
    address_space,
    confine,
    die_with_parent,
    limit_reader,
    silence,
)
from worker.extraction.text import language_of

REQUEST_BYTES = 64 * 1024
_DESCRIPTORS = 6


def main(descriptor: int) -> None:
    """Serve until the worker closes its side."""
    control = socket.socket(fileno=descriptor)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is the worker's to handle; it ends us by closing the socket
    registry.load_all()
    language_of("This loads the model of languages, once for all readers to come.")
    gc.collect()
    gc.freeze()  # collected generations are not walked again, so their pages stay shared with the readers
    base_size = address_space()
    locks = confine()
    silence()
    control.send(json.dumps({"locks": locks}).encode())
    _Zygote(control, base_size).serve()


class _Zygote:
    """The loop of requests and of readers that end."""

    def __init__(self, control: socket.socket, base_size: int) -> None:
        self._control = control
        self._base_size = base_size
        self._readers: dict[
            int, tuple[int, socket.socket]
        ] = {}  # pidfd → process id, socket for its fate
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    if not self._take_request():
                        return
                elif descriptor in self._readers:
                    self._bury(descriptor)

    def _take_request(self) -> bool:
        """Fork a reader for the next request; False once there will be none."""
        packet, descriptors, _, _ = socket.recv_fds(self._control, REQUEST_BYTES, _DESCRIPTORS)
        if not packet:
            return False
        parent = os.getpid()
        process = os.fork()
        if process == 0:
            self._become_reader(parent, json.loads(packet), descriptors)
        document, result, fate, *engines = descriptors
        for descriptor in (document, result, *engines):
            os.close(descriptor)
        pidfd = os.pidfd_open(process)
        connection = socket.socket(fileno=fate)
        self._readers[pidfd] = process, connection
        self._poll.register(pidfd, select.POLLIN)
        _tell(connection, b"started", [pidfd])
        return True

    def _bury(self, pidfd: int) -> None:
        process, connection = self._readers.pop(pidfd)
        self._poll.unregister(pidfd)
        _, status = os.waitpid(process, 0)
        os.close(pidfd)
        _tell(connection, str(os.waitstatus_to_exitcode(status)).encode(), [])
        connection.close()

    def _become_reader(
        self, parent: int, request: dict[str, Any], descriptors: list[int]
    ) -> NoReturn:
        """Turn the forked child into a reader, which ends here whatever happens."""
        exit_code = 1
        try:
            die_with_parent(parent)
            self._control.close()
            for pidfd, (_, connection) in self._readers.items():
                os.close(pidfd)
                connection.close()
            document, result, fate, *engines = descriptors
            os.close(fate)  # a reader must not report on itself
            answers = socket.socket(fileno=result)
            outcome = _outcome(request, document, engines, answers, self._base_size)
            wire.send_message(answers, {"result": outcome.to_json()})
            exit_code = 0
        finally:
            os._exit(exit_code)


def _outcome(
    request: dict[str, Any],
    document: int,
    engines: list[int],
    answers: socket.socket,
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
                on_page=lambda page: wire.send_message(answers, {"page": page.to_json()}),
            )
    except BaseException as problem:  # noqa: BLE001 - panics of Rust libraries are no Exception
        sentence = f"Reading it failed unexpectedly ({type(problem).__name__}: {problem})."
        return ExtractionResult("failed", sentence, request["media_type"] or UNKNOWN)


def _engine(request: dict[str, Any], connections: list[int]) -> OcrEngine | None:
    """Return what recognises pictures; None where they are only noted."""
    if request["engines"] is None:
        return None
    engines = {
        name: RemoteEngine(name, socket.socket(fileno=connection))
        for name, connection in zip(request["engines"], connections, strict=True)
    }
    return ChoosingEngine(engines, request["recognition"]["languages"], request["missing"])


def _tell(connection: socket.socket, message: bytes, descriptors: list[int]) -> None:
    try:
        socket.send_fds(connection, [message], descriptors)
    except OSError:
        return  # the worker gave up on this reader


if __name__ == "__main__":
    main(int(sys.argv[1]))
