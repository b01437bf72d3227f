"""How fast a long task may read, how much, and whether it shall stop. Used from the threads that read."""

import re
import threading
import time
from collections.abc import Callable
from typing import Final

_UNITS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?) ?(k|M|G|Ki|Mi|Gi|)B?(?:/s)?")


class StoppedError(Exception):
    """The task shall stop at once; what it was reading does not count."""


class Pace:
    """Lets bytes through at a rate, and ends when told to, when a time has come, or when enough were read.

    `rate` is in bytes per second, `enough` in bytes that are done with, `seconds` how long it may go on; what is
    left out is no bound. `clock` and `sleep` are for tests; `sleep` returns whether the task shall stop.
    """

    def __init__(
        self,
        *,
        rate: int | None = None,
        enough: int | None = None,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], bool] | None = None,
    ) -> None:
        self._rate = rate
        self._enough = enough
        self._clock = clock
        self._stop = threading.Event()
        self._sleep = sleep or self._stop.wait
        self._paid_until = clock()
        self._deadline = None if seconds is None else clock() + seconds
        self._done = 0

    def stop(self) -> None:
        """End the task: between two frames, not between two blobs."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody wants it to stop at once."""
        return self._stop.is_set()

    @property
    def is_over(self) -> bool:
        """Whether the next blob shall wait for another time."""
        timed_out = self._deadline is not None and self._clock() >= self._deadline
        sated = self._enough is not None and self._done >= self._enough
        return self.is_stopped or timed_out or sated

    def count(self, done: int) -> None:
        """Count bytes of a blob that is done with, read or, where that was in vain, not."""
        self._done += done

    def spend(self, count: int) -> None:
        """Pay for bytes that were read: wait until the next may be.

        Raises:
            StoppedError: the task shall stop.
        """
        delay = 0.0
        if self._rate is not None:
            current = self._clock()
            # What was not used is lost: after a pause nothing is caught up at once.
            self._paid_until = max(self._paid_until, current) + count / self._rate
            delay = self._paid_until - current
        stopped = self._sleep(delay) if delay > 0 else self.is_stopped
        if stopped:
            raise StoppedError


def parse_rate(text: str) -> int:
    """Return the bytes per second of a rate such as `50MB/s`, `10MiB/s` or `500k`.

    Raises:
        ValueError: it is none, or below one byte per second.
    """
    match = _RATE.fullmatch(text.strip())
    rate = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if rate < 1:
        raise ValueError(f"{text!r} is no rate; write it like 50MB/s")
    return rate
