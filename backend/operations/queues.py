"""What waits in the queues and what the workers are at, as Redis knows it."""

import json
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from redis.asyncio import Redis

from backend.core.clock import now
from backend.core.queues import DONE, QUEUED_AT, RUNNING, UNACKED, Queue

RATE_MINUTES = 10
_STEPS = (3, 6, 9)
_SEPARATOR = "\x06\x16"
_MOST_HANDED_OUT = 5_000


@dataclass(frozen=True, slots=True)
class RunningJob:
    """What a worker is at."""

    task: str
    queue: str
    org_id: int | None
    version_id: int | None
    since: datetime


@dataclass(slots=True)
class QueueState:
    """One queue: messages that wait, what the workers are at, and for how many seconds the oldest has waited."""

    waiting: int = 0
    running: list[RunningJob] = field(default_factory=list)
    oldest_seconds: float | None = None


async def queue_states(redis: Redis) -> dict[Queue, QueueState]:
    """Return the state of each queue.

    Raises:
        RedisError: Redis does not answer.
    """
    lists = [(queue, name) for queue in Queue for name in _lists(queue)]
    async with redis.pipeline(transaction=False) as pipe:
        for _, name in lists:
            pipe.llen(name)
            # Messages are taken at this end.
            pipe.lindex(name, -1)
        pipe.hvals(RUNNING)
        pipe.hlen(UNACKED)
        *answers, running, handed_out = await pipe.execute()
    states = {queue: QueueState() for queue in Queue}
    for (queue, _), waiting, oldest in zip(lists, answers[::2], answers[1::2], strict=True):
        states[queue].waiting += waiting
        age = _age(oldest)
        if age is not None:
            states[queue].oldest_seconds = max(age, states[queue].oldest_seconds or 0)
    for job in map(_running, running):
        if job.queue in states:
            states[Queue(job.queue)].running.append(job)
    if handed_out <= _MOST_HANDED_OUT:
        await _add_handed_out(redis, states)
    return states


async def done_per_minute(redis: Redis) -> dict[Queue, float]:
    """Return how many jobs of each queue the workers have done in a minute, in the last ten."""
    minute = int(time.time() // 60)
    rates = {}
    for queue in Queue:
        names = [f"{DONE}:{queue}:{minute - n}" for n in range(RATE_MINUTES)]
        rates[queue] = sum(int(one or 0) for one in await redis.mget(names)) / RATE_MINUTES
    return rates


def _lists(queue: Queue) -> list[str]:
    """Return the names of the lists a queue consists of: kombu has one for each step of urgency."""
    return [queue, *(f"{queue}{_SEPARATOR}{step}" for step in _STEPS)]


async def _add_handed_out(redis: Redis, states: dict[Queue, QueueState]) -> None:
    """Count with what waits what workers have fetched and not begun: what is to be tried again later, too."""
    fetched = dict.fromkeys(Queue, 0)
    for value in await cast("Awaitable[list[bytes]]", redis.hvals(UNACKED)):
        _, _, routing_key = json.loads(value)
        if routing_key in states:
            fetched[Queue(routing_key)] += 1
    for queue, state in states.items():
        state.waiting += max(fetched[queue] - len(state.running), 0)


def _age(message: bytes | None) -> float | None:
    if message is None:
        return None
    queued_at = json.loads(message).get("headers", {}).get(QUEUED_AT)
    if queued_at is None:
        return None
    return max((now() - datetime.fromisoformat(queued_at)).total_seconds(), 0.0)


def _running(value: bytes) -> RunningJob:
    told: dict[str, Any] = json.loads(value)
    return RunningJob(
        task=told["task"],
        queue=told["queue"],
        org_id=told["org_id"],
        version_id=told["version_id"],
        since=datetime.fromisoformat(told["since"]),
    )
