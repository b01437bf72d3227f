"""Uploads by the tus protocol: they arrive in pieces, whatever happens between these, and become documents once."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import text

from backend.content.resumable import Examination, Remembered
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.uploads import service
from storage import RunningDigest
from tests.backend.uploads.conftest import BYTES, TUS, Tus, checksum, metadata
from tests.support.api import Api
from tests.support.clamd import EICAR, REPORTED_SIGNATURE

MIB = 2**20


def drafts(settings: Settings, org_id: int) -> list[Path]:
    return list((settings.store_dir / f"org-{org_id}" / "drafts").glob("*"))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("chunk", [MIB, 700_001, 9 * MIB], ids=["1 MiB", "odd", "all"])
async def test_an_upload_in_pieces_becomes_a_document(
    tus: Tus, folder: int, settings: Settings, chunk: int
) -> None:
    content = os.urandom(9 * MIB)
    path = await tus.begin(len(content), filename="a.bin", folder_id=folder, comment="by pieces")
    offset = 0
    while offset + chunk < len(content):
        answer = await tus.send(path, offset, content[offset : offset + chunk])
        offset += chunk
        assert answer.status_code == 204, answer.text
        assert answer.headers["upload-offset"] == str(offset)
        assert "upload-expires" in answer.headers
        assert await tus.offset(path) == offset
    answer = await tus.send(path, offset, content[offset:])
    assert answer.status_code == 200, answer.text
    assert answer.headers["upload-offset"] == str(len(content))
    document = answer.json()
    assert document["sha256"] == sha256(content)
    assert document["name"] == "a.bin"
    assert document["current_version"]["scan_status"] == "clean"
    assert document["current_version"]["comment"] == "by pieces"
    downloaded = await tus.api.get(f"/documents/{document['id']}/content")
    assert downloaded.content == content
    assert await tus.offset(path) == len(content)
    assert drafts(settings, tus.api.org_id) == []


@pytest.mark.parametrize("size", [0, 1, 100, 5 * MIB], ids=str)
async def test_an_upload_may_come_with_its_creation(tus: Tus, folder: int, size: int) -> None:
    content = os.urandom(size)
    answer = await tus.create(size, content, filename="a.bin", folder_id=folder)
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == str(size)
    assert answer.json()["sha256"] == sha256(content)
    assert answer.headers["location"].startswith("/api/v1/uploads/")


async def test_the_first_bytes_may_come_with_the_creation(tus: Tus, folder: int) -> None:
    content = os.urandom(100_000)
    answer = await tus.create(100_000, content[:40_000], filename="a.bin", folder_id=folder)
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == "40000"
    assert answer.json() is None
    path = answer.headers["location"].removeprefix("/api/v1")
    done = await tus.send(path, 40_000, content[40_000:])
    assert done.json()["sha256"] == sha256(content)


async def test_a_process_that_forgot_catches_up(tus: Tus, folder: int, app: FastAPI) -> None:
    """As after a restart, or at another backend: nothing is remembered but what the draft holds."""
    content = os.urandom(7 * MIB + 12_345)
    path = await tus.begin(len(content), filename="a.bin", folder_id=folder)
    offset = 0
    for size in (100, 3 * MIB, 1, len(content)):
        await app.state.uploads.close()
        answer = await tus.send(path, offset, content[offset : offset + size])
        offset = min(offset + size, len(content))
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == sha256(content)
    assert answer.json()["current_version"]["scan_status"] == "clean"


async def test_a_scanner_that_hung_up_in_a_pause_is_asked_again(
    tus: Tus, folder: int, app: FastAPI
) -> None:
    """As clamd does with whom it waits for too long."""
    content = os.urandom(5 * MIB)
    path = await tus.begin(len(content), filename="a.bin", folder_id=folder)
    await tus.send(path, 0, content[: 2 * MIB])
    kept = app.state.uploads.remembered.take(path.rpartition("/")[2])
    assert kept is not None
    assert kept.scanned == 2 * MIB
    await kept.close()
    await app.state.uploads.remembered.keep(path.rpartition("/")[2], kept)
    answer = await tus.send(path, 2 * MIB, content[2 * MIB :])
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == sha256(content)
    assert answer.json()["current_version"]["scan_status"] == "clean"


async def test_the_examinations_kept_are_few_and_the_latest() -> None:
    remembered = Remembered(most=2)
    examinations = [Examination(RunningDigest()) for _ in range(4)]
    for number, examination in enumerate(examinations):
        await remembered.keep(str(number), examination)
    assert [remembered.take(str(number)) for number in range(4)] == [None, None, *examinations[2:]]
    assert remembered.take("3") is None


async def test_a_new_version(tus: Tus, folder: int) -> None:
    document = await tus.api.document(folder, "a.txt", b"first")
    path = await tus.begin(6, document_id=document["id"], if_match=document["etag"])
    answer = await tus.send(path, 0, b"second")
    assert answer.status_code == 200, answer.text
    assert answer.json()["current_version"]["number"] == 2
    stale = await tus.create(6, document_id=document["id"], if_match=document["etag"])
    assert stale.status_code == 412
    assert stale.json()["code"] == "stale"


async def test_a_lost_answer_can_be_asked_for(tus: Tus, folder: int) -> None:
    path = await tus.begin(7, filename="a.txt", folder_id=folder)
    document = (await tus.send(path, 0, b"content")).json()
    told = (await tus.api.get(path)).json()
    assert (told["status"], told["offset"]) == ("complete", 7)
    assert told["document"]["id"] == document["id"]
    for offset in (6, 7):
        again = await tus.send(path, offset, b"t" if offset == 6 else b"")
        assert again.status_code == 200, again.text
        assert again.json()["id"] == document["id"]


async def test_the_length_may_come_later(tus: Tus, folder: int) -> None:
    path = await tus.begin(None, filename="a.txt", folder_id=folder)
    head = await tus.head(path)
    assert head.headers["upload-defer-length"] == "1"
    assert "upload-length" not in head.headers
    assert (await tus.send(path, 0, b"some ")).status_code == 204
    done = await tus.send(path, 5, b"bytes", {"Upload-Length": "10"})
    assert done.status_code == 200, done.text
    assert done.json()["size"] == 10


async def test_what_was_said_is_given_back(tus: Tus, folder: int) -> None:
    said = metadata(filename="a.txt", folder_id=folder, relative_path="x/y", color="blue")
    answer = await tus.api.post(
        "/uploads", headers={**TUS, "Upload-Length": "3", "Upload-Metadata": said}
    )
    head = await tus.head(answer.headers["location"].removeprefix("/api/v1"))
    assert head.headers["upload-metadata"] == said
    assert head.headers["upload-length"] == "3"


async def test_bytes_must_begin_where_the_upload_ends(tus: Tus, folder: int) -> None:
    path = await tus.begin(10, filename="a.txt", folder_id=folder)
    await tus.send(path, 0, b"abcd")
    for offset in (0, 3, 5, 9):
        answer = await tus.send(path, offset, b"x")
        assert answer.status_code == 409
        assert answer.json()["code"] == "upload_offset_mismatch"
        assert answer.json()["offset"] == 4
    assert await tus.offset(path) == 4


async def test_a_broken_connection_keeps_what_came(
    tus: Tus, folder: int, settings: Settings
) -> None:
    content = os.urandom(3 * MIB)

    async def body() -> AsyncIterator[bytes]:
        yield content[: 2 * MIB + 5]

    path = await tus.begin(len(content), filename="a.bin", folder_id=folder)
    # An iterator without a length: the body ends early, as that of a lost connection does.
    answer = await tus.send(path, 0, body())
    assert answer.status_code == 204
    assert await tus.offset(path) == 2 * MIB + 5
    done = await tus.send(path, 2 * MIB + 5, content[2 * MIB + 5 :])
    assert done.json()["sha256"] == sha256(content)


async def test_a_newer_request_takes_over_from_one_whose_client_is_gone(
    tus: Tus, folder: int
) -> None:
    content = os.urandom(4 * MIB)
    arrived = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield content[: 2 * MIB]
        arrived.set()
        await asyncio.Event().wait()

    path = await tus.begin(len(content), filename="a.bin", folder_id=folder)
    hanging = asyncio.create_task(tus.send(path, 0, body()))
    await arrived.wait()
    again = await tus.send(path, 2 * MIB, content[2 * MIB :])
    ended = await hanging
    assert ended.status_code == 423
    assert ended.json()["code"] == "upload_locked"
    assert again.status_code == 200, again.text
    assert again.json()["sha256"] == sha256(content)


async def test_a_request_of_another_process_lets_go_when_it_is_asked(
    tus: Tus, folder: int, app: FastAPI
) -> None:
    """Another backend is one that knows nothing of the requests of this one."""
    content = os.urandom(4 * MIB)
    arrived = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield content[: 2 * MIB]
        arrived.set()
        await asyncio.Event().wait()

    path = await tus.begin(len(content), filename="a.bin", folder_id=folder)
    hanging = asyncio.create_task(tus.send(path, 0, body()))
    await arrived.wait()
    other, app.state.uploads = app.state.uploads, service.InProgress()
    again = await tus.send(path, 2 * MIB, content[2 * MIB :])
    assert (await hanging).status_code == 423
    assert again.status_code == 200, again.text
    assert again.json()["sha256"] == sha256(content)
    await other.close()


async def test_of_many_requests_at_once_one_writes(tus: Tus, folder: int) -> None:
    content = os.urandom(6 * MIB)
    path = await tus.begin(len(content), filename="a.bin", folder_id=folder)
    await tus.send(path, 0, content[:MIB])
    answers = await asyncio.gather(*(tus.send(path, MIB, content[MIB:]) for _ in range(5)))
    codes = [answer.status_code for answer in answers]
    assert codes.count(200) >= 1, codes
    assert set(codes) <= {200, 409, 423}
    listed = (await tus.api.get(f"/folders/{folder}/children")).json()["documents"]
    assert [document["sha256"] for document in listed] == [sha256(content)]


async def test_more_bytes_than_there_may_be_are_refused(tus: Tus, folder: int) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"many more bytes"

    path = await tus.begin(10, filename="a.txt", folder_id=folder)
    assert (await tus.send(path, 0, b"x" * 11)).status_code == 413
    await tus.send(path, 0, b"xx")
    assert (await tus.send(path, 2, body())).status_code == 413
    assert await tus.offset(path) == 2
    assert (await tus.send(path, 2, b"x" * 8)).status_code == 200


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_checksum_decides_what_is_kept(tus: Tus, folder: int, algorithm: str) -> None:
    content = os.urandom(3 * MIB)
    path = await tus.begin(len(content), filename="a.bin", folder_id=folder)
    first, second = content[: MIB + 3], content[MIB + 3 :]
    good = await tus.send(path, 0, first, {"Upload-Checksum": checksum(first, algorithm)})
    assert good.status_code == 204, good.text
    for wrong in (second[::-1], second[:200]):
        headers = {"Upload-Checksum": checksum(second, algorithm)}
        bad = await tus.send(path, len(first), wrong, headers)
        assert bad.status_code == 460
        assert bad.json()["code"] == "checksum_mismatch"
        assert await tus.offset(path) == len(first)
    headers = {"Upload-Checksum": checksum(second, algorithm)}
    done = await tus.send(path, len(first), second, headers)
    assert done.status_code == 200, done.text
    assert done.json()["sha256"] == sha256(content)


async def test_a_small_upload_is_checked_too(tus: Tus, folder: int) -> None:
    headers = {"Upload-Checksum": checksum(b"other")}
    path = await tus.begin(7, filename="a.txt", folder_id=folder)
    assert (await tus.send(path, 0, b"content", headers)).status_code == 460
    assert await tus.offset(path) == 0
    assert (await tus.send(path, 0, b"content")).status_code == 200


async def test_an_announced_digest_is_checked_in_the_end(
    tus: Tus, folder: int, settings: Settings
) -> None:
    path = await tus.begin(5 * MIB, filename="a", folder_id=folder, sha256=sha256(b"other"))
    answer = await tus.send(path, 0, bytes(5 * MIB))
    assert answer.status_code == 422
    assert answer.json()["code"] == "digest_mismatch"
    assert (await tus.head(path)).status_code == 410
    assert (await tus.api.get(path)).json()["problem"]["code"] == "digest_mismatch"
    assert drafts(settings, tus.api.org_id) == []
    right = await tus.create(3, b"abc", filename="b", folder_id=folder, sha256=sha256(b"abc"))
    assert right.status_code == 201, right.text


@pytest.mark.parametrize("before", [0, 6 * MIB], ids=["small", "large"])
async def test_a_virus_in_the_last_bytes_leaves_nothing(
    tus: Tus, folder: int, settings: Settings, before: int
) -> None:
    if before:
        import io
        import zipfile

        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("noise", os.urandom(before))
            archive.writestr("eicar.com", EICAR)
        content = buffer.getvalue()
    else:
        content = EICAR
    path = await tus.begin(len(content), filename="a.zip", folder_id=folder)
    half = len(content) // 2
    await tus.send(path, 0, content[:half])
    answer = await tus.send(path, half, content[half:])
    assert answer.status_code == 400, answer.text
    assert answer.json()["signature"] == REPORTED_SIGNATURE
    assert (await tus.head(path)).status_code == 410
    assert (await tus.api.get(path)).json()["problem"]["code"] == "virus_found"
    assert drafts(settings, tus.api.org_id) == []
    listed = await tus.api.get(f"/folders/{folder}/children")
    assert listed.json()["documents"] == []


async def test_an_upload_may_be_given_up(tus: Tus, folder: int, settings: Settings) -> None:
    path = await tus.begin(10, filename="a.txt", folder_id=folder)
    await tus.send(path, 0, b"abc")
    assert len(drafts(settings, tus.api.org_id)) == 2
    assert (await tus.api.request("DELETE", path, headers=TUS)).status_code == 204
    assert (await tus.head(path)).status_code == 404
    assert drafts(settings, tus.api.org_id) == []
    assert (await tus.api.request("DELETE", path, headers=TUS)).status_code == 404


async def test_an_upload_that_another_process_receives_is_given_up_whole(
    tus: Tus, folder: int, settings: Settings, app: FastAPI
) -> None:
    arrived = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield os.urandom(2 * MIB)
        arrived.set()
        await asyncio.Event().wait()

    path = await tus.begin(4 * MIB, filename="a.bin", folder_id=folder)
    hanging = asyncio.create_task(tus.send(path, 0, body()))
    await arrived.wait()
    other, app.state.uploads = app.state.uploads, service.InProgress()
    assert (await tus.api.request("DELETE", path, headers=TUS)).status_code == 204
    assert drafts(settings, tus.api.org_id) == []
    assert (await hanging).status_code == 423
    await other.close()


async def test_a_request_begun_just_before_its_upload_was_given_up_leaves_nothing(
    tus: Tus, folder: int, settings: Settings, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await tus.begin(2 * MIB, filename="a.bin", folder_id=folder)
    take_over = app.state.uploads.take_over

    async def given_up_first(upload_id: str) -> None:
        monkeypatch.setattr(app.state.uploads, "take_over", take_over)
        assert (await tus.api.request("DELETE", path, headers=TUS)).status_code == 204
        await take_over(upload_id)

    monkeypatch.setattr(app.state.uploads, "take_over", given_up_first)
    assert (await tus.send(path, 0, os.urandom(MIB))).status_code == 404
    assert drafts(settings, tus.api.org_id) == []


async def test_what_was_received_is_kept_where_its_folder_goes_meanwhile(
    tus: Tus, folder: int, settings: Settings, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await tus.begin(2 * MIB, filename="a.bin", folder_id=folder)
    await tus.send(path, 0, os.urandom(MIB))
    take_over = app.state.uploads.take_over

    async def trashed_first(upload_id: str) -> None:
        assert (await tus.api.delete(f"/folders/{folder}")).is_success
        await take_over(upload_id)

    monkeypatch.setattr(app.state.uploads, "take_over", trashed_first)
    assert (await tus.send(path, MIB, os.urandom(MIB))).status_code == 404
    assert await tus.offset(path) == 2 * MIB - 1
    assert drafts(settings, tus.api.org_id) != []


async def test_giving_up_a_complete_upload_keeps_the_document(tus: Tus, folder: int) -> None:
    path = await tus.begin(7, filename="a.txt", folder_id=folder)
    document = (await tus.send(path, 0, b"content")).json()
    assert (await tus.api.request("DELETE", path, headers=TUS)).status_code == 204
    assert (await tus.api.get(f"/documents/{document['id']}")).status_code == 200


async def test_expired_uploads_go(
    tus: Tus, folder: int, settings: Settings, database: Database, app: FastAPI
) -> None:
    path = await tus.begin(10, filename="a.txt", folder_id=folder)
    await tus.send(path, 0, b"abc")
    kept = await tus.begin(10, filename="b.txt", folder_id=folder)
    await tus.send(kept, 0, b"abc")
    org_id = tus.api.org_id
    async with database.transaction(Tenant(org_id)) as session:
        await session.execute(
            text("UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = :id"),
            {"id": path.rpartition("/")[2]},
        )
    assert (await tus.head(path)).status_code == 410
    assert (await tus.send(path, 3, b"d")).status_code == 410
    assert await service.expire(database, app.state.content, org_id) == 1
    assert (await tus.head(path)).status_code == 404
    assert await tus.offset(kept) == 3
    assert len(drafts(settings, org_id)) == 2


async def test_a_draft_that_is_lost_is_named(tus: Tus, folder: int, settings: Settings) -> None:
    path = await tus.begin(10, filename="a.txt", folder_id=folder)
    await tus.send(path, 0, b"abc")
    for file in drafts(settings, tus.api.org_id):
        file.unlink()
    assert (await tus.head(path)).status_code == 410
    answer = await tus.send(path, 3, b"d")
    assert answer.status_code == 410
    assert answer.json()["code"] == "upload_lost"


async def test_lost_uploads_are_found(
    tus: Tus, folder: int, settings: Settings, database: Database, app: FastAPI
) -> None:
    org_id = tus.api.org_id
    path, kept, done = [
        await tus.begin(10, filename=name, folder_id=folder) for name in ("a", "b", "c")
    ]
    await tus.send(path, 0, b"abc")
    lost = drafts(settings, org_id)
    await tus.send(kept, 0, b"abc")
    await tus.send(done, 0, b"abc")
    await tus.send(done, 3, b"defghij")
    content = app.state.content
    assert await service.find_lost(database, content, org_id) == []
    for file in lost:
        file.unlink()
    assert await service.find_lost(database, content, org_id) == [path.rpartition("/")[2]]


async def test_uploads_are_their_users_alone(
    tus: Tus, folder: int, member: Api, stranger: Api
) -> None:
    path = await tus.begin(10, filename="a.txt", folder_id=folder)
    for other in (Tus(member), Tus(stranger)):
        assert (await other.head(path)).status_code == 404
        assert (await other.send(path, 0, b"x")).status_code == 404
        assert (await other.api.get(path)).status_code == 404
        assert (await other.api.request("DELETE", path, headers=TUS)).status_code == 404
        assert (await other.api.get("/uploads")).json() == []
    assert [one["id"] for one in (await tus.api.get("/uploads")).json()] == [path.split("/")[-1]]


async def test_rights_are_asked_for_first_and_again(tus: Tus, folder: int, member: Api) -> None:
    theirs = Tus(member)
    refused = await theirs.create(10, filename="a.txt", folder_id=folder)
    assert refused.status_code == 404
    await tus.api.share(folder, member)
    path = await theirs.begin(10, filename="a.txt", folder_id=folder)
    assert (await theirs.send(path, 0, b"abc")).status_code == 204
    assert (await tus.api.delete(f"/folders/{folder}")).status_code == 204
    answer = await theirs.send(path, 3, b"defghij")
    assert answer.status_code == 404, answer.text
    assert answer.json()["code"] == "not_found"


async def test_a_name_that_is_taken_is_refused_before_the_first_byte(tus: Tus, folder: int) -> None:
    document = await tus.api.document(folder, "a.txt")
    taken = await tus.create(10, filename="A.txt", folder_id=folder)
    assert taken.status_code == 409
    assert taken.json()["document_id"] == document["id"]
    version = await tus.create(3, b"abc", filename="a.txt", folder_id=folder, on_conflict="version")
    assert version.status_code == 201
    assert version.json()["current_version"]["number"] == 2
    renamed = await tus.create(3, b"abc", filename="a.txt", folder_id=folder, on_conflict="rename")
    assert renamed.json()["name"] == "a (1).txt"


async def test_a_name_taken_meanwhile_may_be_given_back(tus: Tus, folder: int) -> None:
    path = await tus.begin(6 * MIB, filename="a.txt", folder_id=folder)
    await tus.send(path, 0, bytes(MIB))
    await tus.api.document(folder, "a.txt")
    answer = await tus.send(path, MIB, bytes(5 * MIB))
    assert answer.status_code == 409
    assert answer.json()["code"] == "name_taken"


async def part(tus: Tus, content: bytes) -> str:
    answer = await tus.create(len(content), content, {"Upload-Concat": "partial"})
    assert answer.status_code == 201, answer.text
    path: str = answer.headers["location"]
    return path


async def final(tus: Tus, parts: list[str], **values: object) -> Response:
    headers = {**TUS, "Upload-Concat": f"final;{' '.join(parts)}"}
    return await tus.api.post(
        "/uploads", headers={**headers, "Upload-Metadata": metadata(**values)}
    )


async def test_parts_become_one_document(tus: Tus, folder: int, settings: Settings) -> None:
    contents = [os.urandom(3 * MIB), b"", b"x", os.urandom(MIB + 7)]
    parts = [await part(tus, content) for content in contents]
    for path, content in zip(parts, contents, strict=True):
        head = await tus.head(path.removeprefix("/api/v1"))
        assert head.headers["upload-concat"] == "partial"
        assert head.headers["upload-offset"] == str(len(content))
    parts[0] = f"http://dms.test{parts[0]}"
    answer = await final(tus, parts, filename="a.bin", folder_id=folder)
    assert answer.status_code == 201, answer.text
    assert answer.json()["sha256"] == sha256(b"".join(contents))
    assert drafts(settings, tus.api.org_id) == []
    head = await tus.head(answer.headers["location"].removeprefix("/api/v1"))
    assert head.headers["upload-concat"].startswith("final;/api/v1/uploads/")
    assert head.headers["upload-offset"] == head.headers["upload-length"]
    again = await final(tus, parts, filename="a.bin", folder_id=folder)
    assert again.status_code == 201
    assert again.json()["id"] == answer.json()["id"]


async def test_parts_whose_last_bytes_came_just_before_a_crash_are_joined(
    tus: Tus, folder: int, database: Database
) -> None:
    contents = [os.urandom(2 * MIB), os.urandom(MIB)]
    parts = [await part(tus, content) for content in contents]
    # The bytes are durable, and a client is told so; that they are was not noted any more.
    async with database.transaction(Tenant(tus.api.org_id)) as session:
        await session.execute(text("UPDATE uploads SET received = received / 2"))
    for path, content in zip(parts, contents, strict=True):
        assert await tus.offset(path.removeprefix("/api/v1")) == len(content)
    answer = await final(tus, parts, filename="a.bin", folder_id=folder)
    assert answer.status_code == 201, answer.text
    assert answer.json()["sha256"] == sha256(b"".join(contents))


async def test_only_whole_parts_of_ones_own_are_joined(
    tus: Tus, folder: int, stranger: Api
) -> None:
    whole = await part(tus, b"abc")
    answer = await tus.api.post(
        "/uploads", headers={**TUS, "Upload-Length": "3", "Upload-Concat": "partial"}
    )
    unfinished = answer.headers["location"]
    target = {"filename": "a.bin", "folder_id": folder}
    assert (await final(tus, [whole, unfinished], **target)).json()["code"] == "upload_unfinished"
    ordinary = f"/api/v1{await tus.begin(3, filename='b', folder_id=folder)}"
    assert (await final(tus, [whole, ordinary], **target)).status_code == 404
    assert (
        await final(tus, [whole], filename="a.bin", folder_id=folder + 10**9)
    ).status_code == 404
    theirs = Tus(stranger)
    elsewhere = await stranger.folder("Elsewhere")
    taken = await final(theirs, [whole], filename="a.bin", folder_id=elsewhere)
    assert taken.status_code == 404
    assert (await final(tus, [whole], **target)).status_code == 201


async def test_a_virus_across_two_parts_is_found(tus: Tus, folder: int) -> None:
    parts = [await part(tus, EICAR[:30]), await part(tus, EICAR[30:])]
    answer = await final(tus, parts, filename="a.com", folder_id=folder)
    assert answer.status_code == 400
    assert answer.json()["signature"] == REPORTED_SIGNATURE


async def test_the_version_of_the_protocol_is_required(tus: Tus, folder: int) -> None:
    path = await tus.begin(10, filename="a.txt", folder_id=folder)
    for method, url in (("POST", "/uploads"), ("HEAD", path), ("PATCH", path), ("DELETE", path)):
        for headers in ({}, {"Tus-Resumable": "0.2.2"}):
            answer = await tus.api.request(method, url, headers=headers)
            assert answer.status_code == 412, (method, answer.text)
            assert answer.headers["tus-version"] == "1.0.0"
            assert answer.headers["tus-resumable"] == "1.0.0"


async def test_capabilities_are_told_to_anybody(tus: Tus) -> None:
    answer = await tus.api.client.options("/api/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert "concatenation" in answer.headers["tus-extension"]
    assert int(answer.headers["tus-max-size"]) > MIB
    assert "sha1" in answer.headers["tus-checksum-algorithm"]


async def test_the_method_may_be_named_by_a_header(tus: Tus, folder: int) -> None:
    path = await tus.begin(7, filename="a.txt", folder_id=folder)
    headers = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = await tus.api.post(path, headers=headers, content=b"content")
    assert answer.status_code == 200, answer.text
    head = await tus.api.post(path, headers={**TUS, "X-HTTP-Method-Override": "HEAD"})
    assert head.headers["upload-offset"] == "7"
    gone = await tus.api.post(path, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})
    assert gone.status_code == 204


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "upload_header"),
        ({"Upload-Length": "-1"}, "upload_header"),
        ({"Upload-Length": "1e3"}, "upload_header"),
        ({"Upload-Length": "3", "Upload-Defer-Length": "1"}, "upload_header"),
        ({"Upload-Length": "3"}, "upload_metadata"),
        ({"Upload-Length": "3", "Upload-Metadata": "filename %%%"}, "upload_header"),
        ({"Upload-Length": "3", "Upload-Metadata": metadata(filename="a")}, "upload_metadata"),
        (
            {"Upload-Length": "3", "Upload-Metadata": metadata(folder_id="x", filename="a")},
            "upload_metadata",
        ),
        (
            {"Upload-Length": "3", "Upload-Metadata": metadata(folder_id=1, filename="a/b")},
            "invalid_name",
        ),
        ({"Upload-Length": str(2**62)}, "upload_too_large"),
        ({"Upload-Length": "3", "Upload-Concat": "whole"}, "upload_header"),
    ],
    ids=str,
)
async def test_what_cannot_be_understood_is_refused(
    tus: Tus, headers: dict[str, str], code: str
) -> None:
    answer = await tus.api.post("/uploads", headers={**TUS, **headers})
    assert answer.json()["code"] == code, answer.text
    assert 400 <= answer.status_code < 500


async def test_bytes_are_sent_as_what_they_are(tus: Tus, folder: int) -> None:
    path = await tus.begin(3, filename="a.txt", folder_id=folder)
    answer = await tus.send(path, 0, b"abc", {"Content-Type": "text/plain"})
    assert answer.status_code == 415
    missing = await tus.api.request("PATCH", path, headers=BYTES, content=b"abc")
    assert missing.json()["code"] == "upload_header"
    wrong = await tus.send(path, 0, b"abc", {"Upload-Checksum": "crc32 AAAA"})
    assert wrong.status_code == 400


async def test_nothing_lies_in_clear(tus: Tus, folder: int, settings: Settings) -> None:
    secret = secrets.token_bytes(40)
    path = await tus.begin(10 * len(secret), filename="a.txt", folder_id=folder)
    await tus.send(path, 0, secret * 3)
    files = drafts(settings, tus.api.org_id)
    assert len(files) == 2
    for file in files:
        assert secret not in file.read_bytes()


async def test_a_creation_sent_again_is_the_same_upload(tus: Tus, folder: int) -> None:
    """Its answer was lost: what came with it is filed once, and told again."""
    content = os.urandom(1_000)
    named = {"filename": "a.bin", "folder_id": folder}
    first = await tus.create(1_000, content, headers={"Idempotency-Key": "k1"}, **named)
    again = await tus.create(1_000, content, headers={"Idempotency-Key": "k1"}, **named)
    assert again.status_code == 201, again.text
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["upload-offset"] == "1000"
    assert again.json()["id"] == first.json()["id"]
    other = await tus.create(1_000, content, headers={"Idempotency-Key": "k2"}, **named)
    assert (other.status_code, other.json()["code"]) == (409, "name_taken")
    reused = await tus.create(2_000, content, headers={"Idempotency-Key": "k1"}, **named)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_creation_sent_again_before_any_byte_is_the_same_upload(
    tus: Tus, folder: int
) -> None:
    named = {"filename": "a.bin", "folder_id": folder}
    first, again = [
        await tus.create(1_000, headers={"Idempotency-Key": "k"}, **named) for _ in range(2)
    ]
    assert first.headers["location"] == again.headers["location"]
    assert again.headers["upload-offset"] == "0"


async def test_the_last_answer_tells_of_others_with_the_same_bytes(tus: Tus, folder: int) -> None:
    content = os.urandom(1_000)
    there = await tus.create(1_000, content, filename="a.bin", folder_id=folder)
    path = await tus.begin(1_000, filename="b.bin", folder_id=folder)
    done = (await tus.send(path, 0, content)).json()
    assert [one["document_id"] for one in done["same_content"]] == [there.json()["id"]]
