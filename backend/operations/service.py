"""Asking every dependency how it is, and the database what the metrics cannot know by themselves."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.content.scanner import Scanner, ScannerStatus
from backend.content.service import Content
from backend.core.db import Database
from backend.core.queues import Queue
from backend.core.settings import ScanMode
from backend.jobs.models import Failure
from backend.jobs.service import count_everywhere as count_failed_jobs
from backend.operations.metrics import (
    FAILED_JOBS,
    JOBS_OLDEST,
    JOBS_RUNNING,
    JOBS_WAITING,
    QUARANTINED,
    STORE_FAULTS,
)
from backend.operations.queues import QueueState, queue_states
from backend.operations.schemas import Dependency, DependencyStatus, Readiness, ReadyStatus
from backend.scanning.service import count_held_everywhere as count_held
from backend.verification.models import Fault
from backend.verification.service import open_faults
from storage import StoreError, WrongKeyError

# Longer than what each check allows itself: those know better what a silence means.
_PATIENCE = 8.0
_REDIS_PATIENCE = 3.0
_METRICS_PATIENCE = 3.0
_MIGRATIONS = Path(__file__).parents[2] / "migrations"


async def readiness(*, database: Database, redis: Redis, content: Content) -> Readiness:
    """Return how every dependency is doing; nothing here waits longer than a few seconds."""
    checks = {
        "database": _database(database),
        "migrations": _migrations(database),
        "redis": _redis(redis),
        "store": _store(content),
        "scanner": _scanner(content.scanner),
    }
    results = await asyncio.gather(*(_bounded(check) for check in checks.values()))
    dependencies = dict(zip(checks, results, strict=True))
    found = {dependency.status for dependency in dependencies.values()}
    if DependencyStatus.UNAVAILABLE in found:
        status = ReadyStatus.UNAVAILABLE
    elif DependencyStatus.DEGRADED in found:
        status = ReadyStatus.DEGRADED
    else:
        status = ReadyStatus.READY
    return Readiness(status=status, dependencies=dependencies)


@cache
def code_revision() -> str:
    """Return the schema revision that the code was written for."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head() or ""


async def measure(database: Database, redis: Redis) -> None:
    """Set the gauges of what the process does not know by itself; what does not answer has none, not an old one."""
    await asyncio.gather(_measure_database(database), _measure_queues(redis))


async def _measure_database(database: Database) -> None:
    faults: Mapping[Fault, int] = {}
    failed: Mapping[Failure, int] = {}
    held = float("nan")
    with suppress(DBAPIError, PoolTimeoutError, OSError):
        async with asyncio.timeout(_METRICS_PATIENCE), database.transaction() as session:
            faults = await open_faults(session)
            failed = await count_failed_jobs(session)
            held = await count_held(session)
    STORE_FAULTS.clear()
    for fault, count in faults.items():
        STORE_FAULTS.labels(str(fault)).set(count)
    FAILED_JOBS.clear()
    for failure, count in failed.items():
        FAILED_JOBS.labels(str(failure)).set(count)
    QUARANTINED.set(held)


async def _measure_queues(redis: Redis) -> None:
    states: Mapping[Queue, QueueState] = {}
    with suppress(RedisError, OSError):
        async with asyncio.timeout(_METRICS_PATIENCE):
            states = await queue_states(redis)
    for gauge in (JOBS_WAITING, JOBS_RUNNING, JOBS_OLDEST):
        gauge.clear()
    for queue, state in states.items():
        JOBS_WAITING.labels(str(queue)).set(state.waiting)
        JOBS_RUNNING.labels(str(queue)).set(len(state.running))
        JOBS_OLDEST.labels(str(queue)).set(state.oldest_seconds or 0)


async def _bounded(check: Awaitable[Dependency]) -> Dependency:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await check
    except TimeoutError:
        return Dependency(status=DependencyStatus.UNAVAILABLE, detail="It does not answer in time.")


async def _database(database: Database) -> Dependency:
    try:
        async with database.transaction() as session:
            version = await session.scalar(text("SHOW server_version"))
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        return Dependency(
            status=DependencyStatus.UNAVAILABLE, detail=f"It does not answer: {_kind(error)}."
        )
    return Dependency(status=DependencyStatus.OK, detail=f"PostgreSQL {version}")


async def _migrations(database: Database) -> Dependency:
    try:
        async with database.transaction() as session:
            revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        return Dependency(
            status=DependencyStatus.UNAVAILABLE,
            detail=f"The schema's revision cannot be read: {_kind(error)}.",
        )
    if revision != code_revision():
        return Dependency(
            status=DependencyStatus.UNAVAILABLE,
            detail=f"The schema is at {revision}, the code needs {code_revision()}: run `dms migrate`.",
        )
    return Dependency(status=DependencyStatus.OK, detail=f"at revision {revision}")


async def _redis(redis: Redis) -> Dependency:
    try:
        async with asyncio.timeout(_REDIS_PATIENCE):
            await redis.ping()
    except (RedisError, OSError) as error:
        # Uploads and searches go on without it; jobs and live updates wait in the outbox.
        return Dependency(
            status=DependencyStatus.DEGRADED, detail=f"It does not answer: {_kind(error)}."
        )
    return Dependency(status=DependencyStatus.OK, detail="It answers.")


async def _store(content: Content) -> Dependency:
    try:
        free = await content.run(content.store.check_writable)
        await content.run(content.store.check_keyring)
    except WrongKeyError as error:
        # What it holds still opens what is stored.
        return Dependency(status=DependencyStatus.DEGRADED, detail=str(error))
    except StoreError as error:
        return Dependency(status=DependencyStatus.UNAVAILABLE, detail=str(error))
    detail = "It can be written to." if free is None else f"{free} bytes free"
    return Dependency(status=DependencyStatus.OK, detail=detail)


async def _scanner(scanner: Scanner) -> Dependency:
    state, detail = await scanner.status()
    if state is ScannerStatus.SCANNING:
        return Dependency(status=DependencyStatus.OK, detail=detail)
    needed = scanner.mode is ScanMode.REQUIRED
    consequence = "Uploads are refused." if needed else "Uploads are stored unscanned."
    status = DependencyStatus.UNAVAILABLE if needed else DependencyStatus.DEGRADED
    return Dependency(status=status, detail=f"{detail} {consequence}")


def _kind(error: Exception) -> str:
    return type(getattr(error, "orig", None) or error).__name__
