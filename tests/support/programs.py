"""Programs under test that run in a process of their own: started, read line by line, awaited, never left behind."""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

Value = TypeVar("Value")


class Program:
    """A running program and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All that was printed."""
        return "\n".join(self.lines)

    def wait_for(self, text: str, *, seconds: float = 60) -> str:
        """Wait until a line contains `text`, and return that line."""
        return wait_until(
            lambda: next((line for line in self.lines if text in line), None),
            seconds=seconds,
            explain=lambda: f"{text!r} was not printed:\n{self.output}",
            give_up=lambda: not self._reader.is_alive(),
        )

    def ended(self, *, seconds: float = 60) -> int:
        """Wait for the end of the program and of its output, and return the exit status."""
        status = self.process.wait(seconds)
        self._reader.join(seconds)
        return status

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a program while the block runs; it is interrupted at the end if it still runs."""
    process = subprocess.Popen(
        command,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    program = Program(process)
    try:
        yield program
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        process.kill()
        program.ended()
        assert process.stdout is not None
        process.stdout.close()


def wait_until(
    condition: Callable[[], Value | None],
    *,
    seconds: float = 30,
    explain: Callable[[], str] = lambda: "the condition did not come true",
    give_up: Callable[[], bool] = lambda: False,
) -> Value:
    """Return what `condition` returns once that is true; fail when it takes too long or cannot come true."""
    deadline = time.monotonic() + seconds
    while True:
        hopeless = give_up() or time.monotonic() > deadline
        value = condition()
        if value:
            return value
        assert not hopeless, explain()
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Return whether a process runs (one that ended and was not awaited by its parent does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
