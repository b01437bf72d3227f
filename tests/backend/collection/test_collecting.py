"""What is freed, when, and what is kept of it. The races are in test_races.py."""

import hashlib
import secrets
from datetime import datetime, timedelta

import pytest

from backend.collection.service import collecting, orphans, survey
from backend.core.settings import Settings
from backend.documents.models import Blob
from storage import StoreUnavailableError
from tests.support.archive import Archive, new_archive


def digest_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def publish(archive: Archive, content: bytes) -> bytes:
    """Put content into the store alone, as an upload does whose transaction is then rolled back."""
    with archive.content.store.writer(archive.namespace) as writer:
        writer.write(content)
        return writer.finish().publish().digest


async def test_content_is_freed_once_nothing_refers_to_it(archive: Archive) -> None:
    content = secrets.token_bytes(1_000)
    first = await archive.upload(content)
    second = await archive.upload(content)
    await archive.dispose(first)
    assert (await archive.collect()).freed.blobs == 0
    await archive.trash(second)
    assert (await archive.collect()).freed.blobs == 0
    assert archive.read(digest_of(content)) == content

    await archive.purge(second)
    stored_size = (await archive.rows())[digest_of(content)].stored_size
    done = await archive.collect()
    assert (done.freed.blobs, done.freed.stored_size) == (1, stored_size)
    assert (done.waiting.blobs, done.waiting.stored_size) == (0, 0)
    assert (archive.stored(), await archive.rows()) == (set(), {})


async def test_every_version_keeps_its_content(archive: Archive) -> None:
    contents = [b"first", b"second", b"third"]
    document = await archive.upload(contents[0])
    for content in contents[1:]:
        await archive.upload(content, to=document)
    await archive.restore_version(document, 1)
    await archive.collect()
    assert [archive.read(digest_of(content)) for content in contents] == contents
    await archive.dispose(document)
    assert (await archive.collect()).freed.blobs == 3


async def test_the_grace_counts_from_when_a_collection_saw_it(archive: Archive) -> None:
    await archive.dispose(await archive.upload(b"content"))
    done = await archive.collect(hours=24)
    assert (done.marked, done.freed.blobs, done.waiting.blobs) == (1, 0, 1)
    await archive.pass_time(23)
    assert (await archive.collect(hours=24)).freed.blobs == 0
    assert archive.read(digest_of(b"content")) == b"content"
    await archive.pass_time(2)
    assert (await archive.collect(hours=24)).freed.blobs == 1
    assert archive.stored() == set()


async def test_an_upload_revives_what_was_marked(archive: Archive) -> None:
    await archive.dispose(await archive.upload(b"content"))
    await archive.collect(hours=24)
    await archive.pass_time(100)
    document = await archive.upload(b"content")
    assert (await archive.rows())[digest_of(b"content")].marked_at is None
    await archive.collect(hours=24)
    assert archive.read(digest_of(b"content")) == b"content"
    # Its grace begins anew.
    await archive.dispose(document)
    assert (await archive.collect(hours=24)).freed.blobs == 0


async def test_a_mark_that_is_wrong_is_taken_back(archive: Archive) -> None:
    await archive.upload(b"content")
    async with archive.database.transaction(archive.tenant) as session:
        row = await session.get_one(Blob, (await archive.rows())[digest_of(b"content")].id)
        row.marked_at = datetime.fromisoformat("2020-01-01T00:00:00Z")
    done = await archive.collect(hours=24)
    assert (done.marked, done.freed.blobs, done.waiting.blobs) == (0, 0, 0)
    assert (await archive.rows())[digest_of(b"content")].marked_at is None
    assert archive.read(digest_of(b"content")) == b"content"


async def test_the_trail_certifies_what_was_destroyed(archive: Archive) -> None:
    document = await archive.upload(b"content" * 100)
    blob = (await archive.rows())[digest_of(b"content" * 100)]
    assert await archive.certificates() == []
    await archive.dispose(document)
    await archive.collect()
    [certificate] = await archive.certificates()
    assert certificate.org_id == archive.org_id
    assert certificate.actor_id is None
    assert certificate.object == f"blob:{blob.digest.hex()}"
    since = certificate.data.pop("unreferenced_since")
    assert datetime.fromisoformat(since) < certificate.at
    assert certificate.data == {
        "sha256": blob.digest.hex(),
        "size": 700,
        "stored_size": blob.stored_size,
        "was_missing": False,
    }


async def test_what_has_no_row_is_adopted_damaged_or_not(
    archive: Archive, settings: Settings
) -> None:
    whole, damaged = publish(archive, b"whole"), publish(archive, b"damaged")
    path = archive.file(settings, damaged)
    path.chmod(0o600)
    path.write_bytes(b"no blob at all")
    done = await archive.collect(hours=24)
    assert (done.adopted, done.waiting.blobs, done.freed.blobs) == (2, 2, 0)
    rows = await archive.rows()
    assert (rows[whole].size, rows[damaged].size, rows[damaged].stored_size) == (5, 14, 14)
    await archive.pass_time(25)
    assert (await archive.collect(hours=24)).freed.blobs == 2
    assert archive.stored() == set()


async def test_an_adopted_blob_can_be_uploaded(archive: Archive) -> None:
    digest = publish(archive, b"content")
    await archive.collect(hours=24)
    document = await archive.upload(b"content")
    await archive.pass_time(100)
    await archive.collect(hours=24)
    assert archive.read(digest) == b"content"
    await archive.dispose(document)
    assert (await archive.collect()).freed.blobs == 1


async def test_a_store_the_database_knows_too_little_of_is_left_alone(archive: Archive) -> None:
    """A database that was restored from an earlier day does not know what was uploaded since."""
    for number in range(101):
        publish(archive, b"%d" % number)
    kept = await archive.upload(b"known")
    done = await archive.collect()
    assert (done.adopted, done.freed.blobs, done.strange) == (0, 0, 101)
    assert len(archive.stored()) == 102
    # Somebody has looked: they are to go.
    done = await archive.collect(adopt_all=True)
    assert (done.adopted, done.freed.blobs, done.strange) == (101, 101, 0)
    assert archive.stored() == {digest_of(b"known")}
    await archive.dispose(kept)


async def test_a_row_whose_content_is_gone_goes_too(archive: Archive) -> None:
    document = await archive.upload(b"content")
    archive.content.store.delete(archive.namespace, digest_of(b"content"))
    await archive.dispose(document)
    done = await archive.collect()
    assert (done.freed.blobs, done.failed) == (1, 0)
    assert await archive.rows() == {}
    [certificate] = await archive.certificates()
    assert certificate.data["was_missing"] is True


async def test_one_blob_that_cannot_be_removed_keeps_no_other(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "BATCH", 4)
    contents = [b"%d" % number for number in range(10)]
    documents = [await archive.upload(content) for content in contents]
    for document in documents:
        await archive.dispose(document)
    stuck = digest_of(b"7")
    real = archive.content.store.delete

    def delete_blob(namespace: str, digest: bytes) -> None:
        if digest == stuck:
            raise StoreUnavailableError("deleting a blob: Input/output error")
        real(namespace, digest)

    with monkeypatch.context() as patch:
        patch.setattr(archive.content.store, "delete", delete_blob)
        for freed in (9, 0):
            done = await archive.collect()
            assert (done.freed.blobs, done.failed, done.waiting.blobs) == (freed, 1, 1)
            assert (archive.stored(), set(await archive.rows())) == ({stuck}, {stuck})
    assert len(await archive.certificates()) == 9
    assert (await archive.collect()).freed.blobs == 1
    assert (archive.stored(), await archive.rows()) == (set(), {})


async def test_what_was_published_anew_is_recorded_with_its_size(archive: Archive) -> None:
    """The row outlived its content, which was stored in another size."""
    await archive.dispose(await archive.upload(b"content" * 1_000))
    digest = digest_of(b"content" * 1_000)
    stored_size = (await archive.rows())[digest].stored_size
    async with archive.database.transaction(archive.tenant) as session:
        row = await session.get_one(Blob, (await archive.rows())[digest].id)
        row.stored_size = 1
    archive.content.store.delete(archive.namespace, digest)
    await archive.upload(b"content" * 1_000)
    assert (await archive.rows())[digest].stored_size == stored_size


async def test_another_organisation_is_not_touched(archive: Archive, settings: Settings) -> None:
    other = await new_archive(archive.database, archive.content)
    for one in (archive, other):
        await one.dispose(await one.upload(b"content"))
    assert (await archive.collect()).freed.blobs == 1
    assert (archive.stored(), other.stored()) == (set(), {digest_of(b"content")})
    assert await other.certificates() == []


async def test_a_survey_tells_what_a_collection_would_do(archive: Archive) -> None:
    kept = await archive.upload(b"kept")
    await archive.dispose(await archive.upload(b"old"))
    await archive.collect(hours=24)
    await archive.pass_time(25)
    await archive.dispose(await archive.upload(b"fresh"))
    publish(archive, b"orphan")
    sizes = dict(archive.content.store.entries(archive.namespace))

    async def found(hours: float) -> tuple[int, int, int]:
        told = await survey(
            archive.database, archive.content, archive.org_id, grace=timedelta(hours=hours)
        )
        assert told.orphans.stored_size == sizes[digest_of(b"orphan")]
        if hours:
            assert told.collectable.stored_size == sizes[digest_of(b"old")]
        return told.collectable.blobs, told.waiting.blobs, told.orphans.blobs

    before = archive.stored(), set(await archive.rows())
    assert await found(24) == (1, 2, 1)
    assert await found(0) == (3, 0, 1)
    assert (archive.stored(), set(await archive.rows())) == before
    assert (await archive.collect(hours=24)).freed.blobs == 1
    assert (await archive.collect()).freed.blobs == 2
    await archive.dispose(kept)


async def test_it_goes_on_past_a_page(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "PAGE", 7)
    monkeypatch.setattr(collecting, "BATCH", 4)
    monkeypatch.setattr(orphans, "_BATCH", 5)
    documents = [await archive.upload(b"%d" % number) for number in range(28)]
    for document in documents[::2]:
        await archive.dispose(document)
    for number in range(12):
        publish(archive, b"orphan %d" % number)
    done = await archive.collect()
    assert (done.adopted, done.marked, done.freed.blobs) == (12, 14, 26)
    assert archive.stored() == await archive.referenced() == set(await archive.rows())
