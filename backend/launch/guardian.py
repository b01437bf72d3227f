"""The guardian: ends the children when the supervisor was killed and could not.

A child learns of its parent's death from the kernel, but not its own children (the workers of uvicorn and
Celery). So this small process, in a session of its own, waits for the end of its standard input, which comes
when the supervisor is gone, and then ends every process group that was still alive. It holds the
supervisor's lock file open until then: a new start must not meet the remains of the former one.

Run as a file by the interpreter, without this package, so that it starts at once and stays small.
"""

import os
import signal
import sys
import time
from contextlib import suppress

GRACE = 10.0
"""Seconds from the children's stop signal to SIGKILL."""


def main() -> None:
    """Read `+GROUP SIGNAL` and `-GROUP` lines to the end, then stop the groups that remain."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        group, *stop_signal = line[1:].split()
        if line.startswith("+"):
            groups[int(group)] = int(stop_signal[0])
        else:
            groups.pop(int(group), None)
    for group, number in groups.items():
        with suppress(ProcessLookupError):
            os.kill(group, number)
    deadline = time.monotonic() + GRACE
    while groups:
        overdue = time.monotonic() > deadline
        # Once its leader has ended, nobody stops the rest of a group.
        for group in [leader for leader in groups if overdue or not _alive(leader)]:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            del groups[group]
        time.sleep(0.05)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
