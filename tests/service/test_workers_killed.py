"""kill -9 of all workers, and of the queues, in the midst of each kind of work: all is done in the end, and once.

The moments are those that are seen: what the workers are at is told by `/jobs`, the rest by what has come of it.
"""

import json
import os
import re
import secrets
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from backend.core.queues import Queue, celery_app
from backend.core.settings import Settings
from tests.support.clamd import Clamd
from tests.support.mail import MailServer
from tests.support.service import Service, wait_until
from tests.worker.extraction import samples

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]

MAY_TAKE = 300.0
WORKERS = ("worker.app worker -Q",)
SCANNED_PAGES = 24
"""They are recognised in three batches."""
FILES, TEXTS = 40, 5
MISSED_SOME = 1013
"""How a WebSocket is closed whose messages were lost."""

_LEASES = {
    "versions": "index_lease_until",
    "previews": "lease_until",
    "page_pictures": "lease_until",
    "intake_sources": "lease_until",
    "scan_runs": "lease_until",
    "store_checks": "lease_until",
}


def kill_workers(service: Service) -> list[psutil.Process]:
    """Kill all workers, with their children, and let pass until their leases have run out; others are started.

    Returns what was killed, and what it had started.
    """
    killed = service.kill(*WORKERS)
    service.sql(
        *(
            f"UPDATE {table} SET {column} = now() WHERE {column} > now()"  # noqa: S608 - our own names
            for table, column in _LEASES.items()
        )
    )
    return killed


def runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


class Cabinet:
    """A folder of somebody's, and what becomes of what is put there."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = service.login()
        self.folder = self.new_folder("Cabinet")
        self.uploaded: dict[str, int] = {}

    def new_folder(self, name: str) -> int:
        answer = self.client.post("/folders", json={"name": f"{name} {secrets.token_hex(4)}"})
        assert answer.status_code == 201, answer.text
        folder: int = answer.json()["id"]
        return folder

    def upload(self, name: str, content: bytes) -> int:
        answer = self.client.post(
            f"/folders/{self.folder}/documents", params={"name": name}, content=content
        )
        assert answer.status_code == 201, answer.text
        document: int = answer.json()["id"]
        self.uploaded[name] = document
        return document

    def upload_texts(self, number: int) -> list[int]:
        words = [secrets.token_hex(6) for _ in range(number)]
        return [self.upload(f"{word}.txt", f"The word is w{word}.".encode()) for word in words]

    def invite(self) -> str:
        """Have a letter sent; return the address."""
        address = f"{secrets.token_hex(6)}@example.org"
        assert self.client.post("/invitations", json={"email": address}).status_code == 201
        return address

    def documents(self, folder: int) -> dict[str, int]:
        listed = self.client.get(f"/folders/{folder}/children", params={"limit": 200}).json()
        return {one["name"]: one["id"] for one in listed["documents"]}

    def reading(self, document: int) -> str:
        version = self.client.get(f"/documents/{document}").json()["current_version"]
        status: str = version["index_status"]
        return status

    def version(self, document: int) -> int:
        version: int = self.client.get(f"/documents/{document}").json()["current_version"]["id"]
        return version

    def preview(self, document: int) -> str:
        status: str = self.client.get(f"/documents/{document}/preview/pages").json()["status"]
        return status

    def running(self) -> set[tuple[str, int | None]]:
        """Return what the workers are at: tasks, and the documents they are for."""
        queues = self.client.get("/jobs").json()["queues"] or []
        return {
            (job["task"], (job["document"] or {}).get("id"))
            for queue in queues
            for job in queue["jobs"]
        }

    def wait_at_work(self, task: str, document: int | None = None) -> None:
        wait_until(lambda: (task, document) in self.running(), seconds=MAY_TAKE, what=task)

    def wait_read(self, documents: list[int]) -> None:
        # One after the other: who asks for all of them all the time keeps the workers from it.
        for one in documents:
            wait_until(
                lambda one=one: self.reading(one) == "indexed", seconds=MAY_TAKE, what="it is read"
            )

    def wait_drawn(self, documents: list[int]) -> None:
        for one in documents:
            wait_until(
                lambda one=one: self.preview(one) == "ready", seconds=MAY_TAKE, what="it is drawn"
            )

    def events(self, action: str) -> Counter[str]:
        """Return how often something was recorded, by what it was done to."""
        params: dict[str, Any] = {"action": action, "limit": 200}
        found: Counter[str] = Counter()
        while True:
            page = self.client.get("/audit/events", params=params).json()
            found.update(one["object"] for one in page["items"])
            params["cursor"] = page["next_cursor"]
            if params["cursor"] is None:
                return found

    def quarantine(self) -> Counter[str]:
        """Return how often contents are in quarantine, by their SHA-256."""
        return Counter(one["sha256"] for one in self.client.get("/quarantine").json()["items"])

    def is_idle(self) -> bool:
        seen = self.client.get("/jobs").json()
        assert seen["failed"] == 0, self.client.get("/jobs/failed").json()
        queues = seen["queues"] or []
        return not seen["unread"] and [one["waiting"] + one["running"] for one in queues] == [0, 0]

    def assert_done_once(self, documents: list[int], killed: list[psutil.Process]) -> None:
        """Nothing waits, nothing failed, nothing was done twice, nothing is left behind."""
        try:
            wait_until(self.is_idle, seconds=MAY_TAKE, what="nothing is to be done any more")
        except AssertionError as error:
            error.add_note(self.client.get("/jobs").text)
            raise
        created = self.events("document.created")
        for one in documents:
            assert len(self.client.get(f"/documents/{one}/versions").json()) == 1
            assert created[f"document:{one}"] == 1
        assert self.documents(self.folder) == self.uploaded
        wait_until(
            lambda: not any(map(runs, killed)), seconds=MAY_TAKE, what="what they started has ended"
        )
        wait_until(lambda: left_behind(self.service) == [], seconds=MAY_TAKE, what="all is tidy")


def left_behind(service: Service) -> list[Path]:
    """Return temporary files of processes that have ended, in the store, among the plaintexts and in memory."""
    places = [*(service.data_dir / "store").glob("*/tmp/*"), *(service.data_dir / "work").glob("*")]
    conversions = [
        one
        for one in Path("/dev/shm").glob("dms-office-*")  # noqa: S108 - where they are
        if not psutil.pid_exists(int(one.name.split("-")[2]))
    ]
    return [*(one for one in places if one.is_file()), *conversions]


class Listener(threading.Thread):
    """Somebody who has the application open: `heard` is what is told at once."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(daemon=True)
        self.socket = socket
        self.heard: list[dict[str, Any]] = [json.loads(socket.recv())]

    def run(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                self.heard.append(json.loads(self.socket.recv()))

    def read(self) -> set[int]:
        """Return the documents of which was told that their text was read."""
        told = [one["data"] for one in self.heard if one["event"] == "document.index_changed"]
        return {one["document_id"] for one in told if one["index_status"] == "indexed"}

    def wait_told(self, documents: list[int]) -> None:
        wait_until(lambda: self.read() >= set(documents), seconds=MAY_TAKE, what="all is told")


@contextmanager
def listening(cabinet: Cabinet) -> Iterator[Listener]:
    ticket = cabinet.client.post("/ws/ticket").json()["ticket"]
    address = cabinet.service.url.replace("http", "ws", 1)
    with connect(f"{address}/api/v1/ws?ticket={ticket}", open_timeout=60) as socket:
        listener = Listener(socket)
        listener.start()
        yield listener
    listener.join()


def test_a_letter_a_rescan_and_a_conversion_outlive_their_workers(
    killed_service: Service, letters: MailServer, scanner: Clamd
) -> None:
    cabinet = Cabinet(killed_service)
    administrator = killed_service.admin_email
    told_before = len(letters.to(administrator))
    malware = secrets.token_bytes(24)
    # The second takes the scanner seconds, at the pace of this service.
    contents = {"small.bin": malware, "large.bin": os.urandom(4_000_000) + malware}
    for name, content in contents.items():
        cabinet.upload(name, content)
    digests = [
        cabinet.client.get(f"/documents/{one}").json()["sha256"]
        for one in cabinet.uploaded.values()
    ]
    with listening(cabinet) as listener:
        name = f"Killed-{secrets.token_hex(4)}"
        scanner.learn(name, malware)
        try:
            killed_service.sql(
                *(
                    f"UPDATE blobs SET scan_tried_at = now() - interval '{days} days'"  # noqa: S608 - our own
                    f" WHERE digest = '\\x{digest}'"
                    for days, digest in zip((41, 40), digests, strict=True)
                )
            )
            with letters.busy():
                invited = cabinet.invite()
                wait_until(lambda: letters.waiting > 0, seconds=MAY_TAKE, what="it is being sent")
                rescan(killed_service)
                wait_until(
                    lambda: cabinet.quarantine()[digests[0]] == 1,
                    seconds=MAY_TAKE,
                    what="the rescan has found the first",
                )
                office = cabinet.upload("letter.docx", samples.word_document())
                cabinet.wait_at_work("previews.prepare", office)
                assert ("maintenance.rescan", None) in cabinet.running()
                killed = kill_workers(killed_service)
                assert [cabinet.quarantine()[one] for one in digests] == [1, 0]
                wait_until(lambda: letters.waiting == 0, seconds=MAY_TAKE, what="nobody sends")
            wait_until(
                lambda: (
                    len(letters.to(invited)) == 1
                    and len(letters.to(administrator)) == told_before + 2
                ),
                seconds=MAY_TAKE,
                what="every letter was sent",
            )
            cabinet.wait_drawn([office])
            cabinet.wait_read([office])
            listener.wait_told([office])
            cabinet.assert_done_once(list(cabinet.uploaded.values()), killed)
        finally:
            scanner.forget(name)
    held = cabinet.events("quarantine.held")
    assert [cabinet.quarantine()[one] for one in digests] == [1, 1]
    assert [held[f"blob:{one}"] for one in digests] == [1, 1]
    # No server had said yes when they were killed: none was to be repeated.
    assert len(letters.to(invited)) == 1
    assert len(letters.to(administrator)) == told_before + 2


def rescan(service: Service) -> None:
    """Do what the scheduler does every minute."""
    app = celery_app(Settings(redis_url=service.redis_url))  # type: ignore[arg-type]  # it is parsed
    app.send_task("maintenance.rescan", queue=Queue.FAST, expires=60)


def test_reading_and_a_watched_directory_outlive_their_workers(
    killed_service: Service, incoming: Path
) -> None:
    cabinet = Cabinet(killed_service)
    directory = incoming / secrets.token_hex(4)
    directory.mkdir()
    texts = {f"{number}.txt": f"{number} of {directory.name}".encode() for number in range(TEXTS)}
    large = {f"{number}.bin": os.urandom(2_000_000) for number in range(FILES - TEXTS)}
    for name, content in (texts | large).items():
        (directory / name).write_bytes(content)
    with listening(cabinet) as listener:
        scan = cabinet.upload("scan.pdf", slips(SCANNED_PAGES))
        version = cabinet.version(scan)
        wait_until(
            lambda: pages_read(killed_service, version) > 0,
            seconds=MAY_TAKE,
            what="the first pages were recognised",
        )
        target = cabinet.new_folder("Incoming")
        source = watch(cabinet, directory, target)
        wait_until(
            lambda: len(cabinet.documents(target)) > 2, seconds=MAY_TAKE, what="some are filed"
        )
        killed = kill_workers(killed_service)
        assert len(cabinet.documents(target)) < FILES
        assert cabinet.reading(scan) == "extracting"

        wait_until(
            lambda: len(list((directory / ".filed").glob("*"))) == FILES,
            seconds=MAY_TAKE,
            what="all is filed and put aside",
        )
        filed = cabinet.documents(target)
        assert filed.keys() == (texts | large).keys()
        readable = [scan, *(filed[name] for name in texts)]
        cabinet.wait_read(readable)
        listener.wait_told(readable)
    assert cabinet.client.get(f"/intake/sources/{source}").json()["filed"] == FILES
    assert [one.name for one in directory.iterdir()] == [".filed"]
    recorded = cabinet.events("intake.filed")
    assert [recorded[f"document:{one}"] for one in filed.values()] == [1] * FILES
    cabinet.assert_done_once([scan, *filed.values()], killed)
    # What was recognised is kept; a kill between that and the line in the log hides it here.
    assert pages_read(killed_service, version) <= SCANNED_PAGES
    cabinet.client.delete(f"/intake/sources/{source}")


def pages_read(service: Service, version: int) -> int:
    """Return how many pages of a scan were recognised and kept, each as often as it was."""
    kept = re.findall(rf"pages_read .* pages=(\d+) .*version_id={version}\b", service.log)
    return sum(map(int, kept))


def slips(number: int) -> bytes:
    """Give a scan of so many small pages."""
    pages = [samples.scan([f"Slip {one} of many"]).crop((0, 60, 500, 200)) for one in range(number)]
    buffer = BytesIO()
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    return buffer.getvalue()


def watch(cabinet: Cabinet, directory: Path, folder: int) -> int:
    """Have a directory watched; return the id of the source."""
    answer = cabinet.client.post(
        "/intake/sources",
        json={
            "name": directory.name,
            "acts_as": cabinet.client.get("/me").json()["user"]["id"],
            "folder_id": folder,
            "settings": {
                "kind": "folder",
                "directory": str(directory),
                "after": "move",
                "stable_seconds": 0,
            },
        },
    )
    assert answer.status_code == 201, answer.text
    source: int = answer.json()["id"]
    assert cabinet.client.post(f"/intake/sources/{source}/run").status_code == 202
    return source


def test_everything_owed_outlives_the_queues_it_waits_in(
    killed_service: Service, letters: MailServer, incoming: Path
) -> None:
    cabinet = Cabinet(killed_service)
    directory = incoming / secrets.token_hex(4)
    directory.mkdir()
    (directory / "arrived.txt").write_text(f"It arrived in {directory.name}.")
    for worker in killed_service.processes(*WORKERS):
        worker.send_signal(signal.SIGSTOP)
    with listening(cabinet) as listener:
        documents = cabinet.upload_texts(5)
        picture = samples.scan(["A page that nobody has read yet."])
        documents.append(cabinet.upload("scan.png", samples.png(picture)))
        invited = cabinet.invite()
        target = cabinet.new_folder("Incoming")
        source = watch(cabinet, directory, target)
        wait_until(
            lambda: waiting(cabinet) >= 2 * len(documents), seconds=MAY_TAKE, what="all waits"
        )
        lose_queues(killed_service)
        listener.join(MAY_TAKE)
        assert listener.socket.close_code == MISSED_SOME
    killed = kill_workers(killed_service)
    wait_until(killed_service.is_ready, seconds=MAY_TAKE, what="the queues are back")
    with listening(cabinet) as listener:
        wait_until(
            lambda: "arrived.txt" in cabinet.documents(target),
            seconds=MAY_TAKE,
            what="what arrived is filed",
        )
        documents.append(cabinet.documents(target)["arrived.txt"])
        cabinet.wait_read(documents)
        listener.wait_told(documents)
        wait_until(lambda: letters.to(invited), seconds=MAY_TAKE, what="the letter was sent")
        cabinet.wait_drawn(documents)
    assert len(cabinet.documents(target)) == 1
    cabinet.assert_done_once(documents, killed)
    assert len(letters.to(invited)) == 1
    cabinet.client.delete(f"/intake/sources/{source}")


def waiting(cabinet: Cabinet) -> int:
    queues = cabinet.client.get("/jobs").json()["queues"] or []
    return sum(queue["waiting"] for queue in queues)


def lose_queues(service: Service) -> None:
    """Kill Valkey, which is started again, with nothing to read its queues from."""
    shutil.rmtree(service.data_dir / "valkey" / "appendonlydir")
    service.kill("valkey-server")
