"""5 GiB in and out, with the server's memory flat."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.service import Service, running_service

SIZE = 5 * 2**30
ALLOWED_OVER_IDLE = 200 * 2**20
_BLOCK = 2**20


def generated(size: int) -> Iterator[bytes]:
    """Yield content that is cheap to make, compresses, and repeats nowhere."""
    filler = bytes(range(256)) * (_BLOCK // 256 - 1)
    for number in range(size // _BLOCK):
        yield number.to_bytes(256, "big") + filler


class Memory(threading.Thread):
    """Watches how much the backend's processes hold; `most` is bytes."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._processes = service.backends()
        self._stopping = threading.Event()
        self.idle = self._held()
        self.most = self.idle

    def _held(self) -> int:
        held = 0
        for process in self._processes:
            with suppress(psutil.Error):
                held += process.memory_info().rss
        return held

    def run(self) -> None:
        while not self._stopping.wait(0.1):
            self.most = max(self.most, self._held())

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_five_gibibytes_go_in_and_come_out_in_flat_memory(tmp_path: Path) -> None:
    digest = hashlib.sha256()
    with running_service(tmp_path / "data", DMS_SCAN="off") as service:
        client = service.login()
        folder = client.post("/folders", json={"name": "Large"}).json()["id"]
        client.post(f"/folders/{folder}/documents", params={"name": "first"}, content=b"warms up")
        time.sleep(1)
        memory = Memory(service)
        memory.start()

        def content() -> Iterator[bytes]:
            for block in generated(SIZE):
                digest.update(block)
                yield block

        answer = client.post(
            f"/folders/{folder}/documents",
            params={"name": "large.bin"},
            content=content(),
            timeout=httpx.Timeout(600),
        )
        assert answer.status_code == 201, answer.text
        document = answer.json()
        assert (document["size"], document["sha256"]) == (SIZE, digest.hexdigest())

        read = hashlib.sha256()
        with client.stream("GET", f"/documents/{document['id']}/content", timeout=600) as download:
            for chunk in download.iter_raw(2**20):
                read.update(chunk)
        memory.stop()
        assert read.hexdigest() == digest.hexdigest()
        assert memory.most - memory.idle < ALLOWED_OVER_IDLE
