"""Redis away, PostgreSQL away: what goes on, what is refused, and that all recovers by itself."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(600)]


def index_status(client: httpx.Client, document_id: int) -> str:
    status: str = client.get(f"/documents/{document_id}").json()["current_version"]["index_status"]
    return status


@contextmanager
def paused(service: Service, *words: str) -> Iterator[None]:
    """Stop a server (SIGSTOP): it is there and does not answer, which is worse than gone."""
    victims = service.processes(*words)
    assert victims
    for victim in victims:
        victim.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for victim in victims:
            victim.send_signal(signal.SIGCONT)


def test_without_redis_uploads_succeed_and_text_is_read_when_it_is_back(service: Service) -> None:
    client = service.login()
    folder = client.post("/folders", json={"name": "Redis away"}).json()["id"]
    with paused(service, "valkey"):
        answer = client.post(
            f"/folders/{folder}/documents",
            params={"name": "vanadium.txt"},
            content=b"quicksilver words",
        )
        assert answer.status_code == 201
        document_id = answer.json()["id"]
        ready = httpx.get(f"{service.url}/readyz", timeout=30)
        assert ready.status_code == 200
        assert ready.json()["dependencies"]["redis"]["status"] != "ok"
        found = client.get("/search", params={"q": "vanadium"}).json()
        assert [item["document"]["id"] for item in found["items"]] == [document_id]
    wait_until(
        lambda: index_status(client, document_id) == "indexed", seconds=120, what="the text is read"
    )
    found = client.get("/search", params={"q": "quicksilver"}).json()
    assert [item["document"]["id"] for item in found["items"]] == [document_id]


def test_without_postgres_the_answer_is_503_and_it_recovers_without_a_restart(
    service: Service,
) -> None:
    client = service.login()
    folder = client.post("/folders", json={"name": "Postgres away"}).json()["id"]
    backends = {process.pid for process in service.backends()}
    [postmaster] = [p for p in service.processes("postgres", "-D") if p.parent() != p]
    postmaster.send_signal(signal.SIGSTOP)
    try:
        postmaster.send_signal(signal.SIGKILL)
        answers = []
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = client.get(f"/folders/{folder}")
            answers.append(answer)
            if answer.status_code == 200 and len(answers) > 1:
                break
            time.sleep(0.02)
    finally:
        wait_until(service.is_ready, seconds=60, what="ready again")
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused, "the server was back before anyone noticed"
    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] == "database_unavailable"
        assert int(answer.headers["retry-after"]) > 0
    assert client.get(f"/folders/{folder}").status_code == 200
    assert {process.pid for process in service.backends()} == backends
