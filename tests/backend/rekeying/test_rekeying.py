"""An organisation gets a new storage key: what it has stored comes under it, and the old one goes only then."""

import asyncio
import hashlib
import json
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.collection.service import hold_off_pins, pin_store, release_pin
from backend.compaction.service import compact
from backend.content.keys import open_keyring
from backend.core.clock import now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.documents.models import Blob
from backend.rekeying.service import Pace, Rekeyed, rekey, retire
from storage import BlobStore, Keyring, WrongKeyError
from storage._format import parse_header
from tests.support.archive import Archive, new_archive, until_blocked
from tests.support.commands import dms as run_dms
from tests.support.commands import environment_of

CONTENTS = [f"content {number} ".encode() * 20 for number in range(5)]


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return open_keyring(settings)


@pytest.fixture
async def filled(archive: Archive) -> Archive:
    """An organisation with five documents."""
    for content in CONTENTS:
        await archive.upload(content)
    return archive


def digest_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def orphan(archive: Archive, content: bytes) -> bytes:
    """Put content into the store alone."""
    with archive.content.store.writer(archive.namespace) as writer:
        writer.write(content)
        return writer.finish().publish().digest


def named_keys(archive: Archive, settings: Settings) -> set[bytes]:
    """The storage keys that the organisation's blobs name."""
    headers = [archive.file(settings, digest).read_bytes()[:192] for digest in archive.stored()]
    slots = [slot for header in headers for slot in parse_header(header).slots]
    return {slot.key_id for slot in slots if slot is not None}


def is_rekeyed(archive: Archive, content: bytes) -> bool:
    return archive.content.store.is_rekeyed(archive.namespace, digest_of(content))


async def run(archive: Archive, keyring: Keyring) -> Rekeyed:
    return await rekey(archive.database, archive.content, keyring, archive.org_id, Pace(0))


async def test_all_comes_under_the_new_key_and_stays_the_same(
    filled: Archive, keyring: Keyring, settings: Settings
) -> None:
    orphan(filled, b"of no document")
    [older] = keyring.renew([filled.namespace]).values()
    done = await run(filled, keyring)
    assert done == Rekeyed(filled.org_id, blobs=6, changed=6)
    assert named_keys(filled, settings) == {keyring.storage_key(filled.namespace).key_id}
    assert await retire(filled.database, keyring, filled.org_id, older)
    assert keyring.find(older[0]) is None
    assert [filled.read(digest_of(content)) for content in CONTENTS] == CONTENTS
    assert await run(filled, keyring) == Rekeyed(filled.org_id, blobs=6)


async def test_what_is_done_is_only_looked_at(filled: Archive, keyring: Keyring) -> None:
    keyring.renew([filled.namespace])
    digests = sorted(filled.stored())
    assert filled.content.store.rekey(filled.namespace, digests[2])
    assert (await run(filled, keyring)).changed == 4


async def test_what_somebody_holds_is_left_and_met_again(
    filled: Archive, keyring: Keyring, settings: Settings
) -> None:
    """An upload of the same content has its row: the pass goes by, and another follows."""
    keyring.renew([filled.namespace])
    async with filled.database.transaction(filled.tenant) as session:
        statement = select(Blob).where(Blob.digest == digest_of(CONTENTS[0])).with_for_update()
        await session.execute(statement)
        work = asyncio.create_task(run(filled, keyring))
        while sum(is_rekeyed(filled, content) for content in CONTENTS) < 4:  # noqa: ASYNC110 - the store's state
            await asyncio.sleep(0.01)
        assert not is_rekeyed(filled, CONTENTS[0])
        assert not work.done()
    assert (await work).changed == 5
    assert len(named_keys(filled, settings)) == 1


async def test_what_is_being_collected_does_not_come_back(
    filled: Archive, keyring: Keyring
) -> None:
    """Its row is held, and when it is let go the blob has gone with it."""
    keyring.renew([filled.namespace])
    content = b"to be collected"
    await filled.dispose(await filled.upload(content))
    digest = digest_of(content)
    assert filled.content.store.exists(filled.namespace, digest)
    async with filled.database.transaction(filled.tenant) as session:
        statement = select(Blob).where(Blob.digest == digest).with_for_update()
        held = (await session.scalars(statement)).one()
        work = asyncio.create_task(run(filled, keyring))
        await asyncio.sleep(0)
        await session.delete(held)
        await session.flush()
        filled.content.store.delete(filled.namespace, digest)
    assert (await work).failed == {}
    assert digest not in filled.stored()


async def test_what_has_no_row_is_changed_while_no_collection_is_going_on(
    filled: Archive, keyring: Keyring
) -> None:
    content = b"of no document"
    orphan(filled, content)
    keyring.renew([filled.namespace])
    async with filled.database.transaction(filled.tenant) as session:
        await hold_off_pins(session)  # what a collection holds, too
        work = asyncio.create_task(run(filled, keyring))
        await until_blocked(filled.database, work)
        assert not work.done()
        assert not is_rekeyed(filled, content)
    assert (await work).changed == 6
    assert is_rekeyed(filled, content)


async def test_compaction_and_rekeying_go_on_side_by_side(
    archive: Archive, keyring: Keyring, settings: Settings
) -> None:
    contents = [b" ".join(secrets.token_hex(2).encode() for _ in range(9_000)) for _ in range(6)]
    for content in contents:
        await archive.upload(content)

    async def compact_all() -> int:
        found = compact(archive.database, archive.content, archive.org_id, before=now(), level=19)
        return len([done async for done in found])

    compacting = asyncio.create_task(compact_all())
    while not compacting.done():
        for name, older in keyring.renew([archive.namespace]).items():
            assert (await run(archive, keyring)).failed == {}
            keyring.retire(name, older)
    assert await compacting == 6
    assert [archive.read(digest_of(content)) for content in contents] == contents
    assert named_keys(archive, settings) == set(keyring.key_ids(archive.namespace))


async def test_a_blob_that_cannot_be_opened_is_told(
    filled: Archive, keyring: Keyring, settings: Settings, tmp_path: Path
) -> None:
    damaged = filled.file(settings, digest_of(CONTENTS[0]))
    whole = damaged.read_bytes()
    damaged.chmod(0o600)
    damaged.write_bytes(whole[:40] + b"\xff" + whole[41:])
    short = filled.file(settings, digest_of(CONTENTS[1]))
    short.chmod(0o600)
    short.write_bytes(b"short")
    newer = filled.file(settings, digest_of(CONTENTS[2]))
    newer.chmod(0o600)
    newer.write_bytes(whole[:8] + b"\x09" + whole[9:])
    strange = BlobStore(settings.store_dir, Keyring.create(tmp_path / "strange", bytes(32)))
    with strange.writer(filled.namespace) as writer:
        writer.write(b"from elsewhere")
        elsewhere = writer.finish().publish().digest
    keyring.renew([filled.namespace])
    done = await run(filled, keyring)
    assert (done.blobs, done.changed) == (6, 2)
    assert {digest_of(content) for content in CONTENTS[:3]} | {elsewhere} == done.failed.keys()
    damaged.write_bytes(whole)
    assert (await run(filled, keyring)).changed == 1


async def test_a_rotation_meanwhile_ends_the_run(filled: Archive, tmp_path: Path) -> None:
    path = tmp_path / "keyring"
    keyring, other = Keyring.create(path, bytes(32)), Keyring.open(path, bytes(32))
    filled.content.store = BlobStore(tmp_path / "store", keyring)
    orphan(filled, b"content")
    other.rotate(bytes([1]) * 32)
    other.renew([filled.namespace])
    with pytest.raises(WrongKeyError, match="start the process again"):
        await run(filled, keyring)


async def test_the_pace_holds_back_to_the_rate() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    pace = Pace(10, sleep=sleep)
    for _ in range(3):
        await pace.did(10)
    assert [round(seconds) for seconds in slept] == [1, 2, 3]
    await Pace(0, sleep=sleep).did(1_000_000)
    assert len(slept) == 3


# -- the command -------------------------------------------------------------------------------------------------


async def dms(settings: Settings, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Run `dms keys rekey`; status, output, errors."""
    environment = environment_of(settings, **more)
    ended = await asyncio.to_thread(run_dms, environment, "keys", "rekey", *arguments)
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def of(*archives: Archive) -> list[str]:
    return [part for archive in archives for part in ("--org", str(archive.org_id))]


async def test_the_command_destroys_the_old_key(
    filled: Archive, keyring: Keyring, settings: Settings
) -> None:
    [old] = keyring.key_ids(filled.namespace)
    status, output, _ = await dms(settings, *of(filled), "--json")
    assert status == 0
    assert json.loads(output) == {
        "organisation": filled.org_id,
        "blobs": 5,
        "changed": 5,
        "old_key": "destroyed",
        "failed": {},
    }
    assert old.hex() not in settings.keyring_path.read_text()
    status, output, _ = await dms(settings, *of(filled), "--rate", "0")
    who = f"organisation {filled.org_id}"
    assert output == (
        f"{who}: 5 brought under the new key, of 5; 0 could not be opened; the old key is destroyed\n"
    )
    assert [filled.read(digest_of(content)) for content in CONTENTS] == CONTENTS


async def test_an_interrupted_run_is_finished_by_the_next(
    filled: Archive, keyring: Keyring, settings: Settings, database: Database
) -> None:
    """One organisation was done, the other was not: the next run gives neither another key."""
    other = await new_archive(database, filled.content)
    await other.upload(b"content")
    older = keyring.renew([filled.namespace, other.namespace])
    await run(other, keyring)
    keyring.retire(other.namespace, older[other.namespace])
    newest = [keyring.key_ids(archive.namespace)[-1:] for archive in (filled, other)]
    status, output, said = await dms(settings, *of(filled, other), "--json")
    assert status == 0
    assert f"Finishing what was begun before, of {filled.namespace}." in said
    assert [json.loads(line)["organisation"] for line in output.splitlines()] == [filled.org_id]
    assert [keyring.key_ids(archive.namespace) for archive in (filled, other)] == newest


async def test_the_old_key_is_kept_while_a_blob_may_need_it(
    filled: Archive, keyring: Keyring, settings: Settings
) -> None:
    path = filled.file(settings, digest_of(CONTENTS[0]))
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(whole[:40] + b"\xff" + whole[41:])
    for _ in range(2):
        status, output, _ = await dms(settings, *of(filled), "--json")
        assert status == 1
        assert json.loads(output)["old_key"] == "needed"
        assert json.loads(output)["failed"].keys() == {path.name}
    assert "kept: something stored may need it" in (await dms(settings, *of(filled)))[1]
    path.write_bytes(whole)
    status, output, _ = await dms(settings, *of(filled), "--json")
    assert (status, json.loads(output)["changed"]) == (0, 1)
    assert len(keyring.key_ids(filled.namespace)) == 1


async def test_the_old_key_is_kept_while_a_backup_copies(
    filled: Archive, keyring: Keyring, settings: Settings
) -> None:
    async with filled.database.transaction() as session:
        pin = await pin_store(session, reason="a backup", lifetime=timedelta(hours=1))
    try:
        status, output, _ = await dms(settings, *of(filled))
        assert status == 1
        assert "5 brought under the new key" in output
        assert "kept: a backup is being made" in output
        assert len(keyring.key_ids(filled.namespace)) == 2
    finally:
        async with filled.database.transaction() as session:
            await release_pin(session, pin.id)
    assert (await dms(settings, *of(filled)))[0] == 0
    assert len(keyring.key_ids(filled.namespace)) == 1


async def test_a_database_that_is_away_is_told_and_nothing_is_destroyed(
    filled: Archive, keyring: Keyring, settings: Settings
) -> None:
    before = keyring.key_ids(filled.namespace)
    away = "postgresql+asyncpg://dms_app@127.0.0.1:1/dms"
    status, _, said = await dms(settings, *of(filled), DMS_DATABASE_URL=away)
    assert status == 3
    assert "did not get to its end" in said
    assert keyring.key_ids(filled.namespace) == before


async def test_an_organisation_that_is_none_is_refused(settings: Settings) -> None:
    status, _, said = await dms(settings, "--org", "987654321")
    assert status == 2
    assert "there is no organisation 987654321" in said


async def test_a_store_that_is_away_is_told_and_nothing_is_destroyed(
    filled: Archive, keyring: Keyring, settings: Settings
) -> None:
    place = settings.store_dir / filled.namespace
    place.rename(place.with_name("away"))
    place.write_text("what is mounted there is gone")
    try:
        status, _, said = await dms(settings, *of(filled))
    finally:
        place.unlink()
        place.with_name("away").rename(place)
    assert status == 3
    assert "did not get to its end" in said
    assert len(keyring.key_ids(filled.namespace)) == 2
    assert (await dms(settings, *of(filled)))[0] == 0
