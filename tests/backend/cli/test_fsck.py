"""`dms fsck` as a script calls it, on a store that was tampered with."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from backend.core.clock import now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.verification.models import StoreCheck
from tests.conftest import ROOT
from tests.support.api import Api
from tests.support.commands import command, dms, environment_of

WHOLE, DAMAGE, USAGE, UNCHECKED = range(4)


@dataclass
class Fsck:
    """Runs `dms fsck` on the installation of the tests."""

    settings: Settings

    def start(self, *options: str, **changes: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command("fsck", *options),
            env=environment_of(self.settings, **changes),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str, **changes: str) -> tuple[int, str, str]:
        ended = dms(environment_of(self.settings, **changes), "fsck", *options)
        return ended.returncode, ended.stdout, ended.stderr

    def lines(self, *options: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
        """Return the exit code, the findings and the summary."""
        code, out, err = self.run("--json", *options)
        assert err == ""
        *findings, summary = [json.loads(line) for line in out.splitlines()]
        return code, findings, summary


@pytest.fixture
def fsck(settings: Settings) -> Fsck:
    return Fsck(settings)


def blob_path(settings: Settings, api: Api, digest: str) -> Path:
    return settings.store_dir / f"org-{api.org_id}" / digest[:2] / digest[2:4] / digest


def ours(findings: list[dict[str, Any]], api: Api) -> dict[str, dict[str, Any]]:
    """Return the findings of one organisation by digest: the tests of a process share the store."""
    return {one["sha256"]: one for one in findings if one["organisation"] == api.org_id}


@pytest.fixture
async def damage(admin: Api, settings: Settings, tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """A missing, a damaged, a whole document and an orphan; a copy of the data directory from before."""
    cabinet = await admin.folder("Cabinet")
    documents = {
        name: await admin.document(cabinet, name, name.encode() * 100)
        for name in ("missing", "damaged", "whole")
    }
    shutil.copytree(settings.data_dir / "keys", tmp_path / "copy" / "keys")
    shutil.copytree(
        settings.store_dir / f"org-{admin.org_id}",
        tmp_path / "copy" / "store" / f"org-{admin.org_id}",
    )
    blob_path(settings, admin, documents["missing"]["sha256"]).unlink()
    path = blob_path(settings, admin, documents["damaged"]["sha256"])
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    orphan = blob_path(settings, admin, "ab" * 32)
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(blob_path(settings, admin, documents["whole"]["sha256"]).read_bytes())
    yield documents
    # The tests of this process share the store: put right what was broken.
    for name in ("missing", "damaged"):
        shutil.copy(
            tmp_path / "copy" / path_below(settings, admin, documents[name]["sha256"]),
            blob_path(settings, admin, documents[name]["sha256"]),
        )
    orphan.unlink()


def path_below(settings: Settings, api: Api, digest: str) -> Path:
    return blob_path(settings, api, digest).relative_to(settings.data_dir)


async def test_fsck_names_every_kind_of_fault(
    admin: Api, fsck: Fsck, damage: dict[str, Any]
) -> None:
    code, findings, summary = fsck.lines()
    found = ours(findings, admin)
    assert code == DAMAGE
    assert {digest: line["fault"] for digest, line in found.items()} == {
        damage["missing"]["sha256"]: "missing",
        damage["damaged"]["sha256"]: "damaged",
        "ab" * 32: "orphan",
    }
    assert found[damage["missing"]["sha256"]]["documents"] == [damage["missing"]["id"]]
    assert summary["damaged"] >= 2
    assert summary["finished"]
    assert summary["opened"] == summary["checked"]
    code, out, _ = fsck.run("--quick")
    assert code == DAMAGE
    assert f"missing: {damage['missing']['sha256']}" in out
    assert "DAMAGED OR MISSING" in out
    assert "dms gc" in out


async def test_fsck_repairs_from_a_copy_of_the_data_directory(
    admin: Api, fsck: Fsck, damage: dict[str, Any], tmp_path: Path
) -> None:
    code, findings, _ = fsck.lines("--repair-from", str(tmp_path / "copy"))
    found = ours(findings, admin)
    assert found[damage["missing"]["sha256"]]["repaired"]
    assert found[damage["damaged"]["sha256"]]["repaired"]
    for name in ("missing", "damaged", "whole"):
        answer = await admin.get(f"/documents/{damage[name]['id']}/content")
        assert answer.content == name.encode() * 100
    code, findings, _ = fsck.lines("--repair-from", str(tmp_path / "copy" / "store"))
    assert set(ours(findings, admin)) == {"ab" * 32}
    if not any(one["fault"] != "orphan" for one in findings):
        assert code == WHOLE


async def test_samples_take_one_part_after_the_other(fsck: Fsck, admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    for number in range(20):
        await admin.document(cabinet, f"{number}", f"{number}".encode())
    seeds, opened = [], 0
    for _ in range(2):
        _, _, summary = fsck.lines("--sample", "50%")
        seeds.append(summary["seed"])
        opened += summary["opened"]
        assert 0 < summary["opened"] < summary["checked"]
    assert opened == summary["checked"]
    assert seeds[1] == seeds[0] + 1
    _, _, summary = fsck.lines("--sample", "50%", "--seed", "7", "--quick")
    assert (summary["seed"], summary["mode"], summary["read_bytes"]) == (7, "quick", 0)
    assert "part 2 of 2" in fsck.run("--sample", "50", "--seed", "7")[1]


@pytest.mark.parametrize(
    "options",
    [
        ["--resume", "--quick"],
        ["--resume", "--sample", "5%"],
        ["--seed", "1"],
        ["--quick", "--rate", "1MB/s"],
        ["--sample", "0%"],
        ["--rate", "fast"],
        ["--repair-from", "/nowhere/at/all"],
        ["--nonsense"],
    ],
)
def test_wrong_usage(fsck: Fsck, options: list[str]) -> None:
    code, out, err = fsck.run(*options)
    assert (code, out) == (USAGE, "")
    assert err != ""


async def test_what_cannot_be_checked_is_not_called_whole(
    fsck: Fsck, admin: Api, tmp_path: Path
) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "a", b"a")
    away = "postgresql+asyncpg://dms_app@127.0.0.1:1/dms"
    code, _, err = fsck.run(DMS_DATABASE_URL=away)
    assert (code, "could be checked" in err) == (UNCHECKED, True)
    # A data directory whose volume is not mounted, and one that holds the keyring alone.
    assert fsck.run(DMS_DATA_DIR=str(tmp_path / "nothing"))[0] == UNCHECKED
    shutil.copytree(fsck.settings.data_dir / "keys", tmp_path / "empty" / "keys")
    code, _, err = fsck.run(DMS_DATA_DIR=str(tmp_path / "empty"))
    assert (code, "mounted" in err) == (UNCHECKED, True)
    assert fsck.run(ENCRYPTION_KEY="not a key")[0] == UNCHECKED


# -- interrupted ---------------------------------------------------------------------------------

LARGE = 3_000_000
SLOW = ("--rate", "2MB/s")


@pytest.fixture
async def large(admin: Api) -> None:
    """So much content that a slow check can be interrupted in the middle of it."""
    cabinet = await admin.folder("Cabinet")
    for number in range(4):
        answer = await admin.upload(cabinet, f"{number}", os.urandom(LARGE))
        assert answer.status_code == 201


async def wait_for_cursor(database: Database, process: subprocess.Popen[str]) -> StoreCheck:
    """Wait until the check that runs has recorded something."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        async with database.transaction() as session:
            newest = select(func.max(StoreCheck.id)).scalar_subquery()
            check = (await session.scalars(select(StoreCheck).where(StoreCheck.id == newest))).one()
            if check.finished_at is None and check.read_bytes > LARGE:
                return check
    raise AssertionError("the check did not get on")


async def test_a_killed_check_goes_on_where_it_was(
    fsck: Fsck, large: None, database: Database
) -> None:
    _, _, before = fsck.lines("--quick")
    process = fsck.start("--json", *SLOW)
    check = await wait_for_cursor(database, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # Whoever was killed cannot give the check back: it is taken when its lease has run out.
    code, _, err = fsck.run("--resume")
    assert (code, "try again in" in err) == (USAGE, True)
    async with database.transaction() as session:
        await session.execute(
            update(StoreCheck).where(StoreCheck.id == check.id).values(lease_until=now())
        )
    code, _, summary = fsck.lines("--resume")
    assert (summary["check"], summary["finished"]) == (check.id, True)
    assert summary["checked"] == before["checked"]
    assert code == (DAMAGE if summary["damaged"] else WHOLE)
    code, _, err = fsck.run("--resume")
    assert (code, "no interrupted check" in err) == (USAGE, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_check_gives_itself_back(
    fsck: Fsck, large: None, database: Database, number: signal.Signals
) -> None:
    _, _, before = fsck.lines("--quick")
    process = fsck.start("--json", *SLOW)
    check = await wait_for_cursor(database, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert err == ""
    summary = json.loads(out.splitlines()[-1])
    assert process.returncode == (DAMAGE if summary["damaged"] else UNCHECKED)
    assert (summary["finished"], summary["check"]) == (False, check.id)
    assert check.read_bytes <= summary["read_bytes"]
    _, _, summary = fsck.lines("--resume")
    assert (summary["check"], summary["finished"]) == (check.id, True)
    assert summary["checked"] == before["checked"]
