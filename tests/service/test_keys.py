"""Keys changed under the running service: nobody notices, and it starts again with the new ones alone."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.service import ROOT, Service

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(600)]


def upload(client: httpx.Client, folder: int, name: str) -> int:
    answer = client.post(
        f"/folders/{folder}/documents", params={"name": name}, content=name.encode() * 1_000
    )
    assert answer.status_code == 201, answer.text
    document: int = answer.json()["id"]
    return document


def all_there(client: httpx.Client, documents: dict[str, int]) -> bool:
    contents = {
        name: client.get(f"/documents/{document}/content").content
        for name, document in documents.items()
    }
    return contents == {name: name.encode() * 1_000 for name in documents}


def refusal(service: Service, **environment: str) -> str:
    """What `dms up` says when it does not start."""
    ended = subprocess.run(
        [sys.executable, "-m", "backend.cli", "up"],
        env={**service._environment(), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended.stdout


def test_both_kinds_of_keys_are_changed_while_the_service_runs(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", {"PATH": os.environ["PATH"]})
    master_key, keyring = (service.data_dir / "keys" / name for name in ("master.key", "keyring"))
    documents: dict[str, int] = {}
    service.start()
    try:
        client = service.login()
        folder = client.post("/folders", json={"name": "Cabinet"}).json()["id"]
        documents["before"] = upload(client, folder, "before")
        first = master_key.read_text()

        rekeyed = service.command("keys", "rekey")
        assert rekeyed.returncode == 0, rekeyed.stderr
        assert "the old key is destroyed" in rekeyed.stdout
        documents["rekeyed"] = upload(client, folder, "rekeyed")
        assert all_there(client, documents)

        rotated = service.command("keys", "rotate")
        assert rotated.returncode == 0, rotated.stderr
        assert master_key.read_text() != first
        # It goes on with what it holds, and says that it wants to be started again.
        store = httpx.get(f"{service.url}/readyz", timeout=30).json()["dependencies"]["store"]
        assert store["status"] == "degraded"
        assert "start the process again" in store["detail"]
        documents["rotated"] = upload(client, folder, "rotated")
        assert all_there(client, documents)
    finally:
        service.stop()

    assert "it is another key" in refusal(service, ENCRYPTION_KEY=first.strip())
    kept = keyring.rename(keyring.with_name("kept"))
    assert "The keyring is missing" in refusal(service)
    kept.rename(keyring)

    service.start()
    try:
        client = service.login()
        documents["after"] = upload(client, folder, "after")
        assert all_there(client, documents)
        assert service.command("fsck").returncode == 0
        # A keyring lost beside a running database: none is made in its place.
        kept = keyring.rename(keyring.with_name("kept"))
        store = (service.data_dir / "store").rename(service.data_dir / "elsewhere")
        lost = service.command("init")
        assert lost.returncode == 3
        assert "The keyring is missing" in lost.stderr
        assert not keyring.exists()
        kept.rename(keyring)
        store.rename(service.data_dir / "store")
        assert service.command("init").returncode == 0
    finally:
        service.stop()
