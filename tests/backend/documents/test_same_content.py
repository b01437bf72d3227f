"""Who has the same bytes already: told before an upload and with its answer, and only of what one may read."""

import hashlib
from typing import Any

from tests.support.api import Api


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def asked(api: Api, *contents: bytes) -> dict[str, list[dict[str, Any]]]:
    answer = await api.post(
        "/documents/same-content", json={"sha256": [digest(one) for one in contents]}
    )
    assert answer.status_code == 200, answer.text
    return {one["sha256"]: one["documents"] for one in answer.json()["items"]}


async def test_the_documents_with_these_bytes_are_named(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    folder = await admin.folder("Folder", cabinet)
    document = await admin.document(folder, "a.txt", b"the same")
    await admin.document(folder, "b.txt", b"another")
    found = await asked(admin, b"the same", b"nobody has this")
    assert list(found) == [digest(b"the same")]
    [one] = found[digest(b"the same")]
    assert (one["document_id"], one["name"], one["folder_id"]) == (document["id"], "a.txt", folder)
    assert (one["version"], one["is_current"]) == (1, True)
    assert [crumb["name"] for crumb in one["ancestors"]] == ["Cabinet", "Folder"]
    assert "write" in one["permissions"]


async def test_an_earlier_version_counts_too_after_the_current_ones(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    older = await admin.document(cabinet, "older.txt", b"first")
    await admin.post(f"/documents/{older['id']}/versions", content=b"second")
    newer = await admin.document(cabinet, "newer.txt", b"first")
    found = (await asked(admin, b"first"))[digest(b"first")]
    assert [(one["document_id"], one["is_current"]) for one in found] == [
        (newer["id"], True),
        (older["id"], False),
    ]


async def test_the_answer_of_an_upload_tells_of_others_with_its_bytes(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    first = await admin.document(cabinet, "a.txt", b"the same")
    assert first["same_content"] == []
    second = await admin.document(cabinet, "b.txt", b"the same")
    assert [one["document_id"] for one in second["same_content"]] == [first["id"]]
    version = await admin.post(f"/documents/{first['id']}/versions", content=b"the same")
    assert [one["document_id"] for one in version.json()["same_content"]] == [second["id"]]
    assert "same_content" not in (await admin.get(f"/documents/{second['id']}")).json()


async def test_nobody_hears_of_what_they_may_not_read(
    admin: Api, member: Api, stranger: Api
) -> None:
    shared, hidden = await admin.folder("Shared"), await admin.folder("Hidden")
    await admin.share(shared, member)
    await admin.document(hidden, "a.txt", b"a secret")
    elsewhere = await stranger.folder("Elsewhere")
    for api, folder in ((member, shared), (stranger, elsewhere)):
        assert await asked(api, b"a secret") == {}
        assert (await api.document(folder, "mine.txt", b"a secret"))["same_content"] == []
        assert len((await asked(api, b"a secret"))[digest(b"a secret")]) == 1
    assert len((await asked(admin, b"a secret"))[digest(b"a secret")]) == 2


async def test_what_is_in_the_trash_is_not_told_of(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    folder = await admin.folder("Folder", cabinet)
    alone = await admin.document(cabinet, "a.txt", b"the same")
    await admin.document(folder, "b.txt", b"the same")
    await admin.delete(f"/documents/{alone['id']}")
    await admin.delete(f"/folders/{folder}")
    assert await asked(admin, b"the same") == {}


async def test_nothing_is_said_of_empty_files(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "a.txt", b"")
    assert await asked(admin, b"") == {}
    assert (await admin.document(cabinet, "b.txt", b""))["same_content"] == []


async def test_few_of_many_are_named(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    for number in range(8):
        await admin.document(cabinet, f"{number}.txt", b"the same")
    assert len((await asked(admin, b"the same"))[digest(b"the same")]) == 5


async def test_what_is_no_digest_is_refused(admin: Api) -> None:
    for wrong in ([], ["abc"], ["g" * 64], [digest(b"")] * 1_001):
        answer = await admin.post("/documents/same-content", json={"sha256": wrong})
        assert answer.status_code == 422
