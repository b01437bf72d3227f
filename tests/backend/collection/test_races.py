"""The races of docs/adr/0010-collection.md, one by one, with real transactions that meet where it says."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from backend.audit import service as audit
from backend.collection import queries
from backend.collection.errors import PinExpiredError
from backend.collection.models import StorePin
from backend.collection.service import collecting, live_pins, pin_store, release_pin, renew_pin
from backend.core.clock import now
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.documents.models import Blob, Document
from backend.documents.service import changing, uploading
from storage import BlobStore
from tests.backend.collection.test_collecting import digest_of, publish
from tests.conftest import ROOT
from tests.support.archive import Archive, Gate, until_blocked

CONTENT = b"the content that everybody wants"
DIGEST = digest_of(CONTENT)


class CrashError(Exception):
    """The process dies here."""


class Stop:
    """Where the store's threads stop in removing a blob."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(30)


@contextlib.contextmanager
def removing(
    archive: Archive, *, before: Stop | None = None, after: Stop | None = None
) -> Iterator[None]:
    """Stop the removal of blobs before, or after, they are gone."""
    store, real = archive.content.store, BlobStore.delete

    def delete(namespace: str, digest: bytes) -> None:
        if before is not None:
            before.wait()
        real(store, namespace, digest)
        if after is not None:
            after.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "delete", delete)
        yield


async def unreferenced(archive: Archive, content: bytes = CONTENT) -> None:
    """Store content that nothing refers to any more, and that was marked long ago."""
    await archive.dispose(await archive.upload(content))
    await archive.collect(hours=24)
    await archive.pass_time(100)


async def settles(archive: Archive) -> None:
    """Two collections later exactly what is referred to is there, whole."""
    for _ in range(2):
        await archive.collect()
    referenced = await archive.referenced()
    assert archive.stored() == referenced == set(await archive.rows())
    for digest in referenced:
        archive.content.store.verify(archive.namespace, digest)


# An upload that comes first.


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("place", ["before", "after", "end"])
@pytest.mark.parametrize("commits", [True, False])
async def test_an_upload_under_way_is_passed_by(
    archive: Archive, *, known: bool, place: str, commits: bool
) -> None:
    """It holds the row. Where nobody has seen that row, the adoption waits for it."""
    if known:
        await unreferenced(archive)
    gate = Gate()
    upload = asyncio.create_task(archive.upload(CONTENT, **{place: gate}))
    await gate.reached.wait()
    collection = asyncio.create_task(archive.collect())
    await until_blocked(archive.database, collection)
    if commits:
        gate.opened.set()
        await upload
    else:
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
    await collection
    if commits:
        assert archive.read(DIGEST) == CONTENT
    await settles(archive)
    assert (DIGEST in archive.stored()) is commits


async def test_marks_pass_an_upload_by(archive: Archive) -> None:
    """Its version is not committed, so nobody can see that the blob is referred to; its lock can be seen."""
    await archive.dispose(await archive.upload(CONTENT))
    gate = Gate()
    upload = asyncio.create_task(archive.upload(CONTENT, end=gate))
    await gate.reached.wait()
    done = await archive.collect(hours=24)
    assert (done.marked, done.waiting.blobs) == (0, 1)
    gate.opened.set()
    await upload
    assert (await archive.rows())[DIGEST].marked_at is None


# A collection that comes first.


@pytest.mark.parametrize("place", ["before", "after"])
async def test_an_upload_waits_for_the_collection_and_publishes_anew(
    archive: Archive, place: str
) -> None:
    await unreferenced(archive)
    stop = Stop()
    with removing(archive, **{place: stop}):
        collection = asyncio.create_task(archive.collect())
        await asyncio.to_thread(stop.reached.wait)
        upload = asyncio.create_task(archive.upload(CONTENT))
        await until_blocked(archive.database, upload)
        assert not upload.done()
        stop.opened.set()
        assert (await collection).freed.blobs == 1
        await upload
    assert archive.read(DIGEST) == CONTENT
    await settles(archive)


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_collection_that_is_cancelled_waits_for_its_threads(
    archive: Archive, place: str
) -> None:
    """Else they would remove what an upload relies on, once the rollback has freed the row."""
    await unreferenced(archive)
    stop = Stop()
    with removing(archive, **{place: stop}):
        collection = asyncio.create_task(archive.collect())
        await asyncio.to_thread(stop.reached.wait)
        upload = asyncio.create_task(archive.upload(CONTENT))
        await until_blocked(archive.database, upload)
        for _ in range(2):
            collection.cancel()
            done, _ = await asyncio.wait([collection, upload], timeout=0.05)
            assert not done
        stop.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await collection
        await upload
    assert archive.read(DIGEST) == CONTENT
    await settles(archive)


async def test_a_stale_mark_does_not_cost_a_blob_its_life(archive: Archive) -> None:
    """Marks are hints: whoever removes looks again, under the lock."""
    await archive.upload(CONTENT)
    async with archive.database.transaction(archive.tenant) as session:
        await session.execute(update(Blob).values(marked_at=now() - timedelta(days=9)))
    done = collecting.Collection()
    await collecting.collect_marked(
        archive.database, archive.content, archive.org_id, done, grace=timedelta()
    )
    assert done.freed.blobs == 0
    assert archive.read(DIGEST) == CONTENT
    assert DIGEST in await archive.rows()


# Crashes.

STEPS = ("lock", "delete row", "before bytes", "after bytes", "record")


@contextlib.contextmanager
def crash_at(step: str, archive: Archive) -> Iterator[None]:
    """Let a collection die at a step; its transaction is rolled back, as the server does for a process that is gone."""
    store = archive.content.store

    async def crash(*_: object, **__: object) -> None:
        raise CrashError

    def crash_in_store(namespace: str, digest: bytes) -> None:
        if step == "after bytes":
            BlobStore.delete(store, namespace, digest)
        raise CrashError

    with pytest.MonkeyPatch.context() as patch:
        match step:
            case "lock":
                patch.setattr(queries, "lock_collectable", crash)
            case "delete row":
                patch.setattr(queries, "delete_unreferenced", crash)
            case "record":
                patch.setattr(audit, "record", crash)
            case _:
                patch.setattr(store, "delete", crash_in_store)
        yield


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("uploaded", [True, False])
async def test_a_collection_that_dies_at_any_step_loses_nothing(
    archive: Archive, step: str, *, uploaded: bool
) -> None:
    await unreferenced(archive)
    with crash_at(step, archive), pytest.raises(CrashError):
        await archive.collect()
    assert (await archive.rows())[DIGEST].marked_at is not None
    assert await archive.certificates() == []
    if uploaded:
        await archive.upload(CONTENT)
        assert archive.read(DIGEST) == CONTENT
    else:
        assert (await archive.collect()).freed.blobs == 1
        [certificate] = await archive.certificates()
        assert certificate.data["was_missing"] is (step in {"after bytes", "record"})
    await settles(archive)


DYING = """
import asyncio, os, signal, sys
from storage import BlobStore
from backend.cli.collection import gc

real = BlobStore.delete
def delete(self, namespace, digest):
    real(self, namespace, digest)
    if namespace == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

BlobStore.delete = delete
gc(grace=0)
"""


async def test_a_collection_that_is_killed_loses_nothing(
    archive: Archive, settings: Settings
) -> None:
    await unreferenced(archive)
    assert settings.encryption_key is not None
    environment = {
        **os.environ,
        "DMS_DATA_DIR": str(settings.data_dir),
        "DMS_DATABASE_URL": str(settings.database_url),
        "ENCRYPTION_KEY": settings.encryption_key.get_secret_value(),
    }
    command = [sys.executable, "-c", DYING, archive.namespace]
    died = await asyncio.to_thread(
        subprocess.run, command, env=environment, cwd=ROOT, capture_output=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (DIGEST in archive.stored(), DIGEST in await archive.rows()) == (False, True)
    await archive.upload(CONTENT)
    assert archive.read(DIGEST) == CONTENT
    await settles(archive)


# Several at once.


async def test_collections_at_once_share_the_work(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "BATCH", 3)
    contents = [b"%d" % number for number in range(40)]
    for content in contents[:20]:
        await archive.dispose(await archive.upload(content))
    for content in contents[20:]:
        publish(archive, content)
    kept = await archive.upload(CONTENT)
    done = await asyncio.gather(*(archive.collect() for _ in range(4)))
    assert sum(one.adopted for one in done) == 20
    assert sum(one.freed.blobs for one in done) == 40
    assert len({event.object for event in await archive.certificates()}) == 40
    assert len(await archive.certificates()) == 40
    assert archive.read(DIGEST) == CONTENT
    await archive.dispose(kept)
    await settles(archive)


async def test_what_another_collection_destroyed_is_not_adopted_again(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One collection has listed a blob; before it adopts that, another one has adopted and destroyed it."""
    publish(archive, CONTENT)
    real = queries.adopt

    async def overtaken(*arguments: Any) -> dict[int, bytes]:
        monkeypatch.setattr(queries, "adopt", real)
        assert (await archive.collect()).freed.blobs == 1
        return await real(*arguments)

    monkeypatch.setattr(queries, "adopt", overtaken)
    done = await archive.collect()
    assert (done.adopted, done.freed.blobs) == (0, 0)
    assert await archive.rows() == {}
    assert [event.data["was_missing"] for event in await archive.certificates()] == [False]


async def test_uploads_disposals_and_collections_at_once(archive: Archive) -> None:
    """Everybody works on the same few contents, as fast as they can."""
    contents = [b"%d" % number for number in range(3)]
    kept: list[tuple[int, bytes]] = []
    ended = asyncio.Event()

    async def work(number: int) -> None:
        for turn in range(8):
            content = contents[(number + turn) % len(contents)]
            document = await archive.upload(content)
            assert archive.read(digest_of(content)) == content
            if turn % 4 == 3:
                kept.append((document, content))
            else:
                await archive.dispose(document)

    async def collect() -> None:
        while not ended.is_set():
            await archive.collect()

    collections = [asyncio.create_task(collect()) for _ in range(2)]
    await asyncio.gather(*(work(number) for number in range(4)))
    ended.set()
    await asyncio.gather(*collections)
    for _, content in kept:
        assert archive.read(digest_of(content)) == content
    await settles(archive)


# The trash.


async def test_who_restores_a_document_while_the_trash_is_emptied_keeps_it(
    archive: Archive,
) -> None:
    document = await archive.upload(CONTENT)
    await archive.trash(document)
    later = now() + timedelta(days=1)
    async with archive.database.transaction(archive.tenant) as restoring:
        await changing.restore_document(restoring, archive.actor, document, rename=True)
        async with archive.database.transaction(archive.tenant) as purging:
            assert await documents.purge_expired(purging, org_id=archive.org_id, before=later) == 0
    await archive.collect()
    assert archive.read(DIGEST) == CONTENT
    async with archive.database.transaction(archive.tenant) as session:
        [found] = await session.scalars(select(Document))
        assert found.deleted_at is None


async def test_who_restores_a_version_keeps_it(archive: Archive) -> None:
    """The earlier version is there for as long as its document is locked, so its blob is referred to all the time."""
    document = await archive.upload(CONTENT)
    await archive.upload(b"later", to=document)
    async with archive.database.transaction(archive.tenant) as session:
        await uploading.restore_version(session, archive.actor, document, 1)
        await asyncio.wait_for(archive.collect(), 30)
    assert archive.read(DIGEST) == CONTENT
    await settles(archive)


# Pins.


async def test_a_pin_holds_collection_off(archive: Archive) -> None:
    await unreferenced(archive)
    async with archive.database.transaction() as session:
        pin = await pin_store(session, reason="backup", lifetime=timedelta(hours=1))
    later = await archive.upload(b"uploaded and disposed of while the pin is live")
    await archive.dispose(later)
    done = await archive.collect()
    assert (done.freed.blobs, done.waiting.blobs) == (0, 2)
    async with archive.database.transaction() as session:
        assert [live.reason for live in await live_pins(session)] == ["backup"]
        await renew_pin(session, pin.id, lifetime=timedelta(hours=2))
    assert (await archive.collect()).freed.blobs == 0
    async with archive.database.transaction() as session:
        await release_pin(session, pin.id)
    assert (await archive.collect()).freed.blobs == 2


async def test_a_pin_that_ran_out_holds_nothing_and_says_so(archive: Archive) -> None:
    await unreferenced(archive)
    async with archive.database.transaction() as session:
        pin = await pin_store(session, reason="a backup that died", lifetime=timedelta(hours=1))
        await session.execute(
            update(StorePin)
            .where(StorePin.id == pin.id)
            .values(expires_at=func.now() - timedelta(seconds=1))
        )
    assert (await archive.collect()).freed.blobs == 1
    async with archive.database.transaction() as session:
        assert await live_pins(session) == []
        with pytest.raises(PinExpiredError):
            await renew_pin(session, pin.id, lifetime=timedelta(hours=1))
        with pytest.raises(PinExpiredError):
            await release_pin(session, pin.id)


async def test_a_pin_waits_for_what_is_being_removed(archive: Archive) -> None:
    """A snapshot that is taken once the pin is there sees all of a removal, or none."""
    await unreferenced(archive)
    stop = Stop()

    async def pin() -> StorePin:
        async with archive.database.transaction() as session:
            return await pin_store(session, reason="backup", lifetime=timedelta(hours=1))

    with removing(archive, before=stop):
        collection = asyncio.create_task(archive.collect())
        await asyncio.to_thread(stop.reached.wait)
        pinning = asyncio.create_task(pin())
        await until_blocked(archive.database, pinning)
        assert not pinning.done()
        stop.opened.set()
        await collection
    made = await pinning
    assert await archive.rows() == {}
    async with archive.database.transaction() as session:
        await release_pin(session, made.id)
