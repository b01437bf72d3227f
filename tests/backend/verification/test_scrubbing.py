"""The scrub: what is due of it, and that it gets through whatever happens to it."""

import asyncio
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database
from backend.verification import service as verification
from backend.verification.models import Fault, StoreCheck, Trigger
from backend.verification.service import checking, scrubbing
from storage import BlobDamagedError
from tests.backend.verification.conftest import Tampering

PERIOD = timedelta(days=30)
RATE = 10**12


@pytest.fixture(autouse=True)
async def no_scrub_yet(database: Database) -> None:
    """The tests of a process share the database: each begins as if nothing had ever been scrubbed."""
    async with database.transaction() as session:
        await session.execute(delete(StoreCheck).where(StoreCheck.trigger == Trigger.SCRUB))


@pytest.fixture(autouse=True)
def time_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests of the process stored is read too."""
    monkeypatch.setattr(scrubbing, "SLICE_SECONDS", 250)


async def scrub(tampering: Tampering) -> StoreCheck | None:
    return await verification.scrub_slice(
        tampering.database, tampering.content, period=PERIOD, rate=RATE
    )


async def shift(tampering: Tampering, check: StoreCheck, to: datetime) -> None:
    """Have a scrub begun at another time."""
    async with tampering.database.transaction() as session:
        await session.execute(
            update(StoreCheck).where(StoreCheck.id == check.id).values(started_at=to)
        )


async def after_the_first(tampering: Tampering) -> StoreCheck:
    """Let the first scrub pass, begin the second, and return it."""
    first = await scrub(tampering)
    assert first is not None
    assert first.finished_at is not None
    await shift(tampering, first, now() - PERIOD)
    second = await scrub(tampering)
    assert second is not None
    assert (second.id > first.id, second.finished_at) == (True, None)
    return second


async def test_the_first_reads_everything_at_once_and_the_next_is_due_after_the_period(
    tampering: Tampering,
) -> None:
    [digest] = await tampering.rows(1)
    tampering.flip(digest, -60)
    first = await scrub(tampering)
    assert first is not None
    assert first.finished_at is not None
    assert first.planned_bytes == first.read_bytes > 0
    assert await tampering.faults() == {digest: Fault.DAMAGED}
    assert await tampering.events() == [{"found": 1, "resolved": 0}]
    assert await scrub(tampering) is None
    await shift(tampering, first, now() - PERIOD + timedelta(minutes=1))
    assert await scrub(tampering) is None
    await shift(tampering, first, now() - PERIOD)
    assert await scrub(tampering) is not None


async def test_what_is_due_grows_with_time_until_all_was_read(
    tampering: Tampering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LOT_SECONDS", 0.0)
    await tampering.rows(100, size=2_000)
    check = await after_the_first(tampering)
    assert check.planned_bytes is not None
    files = (path for path in tampering.settings.store_dir.rglob("*") if path.is_file())
    largest = max(path.stat().st_size for path in files)
    seen = 0
    for day in range(1, 27):
        await shift(tampering, check, now() - timedelta(days=day))
        await scrub(tampering)
        async with tampering.database.transaction() as session:
            check = await verification.get(session, check.id)
        due = check.planned_bytes * day / (30 * 0.9)
        # As much as is due, but for what is not worth a slice, and at most one blob more than that.
        assert seen <= check.read_bytes
        assert due - check.planned_bytes * 0.011 <= check.read_bytes <= due + largest
        seen = check.read_bytes
        assert check.finished_at is None
        assert await scrub(tampering) is None  # nothing more is due at this time
    await shift(tampering, check, now() - timedelta(days=27))
    while (check := await scrub(tampering) or check).finished_at is None:
        pass
    assert check.read_bytes == check.planned_bytes


async def test_what_fell_behind_is_caught_up(tampering: Tampering) -> None:
    await tampering.rows(10)
    check = await after_the_first(tampering)
    await shift(tampering, check, now() - timedelta(days=20))
    async with tampering.database.transaction() as session:
        check = await verification.get(session, check.id)
        due = await scrubbing._due(session, check, PERIOD)
        assert due.is_late
        assert due.bytes is not None
        assert 0.7 < (due.bytes + check.read_bytes) / (check.planned_bytes or 0) < 0.75


async def test_two_workers_do_not_scrub_at_once(tampering: Tampering) -> None:
    await tampering.rows(10)
    slices = await asyncio.gather(*(scrub(tampering) for _ in range(4)))
    assert len([one for one in slices if one is not None]) == 1


async def test_a_worker_that_was_killed_is_replaced(tampering: Tampering) -> None:
    await tampering.rows(3)
    async with tampering.database.transaction() as session:
        killed = await scrubbing._take(session, PERIOD)
    assert killed is not None
    assert await scrub(tampering) is None
    async with tampering.database.transaction() as session:
        await session.execute(
            update(StoreCheck).where(StoreCheck.id == killed.id).values(lease_until=now())
        )
    resumed = await scrub(tampering)
    assert resumed is not None
    assert resumed.id == killed.id
    assert resumed.finished_at is not None


async def test_what_is_uploaded_meanwhile_does_not_keep_it_from_ending(
    tampering: Tampering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LOT_BLOBS", 2)
    await tampering.rows(4)
    check = await after_the_first(tampering)
    async with tampering.database.transaction() as session:
        # More was read than there was when it began.
        await session.execute(
            update(StoreCheck)
            .where(StoreCheck.id == check.id)
            .values(planned_bytes=1, read_bytes=check.read_bytes + 2)
        )
    ended = await scrub(tampering)
    assert ended is not None
    assert ended.finished_at is not None


async def test_an_empty_store_is_scrubbed_too(tampering: Tampering) -> None:
    async with tampering.database.transaction() as session:
        check = StoreCheck(trigger=Trigger.SCRUB, mode="full", planned_bytes=0, lease_until=now())
        session.add(check)
    ended = await scrub(tampering)
    assert ended is not None
    assert ended.finished_at is not None


async def test_it_repairs_from_the_second_store(tampering: Tampering, tmp_path: Path) -> None:
    damaged, *_ = await tampering.rows(2)
    second, store = tmp_path / "second", tampering.content.store
    shutil.copytree(
        tampering.settings.store_dir / tampering.namespace, second / tampering.namespace
    )
    tampering.flip(damaged, -60)
    with pytest.raises(BlobDamagedError):
        store.verify(tampering.namespace, bytes.fromhex(damaged))
    tampering.content = Content.open_store(
        tampering.settings.model_copy(update={"storage_fallback_url": second.as_uri()})
    )
    assert await scrub(tampering) is not None
    tampering.content.close()
    assert await tampering.faults() == {}
    assert await tampering.faults(resolved=True) == {damaged: Fault.DAMAGED}
    store.verify(tampering.namespace, bytes.fromhex(damaged))
