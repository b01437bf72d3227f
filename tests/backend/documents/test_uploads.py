"""Uploading: raw and multipart, names and conflicts, versions, viruses."""

import asyncio
import hashlib
import secrets
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.settings import LimitsPolicy, ScanMode, Settings
from backend.documents.models import Blob, Version
from storage import BlobWriter, PendingBlob
from tests.support.api import Api
from tests.support.clamd import EICAR, REPORTED_SIGNATURE, clamd
from tests.support.queries import counted_queries

FRAME = 512 * 1024


async def blob_count(database: Database, api: Api) -> int:
    async with database.transaction(Tenant(api.org_id)) as session:
        return await session.scalar(select(func.count()).select_from(Blob)) or 0


def stored_files(settings: Settings, api: Api) -> list[Path]:
    root = settings.store_dir / f"org-{api.org_id}"
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 17])
async def test_what_goes_in_comes_out(admin: Api, size: int) -> None:
    content = secrets.token_bytes(size)
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "data.bin", content)
    digest = hashlib.sha256(content).hexdigest()
    assert (document["size"], document["sha256"]) == (size, digest)
    answer = await admin.get(f"/documents/{document['id']}/content")
    assert answer.content == content
    assert answer.headers["etag"] == f'"{digest}"'


async def test_a_multipart_upload_brings_its_name(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    content = secrets.token_bytes(2 * FRAME + 5)
    answer = await admin.post(
        f"/folders/{cabinet}/documents",
        files={
            "note": (None, b"ignored"),
            "file": ("Übersicht 世界.pdf", content, "application/pdf"),
        },
    )
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert document["name"] == "Übersicht 世界.pdf"
    assert (await admin.get(f"/documents/{document['id']}/content")).content == content


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
            "boundary=b",
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
            "boundary=b",
        ),
        (b"not multipart at all", "boundary=b"),
        (b"", "boundary=b"),
        (b"x", "nothing"),
    ],
)
async def test_a_broken_multipart_body_leaves_nothing(
    admin: Api, settings: Settings, body: bytes, content_type: str
) -> None:
    cabinet = await admin.folder("Cabinet")
    answer = await admin.post(
        f"/folders/{cabinet}/documents",
        content=body,
        headers={"Content-Type": f"multipart/form-data; {content_type}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_incomplete")
    assert stored_files(settings, admin) == []


async def test_a_raw_upload_needs_a_name(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    answer = await admin.post(f"/folders/{cabinet}/documents", content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (422, "name_missing")


async def test_a_taken_name_says_the_ways_out(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    first = await admin.document(cabinet, "Lease.pdf", b"one")
    await admin.document(cabinet, "Lease (1).pdf", b"other")
    refused = await admin.upload(cabinet, "lease.PDF", b"two")
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["document_id"]) == (
        409,
        "name_taken",
        first["id"],
    )
    assert problem["suggestions"] == {"rename": "lease (2).PDF"}
    assert problem["on_conflict"] == ["version", "rename"]

    renamed = await admin.upload(cabinet, "lease.PDF", b"two", on_conflict="rename")
    assert (renamed.status_code, renamed.json()["name"]) == (201, "lease (2).PDF")

    version = await admin.upload(
        cabinet, "lease.PDF", b"three", on_conflict="version", comment="Signed"
    )
    assert version.status_code == 200
    current = version.json()["current_version"]
    assert (version.json()["id"], current["number"], current["comment"]) == (
        first["id"],
        2,
        "Signed",
    )


async def test_of_two_uploads_at_once_with_one_name_both_are_kept(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    answers = await asyncio.gather(
        *(
            admin.upload(cabinet, "same.txt", b"%d" % number, on_conflict="rename")
            for number in range(5)
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["name"] for answer in answers}) == 5


async def test_versions_at_once_all_get_a_number(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    answers = await asyncio.gather(
        *(
            admin.post(f"/documents/{document['id']}/versions", content=b"%d" % number)
            for number in range(5)
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 5
    listed = (await admin.get(f"/documents/{document['id']}/versions")).json()
    assert [version["number"] for version in listed] == [6, 5, 4, 3, 2, 1]


async def test_the_same_content_is_stored_once(
    admin: Api, database: Database, settings: Settings
) -> None:
    cabinet = await admin.folder("Cabinet")
    content = secrets.token_bytes(FRAME + 100)
    await asyncio.gather(
        *(admin.document(cabinet, f"{number}.bin", content) for number in range(6))
    )
    assert await blob_count(database, admin) == 1
    assert len(stored_files(settings, admin)) == 1


async def test_organisations_do_not_share_blobs(
    admin: Api, stranger: Api, settings: Settings, database: Database
) -> None:
    content = secrets.token_bytes(1_000)
    for api in (admin, stranger):
        await api.document(await api.folder("Cabinet"), "a.bin", content)
    for api in (admin, stranger):
        assert await blob_count(database, api) == 1
        assert len(stored_files(settings, api)) == 1


async def test_a_virus_is_refused_and_leaves_nothing(
    admin: Api, database: Database, settings: Settings
) -> None:
    cabinet = await admin.folder("Cabinet")
    for body in (EICAR, EICAR + b" " * 40):
        answer = await admin.upload(cabinet, "innocent.txt", body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (400, "virus_found")
        assert "eicar" in problem["signature"].lower()
    assert await blob_count(database, admin) == 0
    assert stored_files(settings, admin) == []
    contents = (await admin.get(f"/folders/{cabinet}/children")).json()
    assert contents["documents"] == []


async def test_a_refused_virus_is_in_the_trail(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "report.txt")
    digest = hashlib.sha256(EICAR).hexdigest()
    facts = {"signature": REPORTED_SIGNATURE, "sha256": digest, "size": len(EICAR)}
    files = {"file": ("part.txt", EICAR, "text/plain")}
    for path, arguments in (
        (f"/folders/{cabinet}/documents", {"params": {"name": "raw.txt"}, "content": EICAR}),
        (f"/folders/{cabinet}/documents", {"files": files}),
        (f"/documents/{document['id']}/versions", {"content": EICAR}),
        (f"/documents/{document['id']}/versions", {"files": files}),
    ):
        answer = await admin.post(path, **arguments)
        assert (answer.status_code, answer.json()["code"]) == (400, "virus_found")
    params = {"action": "upload.refused"}
    events = (await admin.get("/audit/events", params=params)).json()["items"]
    assert [(event["object"], event["data"]) for event in reversed(events)] == [
        (f"folder:{cabinet}", {"name": "raw.txt", **facts}),
        (f"folder:{cabinet}", {"name": "part.txt", **facts}),
        (f"document:{document['id']}", {"name": None, **facts}),
        (f"document:{document['id']}", {"name": "part.txt", **facts}),
    ]
    unchanged = (await admin.get(f"/documents/{document['id']}")).json()
    assert unchanged["current_version"]["number"] == 1


@pytest.mark.parametrize("policy", list(LimitsPolicy))
async def test_what_is_beyond_the_scanner_is_refused_or_marked_unscanned(
    admin: Api,
    app: FastAPI,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: LimitsPolicy,
) -> None:
    cabinet = await admin.folder("Cabinet")
    with clamd(tmp_path, stream_max_length=2**20) as daemon:
        scanner = app.state.content.scanner
        monkeypatch.setattr(scanner, "_socket", daemon.socket)
        monkeypatch.setattr(scanner, "limits", policy)
        monkeypatch.setattr(scanner, "mode", ScanMode.REQUIRED)
        answer = await admin.upload(cabinet, "large.bin", secrets.token_bytes(5 * 2**20))
        small = await admin.upload(cabinet, "small.bin", secrets.token_bytes(100))
    assert small.json()["current_version"]["scan_status"] == "clean"
    if policy is LimitsPolicy.REFUSE:
        assert (answer.status_code, answer.json()["code"]) == (422, "unscannable")
        assert len(stored_files(settings, admin)) == 1
    else:
        version = answer.json()["current_version"]
        assert version["scan_status"] == "unscanned"
        assert "StreamMaxLength" in version["scan_detail"]


@pytest.mark.parametrize(
    ("scan", "policy"),
    [(ScanMode.AUTO, LimitsPolicy.STORE_AS_UNSCANNED), (ScanMode.REQUIRED, LimitsPolicy.REFUSE)],
)
def test_the_policy_for_limits_follows_the_one_for_an_absent_scanner(
    settings: Settings, scan: ScanMode, policy: LimitsPolicy
) -> None:
    changed = settings.model_copy(update={"scan": scan})
    assert changed.limits_policy is policy
    for said in LimitsPolicy:
        assert changed.model_copy(update={"scan_limits": said}).limits_policy is said


async def test_clean_content_is_marked_so(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    assert document["current_version"]["scan_status"] == "clean"


async def test_without_a_scanner_content_is_marked_unscanned_or_refused(
    admin: Api, app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await admin.folder("Cabinet")
    scanner = app.state.content.scanner
    monkeypatch.setattr(scanner, "_socket", settings.data_dir / "nobody-listens.ctl")
    document = await admin.document(cabinet, "a.txt")
    assert document["current_version"]["scan_status"] == "unscanned"
    monkeypatch.setattr(scanner, "mode", ScanMode.REQUIRED)
    refused = await admin.upload(cabinet, "b.txt")
    assert (refused.status_code, refused.json()["code"]) == (503, "scanner_unavailable")
    assert refused.headers["retry-after"] == "30"


async def test_what_is_too_large_is_refused_by_its_length_and_by_its_bytes(
    admin: Api, app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await admin.folder("Cabinet")
    monkeypatch.setattr(app.state.content, "max_size", 1_000)

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 500

    for content in (b"x" * 1_001, unannounced()):
        answer = await admin.post(
            f"/folders/{cabinet}/documents", params={"name": "a"}, content=content
        )
        assert (answer.status_code, answer.json()["limit"]) == (413, 1_000)
    assert stored_files(settings, admin) == []


async def test_an_upload_that_breaks_off_leaves_nothing(admin: Api, settings: Settings) -> None:
    cabinet = await admin.folder("Cabinet")

    class BrokenOffError(Exception):
        pass

    async def broken() -> AsyncIterator[bytes]:
        yield secrets.token_bytes(3 * FRAME)
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await admin.post(f"/folders/{cabinet}/documents", params={"name": "a"}, content=broken())
    assert stored_files(settings, admin) == []
    assert (await admin.get(f"/folders/{cabinet}/children")).json()["documents"] == []


async def test_an_outsider_cannot_add(admin: Api, member: Api, stranger: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    for outsider in (member, stranger):
        assert (await outsider.upload(cabinet, "b.txt")).status_code == 404
        answer = await outsider.post(f"/documents/{document['id']}/versions", content=b"x")
        assert answer.status_code == 404
    await admin.share(cabinet, member, "reader")
    assert (await member.upload(cabinet, "b.txt")).status_code == 403
    await admin.share(cabinet, member, "editor")
    assert (await member.upload(cabinet, "b.txt")).status_code == 201


async def test_a_version_based_on_an_earlier_state_is_refused(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    path, stale = f"/documents/{document['id']}/versions", {"If-Match": document["etag"]}
    assert (await admin.post(path, content=b"mine", headers=stale)).status_code == 201
    answer = await admin.post(path, content=b"theirs", headers=stale)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")


async def test_restoring_a_version_makes_a_new_one(admin: Api, database: Database) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"first")
    await admin.post(f"/documents/{document['id']}/versions", content=b"second")
    restored = (await admin.post(f"/documents/{document['id']}/versions/1/restore")).json()
    assert restored["current_version"]["number"] == 3
    assert (await admin.get(f"/documents/{document['id']}/content")).content == b"first"
    second = await admin.get(f"/documents/{document['id']}/content", params={"version": 2})
    assert second.content == b"second"
    async with database.transaction(Tenant(admin.org_id)) as session:
        assert await session.scalar(select(func.count()).select_from(Version)) == 3
    assert (await admin.post(f"/documents/{document['id']}/versions/9/restore")).status_code == 404


async def test_an_upload_sent_again_is_done_once(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    path, headers = f"/folders/{cabinet}/documents", {"Idempotency-Key": secrets.token_hex(8)}
    answers = await asyncio.gather(
        *(
            admin.post(path, params={"name": "a.txt"}, content=b"a", headers=headers)
            for _ in range(3)
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await admin.post(path, params={"name": "b.txt"}, content=b"b", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    [listed] = (await admin.get(f"/folders/{cabinet}/children")).json()["documents"]
    assert listed["current_version"]["number"] == 1


async def test_a_folder_created_again_is_made_once(admin: Api) -> None:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    first = await admin.post("/folders", json={"name": "Legal"}, headers=headers)
    again = await admin.post("/folders", json={"name": "Legal"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


async def test_impossible_values_are_refused(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    for path in (f"/folders/{2**70}", f"/documents/{2**63}", f"/documents/{-(2**64)}/content"):
        answer = await admin.get(path)
        assert answer.status_code in {404, 422}, path
    answer = await admin.post("/folders", json={"name": "x", "parent_id": 2**80})
    assert answer.status_code == 422
    assert (await admin.get("/search", params={"q": "nul \0 byte"})).status_code in {200, 422}
    assert (
        await admin.get(f"/folders/{cabinet}/children", params={"cursor": "e30"})
    ).status_code == 422


async def test_a_token_may_expire_while_a_file_is_on_its_way(
    admin: Api, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await admin.folder("Cabinet")
    claims = app.state.signer.open_access_token(
        admin.headers["Authorization"].removeprefix("Bearer ")
    )
    short = {"Authorization": f"Bearer {app.state.signer.access_token(claims, ttl=60)}"}

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        later = now() + timedelta(hours=1)
        monkeypatch.setattr("backend.identity.tokens.now", lambda: later)
        yield b"last"

    path = f"/folders/{cabinet}/documents"
    answer = await admin.post(path, params={"name": "a"}, content=slow(), headers=short)
    assert answer.status_code == 201
    assert (await admin.get(f"/folders/{cabinet}", headers=short)).status_code == 401


async def test_who_is_deactivated_while_a_file_is_on_its_way_stores_nothing(
    admin: Api, member: Api, settings: Settings
) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.share(cabinet, member)

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        assert (
            await admin.patch(f"/users/{member.user_id}", {"is_active": False})
        ).status_code == 200
        yield b"last"

    answer = await member.post(
        f"/folders/{cabinet}/documents", params={"name": "a"}, content=slow()
    )
    assert answer.status_code == 401
    assert (await admin.get(f"/folders/{cabinet}/children")).json()["documents"] == []
    assert stored_files(settings, admin) == []


async def test_what_is_refused_after_its_last_byte_leaves_nothing(
    admin: Api, settings: Settings
) -> None:
    cabinet = await admin.folder("Cabinet")

    async def overtaken() -> AsyncIterator[bytes]:
        yield secrets.token_bytes(2 * FRAME)
        await admin.document(cabinet, "a.txt", b"")
        yield b"last"

    answer = await admin.post(
        f"/folders/{cabinet}/documents", params={"name": "a.txt"}, content=overtaken()
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    document = (await admin.get(f"/folders/{cabinet}/children")).json()["documents"][0]

    async def outdated() -> AsyncIterator[bytes]:
        yield secrets.token_bytes(2 * FRAME)
        await admin.patch(f"/documents/{document['id']}", {"tags": ["changed"]})
        yield b"last"

    answer = await admin.post(
        f"/documents/{document['id']}/versions",
        content=outdated(),
        headers={"If-Match": document["etag"]},
    )
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert [path.name for path in stored_files(settings, admin)] == [document["sha256"]]


@pytest.mark.parametrize("size", [10, 3 * FRAME])
@pytest.mark.parametrize("step", ["write", "finish", "publish"])
async def test_an_upload_cancelled_at_any_step_leaves_no_temporary_file(
    admin: Api,
    app: FastAPI,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    size: int,
) -> None:
    """A thread that is at work when its request is cancelled ends, and only then is its file dropped."""
    content, reached, go = app.state.content, threading.Event(), threading.Event()
    owner = PendingBlob if step == "publish" else BlobWriter
    real = getattr(owner, step)

    def held(self: Any, *arguments: Any) -> Any:
        reached.set()
        assert go.wait(30)
        return real(self, *arguments)

    async def chunks() -> AsyncIterator[bytes]:
        yield secrets.token_bytes(size)

    async def upload() -> None:
        async with content.receive(chunks(), namespace=f"org-{admin.org_id}") as received:
            await received.publish()

    monkeypatch.setattr(owner, step, held)
    task = asyncio.create_task(upload())
    await asyncio.to_thread(reached.wait)
    for _ in range(2):
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.05)
        assert not done, "it did not wait for its thread"
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((settings.store_dir / f"org-{admin.org_id}" / "tmp").glob("*")) == []


async def test_an_upload_takes_few_statements_whatever_else_there_is(
    admin: Api, member: Api
) -> None:
    folder = await admin.folder("Legal")
    await admin.share(folder, member)
    counts = []
    for round_ in range(2):
        for number in range(1 + 10 * round_):
            await admin.document(folder, f"{round_}-{number}.txt", b"%d" % number)
        with counted_queries() as queries:
            await member.document(folder, f"new-{round_}.txt", b"new %d" % round_)
        counts.append(len(queries))
    assert counts[0] == counts[1]
