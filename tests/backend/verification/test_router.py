"""What administrators are told: over the API, live, and by the metrics."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis
from sqlalchemy import update

from backend.core.clock import now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.notifications.service import Hub
from backend.relay import Relay
from backend.verification.models import CheckMode, StoreCheck
from backend.verification.service import Pace
from tests.backend.verification.conftest import FULL, QUICK, Tampering, sampled
from tests.support.api import Api
from tests.support.queries import counted_queries


async def test_members_may_not_look_and_strangers_see_their_own(
    tampering: Tampering, member: Api, stranger: Api
) -> None:
    await tampering.rows(1)
    for path in ("/storage", "/storage/faults"):
        assert (await member.get(path)).status_code == 403
    assert (await stranger.get("/storage")).json()["stored"]["blobs"] == 0


async def test_amounts(tampering: Tampering) -> None:
    cabinet = await tampering.api.folder("Cabinet")
    await tampering.api.document(cabinet, "a", b"a" * 10_000)
    await tampering.api.document(cabinet, "the same", b"a" * 10_000)
    await tampering.rows(2, size=300)
    status = (await tampering.api.get("/storage")).json()
    assert (status["stored"]["blobs"], status["stored"]["size"]) == (3, 10_600)
    assert (status["unreferenced"]["blobs"], status["unreferenced"]["size"]) == (2, 600)
    assert 0 < status["unreferenced"]["stored_size"] < status["stored"]["stored_size"]
    assert status["scrub_days"] == 30


async def test_faults_name_their_documents(tampering: Tampering) -> None:
    api = tampering.api
    cabinet = await api.folder("Cabinet")
    kept = await api.document(cabinet, "Lease.pdf", b"lost")
    trashed = await api.document(cabinet, "Copy.pdf", b"lost")
    await api.delete(f"/documents/{trashed['id']}")
    tampering.path(kept["sha256"]).unlink()
    [unreferenced] = await tampering.rows(1)
    tampering.flip(unreferenced, -60)
    await tampering.check(FULL)

    faults = (await api.get("/storage/faults")).json()["items"]
    by_digest = {fault["sha256"]: fault for fault in faults}
    lost = by_digest[kept["sha256"]]
    assert (lost["fault"], lost["size"], lost["resolved_at"]) == ("missing", 4, None)
    assert lost["documents"] == [
        {"id": kept["id"], "name": "Lease.pdf", "folder_id": cabinet, "is_trashed": False},
        {"id": trashed["id"], "name": "Copy.pdf", "folder_id": cabinet, "is_trashed": True},
    ]
    assert by_digest[unreferenced]["documents"] == []
    assert (await api.get("/storage")).json()["faults"] == {"missing": 1, "damaged": 1}

    tampering.put(b"lost")
    await tampering.check(FULL)
    [gone] = (await api.get("/storage/faults", params={"state": "resolved"})).json()["items"]
    assert gone["sha256"] == kept["sha256"]
    assert gone["resolved_at"] is not None
    assert len((await api.get("/storage/faults")).json()["items"]) == 1


async def test_faults_come_in_pages_of_few_queries(
    tampering: Tampering,
) -> None:
    api = tampering.api
    cabinet = await api.folder("Cabinet")
    for number in range(7):
        created = await api.document(cabinet, f"{number}", f"{number}".encode())
        tampering.path(created["sha256"]).unlink()
    await tampering.check(QUICK)
    seen: list[int] = []
    cursor: str | None = None
    while cursor is not None or not seen:
        params = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await api.get("/storage/faults", params=params)).json()
        seen += [fault["id"] for fault in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 7
    assert (await api.get("/storage/faults", params={"cursor": "x"})).status_code == 422
    lengths = []
    for limit in (1, 7):
        with counted_queries() as statements:
            await api.get("/storage/faults", params={"limit": limit})
        lengths.append(len(statements))
    assert lengths[0] == lengths[1]


async def test_checks_are_told_of_as_far_as_they_concern_the_organisation(
    tampering: Tampering, stranger: Api
) -> None:
    api = tampering.api
    await tampering.rows(30)
    check = await tampering.begin(sampled(CheckMode.FULL, 999_999, 0))
    await tampering.work(check, Pace(enough=1))
    current = (await api.get("/storage")).json()["current_check"]
    assert (current["id"], current["sample_percent"]) == (check.id, 99.9999)
    assert (current["is_active"], current["trigger"]) == (False, "command")
    assert 0 < current["progress"] < 1
    assert "blobs" not in current  # they would tell how much others have
    assert (await stranger.get("/storage")).json()["current_check"]["progress"] == 0
    async with tampering.database.transaction() as session:
        long_ago = now() - timedelta(days=2)
        await session.execute(
            update(StoreCheck).where(StoreCheck.id == check.id).values(lease_until=long_ago)
        )
    forgotten = (await api.get("/storage")).json()["current_check"]
    assert forgotten is None or forgotten["id"] != check.id
    await tampering.work(check)

    await tampering.check(QUICK)
    full = await tampering.begin(FULL)
    await tampering.work(full)
    status = (await api.get("/storage")).json()
    assert status["last_full_check"]["id"] == full.id
    assert status["last_full_check"]["progress"] == 1
    assert status["last_quick_check"]["mode"] == "quick"


async def test_the_next_check_is_announced(tampering: Tampering, database: Database) -> None:
    async with database.transaction() as session:
        begun = now() - timedelta(days=10)
        scrub = StoreCheck(
            trigger="scrub",
            mode="full",
            started_at=begun,
            finished_at=now(),
            lease_until=now(),
        )
        session.add(scrub)
    expected = (begun + timedelta(days=30)).isoformat().replace("+00:00", "Z")
    assert (await tampering.api.get("/storage")).json()["next_check_at"] == expected
    async with database.transaction() as session:
        await session.execute(
            update(StoreCheck).where(StoreCheck.id == scrub.id).values(finished_at=None)
        )
    assert (await tampering.api.get("/storage")).json()["next_check_at"] is None


# -- live, and for machines ----------------------------------------------------------------------


@pytest.fixture
async def relay(settings: Settings, database: Database) -> AsyncIterator[Relay]:
    redis = Redis.from_url(str(settings.redis_url))
    made = Relay(settings, database, redis)
    while await made.relay_batch():
        pass
    yield made
    await redis.aclose()


async def test_administrators_hear_of_it_at_once_and_nobody_else(
    app: FastAPI, tampering: Tampering, member: Api, stranger: Api, relay: Relay
) -> None:
    cabinet = await tampering.api.folder("Cabinet")
    await tampering.api.share(cabinet, member, "reader")
    created = await tampering.api.document(cabinet, "a", b"a")
    while await relay.relay_batch():
        pass
    tampering.path(created["sha256"]).unlink()
    hub: Hub = app.state.hub
    api = tampering.api
    with (
        hub.subscribed(api.org_id, api.user_id) as administrator,
        hub.subscribed(member.org_id, member.user_id) as reader,
        hub.subscribed(stranger.org_id, stranger.user_id) as elsewhere,
    ):
        await tampering.check(QUICK)
        await relay.relay_batch()
        async with asyncio.timeout(10):
            message = json.loads(str(await administrator.get()))
        assert message["event"] == "storage.faults_changed"
        assert message["data"] == {"found": 1, "resolved": 0}
        assert reader._queue.empty()
        assert elsewhere._queue.empty()


async def faults_by_metric(api: Api) -> dict[str, float]:
    text = (await api.client.get("/metrics")).text
    [family] = [
        one for one in text_string_to_metric_families(text) if one.name == "dms_store_faults"
    ]
    return {sample.labels["fault"]: sample.value for sample in family.samples}


async def test_the_metrics_count_the_faults_of_all(tampering: Tampering) -> None:
    before = await faults_by_metric(tampering.api)
    assert set(before) == {"missing", "damaged", "unreadable", "size"}
    for digest in await tampering.rows(2):
        tampering.flip(digest, -60)
    await tampering.check(FULL)
    after = await faults_by_metric(tampering.api)
    assert after["damaged"] == before["damaged"] + 2
    assert after["missing"] == before["missing"]


async def test_without_the_database_there_are_other_metrics(
    app: FastAPI, tampering: Tampering, settings: Settings
) -> None:
    away = settings.model_copy(
        update={"database_url": "postgresql+asyncpg://dms_app@127.0.0.1:1/dms"}
    )
    real, app.state.database = app.state.database, Database.connect(away)
    try:
        answer = await tampering.api.client.get("/metrics")
    finally:
        await app.state.database.close()
        app.state.database = real
    assert answer.status_code == 200
    assert "dms_http_requests_total" in answer.text
    assert "dms_store_faults{" not in answer.text
