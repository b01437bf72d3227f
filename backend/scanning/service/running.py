"""Runs: every organisation's content, once each, those first whose last try is longest ago.

How far a run has come needs no cursor: what was tried since it began is done with, whoever tried it. So a run that was
killed goes on where it was, and two at once share the work.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.pace import Pace, StoppedError
from backend.core.settings import ScanMode
from backend.documents import service as documents
from backend.documents.service import Scope
from backend.identity.service import organisation_ids
from backend.scanning import queries
from backend.scanning.errors import NoScannerError, NothingToResumeError, RunUnderWayError
from backend.scanning.models import ScanRun, Trigger
from backend.scanning.service.examining import Found, Kind, scan_blob

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
"""How long whoever works on a run may be silent; the lease is renewed three times as often."""
_BATCH = 200
_AWAY = (DBAPIError, PoolTimeoutError, OSError)

Report = Callable[[Found], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run shall scan: everything, what was stored since a time, or what was never scanned."""

    unscanned_only: bool = False
    stored_since: datetime | None = None


async def begin(session: AsyncSession, wanted: Wanted) -> ScanRun:
    """Record that a run begins."""
    run = ScanRun(
        trigger=Trigger.COMMAND,
        unscanned_only=wanted.unscanned_only,
        stored_since=wanted.stored_since,
        started_at=now(),
        lease_until=now() + LEASE,
    )
    session.add(run)
    await session.flush()
    return await queries.run(session, run.id)


async def get(session: AsyncSession, run_id: int) -> ScanRun:
    """Return a run as it is now."""
    return await queries.run(session, run_id)


async def resume(session: AsyncSession) -> ScanRun:
    """Take up the last run that was begun by command.

    Raises:
        NothingToResumeError: it came to its end, or there is none.
        RunUnderWayError: somebody works on it, or did until some seconds ago.
    """
    run = await queries.last_run(session, Trigger.COMMAND)
    if run is None or run.finished_at is not None:
        raise NothingToResumeError("There is no interrupted run to resume.")
    silent_in = run.lease_until - now()
    if silent_in > timedelta(0):
        seconds = math.ceil(silent_in.total_seconds())
        raise RunUnderWayError(
            f"Run {run.id} is under way, or its process was killed: try again in {seconds} seconds.",
            retry_after=seconds,
        )
    await queries.set_lease(session, run.id, now() + LEASE)
    return run


async def backlog(database: Database, run: ScanRun) -> tuple[int, int]:
    """Return how many blobs a run has before it, and their bytes, in all organisations."""
    blobs = size = 0
    for org_id in await _organisations(database):
        async with database.transaction(Tenant(org_id)) as session:
            more, bytes_ = await documents.scan_backlog(session, _scope(run))
        blobs, size = blobs + more, size + bytes_
    return blobs, size


async def run_scan(
    database: Database, content: Content, run: ScanRun, *, pace: Pace, report: Report
) -> bool:
    """Work on a run until it comes to its end or its pace is over; return whether it came to its end.

    Raises:
        NoScannerError: nothing is scanned here, or no scanner answers.
        ScannerGoneError: the scanner went away. What was scanned before is recorded.
        StorageUnavailableError, SQLAlchemyError, OSError: the store or the database does not answer.
    """
    await require_scanner(content)
    async with holding(database, run.id):
        for org_id in await _organisations(database):
            ended = await scan_scope(
                database, content, org_id, _scope(run), run_id=run.id, pace=pace, report=report
            )
            if not ended:
                return False
        async with database.transaction() as session:
            await queries.set_finished(session, run.id, now())
    return True


async def require_scanner(content: Content) -> None:
    """Make sure that there is a scanner to ask.

    Raises:
        NoScannerError: there is none.
    """
    if content.scanner.mode is ScanMode.OFF:
        raise NoScannerError("Scanning is switched off (DMS_SCAN=off).")
    if not await content.scanner.is_back():
        _, detail = await content.scanner.status()
        raise NoScannerError(detail)


async def scan_scope(
    database: Database,
    content: Content,
    org_id: int,
    scope: Scope,
    *,
    run_id: int,
    pace: Pace,
    report: Report,
) -> bool:
    """Scan what is in scope of an organisation; return whether there is no more. Raises like `run_scan`."""
    while True:
        async with database.transaction(Tenant(org_id)) as session:
            batch = await documents.blobs_to_scan(session, scope, limit=_BATCH)
        for blob in batch:
            if pace.is_over:
                return False
            try:
                found = await scan_blob(database, content, org_id, blob, pace=pace)
            except StoppedError:
                return False
            pace.count(found.size)
            async with database.transaction() as session:
                await queries.count(session, run_id, **_counts(found))
            report(found)
        if len(batch) < _BATCH:
            return True


@asynccontextmanager
async def holding(database: Database, run_id: int) -> AsyncIterator[None]:
    """Keep the lease on a run while the block runs, and give it back at its end."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                async with database.transaction() as session:
                    await queries.set_lease(session, run_id, now() + LEASE)
            except _AWAY as error:
                log.warning("lease_not_renewed", run_id=run_id, error=type(error).__name__)

    renewal = asyncio.create_task(keep())
    try:
        yield
    finally:
        renewal.cancel()
        await asyncio.wait([renewal])
        with suppress(*_AWAY):  # it runs out by itself
            async with database.transaction() as session:
                await queries.set_lease(session, run_id, now())


def _scope(run: ScanRun) -> Scope:
    return Scope(tried_before=run.started_at, since=run.stored_since, unscanned=run.unscanned_only)


def _counts(found: Found) -> dict[str, int]:
    match found.kind:
        case Kind.CLEAN | Kind.EXCEPTED:
            return {"scanned": 1, "scanned_bytes": found.size}
        case Kind.INFECTED:
            return {"scanned": 1, "scanned_bytes": found.size, "infected": 1}
        case Kind.UNSCANNABLE:
            return {"unscannable": 1}
        case Kind.GONE:
            return {"scanned": 0}


async def _organisations(database: Database) -> list[int]:
    async with database.transaction() as session:
        return list(await organisation_ids(session))
