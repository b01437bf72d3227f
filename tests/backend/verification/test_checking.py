"""Checks of a store that was tampered with, beside a database that was."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from backend.content.service import Content
from backend.core.db import Tenant
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.documents.models import Blob
from backend.verification import service as verification
from backend.verification.models import CheckMode, Fault
from backend.verification.service import Pace, checking
from backend.verification.service.examining import Listing
from storage import BlobStore, Keyring, StoreUnavailableError
from tests.backend.verification.conftest import FULL, QUICK, Tampering, sampled
from tests.support.api import Api

FRAMES = random.Random(7).randbytes(1_200_000)  # noqa: S311 - no secret
"""Content of three frames that does not compress: a byte in the middle of the file is content."""


async def document(tampering: Tampering, cabinet: int, name: str, content: bytes) -> str:
    created = await tampering.api.document(cabinet, name, content)
    return str(created["sha256"])


@pytest.fixture
async def cabinet(tampering: Tampering) -> int:
    return await tampering.api.folder("Cabinet")


async def test_every_kind_of_fault_is_found_and_named(tampering: Tampering, cabinet: int) -> None:
    names = ("missing", "truncated", "inner", "locked", "size", "whole")
    digest = {
        name: await document(tampering, cabinet, name, name.encode() + FRAMES) for name in names
    }
    copy = await tampering.api.document(cabinet, "copy", b"missing" + FRAMES)
    tampering.path(digest["missing"]).unlink()
    path = tampering.path(digest["truncated"])
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    tampering.flip(digest["inner"], 700_000)
    # The id of the storage key, in the first key slot: nobody has a key of that name.
    tampering.flip(digest["locked"], 32)
    async with tampering.database.transaction(Tenant(tampering.api.org_id)) as session:
        wrong = Blob.digest == bytes.fromhex(digest["size"])
        await session.execute(update(Blob).where(wrong).values(size=5))
    orphan = tampering.put(b"nobody knows me")

    found = await tampering.check(FULL)
    assert {name: one.fault for name, one in found.items()} == {
        digest["missing"]: Fault.MISSING,
        digest["truncated"]: Fault.DAMAGED,
        digest["inner"]: Fault.DAMAGED,
        digest["locked"]: Fault.UNREADABLE,
        digest["size"]: Fault.SIZE,
        orphan: Fault.ORPHAN,
    }
    assert copy["id"] in found[digest["missing"]].documents
    assert len(found[digest["missing"]].documents) == 2
    assert "frame 1" in found[digest["inner"]].detail
    assert "key" in found[digest["locked"]].detail
    assert "says 5 in" in found[digest["size"]].detail
    assert {name for name, one in found.items() if one.is_damage} == {
        digest[name] for name in ("missing", "truncated", "inner", "locked")
    }

    # Orphans are collection's; the rest is on record until it is seen to be gone.
    on_record = {name: one.fault for name, one in found.items() if name != orphan}
    assert await tampering.faults() == on_record
    assert await tampering.events() == [{"found": 4, "resolved": 0}]
    assert (await tampering.check(FULL)).keys() == found.keys()
    assert await tampering.faults() == on_record
    assert len(await tampering.events()) == 1


async def test_a_check_counts(tampering: Tampering, cabinet: int) -> None:
    for name in ("a", "b", "c"):
        await document(tampering, cabinet, name, name.encode() * 1_000)
    orphan = tampering.put(b"orphan")
    missing = await document(tampering, cabinet, "missing", b"missing")
    tampering.path(missing).unlink()
    check = await tampering.begin(FULL)
    assert (await tampering.work(check))[0]
    async with tampering.database.transaction() as session:
        check = await verification.get(session, check.id)
    assert (check.blobs, check.opened, check.damaged, check.orphans) == (4, 4, 1, 1)
    assert check.orphan_bytes == tampering.path(orphan).stat().st_size
    assert check.finished_at is not None
    async with tampering.database.transaction(Tenant(tampering.api.org_id)) as session:
        recorded = await documents.stored_totals(session)
    assert check.read_bytes == recorded.stored_size


async def test_quick_sees_what_can_be_seen_without_reading(
    tampering: Tampering, cabinet: int
) -> None:
    missing, cut, inner = [
        await document(tampering, cabinet, name, name.encode() + FRAMES)
        for name in ("missing", "cut", "inner")
    ]
    tampering.path(missing).unlink()
    tampering.flip(cut, -1)
    tampering.flip(inner, 700_000)
    assert set(await tampering.check(QUICK)) == {missing, cut}
    assert set(await tampering.check(FULL)) == {missing, cut, inner}
    # That it opens says nothing of its content: only a full check may close this.
    assert set(await tampering.check(QUICK)) == {missing, cut}
    assert await tampering.faults() == {
        missing: Fault.MISSING,
        cut: Fault.DAMAGED,
        inner: Fault.DAMAGED,
    }


async def test_a_later_good_check_resolves(tampering: Tampering, cabinet: int) -> None:
    missing, damaged = [
        await document(tampering, cabinet, name, name.encode() + FRAMES)
        for name in ("missing", "damaged")
    ]
    away = tampering.path(missing).with_suffix(".away")
    tampering.path(missing).rename(away)
    tampering.flip(damaged, 700_000)
    assert len(await tampering.check(FULL)) == 2
    away.rename(tampering.path(missing))
    tampering.flip(damaged, 700_000)
    assert await tampering.check(QUICK) == {}
    assert await tampering.faults() == {damaged: Fault.DAMAGED}
    assert await tampering.check(FULL) == {}
    assert await tampering.faults() == {}
    assert await tampering.faults(resolved=True) == {
        missing: Fault.MISSING,
        damaged: Fault.DAMAGED,
    }
    assert await tampering.events() == [
        {"found": 2, "resolved": 0},
        {"found": 0, "resolved": 1},
        {"found": 0, "resolved": 1},
    ]


async def test_what_is_gone_for_good_is_no_fault_any_more(
    tampering: Tampering, cabinet: int
) -> None:
    [digest] = await tampering.rows(1)
    tampering.flip(digest, -1)
    assert await tampering.check(FULL) != {}
    async with tampering.database.transaction(Tenant(tampering.api.org_id)) as session:
        await session.execute(delete(Blob).where(Blob.digest == bytes.fromhex(digest)))
    tampering.path(digest).unlink()
    assert await tampering.check(QUICK) == {}
    assert await tampering.faults() == {}


async def test_what_nobody_refers_to_and_collection_removed_is_no_loss(
    tampering: Tampering,
) -> None:
    [digest] = await tampering.rows(1)
    tampering.path(digest).unlink()
    assert await tampering.check(FULL) == {}


async def test_samples_open_their_part_and_look_for_all(tampering: Tampering) -> None:
    digests = await tampering.rows(60)
    for digest in digests:
        tampering.flip(digest, -60)
    by_part = [set(await tampering.check(sampled(CheckMode.FULL, 250_000, n))) for n in range(4)]
    assert set().union(*by_part) == set(digests)
    assert sum(map(len, by_part)) == len(digests)
    assert all(by_part)
    # Where a blob is not opened, the listing still tells that it is short.
    short = next(iter(by_part[1]))
    tampering.path(short).write_bytes(tampering.path(short).read_bytes()[:-1])
    found = await tampering.check(sampled(CheckMode.FULL, 250_000, 0))
    assert found[short].fault is Fault.DAMAGED


async def test_a_blob_outside_the_sample_is_missed_all_the_same(
    tampering: Tampering, cabinet: int
) -> None:
    digests = [await document(tampering, cabinet, str(n), f"{n}".encode()) for n in range(8)]
    for digest in digests:
        tampering.path(digest).unlink()
    assert set(await tampering.check(sampled(CheckMode.QUICK, 1, 0))) == set(digests)


async def test_a_check_goes_on_where_it_was_left(
    tampering: Tampering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LOT_BLOBS", 4)
    digests = await tampering.rows(17)
    orphans = [tampering.put(f"orphan {n}".encode()) for n in range(9)]
    damaged = digests[5]
    tampering.flip(damaged, -60)
    check = await tampering.begin(FULL)
    turns, found = 0, []
    finished = False
    while not finished:
        # Enough for one blob, whatever its size.
        finished, some = await tampering.work(check, Pace(enough=1))
        found += some
        turns += 1
    assert turns > 10
    assert sorted(one.digest.hex() for one in found) == sorted([*orphans, damaged])
    async with tampering.database.transaction() as session:
        check = await verification.get(session, check.id)
    assert (check.blobs, check.opened, check.orphans, check.damaged) == (17, 17, 9, 1)


async def test_lots_of_any_size_find_the_same(
    tampering: Tampering, cabinet: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tampering.rows(23)
    missing = [await document(tampering, cabinet, str(n), f"m{n}".encode()) for n in range(5)]
    for digest in missing:
        tampering.path(digest).unlink()
    orphans = [tampering.put(f"orphan {n}".encode()) for n in range(31)]
    for lot in (1, 2, 3, 7, 1_000):
        monkeypatch.setattr(checking, "_LOT_BLOBS", lot)
        for seconds in (0.0, 60.0):
            monkeypatch.setattr(checking, "_LOT_SECONDS", seconds)
            assert set(await tampering.check(QUICK)) == {*missing, *orphans}


async def test_a_check_that_is_stopped_keeps_what_it_has(
    tampering: Tampering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LOT_BLOBS", 5)
    await tampering.rows(12)
    pace = Pace()
    pace.stop()
    check = await tampering.begin(FULL)
    assert await tampering.work(check, pace) == (False, [])
    assert await tampering.work(check) == (True, [])


async def test_an_empty_store_is_not_a_thousand_losses(
    tampering: Tampering, cabinet: int, tmp_path: Path
) -> None:
    """An unmounted volume looks like a store without anything in it."""
    await document(tampering, cabinet, "a", b"a")
    settings = tampering.settings.model_copy(update={"data_dir": tmp_path})
    keyring = Keyring.open(tampering.settings.keyring_path, settings.master_key())
    tampering.content = Content(
        BlobStore(tmp_path / "store", keyring), tampering.content.scanner, max_size=1
    )
    check = await tampering.begin(QUICK)
    with pytest.raises(StoreUnavailableError, match="mounted"):
        await tampering.work(check)
    assert await tampering.faults() == {}
    tampering.content.close()


async def test_uploads_and_purges_meanwhile_are_no_faults(
    tampering: Tampering, cabinet: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LOT_BLOBS", 3)
    api, done = tampering.api, asyncio.Event()

    async def come_and_go(lane: int) -> None:
        for number in range(12):
            created = await api.document(cabinet, f"{lane}-{number}", f"{lane} {number}".encode())
            await api.delete(f"/documents/{created['id']}")
            await api.delete(f"/trash/documents/{created['id']}")

    async def check() -> int:
        rounds = 0
        while not done.is_set() or not rounds:
            found = await tampering.check(FULL)
            assert [one for one in found.values() if one.fault is not Fault.ORPHAN] == []
            rounds += 1
        return rounds

    checking_all = asyncio.create_task(check())
    await asyncio.gather(*(come_and_go(lane) for lane in range(3)))
    done.set()
    assert await checking_all > 0
    assert await tampering.faults() == {}


def test_a_listing_is_never_read_further_than_asked() -> None:
    read = 0

    def entries() -> Iterator[tuple[bytes, int]]:
        nonlocal read
        for number in range(10**9):
            read += 1
            yield number.to_bytes(32), number

    listing = Listing(entries())
    assert len(listing.take(b"\xff" * 32, 100)) == 100
    assert list(listing.take((150).to_bytes(32), 1_000).values()) == list(range(100, 151))
    listing.put_back({number.to_bytes(32): number for number in (149, 150)})
    assert list(listing.take((152).to_bytes(32), 1_000).values()) == [149, 150, 151, 152]
    assert read == 154


# -- repair --------------------------------------------------------------------------------------


@pytest.fixture
def spare(tampering: Tampering, tmp_path: Path) -> Iterator[BlobStore]:
    """Another store, under the same keyring."""
    settings: Settings = tampering.settings
    store = BlobStore(
        tmp_path / "spare", Keyring.open(settings.keyring_path, settings.master_key())
    )
    yield store
    store.close()


def copy(tampering: Tampering, spare: BlobStore, digest: str) -> None:
    spare.restore(tampering.namespace, bytes.fromhex(digest), tampering.content.store)


async def test_repair_takes_good_copies(
    tampering: Tampering, cabinet: int, spare: BlobStore, tmp_path: Path
) -> None:
    names = ("missing", "damaged", "locked", "nowhere", "bad copy")
    digest = {
        name: await document(tampering, cabinet, name, name.encode() + FRAMES) for name in names
    }
    for name in ("missing", "damaged", "locked", "bad copy"):
        copy(tampering, spare, digest[name])
    tampering.path(digest["missing"]).unlink()
    tampering.path(digest["nowhere"]).unlink()
    tampering.flip(digest["damaged"], 700_000)
    tampering.flip(digest["locked"], 32)
    tampering.flip(digest["bad copy"], 700_000)
    [bad] = (tmp_path / "spare").rglob(digest["bad copy"])
    bad.chmod(0o600)
    bad.write_bytes(bad.read_bytes()[:-1])

    found = await tampering.check(FULL, source=spare)
    assert {name for name in names if found[digest[name]].repaired} == {
        "missing",
        "damaged",
        "locked",
    }
    assert "does not have it" in found[digest["nowhere"]].detail
    assert "not restored" in found[digest["bad copy"]].detail
    assert await tampering.faults() == {
        digest["nowhere"]: Fault.MISSING,
        digest["bad copy"]: Fault.DAMAGED,
    }
    assert set(await tampering.faults(resolved=True)) == {
        digest[name] for name in ("missing", "damaged", "locked")
    }
    assert set(await tampering.check(FULL)) == {digest["nowhere"], digest["bad copy"]}


async def test_a_store_that_was_lost_is_filled_again(
    tampering: Tampering, cabinet: int, spare: BlobStore, tmp_path: Path
) -> None:
    digests = [await document(tampering, cabinet, str(n), f"{n}".encode()) for n in range(6)]
    for digest in digests:
        copy(tampering, spare, digest)
    settings = tampering.settings
    keyring = Keyring.open(settings.keyring_path, settings.master_key())
    empty = BlobStore(tmp_path / "new", keyring)
    tampering.content = Content(empty, tampering.content.scanner, max_size=1)
    found = await tampering.check(QUICK, source=spare)
    assert all(one.repaired for one in found.values())
    assert set(found) == set(digests)
    assert await tampering.check(FULL) == {}
    tampering.content.close()


async def test_repair_corrects_sizes(tampering: Tampering, spare: BlobStore) -> None:
    [digest] = await tampering.rows(1)
    async with tampering.database.transaction(Tenant(tampering.api.org_id)) as session:
        await session.execute(update(Blob).values(size=1, stored_size=2))
    assert (await tampering.check(QUICK))[digest].fault is Fault.SIZE
    assert (await tampering.check(QUICK, source=spare))[digest].repaired
    assert await tampering.check(QUICK) == {}
    assert await tampering.faults() == {}


async def test_one_organisation_does_not_see_anothers_faults(
    tampering: Tampering, cabinet: int, stranger: Api
) -> None:
    digest = await document(tampering, cabinet, "a", b"a")
    tampering.path(digest).unlink()
    await tampering.check(QUICK)
    assert (await stranger.get("/storage/faults")).json()["items"] == []
    assert (await stranger.get("/storage")).json()["faults"] == {}
