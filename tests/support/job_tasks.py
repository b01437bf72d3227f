"""Tasks that misbehave, for tests of what the workers make of it. Workers load them by `-I tests.support.job_tasks`."""

import os
import signal
import time
from pathlib import Path

from backend.core.queues import Queue
from worker.app import app


def _note(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


@app.task(name="test.noted")
def noted(*, org_id: int, path: str, line: str) -> None:
    """Do what is asked at once."""
    del org_id
    _note(path, line)


@app.task(name="test.waits", queue=Queue.HEAVY)
def waits(*, org_id: int, path: str, line: str, until: str) -> None:
    """Begin, and end when a file is there."""
    del org_id
    _note(path, f"begins {line}")
    while not Path(until).exists():
        time.sleep(0.02)
    _note(path, f"ends {line}")


@app.task(name="test.fails")
def fails(*, org_id: int | None = None, until: str) -> None:
    """Raise until a file is there."""
    del org_id
    if not Path(until).exists():
        raise ValueError(f"{until} is not there")


@app.task(
    name="test.fails_often", autoretry_for=(ValueError,), max_retries=4, default_retry_delay=0
)
def fails_often(*, org_id: int, path: str) -> None:
    """Raise each time, and be tried again."""
    del org_id
    _note(path, "tried")
    raise ValueError("it never works")


@app.task(name="test.waits_and_fails")
def waits_and_fails(*, org_id: int, path: str, until: str) -> None:
    """Begin, and raise when a file is there."""
    del org_id
    _note(path, "begins")
    while not Path(until).exists():
        time.sleep(0.02)
    raise ValueError("it was to fail")


@app.task(name="test.takes_long", time_limit=1)
def takes_long(*, org_id: int) -> None:
    """Never end."""
    del org_id
    while True:
        time.sleep(0.02)


@app.task(name="test.dies")
def dies(*, org_id: int, path: str) -> None:
    """End the process."""
    del org_id
    _note(path, "dies")
    os.kill(os.getpid(), signal.SIGKILL)
