"""The supervisor: starts the children in order, keeps them running, and stops them in reverse.

It knows nothing of what they are; that is `services`.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import psutil

from backend.launch import guardian
from backend.launch.child import Child
from backend.launch.children import ChildSpec
from backend.launch.console import COLOURS, RED, ChildLog, Console
from backend.launch.errors import LaunchError

BACKOFF = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the first, second … restart of a child that keeps ending."""

STEADY = 60.0
"""A child that ran this long starts anew at the first of them."""

OWN_NAME = "supervisor"
REMAINS_MAY_TAKE = guardian.GRACE + 5


class Supervisor:
    """Runs the children. Logs go to `logs`; `lock` is the file descriptor of the installation's lock."""

    def __init__(
        self, specs: Sequence[ChildSpec], *, logs: Path, console: Console, lock: int
    ) -> None:
        self._console = console
        self._lock = lock
        self._log = ChildLog(logs / f"{OWN_NAME}.log")
        self._child_logs = [ChildLog(logs / f"{spec.name}.log") for spec in specs]
        width = max(len(name) for name in (OWN_NAME, *(spec.name for spec in specs)))
        self._children: dict[str, Child] = {}
        for index, (spec, log) in enumerate(zip(specs, self._child_logs, strict=True)):
            show = self._shower(spec, log, colour=COLOURS[index % len(COLOURS)], width=width)
            self._children[spec.name] = Child(spec, on_line=show, report=self._tell_guardian)
        self._width = width
        self._live = False
        self._guardian: subprocess.Popen[str] | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self.hurry = asyncio.Event()
        """Set to end what is still running by force."""

    async def start(self) -> None:
        """Start every child as soon as those it waits for are ready; return when all are.

        Raises:
            LaunchError: one of them failed, the first of them.
        """
        self._start_guardian()
        try:
            async with asyncio.TaskGroup() as group:
                for child in self._children.values():
                    group.create_task(self._bring_up(child))
        except ExceptionGroup as errors:
            failures = errors.subgroup(LaunchError)
            if failures is None:
                raise
            raise failures.exceptions[0] from None

    def show_lines(self) -> None:
        """Let the children's lines through to the console. Until then only progress is shown."""
        self._live = True

    async def stop(self) -> None:
        """End every child after those that need it, so that each can finish what it is doing."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        stopped = {name: asyncio.Event() for name in self._children}

        async def stop(child: Child) -> None:
            for other in self._children.values():
                if child.spec.name in other.spec.after:
                    await stopped[other.spec.name].wait()
            await child.stop(self.hurry)
            stopped[child.spec.name].set()

        await asyncio.gather(*(stop(child) for child in self._children.values()))
        if self._guardian is not None and self._guardian.stdin is not None:
            with contextlib.suppress(OSError):
                self._guardian.stdin.close()
            self._guardian.wait()
        for log in (self._log, *self._child_logs):
            log.close()

    async def _bring_up(self, child: Child) -> None:
        for name in child.spec.after:
            await self._children[name].ready.wait()
        began = time.monotonic()
        await child.start()
        outcome = "done" if child.spec.task else "ready"
        self._console.stage(child.spec.title, outcome, time.monotonic() - began)
        if not child.spec.task:
            self._keepers.append(asyncio.create_task(self._keep_running(child)))

    async def _keep_running(self, child: Child) -> None:
        """Start a child again whenever it has ended."""
        failures = 0
        began = time.monotonic()
        while True:
            await child.ended.wait()
            failures = 0 if time.monotonic() - began > STEADY else failures
            delay = BACKOFF[min(failures, len(BACKOFF) - 1)]
            again = f"starting it again in {delay:.0f} s" if delay else "starting it again"
            self._say(f"{child.spec.title} {child.outcome()}; {again}.")
            await asyncio.sleep(delay)
            failures += 1
            began = time.monotonic()
            try:
                await child.start()
            except LaunchError as error:
                self._say(str(error))
                await child.stop(self.hurry)
            else:
                self._say(f"{child.spec.title} is back ({time.monotonic() - began:.1f} s).")

    def _say(self, text: str) -> None:
        self._log.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}")
        self._console.prefixed(OWN_NAME, text, colour=RED, width=self._width)

    def _shower(
        self, spec: ChildSpec, log: ChildLog, *, colour: int, width: int
    ) -> Callable[[str], None]:
        def show(line: str) -> None:
            log.write(line)
            if self._live and spec.on_console:
                self._console.prefixed(spec.name, line, colour=colour, width=width)

        return show

    def _start_guardian(self) -> None:
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=(self._lock,),
        )

    def _tell_guardian(self, line: str) -> None:
        if self._guardian is None or self._guardian.stdin is None:
            return
        # Where the guardian was killed, the kernel's word to the children remains.
        with contextlib.suppress(OSError):
            self._guardian.stdin.write(line)
            self._guardian.stdin.flush()


async def serve(
    supervisor: Supervisor, console: Console, welcome: Callable[[float], Awaitable[None]]
) -> None:
    """Start the children, and stop them when Ctrl-C, SIGTERM or the end of the terminal asks for it.

    `welcome` is awaited once all are ready, with the seconds that took.

    Raises:
        LaunchError: one of them could not be started; nothing is left running.
    """
    began = time.monotonic()
    async with _stop_signals(supervisor) as asked:
        asking = asyncio.create_task(asked.wait())
        starting = asyncio.create_task(supervisor.start())
        try:
            await asyncio.wait({asking, starting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                await welcome(time.monotonic() - began)
                supervisor.show_lines()
                await asking
            console.say("\nStopping. Press Ctrl-C again to stop at once.")
        finally:
            for task in (starting, asking):
                task.cancel()
            await asyncio.gather(starting, asking, return_exceptions=True)
            await supervisor.stop()
        console.say("Stopped.")


@contextlib.asynccontextmanager
async def _stop_signals(supervisor: Supervisor) -> AsyncIterator[asyncio.Event]:
    """Set the event at Ctrl-C, SIGTERM or the end of the terminal; a second one makes the supervisor hurry."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            supervisor.hurry.set()
        asked.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else started with nohup
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, ask)
    try:
        yield asked
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def exclusive(path: Path, *, address: str) -> Iterator[int]:
    """Hold the lock of an installation while the block runs, and yield its file descriptor.

    Raises:
        LaunchError: another supervisor holds it; the message says which, and its address.
    """
    with path.open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + REMAINS_MAY_TAKE
        while not _locked(file):
            holder = _holder(file)
            pid = holder.get("pid")
            # Whoever holds it after its supervisor's death is the guardian, for some seconds.
            if (isinstance(pid, int) and psutil.pid_exists(pid)) or time.monotonic() > deadline:
                message = (
                    f"The service is running already, as process {pid} at {holder.get('address')}."
                )
                raise LaunchError(message)
            time.sleep(0.1)
        file.truncate(0)
        json.dump({"pid": os.getpid(), "address": address}, file)
        file.flush()
        yield file.fileno()


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[str]) -> dict[str, object]:
    file.seek(0)
    try:
        holder = json.load(file)
    except ValueError:  # being written
        return {}
    return holder if isinstance(holder, dict) else {}
