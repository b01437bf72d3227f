"""kill -9 of workers and of Valkey while documents are read and letters sent: in the end all is done."""

import random
import secrets
import signal
import time
from collections import Counter
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image, ImageDraw

from tests.support.mail import mail_server
from tests.support.service import Service, running_service, wait_until

ROUNDS = 6
TEXTS, PICTURES = 60, 4


def picture(word: str) -> bytes:
    """A scan with one word on it."""
    image = Image.new("L", (600, 160), 255)
    ImageDraw.Draw(image).text((40, 50), word, fill=0, font_size=48)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def kill_something(service: Service, round_: int) -> None:
    """Kill a worker's children, a worker with all of them, or Valkey, in turn."""
    match round_ % 3:
        case 0:
            victims = [
                child
                for worker in service.processes("celery", "worker")
                for child in worker.children()
            ]
        case 1:
            victims = service.processes("celery", "worker")
        case _:
            victims = service.processes("valkey")
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)


def statuses(client: httpx.Client, documents: list[int]) -> Counter[str]:
    return Counter(
        client.get(f"/documents/{one}").json()["current_version"]["index_status"]
        for one in documents
    )


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(1_200)
def test_nothing_is_lost_and_no_letter_sent_in_vain(tmp_path: Path) -> None:
    with (
        mail_server() as letters,
        running_service(
            tmp_path / "data",
            DMS_SCAN="off",
            DMS_SMTP_URL=f"smtp+plain://127.0.0.1:{letters.port}",
            DMS_MAIL_FROM="DMS <dms@example.org>",
        ) as service,
    ):
        client = service.login()
        folder = client.post("/folders", json={"name": "Kills"}).json()["id"]
        documents: list[int] = []
        invited: list[str] = []

        def upload(name: str, content: bytes) -> None:
            answer = client.post(
                f"/folders/{folder}/documents", params={"name": name}, content=content
            )
            assert answer.status_code == 201, answer.text
            documents.append(answer.json()["id"])

        for round_ in range(ROUNDS):
            for _ in range(TEXTS // ROUNDS):
                word = secrets.token_hex(6)
                upload(f"{word}.txt", f"the word is w{word}".encode())
            if round_ < PICTURES:
                upload(f"scan {round_}.png", picture(f"Scan {secrets.token_hex(4)}"))
            invited.append(f"{secrets.token_hex(4)}@example.org")
            assert client.post("/invitations", json={"email": invited[-1]}).status_code == 201
            time.sleep(random.uniform(0.2, 3.0))  # noqa: S311 - a random moment is the point
            kill_something(service, round_)
        wait_until(
            lambda: set(statuses(client, documents)) == {"indexed"},
            seconds=600,
            what="everything is read",
        )
        wait_until(
            lambda: {one.to[0] for one in letters.letters} >= set(invited),
            seconds=300,
            what="every letter was sent",
        )
        # A kill between the mail server's yes and ours repeats a letter; nothing else does.
        assert max(Counter(one.to[0] for one in letters.letters).values()) <= 2
        assert client.get("/jobs/failed").json()["items"] == []
        seen = client.get("/jobs").json()
        assert [queue["waiting"] + queue["running"] for queue in seen["queues"]] == [0, 0]
        assert seen["unread"] == 0
