"""One child of the supervisor at run time: started, awaited, its output read, ended with all it started."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

from backend.launch.children import ChildSpec
from backend.launch.errors import LaunchError
from backend.launch.processes import die_with_parent

READY_POLL = 0.05
LAST_WORDS_MAY_TAKE = 1.0
LONGEST_LINE = 64 * 1024
KEPT_LINES = 20
"""How many of the last lines explain a failed start."""

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


class ChildFailedError(LaunchError):
    """A child ended, or did not become ready, while the service was being started."""

    def __init__(self, title: str, reason: str, lines: list[str]) -> None:
        super().__init__("\n".join((f"{title} {reason}.", *(f"    {line}" for line in lines))))


class Child:
    """A process and the group of all that it started. `on_line` is called with each line of output."""

    def __init__(
        self, spec: ChildSpec, *, on_line: Callable[[str], None], report: Callable[[str], None]
    ) -> None:
        self.spec = spec
        self.ready = asyncio.Event()
        """Set when it has become ready for the first time (a task: when it has ended well)."""
        self.ended = asyncio.Event()
        """Set while no process runs."""
        self.ended.set()
        self._on_line = on_line
        self._report_group = report
        self._process: subprocess.Popen[bytes] | None = None
        self._said_ready = asyncio.Event()
        self._all_read = asyncio.Event()
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)

    async def start(self) -> None:
        """Start the process and return when it is ready, or has ended if it is a task.

        Raises:
            LaunchError: it cannot be started, ended, or took too long.
        """
        await self._run_hook(self.spec.prepare)
        self._spawn()
        try:
            async with asyncio.timeout(self.spec.start_timeout):
                await (self._succeeded() if self.spec.task else self._became_ready())
        except TimeoutError:
            reason = f"was not ready after {self.spec.start_timeout:.0f} s"
            raise self._failure(reason) from None
        await self._run_hook(self.spec.finish)
        self.ready.set()

    async def stop(self, hurry: asyncio.Event) -> None:
        """End the process: by its stop signal, and after its grace, or once `hurry` is set, by force."""
        if self._process is None or self.ended.is_set():
            return
        # Not by Popen's method: that would reap a process that has just ended, and with it the group's number.
        os.kill(self._process.pid, self.spec.stop_signal)
        waits = [asyncio.create_task(event.wait()) for event in (self.ended, hurry)]
        await asyncio.wait(waits, timeout=self.spec.stop_grace, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._kill_group()
        await self.ended.wait()

    def outcome(self) -> str:
        """Return how the last process ended, for a person."""
        code = self._process.returncode if self._process is not None else None
        if code is None:
            return "was not started"
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    async def _run_hook(self, hook: Callable[[], None] | None) -> None:
        if hook is None:
            return
        try:
            await asyncio.to_thread(hook)
        except (
            OSError
        ) as error:  # a full disk, a missing right: nothing to take the supervisor down
            raise self._failure(f"could not be prepared ({error})") from error

    def _spawn(self) -> None:
        for event in (self._said_ready, self._all_read, self.ended):
            event.clear()
        read_end, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                self.spec.command,
                cwd=self.spec.directory,
                env=dict(self.spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                process_group=0,
                preexec_fn=die_with_parent(self.spec.stop_signal),  # noqa: PLW1509 - only prctl
                **self.spec.account.popen_arguments(),
            )
        except OSError as error:
            os.close(read_end)
            self.ended.set()
            raise self._failure(f"could not be started ({error})") from error
        finally:
            os.close(write_end)
        self._report_group(f"+{self._process.pid} {int(self.spec.stop_signal)}\n")
        self._watch(self._process, os.fdopen(read_end, "rb", buffering=0))

    def _watch(self, process: subprocess.Popen[bytes], output: BinaryIO) -> None:
        """Have the event loop notice output, and the end of the process at once.

        asyncio's own subprocesses may notice the end only when every holder of the pipe is gone too.
        """
        loop = asyncio.get_running_loop()
        pidfd = os.pidfd_open(process.pid)
        loop.add_reader(pidfd, self._note_end, process, pidfd)
        reading = asyncio.ensure_future(
            loop.connect_read_pipe(lambda: _Lines(self._take_line, self._all_read.set), output)
        )
        reading.add_done_callback(lambda done: done.result())

    def _note_end(self, process: subprocess.Popen[bytes], pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        # Before the process is reaped: until then its number cannot name another group.
        self._kill_group()
        process.wait()
        self._report_group(f"-{process.pid}\n")
        self.ended.set()

    def _kill_group(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _take_line(self, line: str) -> None:
        self._last_lines.append(line)
        if self.spec.ready_line is not None and self.spec.ready_line.search(line):
            self._said_ready.set()
        if self.spec.on_line is not None:
            self.spec.on_line(line)
        self._on_line(line)

    async def _succeeded(self) -> None:
        await self._ended_and_read()
        if self._process is None or self._process.returncode != 0:
            raise self._failure(self.outcome())

    async def _became_ready(self) -> None:
        while not await self._is_ready():
            if self.ended.is_set():
                await self._ended_and_read()
                raise self._failure(self.outcome())
            await asyncio.sleep(READY_POLL)

    async def _ended_and_read(self) -> None:
        """Wait for the end and then for the last words, if nobody else holds the pipe open."""
        await self.ended.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_MAY_TAKE):
                await self._all_read.wait()

    async def _is_ready(self) -> bool:
        if self.spec.ready is not None:
            return await asyncio.to_thread(self.spec.ready)
        return self.spec.ready_line is None or self._said_ready.is_set()

    def _failure(self, reason: str) -> ChildFailedError:
        return ChildFailedError(self.spec.title, reason, list(self._last_lines))


class _Lines(asyncio.Protocol):
    """Cuts a stream into lines that are safe to show: bounded, and without control characters."""

    def __init__(self, take: Callable[[str], None], end: Callable[[], None]) -> None:
        self._take = take
        self._end = end
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._pass_on(line)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        if self._rest:
            self._pass_on(self._rest)
        self._end()

    def _pass_on(self, line: bytes) -> None:
        text = line.rstrip(b"\r").decode(errors="replace")
        self._take(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text))
