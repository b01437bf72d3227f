"""What every task is: counted while it runs, and put on record when it failed for good.

Nothing a task does depends on it: where Redis or the database is away, there is less to show.
"""

import inspect
import json
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from typing import Any, TypeVar

import structlog
from billiard.einfo import ExceptionInfo
from billiard.exceptions import TimeLimitExceeded
from celery import Task
from celery.exceptions import Retry
from celery.signals import task_revoked
from kombu.exceptions import ChannelError, OperationalError
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from backend.core.clock import now
from backend.core.db import Tenant
from backend.core.errors import DomainError
from backend.core.outbox import mark_done
from backend.core.queues import DONE, HAS_FAILED, OWED, QUEUED_AT, RUNNING, Queue
from backend.core.settings import get_settings
from backend.jobs import service as jobs
from backend.jobs.models import Failure
from worker.runtime import Runtime

log = structlog.get_logger(__name__)
T = TypeVar("T")

MOST_BEGINNINGS = 3
"""So often the same message may end the process that runs it, the worker living on."""
MOST_IN_ALL = 10
"""So often it may be begun at all: its worker may end with it, but also by a restart, or a loss of power."""
RECORD = "jobs.record_failure"
_BEGUN = "dms:jobs:begun_by"
_FAILED = "dms:jobs:failed"
_REMEMBERED = 86_400
_COUNTED = 2 * 3_600
_MINUTE = 60
_WORKER = secrets.token_hex(8)
"""Names this worker from its start to its end: the processes that run its tasks are forks of this one."""


class WorkersLostError(Exception):
    """Each process that began the task died of it."""


class Job(Task[Any, Any]):
    """A task of ours."""

    abstract = True

    def before_start(self, task_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note that it runs; give it up where it has ended its process every time.

        Raises:
            WorkersLostError: it has.
        """
        begun = _redis(self._begin, task_id, args, kwargs) or [1]
        if max(begun) > MOST_BEGINNINGS or sum(begun) > MOST_IN_ALL:
            raise WorkersLostError(
                f"The process that ran it died {sum(begun) - 1} times; it is not tried again by itself."
            )

    def after_return(
        self,
        status: str,
        retval: Any,
        task_id: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        einfo: ExceptionInfo,
    ) -> None:
        """Note that it does not run any more."""
        del status, retval, args, kwargs, einfo
        _redis(_end, task_id)

    def on_retry(
        self,
        exc: Exception,
        task_id: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        einfo: ExceptionInfo,
    ) -> None:
        """Note that it waits for its next try, and that no process died of this one."""
        del exc, args, kwargs, einfo
        _redis(_end, task_id)

    def on_success(
        self, retval: Any, task_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Count it; where it failed before, say that it is done."""
        del retval, task_id
        arguments = self.named(args, kwargs)
        if _redis(self._count, arguments) or self.request.get(HAS_FAILED):
            _recorded(_settle(self.name, arguments))
        self._pay()

    def on_failure(
        self,
        exc: Exception,
        task_id: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        einfo: ExceptionInfo,
    ) -> None:
        """Put it on record. The parent, which ends what takes too long, has the record made by a child."""
        del einfo
        if isinstance(exc, Retry):
            return
        if self.name == RECORD:
            _lost(self.request.parent_id or task_id, kwargs.get("task", RECORD), exc)
            return
        facts: dict[str, Any] = {
            "task": self.name,
            "queue": self.queue_of(),
            "arguments": self.named(args, kwargs),
            "failure": _failure(exc),
            "reason": _reason(exc, is_global="org_id" not in kwargs),
            "tries": (self.request.retries or 0) + 1,
        }
        if Runtime.is_open():
            _redis(self._remember, self.named(args, kwargs))
            if _recorded(record(**facts)):
                self._pay()
                return
        self._hand_on(task_id, facts)

    def _hand_on(self, task_id: str, facts: Mapping[str, Any]) -> None:
        """Have it put on record by another process, or later."""
        try:
            self.app.send_task(
                RECORD, kwargs=dict(facts), queue=Queue.FAST, retry=False, parent_id=task_id
            )
        except (OperationalError, ChannelError) as error:
            _lost(task_id, self.name, error)

    def _pay(self) -> None:
        """Say that what was owed is done, or on record as failed."""
        event_id = self.request.get(OWED)
        if event_id is not None:
            _recorded(_mark_done(event_id))

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by their names, however the message gives them."""
        try:
            return dict(inspect.signature(self.run).bind_partial(*args, **kwargs).arguments)
        except TypeError:
            return dict(kwargs)  # it was sent by another release, and fails for that

    def queue_of(self) -> str:
        """Return the queue its message came from, or where its messages go."""
        info = self.request.delivery_info or {}
        if info.get("routing_key"):
            return str(info["routing_key"])
        return str(self.app.amqp.router.route({}, self.name)["queue"].name)

    def _begin(self, task_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int]:
        """Note that it runs; return how often each worker has begun it."""
        arguments = self.named(args, kwargs)
        told = {
            "task": self.name,
            "queue": self.queue_of(),
            "org_id": arguments.get("org_id"),
            "version_id": arguments.get("version_id"),
            "since": now().isoformat(),
            QUEUED_AT: self.request.get(QUEUED_AT),
        }
        with _client().pipeline() as pipe:
            pipe.hset(RUNNING, task_id, json.dumps(told))
            pipe.hincrby(f"{_BEGUN}:{task_id}", _WORKER, 1)
            pipe.expire(f"{_BEGUN}:{task_id}", _REMEMBERED)
            pipe.hvals(f"{_BEGUN}:{task_id}")
            return [int(count) for count in pipe.execute()[-1]]

    def _count(self, arguments: Mapping[str, Any]) -> bool:
        """Count a success for the rates; return whether the job failed before."""
        counter = f"{DONE}:{self.queue_of()}:{int(time.time() // _MINUTE)}"
        with _client().pipeline() as pipe:
            pipe.incr(counter)
            pipe.expire(counter, _COUNTED)
            pipe.srem(_FAILED, self._key(arguments))
            return bool(pipe.execute()[2])

    def _remember(self, arguments: Mapping[str, Any]) -> None:
        _client().sadd(_FAILED, self._key(arguments))

    def _key(self, arguments: Mapping[str, Any]) -> str:
        return f"{self.name}:{jobs.fingerprint(arguments).hex()}"


@task_revoked.connect
def _forget(request: Any, **_: Any) -> None:
    """Note that a task does not run whose process was killed, and which had expired when it came to another."""
    _redis(_end, request.id)


def _end(task_id: str) -> None:
    with _client().pipeline() as pipe:
        pipe.hdel(RUNNING, task_id)
        pipe.delete(f"{_BEGUN}:{task_id}")
        pipe.execute()


async def record(
    *,
    task: str,
    queue: str,
    arguments: dict[str, Any],
    failure: str,
    reason: str,
    tries: int,
) -> None:
    """Put a job that failed on record."""
    org_id = arguments.get("org_id")
    async with Runtime.current().database.transaction(_tenant(org_id)) as session:
        await jobs.record_failure(
            session,
            org_id=org_id,
            task=task,
            queue=queue,
            arguments=arguments,
            failure=Failure(failure),
            reason=reason,
            tries=tries,
        )


async def _settle(task: str, arguments: dict[str, Any]) -> None:
    org_id = arguments.get("org_id")
    async with Runtime.current().database.transaction(_tenant(org_id)) as session:
        await jobs.record_success(session, org_id=org_id, task=task, arguments=arguments)


async def _mark_done(event_id: int) -> None:
    async with Runtime.current().database.transaction() as session:
        await mark_done(session, event_id)


def _tenant(org_id: int | None) -> Tenant | None:
    return None if org_id is None else Tenant(org_id)


def _recorded(work: Coroutine[Any, Any, None]) -> bool:
    """Do what the database is to keep; tell whether it does."""
    try:
        Runtime.current().run(work)
    except (SQLAlchemyError, OSError) as error:
        log.warning("job_not_kept", error=type(error).__name__)
        return False
    return True


def _lost(task_id: str, task: str, error: Exception) -> None:
    """Log that nothing but this line will say that a job failed."""
    log.error("job_not_recorded", id=task_id, task=task, error=type(error).__name__)


def _redis(tell: Callable[..., T], *args: Any) -> T | None:
    try:
        return tell(*args)
    except (RedisError, OSError) as error:
        log.warning("job_not_counted", error=type(error).__name__)
        return None


def _client() -> Redis:
    return Runtime.current().redis if Runtime.is_open() else _parents_client()


@cache
def _parents_client() -> Redis:
    """Return the connection of a process that runs no tasks itself."""
    url = str(get_settings().redis_url)
    return Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)


def _failure(error: Exception) -> Failure:
    if isinstance(error, TimeLimitExceeded):
        return Failure.TIME_LIMIT
    return Failure.WORKER_LOST if isinstance(error, WorkersLostError) else Failure.ERROR


def _reason(error: Exception, *, is_global: bool) -> str:
    """Return what an administrator is told. What is nobody's is seen by all: nothing of what anybody has is in it."""
    if isinstance(error, TimeLimitExceeded):
        return "It took longer than it may."
    if isinstance(error, WorkersLostError):
        return str(error)
    if is_global:
        return f"{type(error).__name__}; the log of the workers has the rest."
    if isinstance(error, DomainError):
        return error.detail
    if isinstance(error, DBAPIError):
        # Its text repeats the statement and the values in it.
        return f"The database refused it: {type(error.orig).__name__}."
    return f"{type(error).__name__}: {error}"
