"""A watched directory: what rests there is filed once, with everything an upload goes through."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.content.errors import StorageFullError
from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Tenant
from backend.intake import directories, queries
from backend.intake import service as intake
from backend.intake.directories import FoundFile
from backend.intake.schemas import FolderSettings
from backend.intake.service import watching
from tests.backend.intake.conftest import Ways
from tests.support.api import Api

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def write(directory: Path, name: str, content: bytes = b"content") -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def left(directory: Path) -> set[str]:
    return {str(one.relative_to(directory)) for one in directory.rglob("*") if one.is_file()}


async def test_files_are_filed_with_their_tree_and_moved_aside(ways: Ways) -> None:
    source = await ways.folder_source()
    write(ways.directory, "one.txt", b"one")
    write(ways.directory, "2026/March/two.txt", b"two")
    shown = await ways.look(source)
    assert (shown["filed"], shown["refused"], shown["state"]) == (2, 0, "working")
    assert left(ways.directory) == {".filed/one.txt", ".filed/2026/March/two.txt"}
    assert set(await ways.documents(source["folder"]["id"])) == {"one.txt"}
    [two, one] = await ways.items(state="filed")
    assert (one["name"], one["size"], one["tries"]) == ("one.txt", 3, 1)
    found = (await ways.api.get(f"/documents/{two['document']['id']}")).json()
    assert [step["name"] for step in found["ancestors"]][-2:] == ["2026", "March"]
    assert found["owner"]["id"] == ways.api.user_id
    filed = await ways.trail("intake.filed")
    assert {one["data"]["came_as"] for one in filed} == {"one.txt", "two.txt"}
    [created, _] = await ways.trail("document.created")
    assert created["session_id"] == f"source:{source['id']}"


@pytest.mark.parametrize(
    ("after", "remaining"),
    [("delete", set()), ("move", {".filed/a.txt"}), ("keep", {"a.txt"})],
    ids=["delete", "move", "keep"],
)
async def test_what_was_filed_is_not_filed_again(
    ways: Ways, after: str, remaining: set[str]
) -> None:
    source = await ways.folder_source(after=after)
    write(ways.directory, "a.txt")
    await ways.look(source)
    shown = await ways.look(source)
    assert shown["filed"] == 1
    assert left(ways.directory) == remaining
    assert len(await ways.documents(source["folder"]["id"])) == 1


async def test_a_file_of_the_same_name_is_another(ways: Ways) -> None:
    source = await ways.folder_source()
    for content in (b"first", b"second"):
        write(ways.directory, "a.txt", content)
        await ways.look(source)
    assert set(await ways.documents(source["folder"]["id"])) == {"a.txt", "a (1).txt"}
    assert left(ways.directory) == {".filed/a.txt", ".filed/a (1).txt"}


def test_a_free_name_among_many_is_found_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", *(f"a ({number}).txt" for number in range(1, 1_001))):
        write(tmp_path, name)
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    asked = []
    is_taken = directories._is_taken

    def counting(directory: int, name: str) -> bool:
        asked.append(name)
        return is_taken(directory, name)

    monkeypatch.setattr(directories, "_is_taken", counting)
    assert directories._free(descriptor, "a.txt") == "a (1001).txt"
    assert directories._free(descriptor, "b.txt") == "b.txt"
    assert len(asked) < 30
    os.close(descriptor)


async def test_what_is_half_written_hidden_or_restless_waits(ways: Ways) -> None:
    source = await ways.folder_source(stable_seconds=3_600)
    write(ways.directory, "new.txt")
    os.utime(ways.directory / "new.txt", (1, 1))  # as rsync does, before it has ended
    await ways.look(source)
    eager = await ways.folder_source()
    names = {"a.part", "b.TMP", "c.txt~", ".hidden", "~$d.docx", "e.crdownload"}
    for name in names:
        write(ways.directory, name)
    await ways.look(eager)
    assert await ways.documents(source["folder"]["id"]) == {}
    assert set(await ways.documents(eager["folder"]["id"])) == {"new.txt"}
    assert left(ways.directory) == names | {".filed/new.txt"}


async def test_links_lead_nowhere(ways: Ways, tmp_path: Path) -> None:
    secret = write(tmp_path, "elsewhere/secret.txt", b"secret")
    (ways.directory / "file.txt").symlink_to(secret)
    (ways.directory / "tree").symlink_to(secret.parent)
    os.mkfifo(ways.directory / "pipe")
    source = await ways.folder_source()
    shown = await ways.look(source)
    assert (shown["filed"], shown["state"]) == (0, "working")
    within = await ways.folder_source()
    (ways.directory / "below").symlink_to(secret.parent)
    settings = {**within["settings"], "directory": str(ways.directory / "below")}
    await ways.api.patch(f"/intake/sources/{within['id']}", {"settings": settings})
    shown = await ways.look(within)
    assert (shown["filed"], shown["state"]) == (0, "failing")
    assert "links are not followed" in shown["last_error"]


async def test_a_file_swapped_for_a_link_is_not_opened(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt")
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    [found] = directories.files(descriptor, stable_seconds=0)
    path.rename(tmp_path / "b.txt")
    path.symlink_to(tmp_path / "b.txt")
    with pytest.raises(OSError, match="symbolic links"):
        directories.open_file(descriptor, found.steps, found.identity)
    os.close(descriptor)


@pytest.mark.parametrize("restores", [False, True], ids=["longer", "time-set-back"])
async def test_a_file_that_changes_while_it_is_read_is_not_filed(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, *, restores: bool
) -> None:
    path = write(ways.directory, "growing.txt", b"one")
    source = await ways.folder_source()
    read = watching._chunks

    async def slowly(descriptor: int, file: FoundFile) -> AsyncIterator[bytes]:
        async for chunk in read(descriptor, file):
            with path.open("r+b" if restores else "ab") as writer:
                writer.write(b"two")
            if restores:
                os.utime(path, ns=(file.modified_ns, file.modified_ns))
            yield chunk

    with monkeypatch.context() as patch:
        patch.setattr(watching, "_chunks", slowly)
        shown = await ways.look(source)
    assert (shown["filed"], await ways.items()) == (0, [])
    await ways.look(source)
    [item] = await ways.items()
    assert (item["state"], item["size"]) == ("filed", 3 if restores else 6)


async def test_killed_before_the_move_it_is_only_moved(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ways.directory, "a.txt")
    source = await ways.folder_source()

    def die(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(directories, "put_aside", die)
        with pytest.raises(asyncio.CancelledError):
            await ways.look(source)
    await ways.forget_lease(source)
    shown = await ways.look(source)
    assert (shown["filed"], left(ways.directory)) == (1, {".filed/a.txt"})
    assert len(await ways.documents(source["folder"]["id"])) == 1


async def test_two_who_file_the_same_at_once_file_it_once(ways: Ways) -> None:
    path = write(ways.directory, "a.txt")
    source = await ways.folder_source(after="keep")
    found = path.stat()
    file = FoundFile(("a.txt",), found.st_size, found.st_ino, found.st_mtime_ns)

    async def once() -> intake.Outcome:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"content"

        arrival = intake.Arrival(file.key, file.place, "a.txt", now())
        return await intake.file_item(
            ways.desk,
            org_id=ways.api.org_id,
            source_id=source["id"],
            arrival=arrival,
            chunks=chunks(),
        )

    outcomes = await asyncio.gather(*(once() for _ in range(4)))
    assert sorted(one.is_new for one in outcomes) == [False, False, False, True]
    assert len(await ways.documents(source["folder"]["id"])) == 1
    assert (await ways.fetched(source))["filed"] == 1


async def test_malware_is_refused_and_put_aside_with_the_reason(ways: Ways) -> None:
    source = await ways.folder_source(after="delete")
    write(ways.directory, "below/bad.com", EICAR)
    write(ways.directory, "good.txt")
    shown = await ways.look(source)
    assert (shown["filed"], shown["refused"]) == (1, 1)
    assert left(ways.directory) == {".refused/below/bad.com", ".refused/below/bad.com.txt"}
    assert "virus scanner" in (ways.directory / ".refused/below/bad.com.txt").read_text()
    [item] = await ways.items(state="refused")
    assert "virus scanner" in item["reason"]
    assert len(await ways.trail("upload.refused")) == 1
    assert len(await ways.trail("intake.refused")) == 1
    shown = await ways.look(source)
    assert shown["refused"] == 1


async def test_types_that_are_not_taken_are_refused_until_they_are(ways: Ways) -> None:
    source = await ways.folder_source()
    await ways.api.put("/storage/limits", {"refused": [".exe"]})
    write(ways.directory, "below/setup.exe", b"program")
    await ways.look(source)
    [item] = await ways.items()
    assert item["state"] == "refused"
    await ways.api.put("/storage/limits", {"refused": []})
    assert (await ways.api.post(f"/intake/items/{item['id']}/retry")).status_code == 202
    await ways.look(source)
    [item] = await ways.items()
    assert (item["state"], item["reason"]) == ("filed", None)
    assert ".filed/below/setup.exe" in left(ways.directory)
    again = await ways.api.post(f"/intake/items/{item['id']}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "item_filed")


async def test_what_fails_is_tried_again_when_it_is_due(ways: Ways) -> None:
    source = await ways.folder_source()
    await ways.send_nowhere()
    path = write(ways.directory, "a.txt")
    await ways.look(source)
    [item] = await ways.items()
    assert (item["state"], item["tries"], path.exists()) == ("failed", 1, True)
    await ways.rules()
    await ways.look(source)
    assert (await ways.items())[0]["tries"] == 1  # it is not due yet
    await ways.retry_now()
    await ways.look(source)
    [item] = await ways.items()
    assert (item["state"], item["tries"]) == ("filed", 2)


async def test_without_room_the_source_fails_and_no_item(ways: Ways) -> None:
    source = await ways.folder_source()
    await ways.api.put("/storage/limits", {"quota": 3})
    write(ways.directory, "a.txt", b"too much")
    write(ways.directory, "b.txt", b"b")
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"]) == ("failing", 1)
    assert "may store 3 bytes" in shown["last_error"]
    assert [one["name"] for one in await ways.items()] == ["b.txt"]
    await ways.api.put("/storage/limits", {"quota": None})
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"]) == ("working", 2)
    assert [one["tries"] for one in await ways.items()] == [1, 1]


async def test_an_outage_ends_the_look_and_touches_no_item(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await ways.folder_source()
    for number in range(3):
        write(ways.directory, f"{number}.txt")
    asked = []

    def full(*_: Any, **__: Any) -> None:
        asked.append(1)
        raise StorageFullError("The disk of the store is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Content, "receive", full)
        for _ in range(2):
            shown = await ways.look(source)
    assert (shown["state"], shown["last_error"]) == ("failing", "The disk of the store is full.")
    assert (len(asked), await ways.items()) == (2, [])
    assert (await ways.look(source))["filed"] == 3


async def test_a_refused_file_that_is_kept_is_tried_again_when_somebody_asks(ways: Ways) -> None:
    source = await ways.folder_source(after="keep")
    await ways.api.put("/storage/limits", {"refused": [".exe"]})
    write(ways.directory, "setup.exe", b"program")
    await ways.look(source)
    [item] = await ways.items()
    for refused, state in (([".exe"], "refused"), ([], "filed")):
        await ways.api.put("/storage/limits", {"refused": refused})
        assert (await ways.api.post(f"/intake/items/{item['id']}/retry")).status_code == 202
        await ways.look(source)
        [item] = await ways.items()
        assert (item["state"], item["tries"]) == (state, 1)  # counted anew
        async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
            due = await queries.due_items(session, source["id"], now(), limit=10)
        assert not due


async def test_what_cannot_be_put_aside_is_said_and_not_read_again(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await ways.folder_source()
    write(ways.directory, ".refused", b"a file where a directory should be")
    write(ways.directory, "bad.com", EICAR)
    shown = await ways.look(source)
    assert (shown["refused"], shown["state"]) == (1, "failing")
    assert "bad.com cannot be taken out" in shown["last_error"]

    def read(*_: Any) -> int:
        raise AssertionError("it is read again")

    with monkeypatch.context() as patch:
        patch.setattr(directories, "open_file", read)
        shown = await ways.look(source)
    assert (shown["refused"], shown["state"]) == (1, "failing")
    (ways.directory / ".refused").unlink()
    assert (await ways.look(source))["state"] == "working"
    assert ".refused/bad.com" in left(ways.directory)


async def test_a_file_of_the_future_rests_too(ways: Ways) -> None:
    source = await ways.folder_source()
    os.utime(write(ways.directory, "a.txt"), (1, time.time() + 86_400))
    assert (await ways.look(source))["filed"] == 1


async def test_a_look_goes_on_where_there_was_no_time_for_more(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_SECONDS", 0)
    monkeypatch.setattr(watching, "_BATCH", 2)
    source = await ways.folder_source(after="keep", keeps_tree=False)
    names = ["a.txt", "b/a.txt", "b/b.txt", "b.txt", "c/d/e.txt", "z.txt"]
    for name in names:
        write(ways.directory, name, name.encode())
    filed = [(await ways.look(source))["filed"] for _ in names]
    assert filed == [1, 2, 3, 4, 5, 6]
    write(ways.directory, "A.txt")
    await ways.look(source)  # the end; from now on from the beginning
    assert (await ways.look(source))["filed"] == 7


async def test_what_is_gone_is_not_tried_again(ways: Ways) -> None:
    source = await ways.folder_source()
    await ways.send_nowhere()
    write(ways.directory, "a.txt")
    await ways.look(source)
    (ways.directory / "a.txt").unlink()
    await ways.retry_now()
    await ways.look(source)
    [item] = await ways.items()
    assert (item["state"], item["tries"]) == ("failed", 1)
    assert "not there any more" in item["reason"]


def test_a_file_of_a_time_that_no_calendar_has_arrives_now() -> None:
    settings = FolderSettings(kind="folder", directory="/in")
    for modified_ns in (10**21, -(10**21)):
        file = FoundFile(("a.txt",), 1, 1, modified_ns)
        assert watching._arrival(settings, file, file.key).at <= now()


async def test_a_long_way_is_no_obstacle(ways: Ways) -> None:
    source = await ways.folder_source(after="keep", keeps_tree=False)
    names = [f"{secrets.token_hex(100)}{number}" for number in range(15)]
    path = ways.directory
    for name in names:  # longer together than one call may say
        path.mkdir(exist_ok=True)
        path /= name
    write(path, "a.txt")
    shown = await ways.look(source)
    assert (shown["filed"], shown["last_error"]) == (1, None)
    assert (await ways.look(source))["filed"] == 1


async def test_what_goes_wrong_unforeseen_holds_up_no_other(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await ways.folder_source()
    for name in ("a.txt", "b.txt"):
        write(ways.directory, name)
    opened = directories.open_file

    def poisoned(directory: int, steps: Sequence[str], identity: str) -> int:
        if steps[-1] == "a.txt":
            raise RuntimeError("a library thought of nothing")
        return opened(directory, steps, identity)

    with monkeypatch.context() as patch:
        patch.setattr(directories, "open_file", poisoned)
        shown = await ways.look(source)
    assert (shown["filed"], shown["state"]) == (1, "working")
    [item] = await ways.items(state="failed")
    assert (item["name"], "not foreseen" in item["reason"]) == ("a.txt", True)
    assert "library" not in item["reason"]
    await ways.retry_now()
    assert (await ways.look(source))["filed"] == 2


async def test_a_look_that_ends_unforeseen_is_told(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await ways.folder_source()

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("nobody thought of that")

    with monkeypatch.context() as patch:
        patch.setattr(directories, "files", broken)
        with pytest.raises(RuntimeError, match="nobody thought"):
            await ways.look(source)
    shown = await ways.fetched(source)
    assert (shown["state"], "not foreseen" in shown["last_error"]) == ("failing", True)
    assert (await ways.look(source))["state"] == "working"


async def test_without_the_right_nothing_is_touched(ways: Ways, member: Api) -> None:
    source = await ways.folder_source(acts_as=member.user_id)
    path = write(ways.directory, "a.txt")
    shown = await ways.look(source)
    assert (shown["state"], path.exists(), await ways.items()) == ("failing", True, [])
    await ways.api.share(source["folder"]["id"], member, "contributor")
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"]) == ("working", 1)
    [document] = (await ways.documents(source["folder"]["id"])).values()
    assert document["owner"]["id"] == member.user_id


async def test_names_of_any_bytes_are_filed(ways: Ways) -> None:
    source = await ways.folder_source()
    for name in (b"caf\xe9.txt", b"a\nb.txt", b"x" * 250 + b".pdf", "Überweisung.txt".encode()):
        write(ways.directory, os.fsdecode(name), name)
    shown = await ways.look(source)
    assert shown["filed"] == 4
    names = set(await ways.documents(source["folder"]["id"]))
    assert {"caf\ufffd.txt", "a b.txt", "Überweisung.txt"} < names
    await ways.look(source)
    assert len(await ways.items()) == 4


async def test_rules_say_where_it_goes_what_it_is_called_and_what_it_is(
    ways: Ways, member: Api
) -> None:
    target = await ways.api.folder("Invoices")
    await ways.api.share(target, member, "contributor")
    source = await ways.folder_source(acts_as=member.user_id)
    await ways.api.share(source["folder"]["id"], member, "contributor")
    await ways.rules(
        {
            "name": "Invoices",
            "when": {"name": "inv*", "media_type": "application/pdf"},
            "then": {
                "folder_id": target,
                "subfolder": "{extension}/{year}",
                "name": "Invoice {stem}",
                "type": "invoice",
                "tags": ["incoming"],
                "properties": {"paid": False},
            },
        }
    )
    write(ways.directory, "tree/inv7.pdf", b"%PDF-1.4\n%...")
    await ways.look(source)
    [item] = await ways.items()
    assert item["rules"] == ["Invoices"]
    found = (await ways.api.get(f"/documents/{item['document']['id']}")).json()
    assert (found["name"], found["tags"]) == ("Invoice inv7.pdf", ["incoming"])
    assert found["properties"] == {"type": "invoice", "paid": False}
    assert [step["name"] for step in found["ancestors"]][:2] == ["Invoices", "pdf"]


async def test_a_source_deleted_meanwhile_ends_its_look(ways: Ways) -> None:
    source = await ways.folder_source()
    async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
        assert await intake.begin(session, source["id"]) is not None
    await ways.api.delete(f"/intake/sources/{source['id']}")
    async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
        assert await intake.begin(session, source["id"]) is None
