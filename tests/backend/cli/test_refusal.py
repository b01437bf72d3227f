"""Each process of the service, started alone with a key that is lost or wrong: it ends, and says what to do."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from backend.launch.valkey import EmbeddedValkey
from storage import Keyring
from tests.conftest import ROOT
from tests.support.service import wait_until

RIGHT = base64.b64encode(bytes(range(32))).decode()
WRONG = base64.b64encode(bytes(32)).decode()
BACKEND = ("uvicorn", "--factory", "backend.main:create_app", "--port", "0")
WORKER = ("celery", "-A", "worker.app", "worker", "-Q", "fast", "-c", "1")


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    Keyring.create(tmp_path / "keys" / "keyring", base64.b64decode(RIGHT))
    return tmp_path


def start(installation: Path, *command: str, **environment: str) -> tuple[int, str]:
    """Run a program until it ends by itself; its status, and what it said."""
    run = subprocess.run(
        [sys.executable, "-m", *command],
        env={
            "PATH": os.environ["PATH"],
            "DMS_DATA_DIR": str(installation),
            "DMS_DATABASE_URL": "postgresql+asyncpg://dms_app@127.0.0.1:1/dms",
            "DMS_REDIS_URL": "redis://127.0.0.1:1/0",
            **environment,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize("command", [BACKEND, WORKER, ("backend.cli", "fsck")], ids=lambda c: c[0])
def test_a_wrong_key_is_explained(installation: Path, command: tuple[str, ...]) -> None:
    status, said = start(installation, *command, ENCRYPTION_KEY=WRONG)
    assert status != 0
    assert "it is another key. Give the one that was kept" in said
    assert "Traceback" not in said
    assert WRONG not in said


@pytest.mark.parametrize("command", [BACKEND, WORKER], ids=lambda c: c[0])
def test_a_lost_key_is_explained(installation: Path, command: tuple[str, ...]) -> None:
    lost = installation / "key"
    status, said = start(installation, *command, ENCRYPTION_KEY_FILE=str(lost))
    assert status != 0
    assert f"cannot be read from {lost} (ENCRYPTION_KEY_FILE)" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [BACKEND, WORKER], ids=lambda c: c[0])
def test_a_lost_keyring_is_explained(installation: Path, command: tuple[str, ...]) -> None:
    keyring = installation / "keys" / "keyring"
    keyring.unlink()
    status, said = start(installation, *command, ENCRYPTION_KEY=RIGHT)
    assert status != 0
    assert f"There is no keyring at {keyring}" in said
    assert "Traceback" not in said
    assert not keyring.exists()


def test_a_worker_whose_key_was_changed_ends_when_it_would_need_it(
    installation: Path, valkey: EmbeddedValkey
) -> None:
    """Its next child cannot open the store, and would fail every task."""
    log = installation / "log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", *WORKER],
            env={
                "PATH": os.environ["PATH"],
                "DMS_DATA_DIR": str(installation),
                "DMS_REDIS_URL": valkey.url,
                "ENCRYPTION_KEY": RIGHT,
            },
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: "ready." in log.read_text(), seconds=60, what="the worker is ready")
        Keyring.open(installation / "keys" / "keyring", base64.b64decode(RIGHT)).rotate(bytes(32))
        for child in psutil.Process(worker.pid).children():
            child.kill()
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.wait(60)
    assert "worker_refused" in log.read_text()
    assert "it is another key" in log.read_text()
