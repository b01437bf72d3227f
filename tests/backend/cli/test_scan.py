"""`dms scan` as a script calls it."""

import json
import secrets
from typing import Any

import pytest
from sqlalchemy import update

from backend.core.clock import now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.scanning.models import ScanRun
from tests.support.api import Api
from tests.support.clamd import Clamd
from tests.support.commands import dms, environment_of

CLEAN, FOUND, USAGE, UNSCANNED = range(4)


@pytest.fixture
def environment(settings: Settings, scanner: Clamd) -> dict[str, str]:
    return environment_of(settings, DMS_CLAMD_SOCKET=str(scanner.socket))


async def test_what_is_found_is_named_and_quarantined(
    admin: Api, scanner: Clamd, environment: dict[str, str]
) -> None:
    unique = secrets.token_hex(8)
    content = f"late {unique} malware".encode()
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", content)
    scanner.learn(f"Test.Cli-{unique}", content)
    ended = dms(environment, "scan", "--since", "1h", "--json")
    assert ended.returncode == FOUND, ended.stderr
    *found, summary = [json.loads(line) for line in ended.stdout.splitlines()]
    [ours] = [one for one in found if one["organisation"] == admin.org_id]
    assert (ours["outcome"], ours["sha256"]) == ("infected", document["sha256"])
    assert ours["detail"] == f"Test.Cli-{unique}.UNOFFICIAL"
    assert summary["finished"]
    assert summary["infected"] >= 1
    again = dms(environment, "scan", "--since", "1h")
    assert again.returncode == CLEAN, again.stderr
    assert "nothing found" in again.stdout
    assert (await admin.get(f"/documents/{document['id']}/content")).status_code == 403


def test_options_that_make_no_sense(environment: dict[str, str]) -> None:
    for options in (
        [],
        ["--all", "--unscanned"],
        ["--since", "yesterday"],
        ["--all", "--rate", "x"],
    ):
        assert dms(environment, "scan", *options).returncode == USAGE


async def test_without_a_scanner_it_says_so_and_is_resumed_later(
    settings: Settings, environment: dict[str, str], database: Database
) -> None:
    nowhere = environment | {"DMS_CLAMD_SOCKET": str(settings.data_dir / "nobody.ctl")}
    ended = dms(nowhere, "scan", "--unscanned")
    assert ended.returncode == UNSCANNED
    assert "nobody.ctl" in ended.stderr
    async with database.transaction() as session:
        await session.execute(update(ScanRun).values(lease_until=now()))
    resumed: Any = dms(environment, "scan", "--resume")
    assert resumed.returncode == CLEAN, resumed.stderr
    assert dms(environment, "scan", "--resume").returncode == USAGE
