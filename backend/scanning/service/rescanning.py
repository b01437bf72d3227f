"""The rescan: what is stored is given to the scanner again and again, in slices that leave the machine to others.

First what was never scanned, soon: it was stored while the scanner was away. Then what was stored in the last two
weeks, with each day's signatures: those for new malware come some days after it. Then everything, once in a period.
"""

import random
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database
from backend.core.pace import Pace
from backend.core.settings import ScanMode
from backend.documents.service import Scope
from backend.identity.service import organisation_ids
from backend.scanning import queries
from backend.scanning.models import ScanRun, Trigger
from backend.scanning.service.examining import Found, Kind
from backend.scanning.service.running import LEASE, holding, scan_scope

SLICE_SECONDS = 15.0
"""How long a slice scans; the blob it is at when the time has come it scans to its end."""
RECENT = timedelta(days=14)
AGAIN = timedelta(days=1)
_NEVER = timedelta(days=365 * 1000)


async def rescan_slice(
    database: Database, content: Content, *, period: timedelta | None, rate: int
) -> int | None:
    """Scan what is due; return how much of it was infected, or None where nobody could, or another process is at it.

    Without a period, only what was never scanned. `rate` is in bytes per second.

    Raises:
        ScannerGoneError: the scanner went away meanwhile.
        StorageUnavailableError, SQLAlchemyError, OSError: the store or the database does not answer.
    """
    scanner = content.scanner
    if scanner.mode is ScanMode.OFF or not await scanner.lives():
        return None
    async with database.transaction() as session:
        run = await _take(session)
        org_ids = list(await organisation_ids(session))
    if run is None:
        return None
    infected = 0

    def count(found: Found) -> None:
        nonlocal infected
        infected += found.kind is Kind.INFECTED

    pace = Pace(rate=rate, seconds=SLICE_SECONDS)
    async with holding(database, run.id):
        for scope in _due(await scanner.database(), period):
            # No organisation waits for ever behind one that has much.
            for org_id in random.sample(org_ids, len(org_ids)):
                ended = await scan_scope(
                    database, content, org_id, scope, run_id=run.id, pace=pace, report=count
                )
                if not ended:
                    return infected
    return infected


def _due(signatures: int | None, period: timedelta | None) -> list[Scope]:
    """Return what is due, the most urgent first."""
    at = now()
    never_tried = Scope(tried_before=at - _NEVER)
    if period is None:
        return [never_tried]
    everything = Scope(tried_before=at - period)
    if signatures is None:
        return [never_tried, everything]
    recent = Scope(tried_before=at - AGAIN, since=at - RECENT, not_with=signatures)
    return [never_tried, recent, everything]


async def _take(session: AsyncSession) -> ScanRun | None:
    """Return the rescan's row with the lease on it, made if need be; None where another process has it."""
    await queries.lock_rescan(session)
    run = await queries.last_run(session, Trigger.SCHEDULE)
    if run is None:
        run = ScanRun(trigger=Trigger.SCHEDULE, started_at=now(), lease_until=now() + LEASE)
        session.add(run)
        await session.flush()
        return run
    if run.lease_until > now():
        return None
    await queries.set_lease(session, run.id, now() + LEASE)
    return run
