"""The scrub as a worker process runs it."""

import asyncio

import pytest
from sqlalchemy import delete, func, select, update

from backend.core.clock import now
from backend.core.db import Database
from backend.core.queues import Queue
from backend.core.settings import Settings
from backend.verification.models import StoreCheck, Trigger
from tests.support.api import Api
from worker.app import app
from worker.runtime import Runtime
from worker.tasks import maintenance


async def in_a_worker(settings: Settings) -> None:
    """Run the scrub with the resources of a worker process."""

    def run() -> None:
        runtime = Runtime.open(settings)
        try:
            maintenance.scrub_store()
        finally:
            runtime.close()

    await asyncio.to_thread(run)


async def scrubs(database: Database) -> list[StoreCheck]:
    async with database.transaction() as session:
        return list(
            await session.scalars(select(StoreCheck).where(StoreCheck.trigger == Trigger.SCRUB))
        )


@pytest.fixture(autouse=True)
async def no_scrub_yet(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(delete(StoreCheck).where(StoreCheck.trigger == Trigger.SCRUB))


async def test_the_store_is_scrubbed(settings: Settings, database: Database, admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "a", b"a")
    await in_a_worker(settings)
    [check] = await scrubs(database)
    assert check.finished_at is not None
    assert check.blobs == check.opened > 0
    await in_a_worker(settings)
    assert len(await scrubs(database)) == 1
    async with database.transaction() as session:
        long_ago = now() - func.make_interval(0, 0, 0, 31)
        await session.execute(update(StoreCheck).values(started_at=long_ago))
    await in_a_worker(settings)
    assert len(await scrubs(database)) == 2


async def test_nothing_is_scrubbed_where_nobody_wants_it(
    settings: Settings, database: Database
) -> None:
    await in_a_worker(settings.model_copy(update={"scrub_days": 0}))
    assert await scrubs(database) == []


def test_the_scheduler_puts_it_on_the_heavy_queue() -> None:
    [entry] = [
        entry
        for entry in app.conf.beat_schedule.values()
        if entry["task"] == maintenance.scrub_store.name
    ]
    route = app.amqp.router.route(entry["options"], entry["task"], (), {})
    assert route["queue"].name == Queue.HEAVY
    # The next message comes when this one has run out: they never pile up behind a long OCR.
    assert entry["options"]["expires"] <= entry["schedule"]
