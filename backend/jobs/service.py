"""Recording jobs that failed, and deciding what becomes of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import NotFoundError
from backend.core.outbox import emit
from backend.core.pagination import decode_cursor, encode_cursor
from backend.jobs import queries
from backend.jobs.errors import JobSettledError
from backend.jobs.models import FailedJob, Failure, JobState

JOBS_CHANGED = "jobs.changed"
"""The event that tells administrators; `data` holds the `id` and `state` of a job that failed or was decided on."""
RUN_AGAIN = "job.run_again"
"""The event that puts a job into its queue again; `data` holds `task`, `queue` and `arguments`."""
_LONGEST_REASON = 2_000


def fingerprint(arguments: Mapping[str, Any]) -> bytes:
    """Return what tells a job from others of its task."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).digest()


async def record_failure(
    session: AsyncSession,
    *,
    org_id: int | None,
    task: str,
    queue: str,
    arguments: Mapping[str, Any],
    failure: Failure,
    reason: str,
    tries: int = 1,
) -> int:
    """Record that a job failed and is not tried again by itself; return the id of its row.

    The transaction is bound to the organisation, if the job has one.
    """
    job_id = await queries.put(
        session,
        at=now(),
        tries=tries,
        org_id=org_id,
        task=task,
        queue=queue,
        arguments=dict(arguments),
        fingerprint=fingerprint(arguments),
        failure=failure,
        reason=reason[:_LONGEST_REASON],
    )
    if org_id is not None:
        await _changed(session, org_id, job_id, JobState.FAILED)
    return job_id


async def record_success(
    session: AsyncSession, *, org_id: int | None, task: str, arguments: Mapping[str, Any]
) -> None:
    """Record that a job that failed before succeeded."""
    job_id = await queries.settle(session, task, fingerprint(arguments))
    if job_id is not None and org_id is not None:
        await _changed(session, org_id, job_id, JobState.DONE)


async def list_jobs(
    session: AsyncSession, *, states: Sequence[JobState], cursor: str | None, limit: int
) -> tuple[list[FailedJob], str | None]:
    """Return a page of jobs of the transaction's organisation and of the installation, and the cursor of the next."""
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = await queries.page(session, states, before=before, limit=limit + 1)
    page = list(rows[:limit])
    return page, encode_cursor(page[-1].id) if len(rows) > limit else None


async def run_again(session: AsyncSession, actor: Actor, job_id: int) -> FailedJob:
    """Put a job that failed into its queue again.

    Raises:
        NotFoundError: there is no such job, or it is another organisation's.
        JobSettledError: it runs, was dismissed, or is done.
    """
    job = await _failed(session, job_id)
    await _decide(session, actor, job, JobState.RUNNING_AGAIN)
    data = {"task": job.task, "queue": job.queue, "arguments": job.arguments}
    await emit(session, RUN_AGAIN, org_id=actor.org_id, data=data)
    return job


async def dismiss(session: AsyncSession, actor: Actor, job_id: int) -> FailedJob:
    """Decide that a job that failed need not be done. Raises like `run_again`."""
    job = await _failed(session, job_id)
    await _decide(session, actor, job, JobState.DISMISSED)
    return job


async def count_failed(session: AsyncSession) -> int:
    """Return how many jobs of the transaction's organisation, and of the installation, wait for a decision."""
    return await queries.count_open(session)


async def count_everywhere(session: AsyncSession) -> dict[Failure, int]:
    """Return how many jobs wait for a decision in all organisations, by how they failed."""
    return dict.fromkeys(Failure, 0) | dict(await queries.count_everywhere(session))


async def _failed(session: AsyncSession, job_id: int) -> FailedJob:
    job = await queries.lock(session, job_id)
    if job is None:
        raise NotFoundError(f"There is no failed job {job_id}.")
    if job.state is not JobState.FAILED:
        raise JobSettledError("It does not wait for a decision any more.", state=job.state)
    return job


async def _decide(session: AsyncSession, actor: Actor, job: FailedJob, state: JobState) -> None:
    job.state, job.decided_at, job.decided_by = state, now(), actor.user_id
    await session.flush()
    facts = {"task": job.task, "arguments": job.arguments, "reason": job.reason}
    deed = Deed(f"job.{state}", f"job:{job.id}", facts)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    await _changed(session, actor.org_id, job.id, state)


async def _changed(session: AsyncSession, org_id: int, job_id: int, state: JobState) -> None:
    await emit(session, JOBS_CHANGED, org_id=org_id, data={"id": job_id, "state": state})
