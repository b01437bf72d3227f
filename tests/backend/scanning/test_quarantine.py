"""What later signatures find: nobody reads it any more, wherever it is, until an administrator decides."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from backend.core.db import Database, Tenant
from backend.core.pace import Pace
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.scanning import service as scanning
from backend.scanning.service.examining import Kind
from tests.backend.scanning.conftest import Scanning
from tests.support.api import Api
from tests.worker.test_indexing import SharedRuntime
from worker.extraction import shut_down
from worker.runtime import Runtime
from worker.tasks import indexing


@pytest.fixture
def runtime(settings: Settings, database: Database, app: FastAPI) -> Iterator[Runtime]:
    yield SharedRuntime(settings, database, app)
    shut_down()


async def version_of(api: Api, document: dict[str, Any]) -> dict[str, Any]:
    version: dict[str, Any] = (await api.get(f"/documents/{document['id']}")).json()[
        "current_version"
    ]
    return version


async def found_by(api: Api, word: str) -> list[int]:
    items = (await api.get("/search", params={"q": word})).json()["items"]
    return [item["document"]["id"] for item in items]


async def test_what_is_found_later_is_read_by_nobody_whatever_refers_to_it(
    scanned: Scanning, admin: Api, runtime: Runtime
) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    one = await admin.document(cabinet, "wombat one.txt", content)
    two = await admin.document(cabinet, "wombat two.txt", content)
    other = await admin.document(cabinet, "wombat clean.txt", b"quokkaworm is a word here")
    for document in (one, two, other):
        await indexing._index(runtime, admin.org_id, document["current_version"]["id"], ocr=False)
    assert set(await found_by(admin, "quokkaworm")) == {one["id"], two["id"], other["id"]}
    ticket = (await admin.post(f"/documents/{one['id']}/content-ticket", json={})).json()["url"]

    assert {found.kind for found in await scanned.scan()} == {Kind.CLEAN}
    reported = scanned.learn(signature, content)
    infected = [found for found in await scanned.scan() if found.kind is Kind.INFECTED]
    assert [found.digest.hex() for found in infected] == [one["sha256"]]

    for document in (one, two):
        version = await version_of(admin, document)
        assert (version["scan_status"], version["scan_detail"]) == ("quarantined", reported)
        for answer in (
            await admin.get(f"/documents/{document['id']}/content"),
            await admin.get(f"/documents/{document['id']}/content", headers={"Range": "bytes=0-1"}),
            await admin.get(f"/documents/{document['id']}/content", params={"version": 1}),
            await admin.post(f"/documents/{document['id']}/content-ticket", json={}),
            await admin.get(f"/documents/{document['id']}/text"),
            await admin.post(f"/documents/{document['id']}/reindex"),
            await admin.post(f"/documents/{document['id']}/versions/1/restore"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "quarantined")
            assert answer.json()["signature"] == reported
    # A link that was given out before opens nothing either.
    assert (await admin.client.get(ticket)).status_code == 403
    assert (await admin.get(f"/documents/{other['id']}/content")).status_code == 200
    # It is found by its name, and by no word of what it says.
    assert await found_by(admin, "quokkaworm") == [other["id"]]
    assert set(await found_by(admin, "wombat")) == {one["id"], two["id"], other["id"]}


async def test_those_whom_it_concerns_are_told(scanned: Scanning, admin: Api, member: Api) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    await admin.share(cabinet, member)
    document = await member.document(cabinet, "mine.txt", content)
    reported = scanned.learn(signature, content)
    await scanned.scan()
    await scanned.scan()
    [entry] = await scanned.held()
    assert (entry["signature"], entry["sha256"]) == (reported, document["sha256"])
    assert [one["name"] for one in entry["documents"]] == ["mine.txt"]
    told = await scanned.events(scanning.MAIL_DUE)
    assert {one["user_id"] for one in told} == {admin.user_id, member.user_id}
    assert await scanned.events(scanning.QUARANTINE_CHANGED) == [
        {"id": entry["id"], "state": "held"}
    ]
    [live] = await scanned.events(documents.SCAN_CHANGED)
    assert live == {"document_id": document["id"], "folder_id": cabinet}
    [(held, facts)] = await scanned.trail("quarantine.held")
    assert held == f"blob:{document['sha256']}"
    assert facts == {"signature": reported, "documents": 1}
    [(of_document, _)] = await scanned.trail("document.quarantined")
    assert of_document == f"document:{document['id']}"


async def test_letters_name_to_owners_what_is_theirs(
    scanned: Scanning, admin: Api, member: Api, settings: Settings
) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    await admin.share(cabinet, member)
    await member.document(cabinet, "of the member.txt", content)
    scanned.learn(signature, content)
    await scanned.scan()
    [entry] = await scanned.held()

    async def letter(user: Api) -> Any:
        async with scanned.database.transaction(Tenant(admin.org_id)) as session:
            return await scanning.letter(
                session, entry["id"], user.user_id, org_id=admin.org_id, settings=settings
            )

    _, to_member = await letter(member)
    _, to_admin = await letter(admin)
    assert "of the member.txt" in to_member.paragraphs[1]
    assert to_member.link is None
    assert "of the member.txt" not in to_admin.paragraphs[1]
    assert to_admin.link == f"{settings.web_url}/quarantine"
    await admin.post(f"/quarantine/{entry['id']}/release", json={"reason": "No malware."})
    assert await letter(member) is None


async def test_what_is_released_is_read_again_and_not_taken_again(
    scanned: Scanning, admin: Api, runtime: Runtime
) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", content)
    reported = scanned.learn(signature, content)
    await scanned.scan()
    [entry] = await scanned.held()
    answer = await admin.post(
        f"/quarantine/{entry['id']}/release", json={"reason": "Our own test file."}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "released"
    assert answer.json()["decided_by"]["id"] == admin.user_id
    assert (await admin.get(f"/documents/{document['id']}/content")).content == content
    version = await version_of(admin, document)
    assert (version["scan_status"], version["index_status"]) == ("released", "pending")
    await indexing._index(runtime, admin.org_id, version["id"], ocr=False)
    assert await found_by(admin, "quokkaworm") == [document["id"]]

    [found] = await scanned.scan()
    assert found.kind is Kind.EXCEPTED
    assert (await version_of(admin, document))["scan_status"] == "released"
    assert await scanned.held() == []
    again = await admin.post(f"/quarantine/{entry['id']}/release", json={"reason": "Again."})
    assert (again.status_code, again.json()["code"]) == (409, "quarantine_decided")
    [(released, facts)] = await scanned.trail("quarantine.released")
    assert released == f"blob:{document['sha256']}"
    assert facts == {"signature": reported, "reason": "Our own test file."}

    # Another signature is another matter.
    scanned.clamd.forget(signature)
    scanned.learn(f"{signature}.Other", content)
    [found] = await scanned.scan()
    assert found.kind is Kind.INFECTED


async def test_what_is_deleted_goes_with_the_documents_that_are_nothing_else(
    scanned: Scanning, admin: Api
) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    only = await admin.document(cabinet, "only.txt", content)
    kept = await admin.document(cabinet, "kept.txt", b"good")
    await admin.post(f"/documents/{kept['id']}/versions", content=content)
    earlier = await admin.document(cabinet, "earlier.txt", content)
    await admin.post(f"/documents/{earlier['id']}/versions", content=b"better")
    scanned.learn(signature, content)
    await scanned.scan()
    [entry] = await scanned.held()
    assert (await admin.get(f"/documents/{earlier['id']}/content")).content == b"better"
    assert (await admin.delete(f"/quarantine/{entry['id']}")).status_code == 204
    assert (await admin.get(f"/documents/{only['id']}")).status_code == 404
    assert (await admin.get(f"/documents/{kept['id']}/content")).content == b"good"
    for document, number in ((kept, 1), (earlier, 2)):
        versions = (await admin.get(f"/documents/{document['id']}/versions")).json()
        assert [version["number"] for version in versions] == [number]
    assert (await scanned.held("deleted"))[0]["id"] == entry["id"]
    assert [one for one, _ in await scanned.trail("document.purged")] == [f"document:{only['id']}"]
    assert {one for one, _ in await scanned.trail("document.version_deleted")} == {
        f"document:{kept['id']}",
        f"document:{earlier['id']}",
    }
    assert len(await scanned.trail("quarantine.deleted")) == 1


async def test_the_same_content_does_not_come_back_past_an_absent_scanner(
    scanned: Scanning, admin: Api, app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "a.txt", content)
    reported = scanned.learn(signature, content)
    await scanned.scan()
    monkeypatch.setattr(app.state.content.scanner, "_socket", settings.data_dir / "nobody.ctl")
    answer = await admin.upload(cabinet, "b.txt", content)
    assert (answer.status_code, answer.json()["code"]) == (400, "virus_found")
    assert answer.json()["signature"] == reported


async def test_a_reader_under_way_leaves_no_text_of_what_is_quarantined_meanwhile(
    scanned: Scanning, admin: Api, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", content)
    scanned.learn(signature, content)
    read = indexing._read

    async def read_late(*args: Any, **kwargs: Any) -> Any:
        result = await read(*args, **kwargs)
        await scanned.scan()
        return result

    monkeypatch.setattr(indexing, "_read", read_late)
    await indexing._index(runtime, admin.org_id, document["current_version"]["id"], ocr=False)
    assert (await version_of(admin, document))["scan_status"] == "quarantined"
    assert await found_by(admin, "quokkaworm") == []
    # Nor does anybody begin to read it.
    async with scanned.database.transaction(Tenant(admin.org_id)) as session:
        version_id = document["current_version"]["id"]
        assert await documents.begin_indexing(session, version_id) is None


async def test_only_administrators_see_the_quarantine(
    scanned: Scanning, admin: Api, member: Api, stranger: Api
) -> None:
    signature, content = scanned.malware()
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "a.txt", content)
    scanned.learn(signature, content)
    await scanned.scan()
    [entry] = await scanned.held()
    assert (await member.get("/quarantine")).status_code == 403
    assert (await stranger.get("/quarantine")).json()["items"] == []
    for user, status in ((member, 403), (stranger, 404)):
        path = f"/quarantine/{entry['id']}"
        release = await user.post(f"{path}/release", json={"reason": "Mine."})
        assert release.status_code == status
        assert (await user.delete(path)).status_code == status
    assert len(await scanned.held()) == 1


async def test_pages(scanned: Scanning, admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    for number in range(3):
        signature, content = scanned.malware()
        await admin.document(cabinet, f"{number}.txt", content)
        scanned.learn(signature, content)
    assert len(await scanned.scan(pace=Pace())) == 3
    shown: list[int] = []
    cursor = None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await admin.get("/quarantine", params=params)).json()
        shown += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == 3
