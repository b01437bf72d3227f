"""kill -9 at random moments while uploads run: what was acknowledged is there, what was not leaves nothing behind."""

import hashlib
import os
import random
import secrets
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.service import Service, wait_until

ROUNDS = int(os.environ.get("DMS_KILLS", "3"))
UPLOADERS = 4
LARGEST = 6 * 2**20


class Uploader(threading.Thread):
    """Uploads one document after the other and remembers which were acknowledged."""

    def __init__(self, service: Service, token: str, folder_id: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._url = f"{service.url}/api/v1/folders/{folder_id}/documents"
        self._headers = {"Authorization": token}
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._stopping = threading.Event()
        self.attempted: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}

    def run(self) -> None:
        while not self._stopping.is_set():
            content = self._random.randbytes(self._random.choice([100, 20_000, LARGEST]))
            name = secrets.token_hex(8)
            self.attempted[name] = hashlib.sha256(content).hexdigest()
            with suppress(httpx.HTTPError):
                answer = httpx.post(
                    self._url,
                    params={"name": name},
                    content=content,
                    headers=self._headers,
                    timeout=60,
                )
                if answer.status_code == 201:
                    self.acknowledged[name] = answer.json()["id"]
            self._stopping.wait(0.02)

    def stop(self) -> None:
        self._stopping.set()
        self.join(90)


def kill_something(service: Service, round_: int) -> str:
    """Kill the backend, one of its workers, or PostgreSQL, in turn."""
    match round_ % 3:
        case 0:
            victims = service.backends()
        case 1:
            victims = service.processes("postgres", "-D")[:1]
        case _:
            victims = service.backends()[-1:]
    for victim in victims:
        with suppress(ProcessLookupError):
            victim.send_signal(signal.SIGKILL)
    return str([victim.pid for victim in victims])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_lose_nothing_that_was_acknowledged(killed_service: Service) -> None:
    service = killed_service
    client = service.login()
    folder = client.post("/folders", json={"name": "Kills"}).json()["id"]
    token = client.headers["Authorization"]
    attempted: dict[str, str] = {}
    acknowledged: dict[str, int] = {}
    for round_ in range(ROUNDS):
        uploaders = [Uploader(service, token, folder, round_ * 100 + n) for n in range(UPLOADERS)]
        for uploader in uploaders:
            uploader.start()
        wait_until(
            lambda: any(uploader.acknowledged for uploader in uploaders),  # noqa: B023 - called here
            seconds=60,
            what="uploads run",
        )
        time.sleep(random.uniform(0, 2.0))  # noqa: S311 - a random moment is the point
        kill_something(service, round_)
        for uploader in uploaders:
            uploader.stop()
            attempted |= uploader.attempted
            acknowledged |= uploader.acknowledged
        wait_until(service.is_ready, seconds=60, what=f"ready again after round {round_}")
    client = service.login()
    assert len(acknowledged) >= ROUNDS

    for name, document_id in acknowledged.items():
        answer = client.get(f"/documents/{document_id}/content")
        assert hashlib.sha256(answer.content).hexdigest() == attempted[name]

    listed = list_documents(client, folder)
    assert set(acknowledged) <= set(listed)
    for name in set(listed) - set(acknowledged):
        # The answer was lost, the document was not: it must be whole.
        answer = client.get(f"/documents/{listed[name]}/content")
        assert hashlib.sha256(answer.content).hexdigest() == attempted[name]

    for backend in service.backends():
        with suppress(ProcessLookupError):
            backend.send_signal(signal.SIGKILL)
    wait_until(service.is_ready, seconds=60, what="ready again")
    assert temporary_files(service) == []
    checked = service.command("fsck")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def list_documents(client: httpx.Client, folder_id: int) -> dict[str, int]:
    """Return the ids of the documents of a folder by name."""
    found: dict[str, int] = {}
    cursor = None
    while True:
        params = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = client.get(f"/folders/{folder_id}/children", params=params).json()
        found |= {item["name"]: item["id"] for item in page["documents"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def temporary_files(service: Service) -> list[Path]:
    return [path for path in (service.data_dir / "store").rglob("tmp/*") if path.is_file()]
