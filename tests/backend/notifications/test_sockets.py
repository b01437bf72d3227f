"""The WebSocket itself, spoken to as a server speaks to it: who gets in, and who is put out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from backend.core.db import Database
from backend.core.settings import Settings
from backend.relay import Relay
from tests.support.api import Api

ENDED = {"type": "websocket.close", "code": 4401, "reason": "The session has ended."}


@asynccontextmanager
async def socket(app: FastAPI, ticket: str) -> AsyncIterator["asyncio.Queue[Any]"]:
    """Open a socket with a ticket; what it sends is in the queue."""
    sent: asyncio.Queue[Any] = asyncio.Queue()
    received: asyncio.Queue[Any] = asyncio.Queue()
    received.put_nowait({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "ws",
        "path": "/api/v1/ws",
        "raw_path": b"/api/v1/ws",
        "query_string": f"ticket={ticket}".encode(),
        "headers": [],
        "subprotocols": [],
        "client": ("192.0.2.1", 50_000),
        "server": ("dms.test", 80),
    }
    serving = asyncio.create_task(app(scope, received.get, sent.put))
    try:
        assert (await heard(sent))["type"] == "websocket.accept"
        yield sent
    finally:
        received.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await serving


async def heard(sent: "asyncio.Queue[Any]") -> Any:
    async with asyncio.timeout(10):
        return await sent.get()


async def ticket(api: Api) -> str:
    answer = await api.post("/ws/ticket")
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["ticket"]
    return made


@pytest.fixture
async def relay(settings: Settings, database: Database) -> AsyncIterator[Relay]:
    redis = Redis.from_url(str(settings.redis_url))
    made = Relay(settings, database, redis)
    while await made.relay_batch():
        pass
    yield made
    await redis.aclose()


async def deactivate(admin: Api, user: Api) -> None:
    answer = await admin.patch(f"/users/{user.user_id}", {"is_active": False})
    assert answer.status_code == 200, answer.text


async def test_an_open_socket_is_closed_when_its_session_ends(
    app: FastAPI, admin: Api, member: Api, relay: Relay
) -> None:
    async with (
        socket(app, await ticket(member)) as closed,
        socket(app, await ticket(admin)) as open_,
    ):
        for one in (closed, open_):
            assert '"event": "hello"' in (await heard(one))["text"]
        await deactivate(admin, member)
        await relay.relay_batch()
        assert await heard(closed) == ENDED
        assert open_.empty()


async def test_a_ticket_is_worth_nothing_once_its_session_has_ended(
    app: FastAPI, admin: Api, member: Api
) -> None:
    made = await ticket(member)
    await deactivate(admin, member)
    async with socket(app, made) as refused:
        assert await heard(refused) == ENDED


async def test_who_becomes_an_auditor_hears_of_nothing_any_more(
    app: FastAPI, admin: Api, member: Api, relay: Relay
) -> None:
    async with socket(app, await ticket(member)) as closed:
        await heard(closed)
        await admin.patch(f"/users/{member.user_id}", {"role": "auditor"})
        await relay.relay_batch()
        assert await heard(closed) == ENDED


async def test_what_is_no_ticket_opens_nothing(app: FastAPI) -> None:
    async with socket(app, "x") as refused:
        assert (await heard(refused))["code"] == 4401
