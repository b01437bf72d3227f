"""SQL of scanning. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.scanning.models import QuarantinedContent, QuarantineState, ScanRun, Trigger

_RESCAN_LOCK = 7312041
"""Taken by whoever takes the rescan's lease, until its transaction ends."""


async def is_excepted(session: AsyncSession, digest: bytes, signature: str) -> bool:
    """Tell whether an administrator has released this content from this signature."""
    statement = exists().where(
        QuarantinedContent.digest == digest,
        QuarantinedContent.signature == signature,
        QuarantinedContent.state == QuarantineState.RELEASED,
    )
    return bool(await session.scalar(select(statement)))


async def put(session: AsyncSession, **values: Any) -> int | None:
    """Record that content is held; return the id of the row, or None where it was held before."""
    statement = insert(QuarantinedContent).values(state=QuarantineState.HELD, **values)
    return await session.scalar(statement.on_conflict_do_nothing().returning(QuarantinedContent.id))


async def lock(session: AsyncSession, quarantine_id: int) -> QuarantinedContent | None:
    """Return a row of the transaction's organisation, to be decided on."""
    return await session.get(
        QuarantinedContent, quarantine_id, with_for_update=True, populate_existing=True
    )


async def get(session: AsyncSession, quarantine_id: int) -> QuarantinedContent | None:
    """Return a row of the transaction's organisation."""
    return await session.get(QuarantinedContent, quarantine_id)


async def page(
    session: AsyncSession, state: QuarantineState, *, before: int | None, limit: int
) -> Sequence[QuarantinedContent]:
    """Return rows, newest first."""
    statement = (
        select(QuarantinedContent)
        .where(QuarantinedContent.state == state)
        .order_by(QuarantinedContent.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(QuarantinedContent.id < before)
    return (await session.scalars(statement)).all()


async def count_held_everywhere(session: AsyncSession) -> int:
    """Return how much content is in quarantine, in all organisations together."""
    return await session.scalar(text("SELECT dms_held_content()")) or 0


async def lock_rescan(session: AsyncSession) -> None:
    """Let one at a time take the rescan's lease."""
    await session.execute(select(func.pg_advisory_xact_lock(_RESCAN_LOCK)))


async def last_run(session: AsyncSession, trigger: Trigger) -> ScanRun | None:
    """Return the run that was begun last, locked."""
    return await session.scalar(
        select(ScanRun)
        .where(ScanRun.trigger == trigger)
        .order_by(ScanRun.id.desc())
        .limit(1)
        .with_for_update()
    )


async def run(session: AsyncSession, run_id: int) -> ScanRun:
    """Return a run as it is now."""
    return await session.get_one(ScanRun, run_id, populate_existing=True)


async def set_lease(session: AsyncSession, run_id: int, until: datetime) -> None:
    """Say until when whoever works on a run may be silent."""
    await session.execute(update(ScanRun).where(ScanRun.id == run_id).values(lease_until=until))


async def set_finished(session: AsyncSession, run_id: int, at: datetime) -> None:
    """Say that a run came to its end."""
    await session.execute(
        update(ScanRun).where(ScanRun.id == run_id).values(finished_at=at, lease_until=at)
    )


async def count(session: AsyncSession, run_id: int, **added: int) -> None:
    """Add to what a run has counted."""
    values: dict[Any, Any] = {name: getattr(ScanRun, name) + n for name, n in added.items()}
    await session.execute(update(ScanRun).where(ScanRun.id == run_id).values(values))
