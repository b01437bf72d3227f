"""The zygote and the OCR servers of this worker process.

Started when first needed, again when they died, and never shared by a fork.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from worker.extraction.ocr.engine import PADDLE, RAPID

_Command = tuple[str, ...]
"""A module and its arguments."""

_ZYGOTE = "worker.extraction.sandbox.zygote"
_OCR_SERVER = "worker.extraction.sandbox.ocr_server"
EXTRACTION = "worker.extraction.sandbox.job"
JOBS = (EXTRACTION, "worker.previews.job")
"""The modules that know what a reader can be asked to do. By name: they build on this package."""
_START_SECONDS = 300.0
"""Helpers give way to everything else: on a machine that is busy, models are loaded for minutes."""
_END_SECONDS = 5.0
_PACKET = 4096


@dataclass(slots=True)
class Helper:
    """A running process and the socket it takes its requests on."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    locks: list[str]

    def send(self, request: bytes, descriptors: list[int]) -> None:
        """Send a request; OSError if the process is gone."""
        socket.send_fds(self.control, [request], descriptors)

    def stop(self) -> None:
        """End the process: closing its socket asks, then it is killed."""
        self.control.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """End the process at once, with what it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.stop()

    def forget(self) -> None:
        """Let go of a process that a fork copied from the parent, whose it stays."""
        self.control.close()
        self.process.returncode = 0  # else Popen warns about a child that is not ours


class Processes:
    """At most one zygote and one OCR server of each engine, shared by the threads of this process."""

    def __init__(self) -> None:
        self.ocr_threads = 1
        self.ocr_engine = RAPID
        self.ocr_models: Path | None = None
        self._lock = threading.Lock()
        self._helpers: dict[_Command, Helper] = {}

    def submit(self, request: bytes, descriptors: list[int]) -> None:
        """Hand a request to the zygote, to a new one if the last died. OSError if none can be started."""
        self._send((_ZYGOTE, *JOBS), request, descriptors)

    def connect_to_ocr(self, engine: str, stack: ExitStack) -> socket.socket:
        """Give the reader's end of a new connection to an engine's server; `stack` closes it."""
        command: _Command = (_OCR_SERVER, engine, str(self.ocr_threads))
        if engine == PADDLE and self.ocr_models is not None:
            command = (*command, str(self.ocr_models))
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        with theirs:
            self._send(command, b"connection", [theirs.fileno()])
        return ours

    def locks(self) -> list[str]:
        """Give the locks that hold around readers."""
        return self._helper((_ZYGOTE, *JOBS)).locks

    def kill_ocr(self) -> None:
        """End the OCR servers at once; the next document starts others."""
        with self._lock:
            commands = [command for command in self._helpers if command[0] == _OCR_SERVER]
            helpers = [self._helpers.pop(command) for command in commands]
        for helper in helpers:
            helper.kill()

    def stop(self) -> None:
        """End all of them."""
        with self._lock:
            helpers, self._helpers = list(self._helpers.values()), {}
        for helper in helpers:
            helper.stop()

    def forget(self) -> None:
        """Start afresh in a forked child: processes, threads and the lock's state stayed with the parent."""
        for helper in self._helpers.values():
            helper.forget()
        self._helpers = {}
        self._lock = threading.Lock()

    def _send(self, command: _Command, request: bytes, descriptors: list[int]) -> None:
        helper = self._helper(command)
        try:
            helper.send(request, descriptors)
        except OSError:  # it died, or ended because it was idle or worn
            self._discard(command, helper)
            self._helper(command).send(request, descriptors)

    def _helper(self, command: _Command) -> Helper:
        with self._lock:
            helper = self._helpers.get(command)
            if helper is None or helper.process.poll() is not None:
                if helper is not None:
                    helper.stop()
                helper = self._helpers[command] = _start(command)
            return helper

    def _discard(self, command: _Command, helper: Helper) -> None:
        with self._lock:
            if self._helpers.get(command) is helper:
                del self._helpers[command]
        helper.kill()


def _start(command: _Command) -> Helper:
    """Start a helper and wait until it is locked in; OSError if it does not get there."""
    module, *arguments = command
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
            [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is for the worker, which may want to finish
        )
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    hello = ours.recv(_PACKET) if poll.poll(_START_SECONDS * 1000) else b""
    if hello:
        if process.stderr is not None:
            process.stderr.close()  # it says no more: see `confine.silence`
        return Helper(process, ours, json.loads(hello)["locks"])
    ours.close()
    process.kill()
    complaint = process.communicate()[1].decode(errors="replace").strip().splitlines()
    raise OSError(f"{module} did not start: {complaint[-1] if complaint else 'it said nothing'}")


def _environment() -> dict[str, str]:
    """Give the helpers what they need to run and no secret of the service's."""
    root = str(Path(__file__).parents[3])
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
    return kept | {
        "LANG": "C.UTF-8",
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "1",
        # a zygote may not have threads: a fork would copy their locks without them
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
