"""What was read out of content and drawn of it is gone when it is quarantined, and made again when it is released."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from backend.collection import service as collection
from backend.core.db import Base, Database, Tenant
from backend.core.settings import Settings
from backend.documents.models import Blob
from backend.previews.models import PagePicture, Preview
from backend.relay import TASKS
from backend.texts.models import ShownPage, TextLayer, TextPage
from tests.backend.scanning.conftest import Scanning
from tests.support.api import Api
from tests.worker.extraction import samples
from tests.worker.test_indexing import SharedRuntime
from tests.worker.test_previews import letter
from worker.extraction import shut_down
from worker.runtime import Runtime
from worker.tasks import indexing
from worker.tasks import previews as drawing


@pytest.fixture
def runtime(settings: Settings, database: Database, app: FastAPI) -> Iterator[Runtime]:
    yield SharedRuntime(settings, database, app)
    shut_down()


async def rows(scanned: Scanning, model: type[Base]) -> Sequence[Any]:
    async with scanned.database.transaction(Tenant(scanned.api.org_id)) as session:
        return (await session.scalars(select(model))).all()


def commented(comment: bytes) -> bytes:
    """A letter with something in it that is no part of what it says."""
    out = io.BytesIO(letter())
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = comment
    return out.getvalue()


async def read_and_draw(runtime: Runtime, api: Api, version_id: int) -> None:
    await indexing._index(runtime, api.org_id, version_id, ocr=False)
    await drawing._prepare(runtime, api.org_id, version_id)
    await drawing._read_words(runtime, api.org_id, version_id)


async def test_pages_and_pictures_are_forgotten_and_made_again(
    scanned: Scanning, admin: Api, runtime: Runtime
) -> None:
    cabinet = await admin.folder("Cabinet")
    pages = [samples.text_page([line]) for line in ("The lcase ends", "Second page")]
    signature, malware = scanned.malware()
    contents = {"a.pdf": samples.pdf(pages) + b"\n%" + malware, "a.docx": commented(malware)}
    found = {name: await admin.document(cabinet, name, data) for name, data in contents.items()}
    versions = {name: one["current_version"]["id"] for name, one in found.items()}
    for version_id in versions.values():
        await read_and_draw(runtime, admin, version_id)
    path = f"/documents/{found['a.pdf']['id']}"
    correction = {"pages": [{"number": 1, "text": "The lease ends"}]}
    answer = await admin.put(f"{path}/text", json=correction, headers={"If-Match": '"1.1"'})
    assert answer.status_code == 200, answer.text
    for model in (ShownPage, Preview, PagePicture):
        assert await rows(scanned, model)

    scanned.learn(signature, malware)
    await scanned.scan()
    assert len(await scanned.held()) == 2
    for model in (ShownPage, Preview, PagePicture):
        assert await rows(scanned, model) == []
    # What a person wrote could not be read again.
    [kept] = await rows(scanned, TextPage)
    assert (kept.page, kept.source, kept.layer) == (1, "person", 2)
    assert [layer.number for layer in await rows(scanned, TextLayer)] == [2]
    # Nobody's looking, and no task that is late, begins a preview.
    assert (await admin.get(f"{path}/preview")).status_code == 403
    await drawing._prepare(runtime, admin.org_id, versions["a.pdf"])
    assert await rows(scanned, Preview) == []
    await collection.collect(
        scanned.database, scanned.content, admin.org_id, grace=timedelta(0), adopt_all=False
    )
    assert {blob.digest.hex() for blob in await rows(scanned, Blob)} == {
        one["sha256"] for one in found.values()
    }

    for entry in await scanned.held():
        await admin.post(f"/quarantine/{entry['id']}/release", json={"reason": "No malware."})
    released = await scanned.events("document.content_released")
    assert {one["version_id"] for one in released} == set(versions.values())
    assert {task.name for task in TASKS["document.content_released"]} == {
        "indexing.process",
        "previews.prepare",
    }
    for version_id in versions.values():
        await read_and_draw(runtime, admin, version_id)
    assert (await admin.get(f"{path}/text")).json()["text"] == "The lease ends\nSecond page"
    for document in found.values():
        assert (await admin.get(f"/documents/{document['id']}/preview")).status_code == 200
    assert await rows(scanned, ShownPage)


async def test_who_draws_at_that_moment_leaves_no_pictures(
    scanned: Scanning, admin: Api, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await admin.folder("Cabinet")
    signature, malware = scanned.malware()
    content = samples.pdf([samples.text_page(["A page"])]) + b"\n%" + malware
    document = await admin.document(cabinet, "a.pdf", content)
    scanned.learn(signature, malware)
    keep = drawing._keep

    async def keep_late(*args: Any) -> Any:
        kept = await keep(*args)
        await scanned.scan()
        return kept

    monkeypatch.setattr(drawing, "_keep", keep_late)
    await drawing._prepare(runtime, admin.org_id, document["current_version"]["id"])
    for model in (Preview, PagePicture):
        assert await rows(scanned, model) == []
