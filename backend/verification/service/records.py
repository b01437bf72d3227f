"""What is kept of a check: when it was begun, how far it has come, what it counted, who works on it."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.db import Database
from backend.verification import queries
from backend.verification.errors import CheckRunningError, NothingToResumeError
from backend.verification.models import StoreCheck, Trigger
from backend.verification.service.examining import Scope
from backend.verification.service.sampling import Sample

log = structlog.get_logger(__name__)

_AWAY = (DBAPIError, PoolTimeoutError, OSError)

LEASE = timedelta(seconds=30)
"""How long whoever works on a check may be silent; the lease is renewed three times as often."""


async def begin(
    session: AsyncSession, *, trigger: Trigger, scope: Scope, planned_bytes: int | None = None
) -> StoreCheck:
    """Record that a check begins."""
    check = StoreCheck(
        trigger=trigger,
        mode=scope.mode,
        sample_ppm=None if scope.sample is None else scope.sample.ppm,
        sample_seed=None if scope.sample is None else scope.sample.seed,
        planned_bytes=planned_bytes,
        lease_until=now() + LEASE,
    )
    session.add(check)
    await session.flush()
    await session.refresh(check)
    return check


async def get(session: AsyncSession, check_id: int) -> StoreCheck:
    """Return a check as it is now."""
    return await queries.check(session, check_id)


async def next_seed(session: AsyncSession) -> int:
    """Return the seed that continues where the last sample ended."""
    last = await queries.last_seed(session)
    return 0 if last is None else last + 1


async def resume(session: AsyncSession) -> StoreCheck:
    """Take up the last check that was begun by command.

    Raises:
        NothingToResumeError: it came to its end, or there is none.
        CheckRunningError: somebody works on it, or did until some seconds ago.
    """
    check = await queries.last_check(session, Trigger.COMMAND)
    if check is None or check.finished_at is not None:
        raise NothingToResumeError("There is no interrupted check to resume.")
    silent_in = check.lease_until - now()
    if silent_in > timedelta(0):
        seconds = math.ceil(silent_in.total_seconds())
        raise CheckRunningError(
            f"Check {check.id} is running, or its process was killed: try again in {seconds} seconds.",
            retry_after=seconds,
        )
    await renew(session, check.id)
    return check


async def renew(session: AsyncSession, check_id: int) -> None:
    """Keep a check for a while longer."""
    await queries.set_lease(session, check_id, now() + LEASE)


def scope_of(check: StoreCheck) -> Scope:
    """Return how closely a check looks, and at which blobs."""
    if check.sample_ppm is None or check.sample_seed is None:
        return Scope(check.mode)
    return Scope(check.mode, Sample(check.sample_ppm, check.sample_seed))


@asynccontextmanager
async def holding(database: Database, check_id: int) -> AsyncIterator[None]:
    """Keep the lease on a check while the block runs, and give it back at its end."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                async with database.transaction() as session:
                    await renew(session, check_id)
            except _AWAY as error:
                log.warning("lease_not_renewed", check_id=check_id, error=type(error).__name__)

    renewal = asyncio.create_task(keep())
    try:
        yield
    finally:
        renewal.cancel()
        await asyncio.wait([renewal])
        with suppress(*_AWAY):  # it runs out by itself
            async with database.transaction() as session:
                await queries.set_lease(session, check_id, now())
