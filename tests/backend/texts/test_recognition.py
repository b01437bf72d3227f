"""Pages that are pictures: read some at a time, kept, carried on after a kill, and read once more when asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import update

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.documents import service as documents
from backend.documents.models import Version
from backend.texts import service as texts
from backend.texts.pages import PageStatus, PageText
from tests.backend.texts.conftest import upload_pdf
from tests.support.api import Api
from tests.worker.extraction import samples
from worker.extraction import ExtractionResult
from worker.runtime import Runtime
from worker.tasks import indexing

Asked = list[tuple[int, ...] | None]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The pages of each call of the reader."""
    calls: Asked = []
    bounded = indexing.run_bounded

    def counted(*args: Any, **kwargs: Any) -> ExtractionResult:
        calls.append(kwargs["recognition"].pages)
        return bounded(*args, **kwargs)

    monkeypatch.setattr(indexing, "run_bounded", counted)
    return calls


async def read(runtime: Runtime, api: Api, document: dict[str, Any], *, ocr: bool) -> None:
    await indexing._index(runtime, api.org_id, document["current_version"]["id"], ocr=ocr)


async def pages_of(api: Api, document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/documents/{document['id']}/pages")).json()
    return found


async def status_of(api: Api, document: dict[str, Any]) -> tuple[str, str | None]:
    version = (await api.get(f"/documents/{document['id']}")).json()["current_version"]
    return version["index_status"], version["index_detail"]


def poster(canvas: Canvas) -> None:
    """Draw a page of twenty by twenty metres: too many pixels to be recognised."""
    canvas.setPageSize((57_000, 57_000))
    canvas.rect(100, 100, 5_000, 5_000)


def back_to_paper(draw: Callable[[Canvas], None]) -> Callable[[Canvas], None]:
    def drawn(canvas: Canvas) -> None:
        canvas.setPageSize((595, 842))
        draw(canvas)

    return drawn


async def test_scanned_pages_are_read_in_batches_and_carried_on_after_a_kill(
    admin: Api,
    runtime: Runtime,
    database: Database,
    asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexing, "BATCH_PAGES", 2)
    monkeypatch.setattr(indexing, "BATCHES_AT_ONCE", 1)
    cabinet = await admin.folder("Cabinet")
    data = samples.pdf(
        [
            samples.picture_page(samples.scan(["The first invoice"])),
            samples.text_page(["The second page has its own text"]),
            samples.picture_page(samples.scan(["The third invoice"]).rotate(90, expand=True)),
            poster,
            back_to_paper(samples.picture_page(samples.scan(["The fifth invoice"]))),
        ]
    )
    document = await admin.document(cabinet, "scan.pdf", data)

    await read(runtime, admin, document, ocr=False)
    listed = await pages_of(admin, document)
    assert listed["waiting"] == 4
    assert [page["status"] for page in listed["pages"]] == [
        "waiting", "read", "waiting", "waiting", "waiting",
    ]  # fmt: skip
    items = (await admin.get("/search", params={"q": "second"})).json()["items"]
    assert [item["document"]["id"] for item in items] == [document["id"]]

    await read(runtime, admin, document, ocr=True)
    assert (await pages_of(admin, document))["waiting"] == 2
    assert (await status_of(admin, document))[0] == "extracting"
    # The worker that took it next is killed: its lease runs out, the queue is told anew.
    async with database.transaction(Tenant(admin.org_id)) as session:
        version_id = document["current_version"]["id"]
        assert await documents.begin_indexing(session, version_id) is not None
        ended = now() - timedelta(seconds=1)
        await session.execute(
            update(Version).where(Version.id == version_id).values(index_lease_until=ended)
        )
        assert await documents.requeue_lost(session, limit=10) == 1
    await read(runtime, admin, document, ocr=False)
    await read(runtime, admin, document, ocr=True)

    assert asked == [None, (1, 3), (4, 5)]
    listed = await pages_of(admin, document)
    assert [page["status"] for page in listed["pages"]] == [
        "read", "read", "read", "failed", "read",
    ]  # fmt: skip
    assert [page["rotation"] for page in listed["pages"]] == [0, 0, 90, 0, 0]
    assert listed["pages"][0]["confidence"] > 0.9
    assert "pixels" in listed["pages"][3]["reason"]
    assert await status_of(admin, document) == ("indexed", "Page 4 could not be read.")
    text = (await admin.get(f"/documents/{document['id']}/text")).json()
    assert [page["text"] for page in text["pages"]] == [
        "The first invoice",
        "The second page has its own text",
        "The third invoice",
        "",
        "The fifth invoice",
    ]
    assert text["engine"] == "rapidocr+pdfium"
    words = await admin.get(f"/documents/{document['id']}/pages/3/words", params={"q": "invoices"})
    assert words.json()["hits"] == [[2]]
    left, top, right, bottom = words.json()["words"][2]["box"]
    assert bottom - top > right - left


async def test_pages_are_recognised_once_more(admin: Api, runtime: Runtime, asked: Asked) -> None:
    document = await upload_pdf(runtime, admin, ["The first page"], ["Corrected by hand"])
    path = f"/documents/{document['id']}"
    refused = await admin.post(f"{path}/ocr", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_recognisable")
    await admin.put(
        f"{path}/text",
        json={"pages": [{"number": 2, "text": "Written by hand"}]},
        headers={"If-Match": '"1.1"'},
    )
    answer = await admin.post(f"{path}/ocr", json={"pages": [1, 2], "languages": ["en"]})
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"layer": 3, "pages": [1], "left_alone": [2]}
    again = await admin.post(f"{path}/ocr", json={"pages": [1]})
    assert (again.status_code, again.json()["code"]) == (409, "still_reading")
    listed = await pages_of(admin, document)
    assert [page["is_waiting"] for page in listed["pages"]] == [True, False]
    # Until it is read, what was known counts.
    assert listed["pages"][0]["status"] == "read"

    await read(runtime, admin, document, ocr=True)
    assert asked == [None, (1,)]
    text = (await admin.get(f"{path}/text")).json()
    assert [(page["text"], page["source"], page["layer"]) for page in text["pages"]] == [
        ("The first page", "ocr", 3),
        ("Written by hand", "person", 2),
    ]
    assert await status_of(admin, document) == ("indexed", None)
    newest = (await admin.get(f"{path}/text/layers")).json()[0]
    assert (newest["engines"], newest["languages"]) == (["rapidocr"], ["en"])
    assert (newest["created_by"]["id"], newest["confidence"] > 0.9) == (admin.user_id, True)

    answer = await admin.post(f"{path}/ocr", json={"pages": [2], "replace_corrections": True})
    assert answer.json()["pages"] == [2]
    await read(runtime, admin, document, ocr=True)
    text = (await admin.get(f"{path}/text")).json()
    assert text["pages"][1]["text"] == "Corrected by hand"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"pages": [7]}, 404, "page_not_found"),
        ({"pages": [1], "languages": ["xx"]}, 422, "unknown_language"),
        ({"pages": []}, 422, "invalid_request"),
        ({"engine": "abacus"}, 422, "invalid_request"),
    ],
    ids=str,
)
async def test_what_cannot_be_recognised(
    admin: Api, runtime: Runtime, body: dict[str, Any], status: int, code: str
) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    answer = await admin.post(f"/documents/{document['id']}/ocr", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_page_at_which_reading_breaks_off_twice_is_given_up(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    scans = [samples.picture_page(samples.scan([name])) for name in ("one", "two", "three")]
    document = await admin.document(cabinet, "scan.pdf", samples.pdf(scans))
    await read(runtime, admin, document, ocr=False)
    version_id = document["current_version"]["id"]
    ends = []
    for _ in range(2):
        async with database.transaction(Tenant(admin.org_id)) as session:
            batch = await texts.next_batch(session, version_id, limit=8)
            assert batch is not None
            done = [PageText(1, "one", status=PageStatus.READ)] if 1 in batch.pages else []
            reason = "The program crashed on it."
            await texts.record_pages(session, version_id, batch, done, reason=reason)
            ends.append(batch.pages)
    assert ends == [(1, 2, 3), (2, 3)]
    listed = (await pages_of(admin, document))["pages"]
    assert [(page["status"], page["reason"]) for page in listed] == [
        ("read", ""),
        ("failed", "The program crashed on it."),
        ("waiting", ""),
    ]


async def test_a_correction_made_while_a_page_is_read_stays(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await upload_pdf(runtime, admin, ["The first page"])
    path = f"/documents/{document['id']}"
    await admin.post(f"{path}/ocr", json={"pages": [1]})
    answer = await admin.put(
        f"{path}/text",
        json={"pages": [{"number": 1, "text": "Written meanwhile"}]},
        headers={"If-Match": '"1.2"'},
    )
    assert answer.status_code == 200, answer.text
    version_id = document["current_version"]["id"]
    async with database.transaction(Tenant(admin.org_id)) as session:
        batch = await texts.next_batch(session, version_id, limit=8)
        assert batch is not None
        read_page = PageText(1, "The first page", status=PageStatus.READ)
        await texts.record_pages(session, version_id, batch, [read_page], reason="")
        await texts.publish(session, org_id=admin.org_id, version_id=version_id)
    assert (await admin.get(f"{path}/text")).json()["text"] == "Written meanwhile"
