"""SQL of verification. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Row,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Blob
from backend.verification.models import CheckMode, Fault, StoreCheck, StoreFault, Trigger

_SCRUB_LOCK = 7312031
"""Taken by whoever starts or continues the scrub, until its transaction ends."""


async def lock_scrub(session: AsyncSession) -> None:
    """Let one at a time decide whether a scrub is due."""
    await session.execute(select(func.pg_advisory_xact_lock(_SCRUB_LOCK)))


async def last_check(session: AsyncSession, trigger: Trigger) -> StoreCheck | None:
    """Return the check that was begun last, locked."""
    return await session.scalar(
        select(StoreCheck)
        .where(StoreCheck.trigger == trigger)
        .order_by(StoreCheck.id.desc())
        .limit(1)
        .with_for_update()
    )


async def newest_of(session: AsyncSession, trigger: Trigger) -> StoreCheck | None:
    """Return the same without the lock."""
    return await session.scalar(
        select(StoreCheck)
        .where(StoreCheck.trigger == trigger)
        .order_by(StoreCheck.id.desc())
        .limit(1)
    )


async def last_seed(session: AsyncSession) -> int | None:
    """Return the seed of the sample that was drawn last."""
    return await session.scalar(
        select(StoreCheck.sample_seed)
        .where(StoreCheck.sample_seed.is_not(None))
        .order_by(StoreCheck.id.desc())
        .limit(1)
    )


async def last_finished(session: AsyncSession, mode: CheckMode) -> StoreCheck | None:
    """Return the check that ended last, of those that opened every blob in this mode."""
    return await session.scalar(
        select(StoreCheck)
        .where(
            StoreCheck.mode == mode,
            StoreCheck.sample_ppm.is_(None),
            StoreCheck.finished_at.is_not(None),
        )
        .order_by(StoreCheck.finished_at.desc())
        .limit(1)
    )


async def was_finished(session: AsyncSession, trigger: Trigger) -> bool:
    """Return whether any check of this kind ever came to its end."""
    finished = exists().where(StoreCheck.trigger == trigger, StoreCheck.finished_at.is_not(None))
    return bool(await session.scalar(select(finished)))


async def current_check(session: AsyncSession, *, since: datetime) -> StoreCheck | None:
    """Return the check that has not ended and that somebody worked on last, after a time unless it is the scrub."""
    recent = or_(StoreCheck.trigger == Trigger.SCRUB, StoreCheck.lease_until > since)
    return await session.scalar(
        select(StoreCheck)
        .where(StoreCheck.finished_at.is_(None), recent)
        .order_by(StoreCheck.lease_until.desc())
        .limit(1)
    )


async def check(session: AsyncSession, check_id: int) -> StoreCheck:
    """Return a check as it is now."""
    return await session.get_one(StoreCheck, check_id, populate_existing=True)


async def set_planned(session: AsyncSession, check_id: int, planned_bytes: int) -> StoreCheck:
    """Say how much there is to read, and return the check."""
    found = await check(session, check_id)
    found.planned_bytes = planned_bytes
    await session.flush()
    return found


async def set_lease(session: AsyncSession, check_id: int, until: datetime) -> None:
    """Say until when whoever works on a check may be silent."""
    await session.execute(
        update(StoreCheck).where(StoreCheck.id == check_id).values(lease_until=until)
    )


async def set_finished(session: AsyncSession, check_id: int, at: datetime) -> None:
    """Say that a check came to its end."""
    await session.execute(
        update(StoreCheck).where(StoreCheck.id == check_id).values(finished_at=at, lease_until=at)
    )


async def advance(
    session: AsyncSession, check_id: int, *, org_id: int, digest: bytes, counts: dict[str, int]
) -> None:
    """Move a check's cursor, and add to what it counted."""
    added: dict[Any, Any] = {name: getattr(StoreCheck, name) + n for name, n in counts.items() if n}
    await session.execute(
        update(StoreCheck)
        .where(StoreCheck.id == check_id)
        .values(cursor_org_id=org_id, cursor_digest=digest, **added)
    )


async def open_faults(
    session: AsyncSession, *, after: bytes, upto: bytes
) -> Sequence[Row[int, bytes, Fault, bool]]:
    """Return (id, digest, fault, whether the blob is still recorded) of the open faults in a range of digests."""
    recorded = exists().where(Blob.org_id == StoreFault.org_id, Blob.digest == StoreFault.digest)
    statement = select(StoreFault.id, StoreFault.digest, StoreFault.fault, recorded).where(
        StoreFault.resolved_at.is_(None), StoreFault.digest > after, StoreFault.digest <= upto
    )
    return (await session.execute(statement)).all()


async def resolve(session: AsyncSession, fault_ids: Sequence[int], at: datetime) -> None:
    """Close faults."""
    await session.execute(
        update(StoreFault).where(StoreFault.id.in_(fault_ids)).values(resolved_at=at)
    )


async def put_faults(session: AsyncSession, rows: Sequence[dict[str, Any]], at: datetime) -> None:
    """Open faults, or say of open ones that they were seen again, and as what."""
    statement = insert(StoreFault).values(
        org_id=bindparam("org_id"),
        digest=bindparam("digest"),
        fault=bindparam("fault"),
        detail=bindparam("detail"),
        found_at=at,
        last_seen_at=at,
    )
    statement = statement.on_conflict_do_update(
        index_elements=[StoreFault.org_id, StoreFault.digest],
        index_where=StoreFault.resolved_at.is_(None),
        set_={
            "fault": statement.excluded.fault,
            "detail": statement.excluded.detail,
            "last_seen_at": at,
        },
    )
    await session.execute(statement, list(rows))


async def faults(
    session: AsyncSession, *, resolved: bool, before: int | None, limit: int
) -> Sequence[Row[StoreFault, int | None]]:
    """Return (fault, the blob's size if it is still recorded), newest first."""
    statement = (
        select(StoreFault, Blob.size)
        .join(
            Blob,
            (Blob.org_id == StoreFault.org_id) & (Blob.digest == StoreFault.digest),
            isouter=True,
        )
        .where(
            StoreFault.resolved_at.is_not(None) if resolved else StoreFault.resolved_at.is_(None)
        )
        .order_by(StoreFault.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(StoreFault.id < before)
    return (await session.execute(statement)).all()


async def count_open(session: AsyncSession) -> dict[Fault, int]:
    """Return how many faults are open in the transaction's organisation, by kind."""
    statement = (
        select(StoreFault.fault, func.count())
        .where(StoreFault.resolved_at.is_(None))
        .group_by(StoreFault.fault)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


async def count_open_everywhere(session: AsyncSession) -> dict[Fault, int]:
    """Return how many faults are open in all organisations together, by kind."""
    rows = await session.execute(text("SELECT fault, open FROM dms_open_store_faults()"))
    return {Fault(row.fault): row.open for row in rows}
