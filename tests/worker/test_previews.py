"""From an upload to pages that are seen, with workers that are killed, repeated, or given broken content."""

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import docx
import pptx
import pytest
from fastapi import FastAPI
from PIL import Image
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import select, update

from backend.audit.models import AuditEvent
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.outbox import OutboxEvent
from backend.core.settings import Settings
from backend.previews import service as previews
from backend.previews.models import PagePicture, Preview, Size
from tests.support.api import Api
from worker.extraction import shut_down
from worker.runtime import Runtime
from worker.tasks import indexing
from worker.tasks import previews as tasks


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


def pdf(pages: int = 1) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(300, 450))
    for number in range(pages):
        canvas.setFillColorRGB(1, number / max(pages, 2), 0)
        canvas.rect(0, 0, 300, 450, stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


async def uploaded(api: Api, name: str, content: bytes) -> dict[str, Any]:
    return await api.document(await api.folder(f"Cabinet of {name}"), name, content)


def version_of(document: dict[str, Any]) -> int:
    version_id: int = document["current_version"]["id"]
    return version_id


async def prepare(runtime: Runtime, api: Api, document: dict[str, Any]) -> None:
    await tasks._prepare(runtime, api.org_id, version_of(document))


async def events(database: Database, api: Api, name: str) -> list[dict[str, Any]]:
    async with database.transaction() as session:
        statement = select(OutboxEvent.data).where(
            OutboxEvent.org_id == api.org_id, OutboxEvent.name == name
        )
        return list(await session.scalars(statement.order_by(OutboxEvent.id)))


async def draw_wanted(runtime: Runtime, database: Database, api: Api) -> int:
    """Draw all pages that somebody wanted so far, as the worker would; return how many times."""
    wanted = await events(database, api, "preview.pages_wanted")
    for one in wanted:
        await tasks._draw(runtime, api.org_id, one["version_id"], one["pages"], Size(one["size"]))
    return len(wanted)


async def read_words(runtime: Runtime, database: Database, api: Api) -> None:
    """Read the words of the newest pages that something was converted to, as the worker would."""
    converted = await events(database, api, "preview.converted")
    await tasks._read_words(runtime, api.org_id, converted[-1]["version_id"])


async def look(api: Api, document: dict[str, Any], **params: Any) -> Any:
    return await api.get(f"/documents/{document['id']}/preview", params=params)


async def pages(api: Api, document: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"/documents/{document['id']}/preview/pages")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def size_of(answer: Any) -> tuple[int, int]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp"), answer.text
    image = Image.open(io.BytesIO(answer.content))
    assert image.format == "WEBP"
    return image.size


async def test_the_first_page_of_an_upload_is_seen(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf(2))
    assert (await pages(admin, document))["status"] == "pending"
    waiting = await look(admin, document)
    assert (waiting.status_code, waiting.headers["retry-after"]) == (202, "1")
    await prepare(runtime, admin, document)
    known = await pages(admin, document)
    assert (known["status"], known["page_count"], known["detail"]) == ("ready", 2, None)
    assert known["pages"][1] == {"number": 2, "width": 300, "height": 450}
    assert size_of(await look(admin, document)) == (1000, 1500)
    assert size_of(await look(admin, document, size="thumbnail")) == (320, 480)
    [told] = await events(database, admin, "document.preview_changed")
    assert (told["document_id"], told["folder_id"]) == (document["id"], document["folder_id"])


async def test_a_page_is_drawn_when_somebody_wants_to_see_it(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf(7))
    await prepare(runtime, admin, document)
    for _ in range(2):
        assert (await look(admin, document, page=2)).status_code == 202
    [wanted] = await events(database, admin, "preview.pages_wanted")
    assert wanted["pages"] == [2, 3, 4, 5]  # who reads the second will read on
    assert await draw_wanted(runtime, database, admin) == 1
    for page in (2, 3, 4, 5):
        assert size_of(await look(admin, document, page=page)) == (1000, 1500)
    assert size_of(await look(admin, document, page=1)) == (1000, 1500)
    assert (await look(admin, document, page=6)).status_code == 202
    assert (await look(admin, document, page=1, size="large")).status_code == 202
    await draw_wanted(runtime, database, admin)
    assert size_of(await look(admin, document, page=1, size="large")) == (2000, 3000)
    missing = await look(admin, document, page=8)
    assert (missing.status_code, missing.json()["code"]) == (404, "page_not_found")
    assert missing.json()["page_count"] == 7


async def test_what_cannot_be_shown_says_why(admin: Api, runtime: Runtime) -> None:
    for name, content, status in (
        ("a.zip", b"PK\x05\x06" + bytes(18), "unsupported"),
        ("a.pdf", b"%PDF-1.7\nnothing more", "damaged"),
    ):
        document = await uploaded(admin, name, content)
        await prepare(runtime, admin, document)
        known = await pages(admin, document)
        assert (known["status"], known["page_count"]) == (status, None)
        assert known["detail"]
        answer = await look(admin, document)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_preview")
        assert (answer.json()["detail"], answer.json()["status"]) == (known["detail"], status)


async def test_pictures_are_revalidated_and_never_shared(
    admin: Api, member: Api, runtime: Runtime
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.pdf", pdf())
    await prepare(runtime, admin, document)
    grant = await admin.share(cabinet, member, "reader")
    answer = await look(member, document)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    condition = {"If-None-Match": answer.headers["etag"]}
    path = f"/documents/{document['id']}/preview"
    again = await member.get(path, headers=condition)
    assert (again.status_code, again.content) == (304, b"")
    await admin.delete(f"/folders/{cabinet}/grants/{grant}")
    gone = await member.get(path, headers=condition)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    for method, place in (("GET", f"{path}/pages"), ("POST", path)):
        refused = await member.request(method, place)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_looking_is_recorded_once_and_thumbnails_are_not(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf())
    await prepare(runtime, admin, document)

    async def views() -> int:
        async with database.transaction(Tenant(admin.org_id)) as session:
            viewed = select(AuditEvent.id).where(AuditEvent.action == "document.viewed")
            return len((await session.scalars(viewed)).all())

    await look(admin, document, size="thumbnail")
    assert await views() == 0
    await look(admin, document)
    await look(admin, document)
    assert await views() == 1


async def test_an_earlier_version_keeps_its_own_pages(admin: Api, runtime: Runtime) -> None:
    document = await uploaded(admin, "a.pdf", pdf(1))
    await prepare(runtime, admin, document)
    first = (await look(admin, document)).content
    answer = await admin.post(f"/documents/{document['id']}/versions", content=pdf(3))
    await prepare(runtime, admin, answer.json())
    assert (await pages(admin, document))["page_count"] == 3
    assert (await look(admin, document, version=1)).content == first


async def test_a_task_delivered_twice_draws_once(
    admin: Api, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await uploaded(admin, "a.pdf", pdf())
    drawn = []
    bounded = tasks.draw_bounded
    monkeypatch.setattr(
        tasks, "draw_bounded", lambda *args, **kw: (drawn.append(1), bounded(*args, **kw))[1]
    )
    await prepare(runtime, admin, document)
    await prepare(runtime, admin, document)
    assert len(drawn) == 1


async def test_a_killed_worker_is_replaced_and_a_killing_file_given_up(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf())
    version_id, tenant = version_of(document), Tenant(admin.org_id)
    for _ in range(3):
        async with database.transaction(tenant) as session:
            taken = await previews.begin_preview(
                session, version_id, org_id=admin.org_id, is_mine=lambda _: True
            )
            assert taken is not None
        async with database.transaction(tenant) as session:
            # Who holds the lease is not disturbed.
            assert await previews.requeue_lost(session, org_id=admin.org_id, limit=10) == 0
            # The worker dies here: nobody renews the lease.
            ended = now() - timedelta(seconds=1)
            await session.execute(update(Preview).values(lease_until=ended))
            assert await previews.requeue_lost(session, org_id=admin.org_id, limit=10) == 1
    assert len(await events(database, admin, "preview.requested")) == 3
    await prepare(runtime, admin, document)
    known = await pages(admin, document)
    assert known["status"] == "failed"
    assert "3 times" in known["detail"]
    answer = await admin.post(f"/documents/{document['id']}/preview")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    await prepare(runtime, admin, document)
    assert (await pages(admin, document))["status"] == "ready"


async def test_pages_whose_worker_was_killed_are_drawn_by_another(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf(3))
    await prepare(runtime, admin, document)
    await look(admin, document, page=2)
    version_id, tenant = version_of(document), Tenant(admin.org_id)
    async with database.transaction(tenant) as session:
        source = await previews.begin_pages(session, version_id, pages=[2, 3], size=Size.MEDIUM)
        assert source is not None
        assert source.pages == (2, 3)
    await draw_wanted(runtime, database, admin)  # somebody is at it: nothing to do
    assert (await look(admin, document, page=2)).status_code == 202
    async with database.transaction(tenant) as session:
        ended = now() - timedelta(seconds=1)
        await session.execute(update(PagePicture).values(lease_until=ended))
        assert await previews.requeue_lost(session, org_id=admin.org_id, limit=10) == 2
    await draw_wanted(runtime, database, admin)
    assert size_of(await look(admin, document, page=2)) == (1000, 1500)


async def test_a_page_that_ends_its_drawing_does_not_end_the_others(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf(5))
    await prepare(runtime, admin, document)
    await look(admin, document, page=2)
    tenant = Tenant(admin.org_id)
    async with database.transaction(tenant) as session:
        await previews.begin_pages(
            session, version_of(document), pages=[2, 3, 4, 5], size=Size.MEDIUM
        )
    async with database.transaction(tenant) as session:
        await previews.finish_pages(
            session,
            version_of(document),
            size=Size.MEDIUM,
            asked=(2, 3, 4, 5),
            drawn=[],
            broken={4: "Page 4 is damaged."},
            detail="Drawing it took too long.",
        )
    for page, why in ((2, "Drawing it took too long."), (4, "Page 4 is damaged.")):
        answer = await look(admin, document, page=page)
        assert (answer.status_code, answer.json()["detail"]) == (404, why)
    await draw_wanted(runtime, database, admin)
    for page in (3, 5):
        assert size_of(await look(admin, document, page=page)) == (1000, 1500)


async def test_what_was_lost_with_the_queue_is_asked_for_again(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf(2))
    await look(admin, document)
    assert len(await events(database, admin, "preview.wanted")) == 1
    async with database.transaction(Tenant(admin.org_id)) as session:
        await session.execute(update(Preview).values(queued_at=now() - timedelta(minutes=1)))
    await look(admin, document)
    await look(admin, document)
    assert len(await events(database, admin, "preview.wanted")) == 2


async def test_damaged_content_says_so(admin: Api, runtime: Runtime, settings: Settings) -> None:
    document = await uploaded(admin, "a.pdf", pdf())
    digest = document["sha256"]
    path = settings.store_dir / f"org-{admin.org_id}" / digest[:2] / digest[2:4] / digest
    path.chmod(0o600)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(byte ^ 1 for byte in content[half:]))
    await prepare(runtime, admin, document)
    known = await pages(admin, document)
    assert known["status"] == "failed"
    assert "damaged" in known["detail"]


async def test_no_plaintext_stays_behind(admin: Api, runtime: Runtime, settings: Settings) -> None:
    await prepare(runtime, admin, await uploaded(admin, "a.pdf", pdf()))
    assert list(settings.work_dir.iterdir()) == []


async def test_a_purged_version_is_no_error(
    admin: Api, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    document = await uploaded(admin, "a.pdf", pdf())

    async def purge() -> None:
        await admin.delete(f"/documents/{document['id']}")
        await admin.delete(f"/trash/documents/{document['id']}")

    keep = tasks._keep

    async def keep_and_purge(*args: Any) -> Any:
        kept = await keep(*args)
        await purge()
        return kept

    monkeypatch.setattr(tasks, "_keep", keep_and_purge)
    await prepare(runtime, admin, document)  # purged while it is drawn
    await prepare(runtime, admin, document)  # purged before
    async with database.transaction(Tenant(admin.org_id)) as session:
        assert (await session.scalars(select(PagePicture))).all() == []


def letter() -> bytes:
    document = docx.Document()
    document.add_paragraph("Every ship pays by its length.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def slides() -> bytes:
    presentation = pptx.Presentation()
    for title in ("The harbour", "Every ship pays"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        assert slide.shapes.title is not None
        slide.shapes.title.text = title
    out = io.BytesIO()
    presentation.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "own", "pages"),
    [("a.docx", letter(), [], [1]), ("a.pptx", slides(), [1, 2], [0, 1])],
    ids=["document", "presentation"],
)
async def test_hits_have_their_places_on_pages_that_a_document_was_converted_to(
    admin: Api,
    runtime: Runtime,
    database: Database,
    name: str,
    content: bytes,
    own: list[int],
    pages: list[int],
) -> None:
    document = await uploaded(admin, name, content)
    await indexing._index(runtime, admin.org_id, version_of(document), ocr=False)
    await prepare(runtime, admin, document)
    # The first page can be seen before the words are read.
    assert size_of(await look(admin, document))
    path = f"/documents/{document['id']}/pages"
    for page in own or [1]:
        answer = await admin.get(f"{path}/{page}/words", params={"shown": "true"})
        assert answer.status_code == (200 if own else 404)
        assert answer.json().get("words", []) == []
    await read_words(runtime, database, admin)
    assert len(await events(database, admin, "document.preview_changed")) == 2
    asked = {"shown": "true", "q": '"every ship"'}
    looked_at = (await admin.get(path, params=asked)).json()["pages"]
    assert [page["hits"] for page in looked_at] == pages
    assert {page["layer"] for page in looked_at} == {0}
    found = (await admin.get(f"{path}/{len(pages)}/words", params=asked)).json()
    [hit] = found["hits"]
    assert [found["words"][place]["text"] for place in hit] == ["Every", "ship"]
    for place in hit:
        left, top, right, bottom = found["words"][place]["box"]
        assert 0 < left < right < 1
        assert 0 < top < bottom < 1
    # They are no pages of the text that is searched and corrected.
    assert [page["number"] for page in (await admin.get(path)).json()["pages"]] == own


async def test_pages_that_are_made_anew_leave_no_words_of_the_old(
    admin: Api, runtime: Runtime, database: Database
) -> None:
    document = await uploaded(admin, "a.docx", letter())
    path = f"/documents/{document['id']}"
    for _ in range(2):
        await prepare(runtime, admin, document)
        await read_words(runtime, database, admin)
        words = (await admin.get(f"{path}/pages/1/words", params={"shown": "true"})).json()["words"]
        assert [word["text"] for word in words] == ["Every", "ship", "pays", "by", "its", "length."]
        assert (await admin.post(f"{path}/preview")).status_code == 202
        # Too late for the pages there were: nothing is recorded.
        await read_words(runtime, database, admin)
    assert len(await events(database, admin, "document.preview_changed")) == 4
