"""Jobs that fail, workers that are killed, queues that are lost: with real workers and a Valkey of their own."""

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import select, update

from backend.core.clock import now
from backend.core.db import Database
from backend.core.outbox import OutboxEvent, emit
from backend.core.queues import UNACKED, Queue
from backend.core.settings import Settings
from backend.launch.processes import processes_in
from backend.launch.servers import running
from backend.launch.valkey import EmbeddedValkey, embedded_valkey
from backend.operations.queues import queue_states
from backend.relay import LOST_AFTER, TASKS, Relay, Task
from tests.support.api import Api
from tests.support.workers import Workers, workers
from worker import jobs
from worker.tasks.jobs import record_failure

MAY_TAKE = 120.0
SILENCE = 6
"""Seconds a worker may be silent: as few as tell a dead worker from a slow one here."""


async def until(condition: Callable[[], Any], what: str, *, seconds: float = MAY_TAKE) -> Any:
    """Wait for a condition, looking twenty times a second; return what it gives."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"still not so: {what}"
        await asyncio.sleep(0.05)


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with embedded_valkey(tmp_path / "queues") as server:
        yield server


@pytest.fixture
def there(settings: Settings, queues: EmbeddedValkey) -> Settings:
    """The settings of workers on that Valkey."""
    return Settings(
        **{
            **settings.model_dump(exclude={"encryption_key", "database_url", "redis_url"}),
            "database_url": str(settings.database_url),
            "encryption_key": settings.encryption_key,
            "redis_url": queues.url,
            "worker_silence_seconds": SILENCE,
        }
    )


@pytest.fixture
def crew(there: Settings, tmp_path: Path) -> Iterator[Workers]:
    with workers(there, tmp_path / "workers.log") as found:
        yield found


@pytest.fixture
async def redis(there: Settings) -> AsyncIterator[Redis]:
    opened = Redis.from_url(str(there.redis_url))
    yield opened
    await opened.aclose()


@pytest.fixture
async def relay(there: Settings, database: Database, redis: Redis) -> Relay:
    """A relay that has nothing of other tests to send."""
    async with database.transaction() as session:
        sent = {"sent_at": now(), "done_at": now()}
        await session.execute(update(OutboxEvent).values(sent))
    found = Relay(there, database, redis)
    await found.recover()
    return found


@pytest.fixture
async def admin(admin: Api, app: FastAPI, redis: Redis) -> AsyncIterator[Api]:
    """An administrator who is shown these queues."""
    others, app.state.redis = app.state.redis, redis
    yield admin
    app.state.redis = others


async def failed(api: Api, state: str = "waiting") -> list[dict[str, Any]]:
    answer = await api.get("/jobs/failed", params={"state": state})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return [one for one in items if one["task"].startswith("test.")]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def logged(log: Path, event: str) -> set[tuple[str, str]]:
    """The id and the name of each job of which the workers said that."""
    if not log.exists():
        return set()
    found = (json.loads(line) for line in lines(log) if line.startswith("{"))
    return {(one["id"], one["task"]) for one in found if one.get("event") == event}


async def test_a_job_that_fails_is_listed_and_done_when_it_is_run_again(
    admin: Api, crew: Workers, relay: Relay, tmp_path: Path, member: Api
) -> None:
    mended = tmp_path / "mended"
    crew.start(Queue.FAST)
    crew.send("test.fails", org_id=admin.org_id, until=str(mended))
    [job] = await until(lambda: failed(admin), "it is listed")
    assert (job["failure"], job["tries"], job["state"]) == ("error", 1, "failed")
    assert job["reason"] == f"ValueError: {mended} is not there"
    assert job["arguments"] == {"org_id": admin.org_id, "until": str(mended)}
    assert (await admin.get("/jobs")).json()["failed"] >= 1
    for path in (f"/jobs/failed/{job['id']}/run", f"/jobs/failed/{job['id']}/dismiss"):
        assert (await member.post(path)).status_code == 403

    async def once_more() -> None:
        answer = await admin.post(f"/jobs/failed/{job['id']}/run")
        assert (answer.status_code, answer.json()["state"]) == (202, "running_again")
        while await relay.relay_batch():
            pass

    await once_more()

    async def failed_again() -> bool:
        return [one["tries"] for one in await failed(admin) if one["state"] == "failed"] == [2]

    await until(failed_again, "it has failed again")
    mended.touch()
    await once_more()
    [done] = await until(lambda: failed(admin, "settled"), "it is done")
    assert (done["id"], done["state"], done["decided_by"]["id"]) == (
        job["id"],
        "done",
        admin.user_id,
    )
    assert await failed(admin) == []
    trail = (await admin.get("/audit/events", params={"action": "job.running_again"})).json()
    assert {one["object"] for one in trail["items"]} == {f"job:{job['id']}"}


async def test_poison_ends_after_some_tries_with_its_reason(
    admin: Api, stranger: Api, crew: Workers, relay: Relay, tmp_path: Path
) -> None:
    crew.start(Queue.FAST)
    crew.send("test.fails_often", org_id=admin.org_id, path=str(tmp_path / "often"))
    crew.send("test.takes_long", org_id=admin.org_id)
    crew.send("test.dies", org_id=admin.org_id, path=str(tmp_path / "dies"))
    crew.send("test.fails", until=str(tmp_path / "never"))

    async def all_four() -> dict[str, dict[str, Any]] | None:
        found = {one["task"]: one for one in await failed(admin)}
        return found if len(found) == 4 else None

    jobs = await until(all_four, "all are listed")
    assert {name: one["failure"] for name, one in jobs.items()} == {
        "test.fails_often": "error",
        "test.takes_long": "time_limit",
        "test.dies": "worker_lost",
        "test.fails": "error",
    }
    # More often than a process may die of it.
    assert lines(tmp_path / "often") == ["tried"] * 5
    assert jobs["test.fails_often"]["tries"] == 5
    assert lines(tmp_path / "dies") == ["dies"] * 3
    # Nothing of what anybody has is told where all administrators see it.
    assert jobs["test.fails"]["is_global"]
    assert str(tmp_path) not in jobs["test.fails"]["reason"]
    assert {one["task"] for one in await failed(stranger)} == {"test.fails"}
    answer = await stranger.post(f"/jobs/failed/{jobs['test.dies']['id']}/dismiss")
    assert answer.status_code == 404
    for one in jobs.values():
        answer = await admin.post(f"/jobs/failed/{one['id']}/dismiss")
        assert (answer.status_code, answer.json()["state"]) == (200, "dismissed")
        again = await admin.post(f"/jobs/failed/{one['id']}/run")
        assert (again.status_code, again.json()["code"]) == (409, "job_settled")
    # The worker lives on.
    crew.send("test.noted", org_id=admin.org_id, path=str(tmp_path / "after"), line="after")
    await until(lambda: lines(tmp_path / "after") == ["after"], "the next one is done")


@pytest.mark.parametrize(("begun", "is_done"), [(3, True), (10, False)])
async def test_a_worker_that_is_killed_from_outside_is_not_held_against_a_task_soon(
    admin: Api, crew: Workers, redis: Redis, tmp_path: Path, *, begun: int, is_done: bool
) -> None:
    async with redis.pipeline() as pipe:
        for number in range(begun):
            pipe.hset(f"{jobs._BEGUN}:begun-before", f"worker {number}", "1")
        await pipe.execute()
    noted = {"org_id": admin.org_id, "path": str(tmp_path / "noted"), "line": "done"}
    crew.app.send_task("test.noted", kwargs=noted, queue=Queue.FAST, task_id="begun-before")
    crew.start(Queue.FAST)
    if is_done:
        await until(lambda: lines(tmp_path / "noted") == ["done"], "it is done")
    else:
        [job] = await until(lambda: failed(admin), "it is listed")
        assert (job["failure"], lines(tmp_path / "noted")) == ("worker_lost", [])
        assert "died 10 times" in job["reason"]


async def test_what_fails_while_the_database_is_away_is_put_on_record_later(
    admin: Api, there: Settings, crew: Workers, tmp_path: Path
) -> None:
    nobody = "postgresql+asyncpg://dms@127.0.0.1:1/dms"
    log = tmp_path / "away.log"
    with workers(there.model_copy(update={"database_url": nobody}), log) as away:
        process = away.start(Queue.FAST)
        away.send("test.fails", org_id=admin.org_id, until=str(tmp_path / "never"))
        await until(lambda: "job_not_kept" in log.read_text(), "it has failed")
        away.stop(process)
        assert await failed(admin) == []
    crew.start(Queue.FAST)
    [job] = await until(lambda: failed(admin), "it is listed")
    assert (job["task"], job["failure"], job["tries"]) == ("test.fails", "error", 1)


async def test_what_fails_while_database_and_queues_are_away_is_logged_and_the_worker_lives_on(
    admin: Api, there: Settings, queues: EmbeddedValkey, tmp_path: Path
) -> None:
    nobody = "postgresql+asyncpg://dms@127.0.0.1:1/dms"
    said, go, log = tmp_path / "said", tmp_path / "go", tmp_path / "away.log"
    with workers(there.model_copy(update={"database_url": nobody}), log) as away:
        away.start(Queue.FAST)
        arguments = {"org_id": admin.org_id, "path": str(said), "until": str(go)}
        away.app.send_task("test.waits_and_fails", kwargs=arguments, task_id="lost")
        await until(lambda: lines(said) == ["begins"], "it is at work")
        [server] = processes_in(queues.directory)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        go.touch()
        await until(lambda: logged(log, "job_not_recorded"), "it has failed")
        assert logged(log, "job_not_recorded") == {("lost", "test.waits_and_fails")}
        with running(queues):
            away.send("test.noted", org_id=0, path=str(said), line="after")
            await until(lambda: "after" in lines(said), "the worker goes on")


async def test_a_record_that_cannot_be_made_is_logged(crew: Workers) -> None:
    crew.start(Queue.FAST)
    half = {"task": "test.fails", "queue": Queue.FAST}
    crew.app.send_task(jobs.RECORD, kwargs=half, queue=Queue.FAST, parent_id="of-the-job")
    await until(lambda: logged(crew.log, "job_not_recorded"), "it is logged")
    assert logged(crew.log, "job_not_recorded") == {("of-the-job", "test.fails")}


def test_a_record_is_tried_for_hours() -> None:
    most, longest = record_failure.max_retries, record_failure.retry_backoff_max
    waits = (min(record_failure.retry_backoff * 2**tried, longest) for tried in range(most))
    # Each wait is half as long as it may be, on average.
    assert sum(waits) / 2 > 6 * 3_600


async def test_a_thousand_heavy_jobs_that_wait_do_not_hold_up_a_fast_one(
    admin: Api, crew: Workers, redis: Redis, tmp_path: Path
) -> None:
    said, go = tmp_path / "said", tmp_path / "go"
    crew.start(Queue.HEAVY, concurrency=2)
    crew.start(Queue.FAST, concurrency=2)
    for number in range(1_000):
        crew.send(
            "test.waits",
            queue=Queue.HEAVY,
            org_id=admin.org_id,
            path=str(tmp_path / "heavy"),
            line=str(number),
            until=str(go),
        )

    async def busy() -> bool:
        return len((await queue_states(redis))[Queue.HEAVY].running) == 2

    await until(busy, "both heavy processes are busy")
    for number in range(20):
        crew.send("test.noted", org_id=admin.org_id, path=str(said), line=str(number))
    await until(lambda: len(lines(said)) == 20, "the fast ones are done")
    # And not one of the heavy ones has ended meanwhile.
    assert [line for line in lines(tmp_path / "heavy") if line.startswith("ends")] == []
    seen = (await admin.get("/jobs")).json()
    heavy = next(one for one in seen["queues"] if one["name"] == "heavy")
    assert (heavy["waiting"], heavy["running"]) == (998, 2)
    assert heavy["oldest_seconds"] > 0
    assert [job["task"] for job in heavy["jobs"]] == ["test.waits"] * 2
    fast = next(one for one in seen["queues"] if one["name"] == "fast")
    assert (fast["waiting"], fast["done_per_minute"] > 0) == (0, True)


@pytest.mark.slow
async def test_what_a_killed_worker_held_is_done_by_another_once(
    admin: Api, crew: Workers, redis: Redis, tmp_path: Path
) -> None:
    said, go = tmp_path / "said", tmp_path / "go"
    first = crew.start(Queue.HEAVY, concurrency=1)
    for line in ("at work", "fetched", "waiting"):
        crew.send(
            "test.waits",
            queue=Queue.HEAVY,
            org_id=admin.org_id,
            path=str(said),
            line=line,
            until=str(go),
        )
    await until(lambda: lines(said) == ["begins at work"], "it is at work")
    crew.kill(first)
    crew.start(Queue.HEAVY, concurrency=1)
    go.touch()

    def ended() -> list[str]:
        return sorted(line for line in lines(said) if line.startswith("ends"))

    everything = ["ends at work", "ends fetched", "ends waiting"]
    await until(lambda: ended() == everything, "all are done", seconds=MAY_TAKE)
    states = await queue_states(redis)
    assert (states[Queue.HEAVY].waiting, states[Queue.HEAVY].running) == (0, [])
    assert await failed(admin) == []


@pytest.mark.slow
async def test_what_was_killed_and_has_expired_is_not_shown_for_ever(
    admin: Api, crew: Workers, redis: Redis, tmp_path: Path
) -> None:
    said, never = tmp_path / "said", tmp_path / "never"
    first = crew.start(Queue.HEAVY)
    crew.send("test.noted", queue=Queue.HEAVY, org_id=0, path=str(tmp_path / "up"), line="up")
    await until(lambda: lines(tmp_path / "up"), "the worker takes jobs")
    arguments = {"org_id": admin.org_id, "path": str(said), "line": "late", "until": str(never)}
    crew.app.send_task("test.waits", kwargs=arguments, queue=Queue.HEAVY, expires=SILENCE / 2)

    async def is_shown() -> bool:
        return bool((await queue_states(redis))[Queue.HEAVY].running)

    await until(lambda: lines(said) == ["begins late"], "it is at work")
    assert await is_shown()
    crew.kill(first)
    crew.start(Queue.HEAVY)

    async def is_gone() -> bool:
        return not await is_shown() and not await redis.hlen(UNACKED)

    await until(is_gone, "it is not shown any more")
    assert lines(said) == ["begins late"]


@pytest.mark.slow
async def test_a_long_job_is_not_taken_from_a_worker_that_lives(
    admin: Api, crew: Workers, tmp_path: Path
) -> None:
    said, go = tmp_path / "said", tmp_path / "go"
    for _ in range(2):
        crew.start(Queue.HEAVY, concurrency=1)
    crew.send(
        "test.waits",
        queue=Queue.HEAVY,
        org_id=admin.org_id,
        path=str(said),
        line="long",
        until=str(go),
    )
    await until(lambda: lines(said) == ["begins long"], "it is at work")
    # The time is the matter here: past it, the message would go to the other worker.
    await asyncio.sleep(2 * SILENCE)
    go.touch()
    await until(lambda: "ends long" in lines(said), "it is done")
    assert lines(said) == ["begins long", "ends long"]


@pytest.fixture
def owed(monkeypatch: pytest.MonkeyPatch) -> str:
    """An event that starts a task which nothing but the outbox would miss."""
    name = f"test.{secrets.token_hex(4)}"
    task = Task("test.noted", Queue.FAST, ("path", "line"), owed=True)
    monkeypatch.setitem(TASKS, name, (task,))
    return name


async def event(database: Database, name: str) -> OutboxEvent:
    async with database.transaction() as session:
        return (await session.scalars(select(OutboxEvent).where(OutboxEvent.name == name))).one()


async def is_done(database: Database, owed: str) -> bool:
    return (await event(database, owed)).done_at is not None


@pytest.fixture
async def sent(admin: Api, database: Database, relay: Relay, owed: str, tmp_path: Path) -> Path:
    """The file that a task which is owed writes to; it is in the queue."""
    said = tmp_path / "said"
    async with database.transaction() as session:
        data = {"path": str(said), "line": "owed"}
        await emit(session, owed, org_id=admin.org_id, data=data)
    while await relay.relay_batch():
        pass
    assert not await is_done(database, owed)
    return said


async def test_what_is_owed_outlives_a_queue_that_is_wiped(
    database: Database, crew: Workers, relay: Relay, redis: Redis, sent: Path, owed: str
) -> None:
    await redis.flushall()
    assert await relay.recover() == 1
    while await relay.relay_batch():
        pass
    crew.start(Queue.FAST)
    await until(lambda: lines(sent) == ["owed"], "it is done")
    await until(lambda: is_done(database, owed), "it is known to be done")
    assert await relay.recover() == 0


async def test_what_is_owed_outlives_a_queue_that_is_killed(
    database: Database, crew: Workers, queues: EmbeddedValkey, sent: Path, owed: str
) -> None:
    crew.start(Queue.FAST)
    await until(lambda: lines(sent) == ["owed"], "it is done")
    await until(lambda: is_done(database, owed), "it is known to be done")
    [server] = processes_in(queues.directory)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    with running(queues):
        crew.send("test.noted", org_id=0, path=str(sent), line="after")
        await until(lambda: lines(sent) == ["owed", "after"], "the worker goes on")


async def test_what_is_owed_and_never_ended_is_sent_again_after_a_time(
    admin: Api, database: Database, relay: Relay, redis: Redis, owed: str, tmp_path: Path
) -> None:
    async with database.transaction() as session:
        data = {"path": str(tmp_path / "said"), "line": "owed"}
        await emit(session, owed, org_id=admin.org_id, data=data)
    await relay.relay_batch()
    assert await relay.recover() == 0
    async with database.transaction() as session:
        long_ago = {"sent_at": now() - LOST_AFTER}
        await session.execute(update(OutboxEvent).where(OutboxEvent.name == owed).values(long_ago))
    assert await relay.recover() == 1
    assert await relay.relay_batch() == 1
    assert await redis.llen(Queue.FAST) == 2
