"""Checks beside uploads, purges and collections: each leaves moments in which row and file disagree."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.collection.service import collect
from backend.documents.service import recorded_digests as known_digests
from backend.verification.models import Fault
from backend.verification.service import checking
from tests.backend.verification.conftest import FULL, QUICK, Tampering


async def test_nothing_that_comes_and_goes_is_a_fault(
    tampering: Tampering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LOT_BLOBS", 3)
    api, running = tampering.api, 3
    cabinet = await api.folder("Cabinet")

    async def come_and_go(lane: int) -> None:
        nonlocal running
        for number in range(15):
            # The lanes share some content: what one purges, another uploads once more.
            content = f"{number % 5 if number % 2 else lane * 100 + number}".encode()
            created = await api.document(cabinet, f"{lane}-{number}", content)
            await api.delete(f"/documents/{created['id']}")
            await api.delete(f"/trash/documents/{created['id']}")
        running -= 1

    async def go_for_good() -> None:
        while running:
            await collect(
                tampering.database,
                tampering.content,
                api.org_id,
                grace=timedelta(0),
                adopt_all=True,
            )
            await asyncio.sleep(0)

    async def check() -> int:
        rounds = 0
        while running:
            for scope in (FULL, QUICK):
                assert await tampering.check(scope) == {}
            rounds += 1
        return rounds

    async with asyncio.TaskGroup() as group:
        for work in (*(come_and_go(lane) for lane in range(3)), go_for_good(), go_for_good()):
            group.create_task(work)
        checks = group.create_task(check())
    assert checks.result() > 3
    assert await tampering.faults() == {}


async def test_content_recorded_between_the_look_at_the_rows_and_at_the_store_is_no_orphan(
    tampering: Tampering, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = tampering.api
    cabinet = await api.folder("Cabinet")
    orphan = tampering.put(b"an orphan")
    tampering.put(b"uploaded in time")

    async def recorded_digests(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
        known = await known_digests(session, digests)
        await api.document(cabinet, "late", b"uploaded in time")
        return known

    monkeypatch.setattr(checking.documents, "recorded_digests", recorded_digests)
    assert {name: one.fault for name, one in (await tampering.check()).items()} == {
        orphan: Fault.ORPHAN
    }
