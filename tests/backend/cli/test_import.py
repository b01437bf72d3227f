"""`dms import` as an administrator calls it, killed and called again."""

import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.documents.models import Document, Version
from backend.folders.models import Folder
from tests.conftest import ROOT
from tests.support.api import Api
from tests.support.clamd import EICAR, REPORTED_SIGNATURE, Clamd
from tests.support.commands import command, dms, environment_of

DONE, REFUSED, USAGE, INTERRUPTED = range(4)
FILES = 240


def make_tree(root: Path, files: int = FILES) -> dict[str, bytes]:
    """Write files into directories of several depths; return their contents by their paths."""
    chance = random.Random(files)  # noqa: S311
    contents = {}
    for number in range(files):
        steps = [f"Level {chance.randrange(3)}" for _ in range(number and chance.randrange(4))]
        path = "/".join([*steps, f"file {number}.txt"])
        # Some are empty, some say what others do, some are larger than a piece.
        size = chance.choice([0, 10, 1_000, 50_000]) if number else 3_000_000
        contents[path] = chance.randbytes(size) if number % 7 else b"always the same"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(contents[path])
    return contents


@dataclass
class Importing:
    """A directory, a folder, and the command that brings the one into the other."""

    environment: dict[str, str]
    database: Database
    api: Api
    email: str
    folder_id: int
    directory: Path
    report: Path

    def arguments(self, *more: str) -> list[str | Path]:
        into = ["--into", str(self.folder_id), "--as", self.email]
        return ["import", self.directory, *into, "--report", self.report, *more]

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        return dms(self.environment, *self.arguments(*more))

    def start(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(*self.arguments(*more)),
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def reported(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.report.read_text().splitlines()]

    def wait_until_reported(self, count: int, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + 120
        while not self.report.exists() or self.report.read_text().count("\n") < count:
            if process.poll() is not None:
                return
            assert time.monotonic() < deadline, f"not {count} files in two minutes"
            time.sleep(0.005)

    async def documents(self) -> list[tuple[str, Document]]:
        """Every live document below the folder, with its path."""
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            folders = {one.id: one for one in await session.scalars(select(Folder))}
            statement = select(Document).where(Document.deleted_at.is_(None))
            rows = (await session.scalars(statement.order_by(Document.id))).all()

        def path(document: Document) -> str:
            steps, at = [document.name], document.folder_id
            while at != self.folder_id:
                steps.append(folders[at].name)
                parent_id = folders[at].parent_id
                assert parent_id is not None
                at = parent_id
            return "/".join(reversed(steps))

        return [(path(one), one) for one in rows]

    async def versions(self) -> int:
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            return await session.scalar(select(func.count()).select_from(Version)) or 0

    async def require(self, contents: dict[str, bytes]) -> None:
        """Each file is there once, byte for byte, and nothing else is."""
        found = await self.documents()
        assert sorted(path for path, _ in found) == sorted(contents)
        assert await self.versions() == len(contents)
        for path, document in found:
            answer = await self.api.get(f"/documents/{document.id}/content")
            assert answer.content == contents[path], path


@pytest.fixture
async def importing(
    settings: Settings, scanner: Clamd, database: Database, admin: Api, tmp_path: Path
) -> Importing:
    directory = tmp_path / "files"
    directory.mkdir()
    return Importing(
        environment_of(settings, DMS_CLAMD_SOCKET=str(scanner.socket)),
        database,
        admin,
        (await admin.get("/me")).json()["user"]["email"],
        await admin.folder("Imported"),
        directory,
        tmp_path / "report.jsonl",
    )


async def test_a_tree_is_kept_and_brought_in_once(importing: Importing, admin: Api) -> None:
    contents = make_tree(importing.directory, 40)
    (importing.directory / "Level 0" / "nothing in it").mkdir(parents=True, exist_ok=True)
    (importing.directory / "thumbs.db").write_bytes(b"left out")
    os.utime(importing.directory / "file 0.txt", ns=(0, 981_173_106_500_000_000))
    dry = importing.run("--dry-run", "--exclude", "*.db")
    assert dry.returncode == DONE, dry.stderr
    assert dry.stdout.startswith("40 files (")
    assert await importing.documents() == []

    ended = importing.run("--exclude", "*.db")
    assert ended.returncode == DONE, ended.stderr
    assert ended.stdout.startswith("40 filed, 0 as a new version")
    await importing.require(contents)
    assert {one["outcome"] for one in importing.reported()} == {"filed"}
    assert {one["path"] for one in importing.reported()} == set(contents)
    [document] = [one for path, one in await importing.documents() if path == "file 0.txt"]
    assert document.properties == {"file_modified": "2001-02-03T04:05:06Z"}
    shown = (await admin.get(f"/documents/{document.id}")).json()
    assert shown["current_version"]["comment"] == "Imported: file 0.txt"
    assert shown["owner"]["id"] == admin.user_id
    assert shown["current_version"]["scan_status"] == "clean"
    started = (await admin.get("/audit/events", params={"action": "import.started"})).json()
    assert started["items"][0]["data"]["directory"] == str(importing.directory)
    assert started["items"][0]["data"]["operator"]
    async with importing.database.transaction(Tenant(admin.org_id)) as session:
        statement = select(Folder.name).where(Folder.name == "nothing in it")
        assert await session.scalar(statement) == "nothing in it"

    # Whoever read them again would see that they say something else by now.
    for path, content in contents.items():
        file = importing.directory / path
        state = file.stat()
        file.write_bytes(bytes(len(content)))
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    again = importing.run("--exclude", "*.db")
    assert again.returncode == DONE, again.stderr
    assert "0 filed, 0 as a new version" in again.stdout
    assert "40 were filed before and have not changed" in again.stdout
    assert importing.reported() == []
    await importing.require(contents)


async def test_killed_at_any_time_and_called_again_each_file_is_filed_once(
    importing: Importing,
) -> None:
    contents = make_tree(importing.directory)
    chance = random.Random(5)  # noqa: S311
    killed = 0
    while True:
        importing.report.unlink(missing_ok=True)
        process = importing.start("--jobs", "3")
        importing.wait_until_reported(chance.randrange(20, 80), process)
        process.kill()
        said, _ = process.communicate(timeout=60)
        if process.returncode != -signal.SIGKILL:
            break
        killed += 1
        assert killed < FILES, said
    assert process.returncode == DONE, said
    assert killed >= 2
    ended = importing.run()
    assert ended.returncode == DONE, ended.stderr
    assert f"{FILES} were filed before" in ended.stdout
    await importing.require(contents)


async def test_two_imports_of_one_directory_share_the_work(importing: Importing) -> None:
    contents = make_tree(importing.directory, 80)
    running = [importing.start("--jobs", "2") for _ in range(2)]
    said = [process.communicate(timeout=200)[0] for process in running]
    assert [process.returncode for process in running] == [DONE, DONE], said
    await importing.require(contents)
    # The folders too are there once.
    async with importing.database.transaction(Tenant(importing.api.org_id)) as session:
        names = select(Folder.parent_id, func.lower(Folder.name)).where(
            Folder.parent_id.is_not(None)
        )
        found = (await session.execute(names)).all()
    assert len(set(found)) == len(found)


async def test_an_interrupted_import_says_how_to_go_on(importing: Importing) -> None:
    contents = make_tree(importing.directory)
    process = importing.start("--jobs", "1")
    importing.wait_until_reported(5, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, said
    assert "call it again in the same way" in said
    assert 5 <= len(await importing.documents()) < FILES
    assert importing.run().returncode == DONE
    await importing.require(contents)


@pytest.fixture
def troublesome(importing: Importing) -> dict[bytes, str]:
    """What cannot be filed, by its path, and the code of the reason; and one file that can."""
    root = os.fsencode(importing.directory)
    for path in (b"sub", b"caf\xe9"):
        os.mkdir(os.path.join(root, path))  # noqa: PTH102, PTH118  # bytes
    for path, content in {
        b"sub/eicar.com": EICAR,
        b"sub/program.exe": b"MZ",
        b"caf\xe9/below.txt": b"below",
        b"bad\x1b[2Jname.txt": b"control",
        b"fine.txt": b"fine",
    }.items():
        Path(os.fsdecode(root + b"/" + path)).write_bytes(content)
    (importing.directory / "link").symlink_to("fine.txt")
    os.mkfifo(importing.directory / "pipe")
    return {
        b"sub/eicar.com": "virus_found",
        b"sub/program.exe": "file_type_refused",
        b"caf\\xe9": "invalid_name",
        b"bad\\x1b[2Jname.txt": "invalid_name",
        b"link": "symbolic_link",
        b"pipe": "special_file",
    }


async def test_what_cannot_be_filed_is_named_with_its_reason(
    importing: Importing, troublesome: dict[bytes, str], admin: Api
) -> None:
    limits = {"quota": None, "largest": None, "allowed": [], "refused": [".exe"]}
    assert (await admin.put("/storage/limits", limits)).is_success
    ended = importing.run()
    assert ended.returncode == REFUSED, ended.stderr
    for path, code in troublesome.items():
        assert f"NOT FILED: {path.decode()}: {code}: " in ended.stdout
    assert ended.stdout.endswith("6 CANNOT BE FILED.\n")
    assert "\x1b" not in ended.stdout
    refused = {one["path"]: one for one in importing.reported() if one["outcome"] == "refused"}
    assert {path.encode(): one["reason"] for path, one in refused.items()} == troublesome
    assert refused["caf\\xe9"]["path_base64"] == "Y2Fm6Q=="
    assert [path for path, _ in await importing.documents()] == ["fine.txt"]
    [event] = (await admin.get("/audit/events", params={"action": "upload.refused"})).json()[
        "items"
    ]
    assert event["data"]["signature"] == REPORTED_SIGNATURE
    assert event["data"]["name"] == "eicar.com"
    # Names can be mended; all else is still as it was, and what was filed is not filed again.
    mended = importing.run("--names", "cp1252")
    assert mended.returncode == REFUSED, mended.stderr
    assert {path for path, _ in await importing.documents()} == {
        "fine.txt",
        "café/below.txt",
        "bad_[2Jname.txt",
    }
    assert await importing.versions() == 3


async def test_names_that_differ_on_disk_alone_are_all_kept(importing: Importing) -> None:
    for name in ("Note.txt", "note.txt", "u\u0308.txt", "ü.txt"):
        (importing.directory / name).write_text(name)
    assert importing.run().returncode == DONE
    # Several are sent at a time: the first to arrive has the name.
    found = {path.lower() for path, _ in await importing.documents()}
    assert found == {"note.txt", "note (1).txt", "ü.txt", "ü (1).txt"}
    assert importing.run().stdout.startswith("0 filed")


async def test_what_has_changed_is_the_next_version_and_what_is_new_is_added(
    importing: Importing, admin: Api
) -> None:
    for name in ("changed", "touched", "moved", "trashed"):
        (importing.directory / name).write_text("first")
    await admin.document(importing.folder_id, "changed (1)", b"somebody else's")
    assert importing.run().returncode == DONE
    ids = {path: document.id for path, document in await importing.documents()}
    elsewhere = await admin.folder("Elsewhere", importing.folder_id)
    await admin.patch(f"/documents/{ids['moved']}", {"folder_id": elsewhere, "name": "Renamed"})
    await admin.patch(f"/documents/{ids['changed']}", {"properties": {"own": "kept"}})
    assert (await admin.delete(f"/documents/{ids['trashed']}")).status_code == 204
    for name in ("changed", "moved", "trashed", "new"):
        (importing.directory / name).write_text("second, longer")
    os.utime(importing.directory / "touched", ns=(0, 10**18))
    ended = importing.run()
    assert ended.returncode == REFUSED, ended.stderr
    assert "1 filed, 2 as a new version" in ended.stdout
    outcomes = {one["path"]: one.get("reason", one["outcome"]) for one in importing.reported()}
    assert outcomes == {
        "changed": "version",
        "moved": "version",
        "touched": "same",
        "trashed": "document_gone",
        "new": "filed",
    }
    for name, versions in (("changed", 2), ("moved", 2), ("touched", 1)):
        answer = await admin.get(f"/documents/{ids[name]}/versions")
        assert len(answer.json()) == versions, name
    moved = (await admin.get(f"/documents/{ids['moved']}")).json()
    assert (moved["name"], moved["folder_id"]) == ("Renamed", elsewhere)
    properties = (await admin.get(f"/documents/{ids['changed']}")).json()["properties"]
    assert set(properties) == {"own", "file_modified"}
    again = importing.run()
    assert again.stdout.count("document_gone") == 1
    assert "0 filed, 0 as a new version" in again.stdout


async def test_nobody_files_where_they_may_not(
    importing: Importing, admin: Api, member: Api, stranger: Api
) -> None:
    (importing.directory / "file").write_text("content")
    member_email = (await member.get("/me")).json()["user"]["email"]
    stranger_email = (await stranger.get("/me")).json()["user"]["email"]
    admin_email = importing.email
    for email, into, said in (
        (member_email, str(importing.folder_id), "There is no folder"),
        (member_email, "Imported", "There is no folder"),
        (stranger_email, str(importing.folder_id), "There is no folder"),
        ("nobody@example.org", str(importing.folder_id), "No active user"),
        (admin_email, "Imported/Nowhere", "There is no folder"),
    ):
        ended = dms(
            importing.environment, "import", importing.directory, "--into", into, "--as", email
        )
        assert (ended.returncode, ended.stdout) == (USAGE, "")
        assert said in ended.stderr
    await admin.share(importing.folder_id, member, role="reader")
    importing.email = member_email
    assert importing.run().returncode == USAGE
    assert await importing.documents() == []
    # By name, and in the member's own name.
    await admin.share(importing.folder_id, member)
    ended = dms(
        importing.environment,
        *("import", importing.directory, "--into", "imported", "--as", member_email.upper()),
    )
    assert ended.returncode == DONE, ended.stderr
    [(_, document)] = await importing.documents()
    assert document.owner_id == member.user_id


async def test_what_it_cannot_work_with_is_said(importing: Importing, settings: Settings) -> None:
    (importing.directory / "file").write_text("content")
    missing = dms(importing.environment, "import", "/nowhere", "--into", "1", "--as", "a@b")
    assert missing.returncode == USAGE
    assert importing.run("--names", "klingon").returncode == USAGE
    own = importing.directory
    importing.directory = settings.data_dir
    assert importing.run().returncode == USAGE
    importing.directory = own
    nowhere = importing.environment | {
        "DMS_CLAMD_SOCKET": str(settings.data_dir / "nobody.ctl"),
        "DMS_SCAN": "required",
    }
    ended = dms(nowhere, *importing.arguments())
    assert ended.returncode == INTERRUPTED, ended.stdout
    assert "call it again in the same way" in ended.stderr
    assert await importing.documents() == []
    params = {"action": "import.ended"}
    [event] = (await importing.api.get("/audit/events", params=params)).json()["items"]
    assert (event["data"]["finished"], event["data"]["filed"]) == (False, 0)


async def test_a_directory_without_anything_in_it_that_becomes_a_file_is_filed(
    importing: Importing,
) -> None:
    (importing.directory / "notes").mkdir()
    assert importing.run().returncode == DONE
    (importing.directory / "notes").rmdir()
    (importing.directory / "notes").write_text("words")
    ended = importing.run()
    assert ended.returncode == DONE, ended.stdout
    assert [path for path, _ in await importing.documents()] == ["notes"]
    assert importing.run().stdout.startswith("0 filed")


def test_a_report_is_nobody_elses_and_leads_nowhere(importing: Importing, tmp_path: Path) -> None:
    (importing.directory / "file").write_text("content")
    victim = tmp_path / "precious"
    victim.write_text("precious")
    importing.report.symlink_to(victim)
    ended = importing.run()
    assert (ended.returncode, victim.read_text()) == (USAGE, "precious"), ended.stderr
    importing.report.unlink()
    importing.report.touch(0o644)
    assert importing.run().returncode == DONE
    assert importing.report.stat().st_mode & 0o777 == 0o600
