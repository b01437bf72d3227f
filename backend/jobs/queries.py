"""SQL of failed jobs. Used by `service` alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.jobs.models import FailedJob, Failure, JobState

OPEN = (JobState.FAILED, JobState.RUNNING_AGAIN)
_IS_OPEN = text("state IN ('failed', 'running_again')")


async def put(session: AsyncSession, *, at: datetime, tries: int, **values: Any) -> int:
    """Record that a job failed, for the first time or once more; return the id of its row."""
    statement = insert(FailedJob).values(
        state=JobState.FAILED, first_failed_at=at, last_failed_at=at, tries=tries, **values
    )
    statement = statement.on_conflict_do_update(
        index_elements=[FailedJob.task, FailedJob.fingerprint],
        index_where=_IS_OPEN,
        set_={
            "state": JobState.FAILED,
            "failure": statement.excluded.failure,
            "reason": statement.excluded.reason,
            "tries": FailedJob.tries + statement.excluded.tries,
            "last_failed_at": at,
        },
    )
    # An upsert always has a row to return.
    return (await session.scalars(statement.returning(FailedJob.id))).one()


async def settle(session: AsyncSession, task: str, fingerprint: bytes) -> int | None:
    """Say of a job that failed before that it is done; return its row's id if there is one."""
    return await session.scalar(
        update(FailedJob)
        .where(
            FailedJob.task == task, FailedJob.fingerprint == fingerprint, FailedJob.state.in_(OPEN)
        )
        .values(state=JobState.DONE)
        .returning(FailedJob.id)
    )


async def lock(session: AsyncSession, job_id: int) -> FailedJob | None:
    """Return a job that the transaction's organisation may see, to be decided on."""
    return await session.get(FailedJob, job_id, with_for_update=True, populate_existing=True)


async def page(
    session: AsyncSession, states: Sequence[JobState], *, before: int | None, limit: int
) -> Sequence[FailedJob]:
    """Return jobs, newest first."""
    statement = (
        select(FailedJob)
        .where(FailedJob.state.in_(states))
        .order_by(FailedJob.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(FailedJob.id < before)
    return (await session.scalars(statement)).all()


async def count_open(session: AsyncSession) -> int:
    """Return how many jobs wait for a decision."""
    statement = select(func.count()).where(FailedJob.state == JobState.FAILED)
    return await session.scalar(statement) or 0


async def count_everywhere(session: AsyncSession) -> Mapping[Failure, int]:
    """Return how many jobs wait for a decision in all organisations, by how they failed."""
    rows = await session.execute(text("SELECT failure, failed FROM dms_failed_jobs()"))
    return {Failure(row.failure): row.failed for row in rows}
