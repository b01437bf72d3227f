"""What an organisation takes in is enforced on every way in, and told before the first byte."""

import os
from typing import Any

import pytest
from httpx import Response

from backend.core.db import Database, Tenant
from backend.documents import service as documents
from tests.backend.uploads.conftest import TUS, Tus
from tests.support.api import Api
from tests.support.queries import counted_queries

PROGRAM = b"MZ\0\0" + bytes(60)


async def limit(admin: Api, **limits: Any) -> dict[str, Any]:
    answer = await admin.request("PUT", "/storage/limits", json=limits)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def raw(tus: Tus, folder: int, name: str, content: bytes) -> Response:
    return await tus.api.upload(folder, name, content)


async def form(tus: Tus, folder: int, name: str, content: bytes) -> Response:
    return await tus.api.post(f"/folders/{folder}/documents", files={"file": (name, content)})


async def whole(tus: Tus, folder: int, name: str, content: bytes) -> Response:
    return await tus.create(len(content), content, filename=name, folder_id=folder)


async def later(tus: Tus, folder: int, name: str, content: bytes) -> Response:
    """Its length and with that its size are known in the end alone."""
    answer = await tus.create(None, filename=name, folder_id=folder)
    if answer.status_code != 201:
        return answer
    path = answer.headers["location"].removeprefix("/api/v1")
    await tus.send(path, 0, content)
    return await tus.send(path, len(content), b"", {"Upload-Length": str(len(content))})


async def version(tus: Tus, folder: int, name: str, content: bytes) -> Response:
    return await tus.api.upload(folder, name, content, on_conflict="version")


WAYS = [raw, form, whole, later, version]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_largest_file_is_that_on_every_way_in(tus: Tus, folder: int, way: Any) -> None:
    await limit(tus.api, largest=1_000)
    assert (await way(tus, folder, "a.bin", os.urandom(1_000))).is_success
    refused = await way(tus, folder, "b.bin", os.urandom(1_001))
    assert refused.status_code == 413
    assert refused.json()["code"] == "upload_too_large"
    assert refused.json()["limit"] == 1_000


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_quota_is_that_on_every_way_in(tus: Tus, folder: int, way: Any) -> None:
    await limit(tus.api, quota=5_000)
    kept = os.urandom(3_000)
    assert (await way(tus, folder, "a.bin", kept)).is_success
    refused = await way(tus, folder, "b.bin", os.urandom(3_000))
    assert refused.status_code == 507, refused.text
    assert refused.json()["code"] == "quota_exceeded"
    assert refused.json()["used"] == 3_000


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"refused": [".exe"]}, "setup.EXE"),
        ({"refused": ["application/vnd.microsoft.portable-executable"]}, "harmless.txt"),
        ({"refused": ["application/*"]}, "harmless.txt"),
        ({"allowed": [".pdf"]}, "setup.exe"),
        ({"allowed": [".pdf", "image/*"]}, "setup.exe"),
    ],
    ids=["by name", "by content", "by kind of content", "not among names", "not among types"],
)
async def test_types_are_refused_on_every_way_in(
    tus: Tus, folder: int, way: Any, limits: dict[str, Any], name: str
) -> None:
    await limit(tus.api, **limits)
    refused = await way(tus, folder, name, PROGRAM)
    assert refused.status_code == 422, refused.text
    assert refused.json()["code"] == "file_type_refused"
    listed = await tus.api.get(f"/folders/{folder}/children")
    assert listed.json()["documents"] == []


async def test_what_is_allowed_by_name_or_by_content_is_taken(tus: Tus, folder: int) -> None:
    await limit(tus.api, allowed=[".pdf", "image/*"], refused=[".gif"])
    assert (await raw(tus, folder, "a.pdf", b"%PDF-1.7")).is_success
    assert (await raw(tus, folder, "picture", b"\x89PNG\r\n\x1a\n")).is_success
    assert (await raw(tus, folder, "a.gif", b"GIF89a")).status_code == 422


async def test_what_is_there_already_takes_no_more_room(tus: Tus, folder: int) -> None:
    content = os.urandom(3_000)
    await tus.api.document(folder, "a.bin", content)
    told = await limit(tus.api, quota=3_000)
    assert told["used"] == 3_000
    assert (await form(tus, folder, "b.bin", content)).is_success
    assert (await tus.api.get("/storage/limits")).json()["used"] == 3_000


async def test_usage_is_a_count_and_what_came_since(
    tus: Tus, folder: int, database: Database
) -> None:
    await limit(tus.api, quota=10**9)
    for number in range(3):
        await tus.api.document(folder, f"{number}", os.urandom(1_000))
        assert (await tus.api.get("/storage/limits")).json()["used"] == 1_000 * (number + 1)
        async with database.transaction(Tenant(tus.api.org_id)) as session:
            await documents.count_usage(session)
        assert (await tus.api.get("/storage/limits")).json()["used"] == 1_000 * (number + 1)


async def test_only_administrators_set_limits(admin: Api, member: Api) -> None:
    for answer in (
        await member.get("/storage/limits"),
        await member.request("PUT", "/storage/limits", json={"quota": 1}),
    ):
        assert answer.status_code == 403
    for wrong in ("exe", "*", "/x", ".a b"):
        answer = await admin.request("PUT", "/storage/limits", json={"refused": [wrong]})
        assert answer.status_code == 422, wrong


async def test_limits_end_at_the_organisation(tus: Tus, stranger: Api) -> None:
    await limit(tus.api, largest=1)
    folder = await stranger.folder("Elsewhere")
    assert (await stranger.upload(folder, "a.txt", b"content")).is_success
    assert (await stranger.get("/storage/limits")).json()["largest"] is None


async def check(api: Api, folder: int, *files: tuple[str, int], **more: Any) -> list[Any]:
    body = {"folder_id": folder, "files": [{"name": n, "size": s} for n, s in files], **more}
    answer = await api.post("/uploads/check", json=body)
    assert answer.status_code == 200, answer.text
    return [
        None if file["ok"] else (file["problem"]["code"], file["problem"]["document_id"])
        for file in answer.json()["files"]
    ]


async def test_a_check_tells_what_would_be_refused(tus: Tus, folder: int) -> None:
    document = await tus.api.document(folder, "Taken.txt", b"x")
    await limit(tus.api, largest=1_000, quota=1_501, refused=[".exe"])
    assert await check(
        tus.api,
        folder,
        ("fine.txt", 900),
        ("taken.TXT", 1),
        ("a/b", 1),
        ("large.bin", 1_001),
        ("setup.exe", 1),
        ("fine.TXT", 1),
        ("no more room", 700),
        ("small enough", 600),
    ) == [
        None,
        ("name_taken", document["id"]),
        ("invalid_name", None),
        ("upload_too_large", None),
        ("file_type_refused", None),
        ("name_taken", None),
        ("quota_exceeded", None),
        None,
    ]
    assert await check(tus.api, folder, ("taken.txt", 1), on_conflict="version") == [None]
    assert await check(tus.api, folder, ("taken.txt", 1), on_conflict="rename") == [None]
    assert await check(tus.api, folder, ("huge", 2**61)) == [("upload_too_large", None)]


async def test_a_check_asks_for_rights_and_tells_no_secret(
    tus: Tus, folder: int, member: Api, stranger: Api
) -> None:
    body = {"folder_id": folder, "files": [{"name": "a", "size": 1}]}
    for outsider in (member, stranger):
        assert (await outsider.post("/uploads/check", json=body)).status_code == 404
    hidden = await tus.api.document(folder, "hidden.txt", b"x")
    await tus.api.share(folder, member)
    await tus.api.grant(
        f"documents/{hidden['id']}", f"user:{member.user_id}", role="editor", effect="deny"
    )
    assert await check(member, folder, ("hidden.txt", 1)) == [("name_taken", None)]


async def test_a_check_of_many_asks_the_database_no_more_often(
    tus: Tus, folder: int, database: Database
) -> None:
    few = [(f"{number}.txt", 1) for number in range(2)]
    many = [(f"{number}.txt", 1) for number in range(1_000)]
    await tus.api.document(folder, "1.txt")
    with counted_queries() as first:
        await check(tus.api, folder, *few)
    with counted_queries() as second:
        await check(tus.api, folder, *many)
    assert len(second) == len(first)
    too_many = {"folder_id": folder, "files": [{"name": "a", "size": 1}] * 1_001}
    assert (await tus.api.post("/uploads/check", json=too_many)).status_code == 422


async def test_nothing_is_created_that_would_be_refused(tus: Tus, folder: int) -> None:
    await limit(tus.api, largest=1_000, refused=[".exe"])
    for length, name, code in (
        (1_001, "a.bin", "upload_too_large"),
        (1, "a.exe", "file_type_refused"),
    ):
        answer = await tus.create(length, filename=name, folder_id=folder)
        assert answer.json()["code"] == code
        assert answer.headers["tus-resumable"] == TUS["Tus-Resumable"]
    assert (await tus.api.get("/uploads")).json() == []
