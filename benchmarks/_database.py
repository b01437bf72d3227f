"""What benchmarks over a database share: its tables, and what a piece of work costs its server and us."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.launch.postgres import EmbeddedPostgres, Role

ROOT = Path(__file__).parents[1]


def migrate(server: EmbeddedPostgres) -> None:
    """Make the tables."""
    addresses = {
        "DMS_DATABASE_URL": server.url(),
        "DMS_DATABASE_OWNER_URL": server.url(Role.OWNER),
    }
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    subprocess.run(command, check=True, env={**os.environ, **addresses}, cwd=ROOT)


@dataclass(frozen=True)
class Measured:
    """Medians in milliseconds, and what the work returned."""

    wall: float
    database: float
    """The time the server's process for this session ran."""
    python: float
    """The time our own thread ran."""
    found: int


def on_cpu(pid: int) -> float:
    """Return the milliseconds a process has run so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


async def measure(
    session: AsyncSession, work: Callable[[], Awaitable[int]], rounds: int
) -> Measured:
    """Return the medians of some work in one session, after one round to warm up."""
    pid = int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)
    costs: list[tuple[float, float, float]] = []
    found = await work()
    for _ in range(rounds):
        # What one request loads must not be there already for the next.
        session.expunge_all()
        database, own, started = on_cpu(pid), time.thread_time(), time.perf_counter()
        await work()
        costs.append(
            (
                (time.perf_counter() - started) * 1e3,
                on_cpu(pid) - database,
                (time.thread_time() - own) * 1e3,
            )
        )
    wall, database, python = (statistics.median(column) for column in zip(*costs, strict=True))
    return Measured(wall, database, python, found)
