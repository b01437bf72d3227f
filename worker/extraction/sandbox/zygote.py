"""The process that forks a reader per document (`… -m worker.extraction.sandbox.zygote DESCRIPTOR JOB…`).

A job is a module with `load`, called once, and `run`, called in each reader that is to do it. The zygote speaks on one
socket with the worker. Each request brings descriptors: the document, a socket for the result, a
socket for the reader's fate, and perhaps connections to OCR servers. On the socket for the fate it sends the
reader's pidfd at once and its exit code at its end. When the worker closes its side, everything ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol, cast

from worker.extraction.sandbox.confine import (
    address_space,
    confine,
    die_with_parent,
    silence,
)

REQUEST_BYTES = 64 * 1024
_DESCRIPTORS = 6


class Job(Protocol):
    """What a module offers that knows a job."""

    def load(self) -> None:
        """Make ready what every reader will need."""

    def run(
        self,
        request: dict[str, Any],
        document: int,
        connection: socket.socket,
        *,
        engines: Sequence[int],
        base_size: int,
    ) -> None:
        """Do the job on an open document and send the result.

        `engines` are connections to OCR servers; `base_size` the address space in use at the start.
        """


def main(descriptor: int, jobs: Sequence[str]) -> None:
    """Serve until the worker closes its side."""
    control = socket.socket(fileno=descriptor)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is the worker's to handle; it ends us by closing the socket
    known = {name: cast("Job", importlib.import_module(name)) for name in jobs}
    for job in known.values():
        job.load()
    gc.collect()
    gc.freeze()  # collected generations are not walked again, so their pages stay shared with the readers
    base_size = address_space()
    locks = confine()
    silence()
    control.send(json.dumps({"locks": locks}).encode())
    _Zygote(control, known, base_size).serve()


class _Zygote:
    """The loop of requests and of readers that end."""

    def __init__(self, control: socket.socket, jobs: Mapping[str, Job], base_size: int) -> None:
        self._control = control
        self._jobs = jobs
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
            self._jobs[request["job"]].run(
                request,
                document,
                socket.socket(fileno=result),
                engines=engines,
                base_size=self._base_size,
            )
            exit_code = 0
        finally:
            os._exit(exit_code)


def _tell(connection: socket.socket, message: bytes, descriptors: list[int]) -> None:
    try:
        socket.send_fds(connection, [message], descriptors)
    except OSError:
        return  # the worker gave up on this reader


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
