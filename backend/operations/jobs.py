"""What administrators are shown of the work in the background, and of the jobs that failed."""

from collections.abc import Mapping, Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.core.queues import Queue
from backend.documents import service as documents
from backend.documents.service import NamedDocument
from backend.identity import service as identity
from backend.jobs import service as jobs
from backend.jobs.models import FailedJob, JobState
from backend.operations.queues import (
    QueueState,
    RunningJob,
    done_per_minute,
    queue_states,
)
from backend.operations.schemas import (
    Decision,
    FailedJobOut,
    FailedState,
    JobDocument,
    JobsOverview,
    QueueOut,
    RunningJobOut,
)

log = structlog.get_logger(__name__)

_READS = "indexing."
"""How the names of the tasks begin that hold a lease on a version: it says whether there is anything to read."""
_STATES = {
    FailedState.WAITING: (JobState.FAILED, JobState.RUNNING_AGAIN),
    FailedState.SETTLED: (JobState.DONE, JobState.DISMISSED),
}


async def overview(session: AsyncSession, actor: Actor, redis: Redis) -> JobsOverview:
    """Return what waits and runs, by queue, and how much of the organisation's is not done yet."""
    return JobsOverview(
        queues=await _queues(session, actor, redis),
        unread=await documents.count_unread(session),
        failed=await jobs.count_failed(session),
    )


async def list_failed(
    session: AsyncSession, actor: Actor, *, state: FailedState, cursor: str | None, limit: int
) -> tuple[list[FailedJobOut], str | None]:
    """Return a page of jobs that failed, newest first, and the cursor of the next."""
    page, next_cursor = await jobs.list_jobs(
        session, states=_STATES[state], cursor=cursor, limit=limit
    )
    return await describe(session, actor, page), next_cursor


async def run_again(session: AsyncSession, actor: Actor, job_id: int) -> FailedJobOut:
    """Put a job that failed into its queue again.

    Raises:
        NotFoundError: there is no such job, or it is another organisation's.
        JobSettledError: it runs, was dismissed, or is done.
    """
    job = await jobs.run_again(session, actor, job_id)
    version_id = _version_id(job.arguments.get("version_id"))
    if job.task.startswith(_READS) and version_id is not None:
        await documents.read_again(session, version_id)
    return (await describe(session, actor, [job]))[0]


async def dismiss(session: AsyncSession, actor: Actor, job_id: int) -> FailedJobOut:
    """Decide that a job that failed need not be done. Raises like `run_again`."""
    job = await jobs.dismiss(session, actor, job_id)
    return (await describe(session, actor, [job]))[0]


async def describe(
    session: AsyncSession, actor: Actor, found: Sequence[FailedJob]
) -> list[FailedJobOut]:
    """Return the wire shapes of jobs, with the documents that the actor may see."""
    versions = {one.id: _version_id(one.arguments.get("version_id")) for one in found}
    named = await documents.name_versions(
        session, actor, [version for version in versions.values() if version is not None]
    )
    deciders = [one.decided_by for one in found if one.decided_by is not None]
    names = await identity.user_names(session, deciders)
    return [
        FailedJobOut(
            id=one.id,
            task=one.task,
            queue=one.queue,
            arguments=one.arguments,
            is_global=one.org_id is None,
            failure=one.failure,
            reason=one.reason,
            tries=one.tries,
            state=one.state,
            first_failed_at=one.first_failed_at,
            last_failed_at=one.last_failed_at,
            decided_at=one.decided_at,
            decided_by=_decision(one, names),
            document=_document(named.get(versions[one.id] or 0)),
        )
        for one in found
    ]


async def _queues(session: AsyncSession, actor: Actor, redis: Redis) -> list[QueueOut] | None:
    try:
        states = await queue_states(redis)
        rates = await done_per_minute(redis)
    except (RedisError, OSError) as error:
        log.warning("queues_unknown", error=type(error).__name__)
        return None
    own = [
        job
        for state in states.values()
        for job in state.running
        if job.org_id in {actor.org_id, None}
    ]
    named = await documents.name_versions(
        session, actor, [job.version_id for job in own if job.version_id is not None]
    )
    return [
        _queue(queue, state, rates[queue], [job for job in own if job.queue == queue], named)
        for queue, state in states.items()
    ]


def _queue(
    queue: Queue,
    state: QueueState,
    rate: float,
    own: Sequence[RunningJob],
    named: Mapping[int, NamedDocument],
) -> QueueOut:
    return QueueOut(
        name=queue,
        waiting=state.waiting,
        running=len(state.running),
        oldest_seconds=state.oldest_seconds,
        done_per_minute=rate,
        estimated_seconds=state.waiting / rate * 60 if rate else None,
        jobs=[
            RunningJobOut(
                task=job.task, since=job.since, document=_document(named.get(job.version_id or 0))
            )
            for job in own
        ],
    )


def _version_id(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _document(found: NamedDocument | None) -> JobDocument | None:
    if found is None:
        return None
    return JobDocument(
        id=found.id, name=found.name, folder_id=found.folder_id, is_trashed=found.is_trashed
    )


def _decision(job: FailedJob, names: Mapping[int, str]) -> Decision | None:
    if job.decided_by is None:
        return None
    return Decision(id=job.decided_by, name=names.get(job.decided_by, ""))
