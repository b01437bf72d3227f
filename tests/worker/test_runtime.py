"""What a worker process holds open."""

import secrets
import threading
from pathlib import Path

from storage import Keyring
from tests.support.programs import wait_until
from worker.runtime import follow


def test_a_worker_without_work_learns_of_new_storage_keys(tmp_path: Path) -> None:
    path, key = tmp_path / "keys" / "keyring", secrets.token_bytes(32)
    path.parent.mkdir()
    elsewhere = Keyring.create(path, key)
    keyring = Keyring.open(path, key)
    elsewhere.storage_key("org-1")
    closed = threading.Event()
    following = threading.Thread(target=follow, args=(keyring, closed), kwargs={"every": 0.01})
    following.start()
    elsewhere.renew(["org-1"])
    wait_until(lambda: keyring._content.document == elsewhere._content.document, seconds=30)
    closed.set()
    following.join(30)
    assert not following.is_alive()
