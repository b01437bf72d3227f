"""Cold content is stored in less, once; readers, uploads, collections and crashes in between lose nothing."""

import asyncio
import hashlib
import json
import os
import random
import secrets
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from backend.compaction import queries
from backend.compaction.service import Compacted, compact, survey
from backend.core.clock import now
from backend.core.settings import Settings
from backend.documents.models import Blob
from storage import StoreUnavailableError
from tests.support.archive import Archive, until_blocked
from tests.support.commands import dms, environment_of

LEVEL = 19


def text(size: int = 600_000) -> bytes:
    """Content that compresses, better at a high level; unlike any other."""
    words = [secrets.token_hex(3).encode() + b" " for _ in range(300)]
    source = random.Random(size)  # noqa: S311 - any order will do
    return b"".join(source.choices(words, k=size // 7))


def digest_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


async def run(archive: Archive, *, days: float = 0, level: int = LEVEL) -> list[Compacted]:
    before = now() - timedelta(days=days)
    found = compact(archive.database, archive.content, archive.org_id, before=before, level=level)
    return [done async for done in found]


async def row(archive: Archive, digest: bytes) -> Blob:
    return (await archive.rows())[digest]


def temporary_files(archive: Archive, settings: Settings) -> list[str]:
    return os.listdir(settings.store_dir / archive.namespace / "tmp")  # noqa: PTH208 - names


async def test_what_is_cold_takes_less_and_stays_the_same(
    archive: Archive, settings: Settings
) -> None:
    content = text()
    await archive.upload(content)
    before = await row(archive, digest_of(content))
    [done] = await run(archive)
    after = await row(archive, digest_of(content))
    assert done == Compacted(digest_of(content), before.stored_size, after.stored_size)
    assert after.stored_size < before.stored_size * 63 / 64
    assert after.stored_size == archive.file(settings, after.digest).stat().st_size
    assert after.compacted_level == LEVEL
    assert archive.read(digest_of(content)) == content
    assert archive.content.store.verify(archive.namespace, after.digest).size == len(content)
    assert temporary_files(archive, settings) == []


async def test_what_was_done_is_not_done_again(archive: Archive) -> None:
    for content in (text(), text(20_000)):
        await archive.upload(content)
    assert len(await run(archive, level=10)) == 2
    assert await run(archive, level=10) == []
    assert await run(archive, level=3) == []
    assert len(await run(archive, level=LEVEL)) == 2


async def test_what_gains_nothing_is_tried_once(archive: Archive, settings: Settings) -> None:
    content = secrets.token_bytes(100_000) + bytes(5_000)
    await archive.upload(content)
    path = archive.file(settings, digest_of(content))
    before = path.read_bytes()
    [done] = await run(archive)
    assert done.before == done.after == len(before)
    assert path.read_bytes() == before
    assert await run(archive) == []
    assert temporary_files(archive, settings) == []


async def test_what_is_no_candidate_is_left_alone(archive: Archive) -> None:
    await archive.upload(secrets.token_bytes(50_000))
    marked, young = text(), text()
    await archive.dispose(await archive.upload(marked))
    await archive.collect(hours=24)
    assert await run(archive) == []
    await archive.upload(young)
    assert await run(archive, days=1) == []
    assert len(await run(archive)) == 1


async def test_the_survey_tells_what_a_run_would_look_at(archive: Archive) -> None:
    assert await survey(archive.database, archive.org_id, before=now(), level=LEVEL) == (0, 0)
    contents = [text(), text(30_000), secrets.token_bytes(1_000)]
    for content in contents:
        await archive.upload(content)
    rows = await archive.rows()
    expected = sum(rows[digest_of(content)].stored_size for content in contents[:2])
    found = await survey(archive.database, archive.org_id, before=now(), level=LEVEL)
    assert found == (2, expected)
    assert {digest: r.stored_size for digest, r in (await archive.rows()).items()} == {
        digest: r.stored_size for digest, r in rows.items()
    }


async def test_a_reader_opened_before_goes_on_to_the_end(archive: Archive) -> None:
    content = text(2_000_000)
    await archive.upload(content)
    async with archive.content.open(archive.namespace, digest_of(content)) as outgoing:
        chunks = outgoing.chunks()
        first = await anext(chunks)
        [done] = await run(archive)
        assert done.after < done.before
        rest = [chunk async for chunk in chunks]
    assert first + b"".join(rest) == content
    assert len(rest) > 1


async def test_a_collection_under_way_is_waited_for_and_its_blob_does_not_come_back(
    archive: Archive, settings: Settings
) -> None:
    content = text()
    await archive.dispose(await archive.upload(content))
    blob = await row(archive, digest_of(content))
    async with archive.database.transaction(archive.tenant) as session:
        statement = select(Blob).where(Blob.id == blob.id).with_for_update()
        locked = (await session.scalars(statement)).one()
        work = asyncio.create_task(run(archive))
        await until_blocked(archive.database, work)
        assert not work.done()
        # As a collection does.
        await session.delete(locked)
        await session.flush()
        archive.content.store.delete(archive.namespace, blob.digest)
    assert await work == []
    assert archive.stored() == set()
    assert temporary_files(archive, settings) == []


async def test_what_was_collected_before_it_was_looked_at_is_passed_by(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, other = text(), text()
    document = await archive.upload(content)
    await archive.upload(other)
    found = queries.cold_blobs

    async def collected_then(*arguments: object, **named: object) -> object:
        blobs = await found(*arguments, **named)  # type: ignore[arg-type]
        await archive.dispose(document)
        assert (await archive.collect()).freed.blobs == 1
        return blobs

    monkeypatch.setattr(queries, "cold_blobs", collected_then)
    assert [done.digest for done in await run(archive)] == [digest_of(other)]


async def test_a_run_killed_between_store_and_database_is_put_right_by_the_next(
    archive: Archive, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = text()
    await archive.upload(content)
    before = await row(archive, digest_of(content))

    async def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(queries, "set_compacted", die)
    with pytest.raises(KeyboardInterrupt):
        await run(archive)
    monkeypatch.undo()
    left = await row(archive, digest_of(content))
    size = archive.file(settings, digest_of(content)).stat().st_size
    assert (left.stored_size, left.compacted_level) == (before.stored_size, None)
    assert size < before.stored_size
    assert len(await run(archive)) == 1
    assert (await row(archive, digest_of(content))).stored_size == size
    assert archive.read(digest_of(content)) == content


async def test_what_cannot_be_read_is_told_and_keeps_nobody_from_the_rest(
    archive: Archive, settings: Settings
) -> None:
    damaged, missing, whole = text(), text(), text()
    for content in (damaged, missing, whole):
        await archive.upload(content)
    path = archive.file(settings, digest_of(damaged))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    archive.file(settings, digest_of(missing)).unlink()
    faults = {done.digest: done.fault for done in await run(archive)}
    assert "damaged" in str(faults[digest_of(damaged)])
    assert "no blob" in str(faults[digest_of(missing)])
    assert faults[digest_of(whole)] is None
    assert (await row(archive, digest_of(damaged))).compacted_level is None
    assert temporary_files(archive, settings) == []


async def test_a_store_that_is_away_ends_the_run(archive: Archive, settings: Settings) -> None:
    await archive.upload(text())
    place = settings.store_dir / archive.namespace
    place.rename(place.with_name("away"))
    place.write_text("what is mounted there is gone")
    try:
        with pytest.raises(StoreUnavailableError):
            await run(archive)
    finally:
        place.unlink()
        place.with_name("away").rename(place)


async def test_content_written_anew_is_cold_again(archive: Archive, settings: Settings) -> None:
    """Its bytes were lost; the next upload of the same content brings them back, compressed as usual."""
    content = text()
    await archive.upload(content)
    await run(archive)
    archive.file(settings, digest_of(content)).unlink()
    await archive.upload(content)
    assert (await row(archive, digest_of(content))).compacted_level is None
    assert len(await run(archive)) == 1


async def test_the_command(archive: Archive, settings: Settings) -> None:
    content = text()
    await archive.upload(content)
    async with archive.database.transaction(archive.tenant) as session:
        earlier = Blob.created_at - timedelta(days=91)
        await session.execute(update(Blob).values(created_at=earlier))
    before = (await row(archive, digest_of(content))).stored_size

    def ours(said: str) -> dict[str, int]:
        lines = [json.loads(line) for line in said.splitlines()]
        [line] = [line for line in lines if line["organisation"] == archive.org_id]
        return dict(line)

    young = await asyncio.to_thread(command, settings, "--older-than", "14w", "--json")
    assert ours(young)["blobs"] == 0
    dry = await asyncio.to_thread(command, settings, "--dry-run", "--json")
    assert ours(dry) == {
        "organisation": archive.org_id,
        "blobs": 1,
        "stored_before": before,
        "stored_after": before,
        "unreadable": 0,
    }
    assert "1 would be compressed again" in await asyncio.to_thread(command, settings, "--dry-run")
    done = ours(await asyncio.to_thread(command, settings, "--json"))
    assert done["stored_after"] == (await row(archive, digest_of(content))).stored_size < before
    again = await asyncio.to_thread(command, settings)
    assert f"organisation {archive.org_id}: 0 compressed again" in again


def command(settings: Settings, *arguments: str) -> str:
    ended = dms(environment_of(settings), "storage", "compact", *arguments)
    # Another test's organisation may have content that was damaged on purpose.
    assert ended.returncode in {0, 1}, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout


@pytest.mark.parametrize("age", ["90", "d", "-1d", "90 years", ""])
def test_an_age_that_is_none_is_refused(settings: Settings, age: str) -> None:
    ended = dms(environment_of(settings), "storage", "compact", f"--older-than={age}")
    assert ended.returncode == 2
    assert "90d" in ended.stderr
