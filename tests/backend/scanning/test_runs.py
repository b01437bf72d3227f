"""Runs and the rescan: what they scan, in which order, and what becomes of them when the scanner goes away."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, update

from backend.core.clock import now
from backend.core.db import Tenant
from backend.core.pace import Pace
from backend.core.settings import Settings
from backend.documents.models import Blob
from backend.scanning import service as scanning
from backend.scanning.errors import NoScannerError, NothingToResumeError, RunUnderWayError
from backend.scanning.models import ScanRun, Trigger
from backend.scanning.service import Found, ScannerGoneError, Wanted, rescanning
from backend.scanning.service.examining import Kind
from tests.backend.scanning.conftest import Scanning
from tests.support.api import Api


async def digests(scanned: Scanning) -> dict[str, Blob]:
    async with scanned.database.transaction(Tenant(scanned.api.org_id)) as session:
        return {blob.digest.hex(): blob for blob in await session.scalars(select(Blob))}


async def age(scanned: Scanning, digest: str, **values: object) -> None:
    async with scanned.database.transaction(Tenant(scanned.api.org_id)) as session:
        blob = Blob.digest == bytes.fromhex(digest)
        await session.execute(update(Blob).where(blob).values(**values))


def names(found: list[Found]) -> list[str]:
    return [one.digest.hex() for one in found]


async def test_a_run_that_was_stopped_goes_on_where_it_was(scanned: Scanning, admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    for number in range(5):
        await admin.document(cabinet, f"{number}", f"{number}".encode())
    run = await scanned.begin()
    first = await scanned.scan(run, Pace(enough=2))
    rest = await scanned.scan(run)
    assert len(first) == 2
    assert sorted(names(first + rest)) == sorted(await digests(scanned))
    assert await scanned.scan(run) == []
    async with scanned.database.transaction() as session:
        counted = await scanning.get(session, run.id)
    assert (counted.scanned, counted.scanned_bytes) == (5, 5)


async def test_since_and_unscanned_choose(
    scanned: Scanning, admin: Api, app: FastAPI, settings: Settings
) -> None:
    cabinet = await admin.folder("Cabinet")
    old = await admin.document(cabinet, "old", b"old")
    new = await admin.document(cabinet, "new", b"new")
    await age(scanned, old["sha256"], created_at=now() - timedelta(days=10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.state.content.scanner, "_socket", settings.data_dir / "nobody.ctl")
        late = await admin.document(cabinet, "late", b"late")
    assert late["current_version"]["scan_status"] == "unscanned"
    assert "nobody.ctl" in late["current_version"]["scan_detail"]
    since = Wanted(stored_since=now() - timedelta(days=1))
    assert set(names(await scanned.scan(await scanned.begin(since)))) == {
        new["sha256"],
        late["sha256"],
    }
    # It was scanned with the others: nothing is left to do.
    version = (await admin.get(f"/documents/{late['id']}")).json()["current_version"]
    assert (version["scan_status"], version["scan_detail"]) == ("clean", None)
    assert await scanned.scan(await scanned.begin(Wanted(unscanned_only=True))) == []


async def test_without_a_scanner_nothing_is_marked(
    scanned: Scanning, admin: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a", b"a")
    before = (await digests(scanned))[document["sha256"]].scan_tried_at
    run = await scanned.begin()
    scanner = scanned.content.scanner
    monkeypatch.setattr("backend.content.scanner._CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(scanner, "_socket", settings.data_dir / "nobody.ctl")
    with pytest.raises(ScannerGoneError):
        await scanned.scan(run)
    with pytest.raises(NoScannerError):
        await scanning.run_scan(
            scanned.database, scanned.content, run, pace=Pace(), report=lambda _: None
        )
    assert (await digests(scanned))[document["sha256"]].scan_tried_at == before
    assert (await admin.get(f"/documents/{document['id']}/content")).status_code == 200


async def test_damaged_content_does_not_stop_a_run(
    scanned: Scanning, admin: Api, settings: Settings
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a", b"a")
    await admin.document(cabinet, "b", b"b")
    digest = document["sha256"]
    (settings.store_dir / f"org-{admin.org_id}" / digest[:2] / digest[2:4] / digest).unlink()
    found = await scanned.scan()
    assert sorted(one.kind for one in found) == [Kind.CLEAN, Kind.UNSCANNABLE]


async def test_resuming(scanned: Scanning) -> None:
    async with scanned.database.transaction() as session:
        await session.execute(delete(ScanRun).where(ScanRun.trigger == Trigger.COMMAND))
    async with scanned.database.transaction() as session:
        with pytest.raises(NothingToResumeError):
            await scanning.resume(session)
    run = await scanned.begin()
    async with scanned.database.transaction() as session:
        with pytest.raises(RunUnderWayError):
            await scanning.resume(session)
        await session.execute(update(ScanRun).values(lease_until=now()))
    async with scanned.database.transaction() as session:
        assert (await scanning.resume(session)).id == run.id


@pytest.fixture
async def alone(scanned: Scanning, monkeypatch: pytest.MonkeyPatch) -> Scanning:
    """The rescan of this organisation alone: what other tests have stored is not waited for."""

    async def only(session: object) -> list[int]:
        return [scanned.api.org_id]

    monkeypatch.setattr(rescanning, "organisation_ids", only)
    async with scanned.database.transaction() as session:
        await session.execute(delete(ScanRun).where(ScanRun.trigger == Trigger.SCHEDULE))
    return scanned


async def rescan(scanned: Scanning, *, days: int | None = 30) -> list[str]:
    """Run a slice; return the digests it tried."""
    began = now()
    period = None if days is None else timedelta(days=days)
    await scanning.rescan_slice(scanned.database, scanned.content, period=period, rate=10**9)
    return [
        digest
        for digest, blob in (await digests(scanned)).items()
        if blob.scan_tried_at is not None and blob.scan_tried_at >= began
    ]


async def test_the_rescan_takes_what_was_never_scanned_and_what_is_due(
    alone: Scanning, admin: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await admin.folder("Cabinet")
    names = ("never", "long ago", "lately")
    [never, long_ago, lately] = [
        (await admin.document(cabinet, name, name.encode()))["sha256"] for name in names
    ]
    old = now() - timedelta(days=90)
    await age(alone, never, scan_tried_at=None, created_at=old)
    await age(alone, long_ago, scan_tried_at=now() - timedelta(days=31), created_at=old)
    yesterday = now() - timedelta(days=2)
    await age(alone, lately, scan_tried_at=yesterday, scanned_with=1, created_at=yesterday)
    assert await rescan(alone, days=None) == [never]
    assert await rescan(alone) == [long_ago]

    async def newer() -> int:
        return 2

    # What was stored lately is scanned with newer signatures before its time.
    monkeypatch.setattr(alone.content.scanner, "database", newer)
    assert await rescan(alone) == [lately]
    assert (await digests(alone))[lately].scanned_with == 2
    assert await rescan(alone) == []


async def test_one_rescans_at_a_time(alone: Scanning, admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    digest = (await admin.document(cabinet, "a", b"a"))["sha256"]
    await age(alone, digest, scan_tried_at=None)
    async with alone.database.transaction() as session:
        lease = now() + timedelta(seconds=30)
        session.add(ScanRun(trigger=Trigger.SCHEDULE, started_at=now(), lease_until=lease))
    assert await rescan(alone) == []
    async with alone.database.transaction() as session:
        await session.execute(update(ScanRun).values(lease_until=now()))
    assert await rescan(alone) == [digest]


async def test_what_is_stored_while_the_scanner_is_away_is_scanned_when_it_is_back(
    alone: Scanning, admin: Api, settings: Settings
) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "before", b"the same bytes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alone.content.scanner, "_socket", settings.data_dir / "nobody.ctl")
        again = await admin.document(cabinet, "again", b"the same bytes")
        assert await rescan(alone, days=None) == []
    assert again["current_version"]["scan_status"] == "unscanned"
    assert await rescan(alone, days=None) == [again["sha256"]]
    version = (await admin.get(f"/documents/{again['id']}")).json()["current_version"]
    assert version["scan_status"] == "clean"
