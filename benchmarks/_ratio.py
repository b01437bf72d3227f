"""What every benchmark here shares: CPU and wall time, medians, ratios, and how busy the machine was.

CPU seconds are the user and system time of the process and its children; they are steadier than
wall time on a shared machine, so both are given. Nothing here knows what is measured.
"""

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GB = 1e9


@dataclass(frozen=True)
class Cost:
    """What something took, in seconds."""

    cpu: float
    wall: float

    def per(self, units: float) -> "Cost":
        """The cost of one unit, when this bought ``units``."""
        return Cost(self.cpu / units, self.wall / units)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def cost_of(work: Callable[[], object]) -> Cost:
    """Run it once, with all the threads it uses and the children it waits for."""
    cpu, wall = _cpu_seconds(), time.perf_counter()
    work()
    return Cost(_cpu_seconds() - cpu, time.perf_counter() - wall)


def median_cost(costs: Sequence[Cost]) -> Cost:
    """CPU and wall medians, each on its own."""
    return Cost(
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.wall for cost in costs),
    )


def spread(values: Sequence[float]) -> str:
    """Median with the lowest and highest, so that a shaky number shows."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _machine_busy_seconds() -> float:
    """CPU seconds that anything on this machine has spent, idle and waiting for disks left out."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


@contextmanager
def report_busyness() -> Iterator[None]:
    """Print, at the end, how much of the machine others used meanwhile."""
    busy, own, wall = _machine_busy_seconds(), _cpu_seconds(), time.perf_counter()
    try:
        yield
    finally:
        elapsed = time.perf_counter() - wall
        others = _machine_busy_seconds() - busy - (_cpu_seconds() - own)
        cores = os.cpu_count() or 1
        share = max(0.0, others) / (elapsed * cores)
        verdict = "quiet: wall times count" if share < 0.05 else "NOT quiet: trust CPU seconds only"
        print(
            f"\nMachine: {cores} cores; others used {share:.0%} of them in {elapsed:.0f} s ({verdict})."
        )


def judge(value: float, *, at_most: float | None = None, at_least: float | None = None) -> str:
    """``ok`` or ``MISS`` with the target, for the end of a line."""
    if at_most is not None:
        return f"target <= {at_most:g}  {'ok' if value <= at_most else 'MISS'}"
    if at_least is not None:
        return f"target >= {at_least:g}  {'ok' if value >= at_least else 'MISS'}"
    return ""


def line(name: str, value: str, verdict: str = "") -> None:
    """One aligned line of a report."""
    print(f"  {name:<52} {value:<28} {verdict}".rstrip())
