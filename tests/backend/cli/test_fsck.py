"""`dms fsck` on a store that was tampered with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from backend.core.settings import Settings
from tests.conftest import ROOT
from tests.support.api import Api


def fsck(settings: Settings) -> tuple[int, list[dict[str, Any]]]:
    assert settings.encryption_key is not None
    environment = {
        "PATH": os.environ["PATH"],
        "DMS_DATA_DIR": str(settings.data_dir),
        "DMS_DATABASE_URL": str(settings.database_url),
        "ENCRYPTION_KEY": settings.encryption_key.get_secret_value(),
    }
    run = subprocess.run(
        [sys.executable, "-m", "backend.cli", "fsck", "--json"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == "", run.stderr
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]


def blob_path(settings: Settings, api: Api, digest: str) -> Path:
    return settings.store_dir / f"org-{api.org_id}" / digest[:2] / digest[2:4] / digest


async def test_fsck_names_every_kind_of_fault(admin: Api, settings: Settings) -> None:
    cabinet = await admin.folder("Cabinet")
    missing, damaged, orphan, _whole = [
        await admin.document(cabinet, name, name.encode() * 100)
        for name in ("missing", "damaged", "orphan", "whole")
    ]
    blob_path(settings, admin, missing["sha256"]).unlink()
    path = blob_path(settings, admin, damaged["sha256"])
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    unrecorded = blob_path(settings, admin, "ab" * 32)
    unrecorded.parent.mkdir(parents=True, exist_ok=True)
    unrecorded.write_bytes(blob_path(settings, admin, orphan["sha256"]).read_bytes())

    code, lines = fsck(settings)
    ours = {line["sha256"]: line for line in lines[:-1] if line["organisation"] == admin.org_id}
    assert code == 1
    assert {digest: line["fault"] for digest, line in ours.items()} == {
        missing["sha256"]: "missing",
        damaged["sha256"]: "damaged",
        "ab" * 32: "orphan",
    }
    assert ours[missing["sha256"]]["documents"] == [missing["id"]]
    assert lines[-1]["damaged"] >= 2

    # The tests of this process share the store: put right what was broken.
    for document in (missing, damaged):
        await admin.delete(f"/documents/{document['id']}")
        await admin.delete(f"/trash/documents/{document['id']}")
