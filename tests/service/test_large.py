"""5 GiB in and out, with the server's memory flat."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from backend.core.actor import Role
from backend.core.db import Database
from backend.core.settings import Settings
from tests.support.api import new_user
from tests.support.backend import Backend, running_backend

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

    def __init__(self, backend: Backend) -> None:
        super().__init__(daemon=True)
        self._processes = [backend.process, *backend.process.children(recursive=True)]
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
async def test_five_gibibytes_go_in_and_come_out_in_flat_memory(
    tmp_path: Path, settings: Settings, database: Database, organisation: int
) -> None:
    digest, read = hashlib.sha256(), hashlib.sha256()

    async def content() -> AsyncIterator[bytes]:
        for block in generated(SIZE):
            digest.update(block)
            yield block

    with running_backend(settings, tmp_path / "data", DMS_SCAN="off") as backend:
        async with httpx.AsyncClient(base_url=backend.url, timeout=600) as client:
            admin = await new_user(client, database, organisation, Role.ADMINISTRATOR)
            folder = await admin.folder("Large")
            await admin.document(folder, "first", b"warms up")
            await asyncio.sleep(1)
            memory = Memory(backend)
            memory.start()

            url = f"/folders/{folder}/documents"
            answer = await admin.post(url, params={"name": "large.bin"}, content=content())
            assert answer.status_code == 201, answer.text
            document = answer.json()
            assert (document["size"], document["sha256"]) == (SIZE, digest.hexdigest())

            stored = f"/api/v1/documents/{document['id']}/content"
            async with client.stream("GET", stored, headers=admin.headers) as download:
                async for chunk in download.aiter_raw(2**20):
                    read.update(chunk)
            memory.stop()
    assert read.hexdigest() == digest.hexdigest()
    assert memory.most - memory.idle < ALLOWED_OVER_IDLE
