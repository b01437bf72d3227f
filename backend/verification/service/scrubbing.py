"""The scrub: every byte of the store is read once in so many days, in slices that leave the machine to others.

A slice reads what is due: as much of the whole as of the period has passed. So the reading is spread evenly, a service
that was down catches up, and a process that is killed loses a slice at most.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.pace import Pace
from backend.documents import service as documents
from backend.identity.service import organisation_ids
from backend.verification import queries
from backend.verification.models import CheckMode, StoreCheck, Trigger
from backend.verification.service import records
from backend.verification.service.checking import run_check
from backend.verification.service.examining import Scope

SLICE_SECONDS = 15.0
"""How long a slice reads, unless it has to catch up; the blob it is at when the time has come it reads to its end."""
CATCH_UP_SECONDS = 50.0
_LATE = timedelta(days=1)
_SPREAD = 0.9
"""The part of the period over which the reading is spread: the rest is for what is uploaded meanwhile."""
_LEAST_SHARE = 0.01
_LEAST_BYTES = 64 * 2**20
"""A slice that would read less than either is not worth beginning."""


async def scrub_slice(
    database: Database,
    content: Content,
    *,
    period: timedelta,
    rate: int,
) -> StoreCheck | None:
    """Do what is due of the scrub; return it, or None where nothing is due or another process is at it.

    `rate` is in stored bytes per second. What the store's fallback has whole repairs what is damaged. Raises like
    `run_check`.
    """
    async with database.transaction() as session:
        check = await _take(session, period)
    if check is None:
        return None
    if check.planned_bytes is None:
        planned = await _stored_bytes(database)
        async with database.transaction() as session:
            check = await queries.set_planned(session, check.id, planned)
    async with database.transaction() as session:
        due = await _due(session, check, period)
    pace = Pace(
        rate=rate,
        enough=due.bytes,
        seconds=CATCH_UP_SECONDS if due.is_late else SLICE_SECONDS,
    )
    await run_check(database, content, check, pace=pace, source=content.store.fallback)
    async with database.transaction() as session:
        return await queries.check(session, check.id)


async def _take(session: AsyncSession, period: timedelta) -> StoreCheck | None:
    """Return the scrub that has something due, begun if need be, with the lease on it."""
    await queries.lock_scrub(session)
    last = await queries.last_check(session, Trigger.SCRUB)
    if last is None or (last.finished_at is not None and last.started_at + period <= now()):
        return await records.begin(session, trigger=Trigger.SCRUB, scope=Scope(CheckMode.FULL))
    if last.finished_at is not None or last.lease_until > now():
        return None
    if (await _due(session, last, period)).bytes == 0:
        return None
    await records.renew(session, last.id)
    return last


@dataclass(frozen=True, slots=True)
class _Due:
    """What a slice should read: None for all there is left."""

    bytes: int | None
    is_late: bool = False


async def _due(session: AsyncSession, check: StoreCheck, period: timedelta) -> _Due:
    planned = check.planned_bytes
    if planned is None or check.read_bytes >= planned:
        return _Due(None)
    if not await queries.was_finished(session, Trigger.SCRUB):
        # The first is not spread: what was stored before there was a scrub has waited long enough.
        return _Due(None)
    share = (now() - check.started_at) / (period * _SPREAD)
    behind = min(int(planned * share), planned) - check.read_bytes
    if behind < min(planned * _LEAST_SHARE, _LEAST_BYTES, planned - check.read_bytes):
        return _Due(0)
    return _Due(behind, is_late=behind > planned * (_LATE / period))


async def _stored_bytes(database: Database) -> int:
    async with database.transaction() as session:
        org_ids = await organisation_ids(session)
    total = 0
    for org_id in org_ids:
        async with database.transaction(Tenant(org_id)) as session:
            total += (await documents.stored_totals(session)).stored_size
    return total
