"""Real documents, some of them broken or hostile, through the whole service."""

import hashlib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.service import Service, wait_until

FINAL = {"indexed", "no_text", "encrypted", "damaged", "unsupported"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_real_document_comes_back_and_ends_its_reading(
    service: Service, corpus: Path
) -> None:
    client = service.login()
    folder = client.post("/folders", json={"name": "Corpus"}).json()["id"]
    waiting: dict[int, str] = {}
    for path in sorted(corpus.iterdir()):
        content = path.read_bytes()
        answer = client.post(
            f"/folders/{folder}/documents", params={"name": path.name}, content=content
        )
        assert answer.status_code == 201, (path.name, answer.text)
        document = answer.json()
        assert document["sha256"] == hashlib.sha256(content).hexdigest()
        assert client.get(f"/documents/{document['id']}/content").content == content
        waiting[document["id"]] = path.name
    ended: Counter[str] = Counter()
    unexplained: list[str] = []

    def all_ended() -> bool:
        for document_id in list(waiting):
            version = client.get(f"/documents/{document_id}").json()["current_version"]
            if version["index_status"] in {"pending", "extracting"}:
                continue
            ended[version["index_status"]] += 1
            explained = version["index_status"] == "indexed" or version["index_detail"]
            if version["index_status"] not in FINAL or not explained:
                unexplained.append(f"{waiting[document_id]}: {version}")
            del waiting[document_id]
        return not waiting

    with suppress(AssertionError):
        wait_until(all_ended, seconds=800, what="every document was read")
    assert waiting == {}
    assert unexplained == []
    assert ended["indexed"] > 80
    workers = service.processes("celery", "worker.app")
    assert workers
