"""From a change to the browsers of those who may know of it: outbox, relay, Redis, hub."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select

from backend.core.db import Database
from backend.core.outbox import OutboxEvent
from backend.core.queues import Urgency
from backend.core.settings import Settings
from backend.notifications.service import Hub, Message, Subscription
from backend.relay import TASKS, Relay
from tests.support.api import Api
from tests.support.queries import counted_queries


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    client = Redis.from_url(str(settings.redis_url))
    yield client
    await client.aclose()


@pytest.fixture
async def relay(settings: Settings, database: Database, redis: Redis) -> Relay:
    made = Relay(settings, database, redis)
    while await made.relay_batch():
        pass
    return made


async def unsent(database: Database) -> int:
    async with database.transaction() as session:
        statement = select(func.count()).where(OutboxEvent.sent_at.is_(None))
        return await session.scalar(statement) or 0


async def next_events(subscription: Subscription, count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [str(await subscription.get()) for _ in range(count)]


async def test_those_who_may_see_hear_of_it_and_nobody_else(
    app: FastAPI, admin: Api, member: Api, stranger: Api, relay: Relay
) -> None:
    cabinet = await admin.folder("Cabinet")
    await relay.relay_batch()
    hub: Hub = app.state.hub
    with (
        hub.subscribed(admin.org_id, admin.user_id) as first,
        hub.subscribed(admin.org_id, admin.user_id) as second_tab,
        hub.subscribed(member.org_id, member.user_id) as outsider,
        hub.subscribed(stranger.org_id, stranger.user_id) as elsewhere,
    ):
        document = await admin.document(cabinet, "a.txt")
        assert await relay.relay_batch() == 1
        for tab in (first, second_tab):
            [event] = await next_events(tab, 1)
            assert '"event": "document.created"' in event
            assert f'"document_id": {document["id"]}' in event
        await admin.share(cabinet, member, "reader")
        await admin.patch(f"/documents/{document['id']}", {"name": "b.txt"})
        await relay.relay_batch()
        [event] = await next_events(outsider, 1)
        assert '"event": "document.updated"' in event
        assert elsewhere._queue.empty()


async def test_those_of_many_events_are_found_with_the_same_few_queries(
    app: FastAPI, admin: Api, member: Api, relay: Relay
) -> None:
    there, here = await admin.folder("There"), await admin.folder("Here")
    await admin.share(here, member, "reader")
    await relay.relay_batch()
    hub: Hub = app.state.hub
    counts = []
    with hub.subscribed(member.org_id, member.user_id) as heard:
        for count in (1, 12):
            for number in range(count):
                await admin.document(here, f"{count}-{number}.txt", b"%d" % number)
                await admin.document(there, f"{count}-{number}.txt", b"%d" % number)
            with counted_queries() as queries:
                assert await relay.relay_batch() == 2 * count
            counts.append(len(queries))
            events = [json.loads(text) for text in await next_events(heard, count)]
            assert {event["data"]["folder_id"] for event in events} == {here}
        assert heard._queue.empty()
    assert counts[0] == counts[1]
    assert counts[0] <= 7


async def test_a_document_that_moves_is_told_of_under_both_folders(
    app: FastAPI, admin: Api, relay: Relay
) -> None:
    there, here = await admin.folder("There"), await admin.folder("Here")
    document = await admin.document(there, "a.txt")
    moved = await admin.patch(f"/documents/{document['id']}", {"folder_id": here})
    assert moved.status_code == 200, moved.text
    hub: Hub = app.state.hub
    with hub.subscribed(admin.org_id, admin.user_id) as heard:
        count = await relay.relay_batch()
        events = [json.loads(text) for text in await next_events(heard, count)]
    of_document = [one["data"] for one in events if one["data"].get("document_id")]
    assert {one["folder_id"] for one in of_document} == {there, here}


async def test_an_event_leaves_only_if_its_transaction_commits(
    admin: Api, database: Database, relay: Relay
) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "a.txt")
    await relay.relay_batch()
    assert (await admin.upload(cabinet, "a.txt", b"refused")).status_code == 409
    assert await unsent(database) == 0


async def test_without_redis_events_wait(
    admin: Api, database: Database, relay: Relay, settings: Settings
) -> None:
    nobody = Redis.from_url("redis://127.0.0.1:1/0")
    away = Relay(settings, database, nobody)
    await admin.folder("Cabinet")
    with pytest.raises(RedisError):
        await away.relay_batch()
    await nobody.aclose()
    assert await unsent(database) == 1
    assert await relay.relay_batch() == 1
    assert await unsent(database) == 0


async def test_two_relays_send_nothing_twice(
    admin: Api, database: Database, relay: Relay, settings: Settings, redis: Redis
) -> None:
    for number in range(20):
        await admin.folder(f"Cabinet {number}")
    other = Relay(settings, database, redis)
    counts = await asyncio.gather(*(one.relay_batch() for one in (relay, other, relay, other)))
    assert sum(counts) == 20


async def test_tasks_are_sent_to_their_queues(admin: Api, relay: Relay, redis: Redis) -> None:
    patient = (
        f"heavy\x06\x16{Urgency.PATIENT}"  # as the broker names the part of a queue that goes last
    )
    await redis.delete("fast", "heavy", patient)
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "a.txt")
    await relay.relay_batch()
    [task] = await redis.lrange("fast", 0, -1)
    assert b"indexing.process" in task
    [task] = await redis.lrange("heavy", 0, -1)
    assert b"previews.prepare" in task
    assert await redis.llen(patient) == 0
    assert {task.queue for tasks in TASKS.values() for task in tasks} == {"fast", "heavy"}


def test_a_reader_too_slow_is_cut_off() -> None:
    hub = Hub()
    message = Message(1, [7], "event", {}, "2026-01-01T00:00:00Z")
    with hub.subscribed(1, 7) as subscription:
        for _ in range(2_000):
            hub.deliver(message)
        assert subscription._queue.get_nowait() is None


async def test_a_socket_needs_a_ticket_of_its_own(admin: Api) -> None:
    answer = await admin.post("/ws/ticket")
    assert (answer.status_code, answer.json()["expires_in"]) == (200, 30)
    assert (await admin.client.post("/api/v1/ws/ticket")).status_code == 401
