"""From an upload to words that are found, with workers that are killed, repeated, or given broken content."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import select, update

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.outbox import OutboxEvent
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.documents.models import Version
from tests.support.api import Api
from tests.worker.extraction import embedded_samples as embedded
from worker.extraction import shut_down
from worker.runtime import Runtime
from worker.tasks import indexing


class SharedRuntime(Runtime):
    """A worker's runtime on the resources and the loop of the tests."""

    def __init__(self, settings: Settings, database: Database, app: FastAPI) -> None:
        self.settings = settings
        self.database = database
        self.content = app.state.content


@pytest.fixture
def runtime(settings: Settings, database: Database, app: FastAPI) -> Iterator[Runtime]:
    yield SharedRuntime(settings, database, app)
    shut_down()


async def read(runtime: Runtime, api: Api, version: dict[str, Any], *, ocr: bool = False) -> None:
    await indexing._index(runtime, api.org_id, version["id"], ocr=ocr)


async def state(api: Api, document: dict[str, Any]) -> tuple[str, str | None]:
    version = (await api.get(f"/documents/{document['id']}")).json()["current_version"]
    return version["index_status"], version["index_detail"]


async def events(database: Database, api: Api, name: str) -> list[dict[str, Any]]:
    async with database.transaction() as session:
        statement = select(OutboxEvent.data).where(
            OutboxEvent.org_id == api.org_id, OutboxEvent.name == name
        )
        return list(await session.scalars(statement))


async def test_the_words_of_an_upload_are_found(admin: Api, runtime: Runtime) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", "Der Übertragungsvertrag gilt.".encode())
    assert (await admin.get("/search", params={"q": "übertragungsvertrag"})).json()["items"] == []
    await read(runtime, admin, document["current_version"])
    assert await state(admin, document) == ("indexed", None)
    [hit] = (await admin.get("/search", params={"q": "ubertragungsvertrag"})).json()["items"]
    assert hit["document"]["id"] == document["id"]
    assert "\x02Übertragungsvertrag\x03" in hit["snippet"]
    text = (await admin.get(f"/documents/{document['id']}/text")).json()
    assert text["text"] == "Der Übertragungsvertrag gilt."


async def test_the_words_of_a_file_in_a_file_are_found_and_are_on_no_page(
    admin: Api, runtime: Runtime
) -> None:
    cabinet = await admin.folder("Cabinet")
    data = embedded.pdf_with(("factur-x.xml", embedded.INVOICE))
    document = await admin.document(cabinet, "invoice.pdf", data)
    await read(runtime, admin, document["current_version"])
    for words in ("walzenlager", "20417", "arbitration", "factur"):
        [hit] = (await admin.get("/search", params={"q": words})).json()["items"]
        assert hit["document"]["id"] == document["id"], words
    path = f"/documents/{document['id']}/pages"
    for words, hits in (("walzenlager", 0), ("arbitration", 1)):
        [page] = (await admin.get(path, params={"q": words})).json()["pages"]
        assert (page["number"], page["hits"]) == (1, hits), words
    text = (await admin.get(f"/documents/{document['id']}/text")).json()
    assert text["text"].endswith("\nfactur-x.xml\nRE-20417\nWalzenlager für Förderband")


async def test_what_a_file_says_about_itself_is_shown_and_found(
    admin: Api, runtime: Runtime
) -> None:
    cabinet = await admin.folder("Cabinet")
    data = (
        rb"{\rtf1\ansi{\info{\title Lease of the foundry}{\author Ada Winterbottom}"
        rb"{\creatim\yr2026\mo3\dy2\hr9}{\nofpages3}}The first text.}"
    )
    document = await admin.document(cabinet, "a.rtf", data)
    path = f"/documents/{document['id']}/metadata"
    before = (await admin.get(path)).json()
    assert (before["version"], before["title"], before["creators"]) == (1, None, [])
    await read(runtime, admin, document["current_version"])
    shown = (await admin.get(path)).json()
    assert shown["title"] == "Lease of the foundry"
    assert shown["creators"] == ["Ada Winterbottom"]
    assert shown["created"] == "2026-03-02T09:00:00"
    assert shown["extra"] == {"pages": 3}
    for words in ("winterbottom", "foundry", "first"):
        [hit] = (await admin.get("/search", params={"q": words})).json()["items"]
        assert hit["document"]["id"] == document["id"], words
    text = (await admin.get(f"/documents/{document['id']}/text")).json()["text"]
    assert text == "The first text."

    await admin.post(
        f"/documents/{document['id']}/versions",
        content=b"{\\rtf1{\\info{\\author Bob Harkness}}The second text.}",
    )
    newer = (await admin.get(f"/documents/{document['id']}")).json()
    await read(runtime, admin, newer["current_version"])
    assert (await admin.get(path)).json()["creators"] == ["Bob Harkness"]
    assert (await admin.get(path, params={"version": 1})).json()["creators"] == ["Ada Winterbottom"]
    assert (await admin.get(path, params={"version": 3})).status_code == 404
    for words, hits in (("winterbottom", 0), ("foundry", 0), ("harkness", 1)):
        found = (await admin.get("/search", params={"q": words})).json()["items"]
        assert len(found) == hits, words


async def test_a_task_delivered_twice_reads_once(
    admin: Api, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"words")
    reads = []
    bounded = indexing.run_bounded
    monkeypatch.setattr(
        indexing,
        "run_bounded",
        lambda *args, **kwargs: (reads.append(1), bounded(*args, **kwargs))[1],
    )
    await read(runtime, admin, document["current_version"])
    await read(runtime, admin, document["current_version"])
    assert len(reads) == 1


async def test_who_holds_the_lease_is_not_disturbed(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"words")
    version_id = document["current_version"]["id"]
    async with database.transaction(Tenant(admin.org_id)) as session:
        assert await documents.begin_indexing(session, version_id) is not None
    async with database.transaction(Tenant(admin.org_id)) as session:
        assert await documents.begin_indexing(session, version_id) is None
        assert await documents.requeue_lost(session, limit=10) == 0
    assert (await state(admin, document))[0] == "extracting"


async def test_a_killed_reader_is_replaced_and_a_killing_file_given_up(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"words")
    version_id = document["current_version"]["id"]
    for _ in range(3):
        async with database.transaction(Tenant(admin.org_id)) as session:
            assert await documents.begin_indexing(session, version_id) is not None
            # The worker dies here: nobody renews the lease.
            ended = now() - timedelta(seconds=1)
            await session.execute(
                update(Version).where(Version.id == version_id).values(index_lease_until=ended)
            )
        async with database.transaction(Tenant(admin.org_id)) as session:
            assert await documents.requeue_lost(session, limit=10) == 1
    assert len(await events(database, admin, "document.reindex_requested")) == 3
    await read(runtime, admin, document["current_version"])
    status, detail = await state(admin, document)
    assert status == "failed"
    assert "3 times" in str(detail)
    assert (await admin.post(f"/documents/{document['id']}/reindex")).status_code == 202
    await read(runtime, admin, document["current_version"])
    assert (await state(admin, document))[0] == "indexed"


async def test_a_task_lost_with_the_queue_is_found_again(admin: Api, database: Database) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"words")
    async with database.transaction(Tenant(admin.org_id)) as session:
        assert await documents.requeue_lost(session, limit=10) == 0
        long_ago = now() - timedelta(hours=2)
        version = Version.id == document["current_version"]["id"]
        await session.execute(update(Version).where(version).values(index_queued_at=long_ago))
        assert await documents.requeue_lost(session, limit=10) == 1
        assert await documents.requeue_lost(session, limit=10) == 0


async def test_what_was_queued_before_the_queues_began_is_lost(
    admin: Api, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    before = now()
    await admin.document(cabinet, "a.txt", b"words")
    async with database.transaction(Tenant(admin.org_id)) as session:
        assert await documents.requeue_lost(session, limit=10, queues_since=before) == 0
        began = now()
        assert await documents.requeue_lost(session, limit=10, queues_since=began) == 1
        assert await documents.requeue_lost(session, limit=10, queues_since=began) == 0


async def test_a_picture_goes_on_to_the_heavy_queue(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    picture = BytesIO()
    Image.new("L", (600, 200), 255).save(picture, "PNG")
    document = await admin.document(cabinet, "scan.png", picture.getvalue())
    await read(runtime, admin, document["current_version"])
    assert (await state(admin, document))[0] == "extracting"
    [event] = await events(database, admin, "document.ocr_requested")
    assert event == {"version_id": document["current_version"]["id"]}
    # When it was begun, and when what the file says about itself was there to be shown.
    told = await events(database, admin, "document.index_changed")
    assert [one["index_status"] for one in told] == ["extracting", "extracting"]


async def test_damaged_content_says_so(admin: Api, runtime: Runtime, settings: Settings) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"words that rot")
    digest = document["sha256"]
    path = settings.store_dir / f"org-{admin.org_id}" / digest[:2] / digest[2:4] / digest
    path.chmod(0o600)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(byte ^ 1 for byte in content[half:]))
    await read(runtime, admin, document["current_version"])
    status, detail = await state(admin, document)
    assert status == "failed"
    assert "damaged" in str(detail)
    answer = await admin.get(f"/documents/{document['id']}/content")
    assert (answer.status_code, answer.json()["code"]) == (500, "content_damaged")


async def test_no_plaintext_stays_behind(admin: Api, runtime: Runtime, settings: Settings) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"words")
    await read(runtime, admin, document["current_version"])
    assert list(settings.work_dir.iterdir()) == []


async def test_a_purged_version_is_no_error(admin: Api, runtime: Runtime) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"words")
    await admin.delete(f"/documents/{document['id']}")
    await admin.delete(f"/trash/documents/{document['id']}")
    await read(runtime, admin, document["current_version"])
