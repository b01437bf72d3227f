"""`dms gc`, as an operator runs it."""

import asyncio
import json
import socket
from datetime import timedelta
from typing import Any

from backend.audit import service as audit
from backend.audit.service import Filters
from backend.collection.service import pin_store, release_pin
from backend.core.settings import Settings
from tests.support.archive import Archive
from tests.support.commands import dms, environment_of


async def gc(settings: Settings, *options: str) -> tuple[int, str]:
    run = await asyncio.to_thread(dms, environment_of(settings), "gc", *options)
    assert "Traceback" not in run.stderr, run.stderr
    return run.returncode, run.stdout


async def gc_json(
    settings: Settings, archive: Archive, *options: str
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Run it; return the exit status, what it says of the organisation, and of all."""
    code, output = await gc(settings, "--json", *options)
    lines = [json.loads(line) for line in output.splitlines()]
    [ours] = [line for line in lines if line.get("organisation") == archive.org_id]
    return code, ours, lines[-1]


async def test_it_tells_and_does(archive: Archive, settings: Settings) -> None:
    await archive.upload(b"kept")
    await archive.dispose(await archive.upload(b"disposed of"))
    [size] = [row.stored_size for row in (await archive.rows()).values() if row.size == 11]
    unreferenced, nothing = {"blobs": 1, "stored_size": size}, {"blobs": 0, "stored_size": 0}

    _, told, _ = await gc_json(settings, archive, "--dry-run")
    assert (told["collectable"], told["waiting"]) == (nothing, unreferenced)
    _, told, _ = await gc_json(settings, archive, "--dry-run", "--grace", "0")
    assert (told["collectable"], told["waiting"]) == (unreferenced, nothing)
    assert len(archive.stored()) == 2

    _, done, _ = await gc_json(settings, archive)
    assert (done["marked"], done["freed"], done["waiting"]) == (1, nothing, unreferenced)
    code, done, total = await gc_json(settings, archive, "--grace", "0")
    assert (code, done["freed"], done["waiting"]) == (0, unreferenced, nothing)
    assert total["organisations"] >= 1
    assert total["freed"]["blobs"] >= 1
    assert archive.stored() == await archive.referenced() != set()


async def test_that_it_was_run_and_by_whom_is_in_the_trail(
    archive: Archive, settings: Settings
) -> None:
    await gc(settings, "--dry-run")
    await gc(settings, "--grace", "0")
    async with archive.database.transaction(archive.tenant) as session:
        page, _ = await audit.list_events(
            session,
            archive.org_id,
            Filters(actions=("store.collected",)),
            cursor=None,
            limit=10,
        )
    [found] = page
    assert found.event.actor_id is None
    assert found.event.data["operator"].partition("@")[2] == socket.gethostname()
    assert found.event.data["freed"] == {"blobs": 0, "stored_size": 0}


async def test_it_names_the_pin_that_holds_it_off(archive: Archive, settings: Settings) -> None:
    await archive.dispose(await archive.upload(b"content"))
    async with archive.database.transaction() as session:
        pin = await pin_store(session, reason="the nightly backup", lifetime=timedelta(hours=1))
    _, done, total = await gc_json(settings, archive, "--grace", "0")
    assert done["freed"]["blobs"] == 0
    assert [held["reason"] for held in total["pins"]] == ["the nightly backup"]
    code, output = await gc(settings, "--dry-run")
    assert code == 0
    assert "the nightly backup" in output
    async with archive.database.transaction() as session:
        await release_pin(session, pin.id)


async def test_what_is_strange_is_left_alone_and_said(archive: Archive, settings: Settings) -> None:
    for number in range(101):
        with archive.content.store.writer(archive.namespace) as writer:
            writer.write(b"%d" % number)
            writer.finish().publish()
    code, output = await gc(settings, "--grace", "0")
    assert code == 1
    assert f"organisation {archive.org_id}: 101 UNKNOWN TO THE DATABASE" in output
    assert len(archive.stored()) == 101
    code, done, _ = await gc_json(settings, archive, "--grace", "0", "--adopt-all")
    assert (code, done["freed"]["blobs"]) == (0, 101)
    assert archive.stored() == set()
