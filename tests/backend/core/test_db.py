"""The pool: a connection that answered a moment ago is taken as it is, one that has ended never."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from backend.core import db
from backend.core.db import Database
from backend.core.settings import Settings


@pytest.fixture
async def alone(settings: Settings) -> AsyncIterator[Database]:
    """A database with a pool of its own."""
    opened = Database.connect(settings)
    yield opened
    await opened.close()


async def _use(database: Database) -> asyncpg.Connection:
    """Use the connection of a pool of one; return it."""
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
        raw = await (await session.connection()).get_raw_connection()
        connection = raw.driver_connection
        assert isinstance(connection, asyncpg.Connection)
        return connection


@pytest.mark.parametrize(("trusted", "is_asked"), [(3_600.0, False), (0.0, True)])
async def test_only_a_connection_that_was_idle_is_asked_whether_it_answers(
    alone: Database, monkeypatch: pytest.MonkeyPatch, *, trusted: float, is_asked: bool
) -> None:
    monkeypatch.setattr(db, "_TRUSTED_SECONDS", trusted)
    connection = await _use(alone)
    sent: list[str] = []
    connection.add_query_logger(lambda record: sent.append(record.query))
    assert await _use(alone) is connection
    assert sent[-2:] == ["BEGIN;", "COMMIT;"]
    assert (";" in sent) is is_asked


@pytest.mark.parametrize("trusted", [3_600.0, 0.0])
async def test_a_connection_that_has_ended_is_replaced(
    alone: Database, database: Database, monkeypatch: pytest.MonkeyPatch, trusted: float
) -> None:
    monkeypatch.setattr(db, "_TRUSTED_SECONDS", trusted)
    ended = await _use(alone)
    heard = asyncio.Event()
    ended.add_termination_listener(lambda _: heard.set())
    async with database.transaction() as session:
        await session.execute(
            text("SELECT pg_terminate_backend(:pid)"), {"pid": ended.get_server_pid()}
        )
    if trusted:
        await asyncio.wait_for(heard.wait(), 30)
    assert await _use(alone) is not ended
