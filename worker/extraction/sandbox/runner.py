"""The worker's side: hand a document to a reader, wait no longer than allowed, and say what became of it.

Plain blocking functions that may be called from several threads, and from a Celery worker process, which is a daemon
and may have no `multiprocessing` children: hence subprocess.
"""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from backend.content.media_types import HEAD_BYTES, UNKNOWN, media_type_of
from backend.texts.pages import PageStatus, PageText
from worker.extraction.model import WHOLE, ExtractionResult, Limits, Recognition, Status
from worker.extraction.ocr.choice import engines_for, lacking
from worker.extraction.ocr.engine import RAPID
from worker.extraction.sandbox import wire
from worker.extraction.sandbox.processes import EXTRACTION, Processes

_END_SECONDS = 5.0
_NAME_LENGTH = 1024
_BYTES_PER_CHARACTER = 6
_BYTES_PER_PAGE = 32 << 10
"""Of the places of its words; a dense page has a quarter of it."""
_RESULT_OVERHEAD = 1 << 20
_PACKET = 4096

_processes = Processes()
os.register_at_fork(after_in_child=_processes.forget)
atexit.register(_processes.stop)


def run_bounded(
    path: Path,
    *,
    name: str,
    media_type: str | None = None,
    limits: Limits,
    ocr: bool,
    recognition: Recognition = WHOLE,
) -> ExtractionResult:
    """Read the text of a file nobody vouches for, in a process of its own that dies with it.

    Args:
        path: the file; it is opened here, the reader gets the open descriptor only.
        name: what people call it; its ending helps where the content does not tell the type.
        media_type: what it is said to be; used only where neither content nor name tell.
        limits: what it may cost; when one is passed, the result says so.
        ocr: whether pictures of text are read; if not, a document that has any ends as `needs_ocr`.
        recognition: how they are read, and on which pages.

    What it gives has the pages that were read to their end, however the reading ended, and what is on no page as far as
    it was read before a document inside this one.

    Blocks for up to `limits.wall_seconds`. Raises OSError if the file cannot be opened or no process can be started;
    never for what is in the file.
    """
    deadline = time.monotonic() + limits.wall_seconds
    pages: list[PageText] = []
    beyond: list[str] = []
    engines, missing = _engines(recognition) if ocr else ([], "")
    request = {
        "name": name[-_NAME_LENGTH:],
        "media_type": media_type,
        "limits": dataclasses.asdict(limits),
        "recognition": dataclasses.asdict(recognition),
        "engines": engines if ocr else None,
        "missing": missing,
    }
    with open_reader(path, EXTRACTION, request, engines=engines) as reader:
        try:
            result = _receive(reader.result, pages, beyond, limits, deadline)
            return dataclasses.replace(result, pages=tuple(pages))
        except wire.DeadlinePassed:
            reader.kill()
            if ocr:
                _processes.kill_ocr()  # it may be the one that hangs
            cause = f"Reading it took longer than {limits.wall_seconds:.0f} s and was stopped."
        except (wire.ConnectionEnded, ValueError):
            reader.kill()
            cause = cause_of_death(
                reader.exit_code(), what="Reading", cpu_seconds=limits.cpu_seconds
            )
    with path.open("rb") as document:
        detected = media_type_of(document.read(HEAD_BYTES), name)
    detected = detected if detected != UNKNOWN or not media_type else media_type
    return _cut_off(cause, detected, pages, "\n".join(beyond))


def _cut_off(cause: str, media_type: str, pages: list[PageText], beyond: str) -> ExtractionResult:
    """Keep what was read before the reader ended: a document found by some of its text beats one not found."""
    text = "\n".join(part for part in (*(page.text for page in pages), beyond) if part)
    status: Status = "indexed" if text else "failed"
    if any(page.status is PageStatus.WAITING for page in pages):
        status = "needs_ocr"
    return ExtractionResult(
        status,
        cause,
        media_type,
        text=text,
        engine="+".join(dict.fromkeys(page.engine for page in pages if page.engine)),
        truncated=bool(pages or beyond),
        beyond=beyond if pages else "",
        pages=tuple(pages),
    )


def _receive(
    answers: socket.socket,
    pages: list[PageText],
    beyond: list[str],
    limits: Limits,
    deadline: float,
) -> ExtractionResult:
    """Collect pages and other text until the result comes; ValueError if what comes is neither, or more than may be."""
    left = _largest_result(limits)
    most_pages = limits.pages + 1
    while True:
        message, size = wire.receive_sized(answers, limit=left, deadline=deadline)
        left -= size
        if not isinstance(message, dict):
            raise ValueError("not an object")  # noqa: TRY004 - one error for all that is wrong with a message
        if "result" in message:
            return ExtractionResult.from_json(message["result"])
        if isinstance(text := message.get("beyond"), str):
            beyond.append(text)
            continue
        pages.append(PageText.from_json(message.get("page")))
        if len(pages) > most_pages:
            raise ValueError("more pages than were asked for")


def configure(
    *, ocr_threads: int = 1, ocr_engine: str = RAPID, ocr_models: Path | None = None
) -> None:
    """Set how recognition is done, from the next start of an OCR server on.

    Args:
        ocr_threads: how many threads it may use: as many as cores are given to this worker process.
        ocr_engine: what reads the languages that PaddleOCR's models know, `rapidocr` or `paddleocr`.
        ocr_models: where the models of `paddleocr` are.
    """
    _processes.ocr_threads = ocr_threads
    _processes.ocr_engine = ocr_engine
    _processes.ocr_models = ocr_models


def shut_down() -> None:
    """End the processes of this worker process. They end by themselves too when it dies."""
    _processes.stop()


def confinement() -> list[str]:
    """Give the names of the locks that hold around readers here, as far as the kernel permits them.

    `files` (reads the system's files only, writes and executes none), `network` (none), `signals` (none to processes
    outside), `capabilities` (none). It starts the zygote, which finds out: OSError if it cannot be started.
    """
    return _processes.locks()


@dataclasses.dataclass(slots=True)
class Reader:
    """One reader at work: where its result comes, and its fate."""

    result: socket.socket
    fate: socket.socket

    def kill(self) -> None:
        """Kill it; harmless if it ended. A pidfd, unlike a process id, cannot mean somebody else by then."""
        with suppress(OSError):
            _, descriptors, _, _ = socket.recv_fds(self.fate, _PACKET, 1)
            for pidfd in descriptors:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)

    def exit_code(self) -> int | None:
        """Give the exit code once it ended, negative for a signal; None if the zygote died with it. After `kill`."""
        try:
            code = self.fate.recv(_PACKET)
        except OSError:
            return None
        return int(code) if code.lstrip(b"-").isdigit() else None


@contextmanager
def open_reader(
    path: Path, job: str, request: Mapping[str, Any], *, engines: Sequence[str] = ()
) -> Iterator[Reader]:
    """Have a reader started on a file, for one of the zygote's jobs.

    Args:
        path: the file; it is opened here, the reader gets the open descriptor only.
        job: the module that knows the job; `processes.JOBS` lists them.
        request: what the job wants to know, as JSON values.
        engines: the OCR engines whose servers the reader is connected to.

    The reader dies with what it is given to do; the caller kills one that takes too long. Raises OSError if the file
    cannot be opened or no process can be started.
    """
    packet = json.dumps({"job": job, **request}).encode()
    with ExitStack() as stack:
        document = stack.enter_context(path.open("rb"))
        mine, theirs = _pair(stack, socket.SOCK_STREAM)
        fate, its_fate = _pair(stack, socket.SOCK_SEQPACKET)
        passed = [document.fileno(), theirs.fileno(), its_fate.fileno()]
        passed += [_processes.connect_to_ocr(engine, stack).fileno() for engine in engines]
        _processes.submit(packet, passed)
        theirs.close()
        its_fate.close()
        fate.settimeout(_END_SECONDS)
        yield Reader(mine, fate)


def _engines(recognition: Recognition) -> tuple[list[str], str]:
    """Return the engines a document may need that are here, and why one is not."""
    wanted = engines_for(recognition.languages, recognition.engine, _processes.ocr_engine)
    reasons = {name: lacking(name, recognition.languages, _processes.ocr_models) for name in wanted}
    found = [name for name, reason in reasons.items() if reason is None]
    missing = next((reason for reason in reasons.values() if reason), "")
    if not found and not recognition.engine:
        found = [RAPID]  # what it can read of the page is better than nothing
    return found, missing


def _pair(stack: ExitStack, kind: int) -> tuple[socket.socket, socket.socket]:
    mine, theirs = socket.socketpair(socket.AF_UNIX, kind)
    return stack.enter_context(mine), stack.enter_context(theirs)


def _largest_result(limits: Limits) -> int:
    # The text comes twice: page by page and as a whole; what is on no page three times: also by itself.
    return (
        limits.text_characters * _BYTES_PER_CHARACTER * 3
        + limits.pages * _BYTES_PER_PAGE
        + _RESULT_OVERHEAD
    )


def cause_of_death(exit_code: int | None, *, what: str, cpu_seconds: int) -> str:
    """Say for a person why a reader ended without an answer; `what` is what it did, such as "Reading"."""
    if exit_code == -signal.SIGXCPU:
        return f"{what} it took more than {cpu_seconds} s of processor time and was stopped."
    if exit_code == -signal.SIGKILL:
        return f"{what} it was stopped by the system, most likely because memory ran out."
    if exit_code is not None and exit_code < 0:
        return f"The program that reads this kind of document crashed on it ({signal.Signals(-exit_code).name})."
    return "The program that reads this kind of document ended without an answer."
