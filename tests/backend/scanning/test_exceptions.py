"""What an administrator has released comes in again, on every way in: these bytes, for this signature, till revoked."""

from typing import Any

import pytest
from httpx import Response

from tests.backend.scanning.conftest import Scanning
from tests.backend.uploads.conftest import Tus
from tests.support.api import Api

PIECE = 100_000


async def release(scanned: Scanning, content: bytes, signature: str) -> dict[str, Any]:
    """Store content, let the scanner learn of it, and release it; return the entry of the quarantine."""
    cabinet = await scanned.api.folder("Released")
    await scanned.api.document(cabinet, "first.txt", content)
    scanned.learn(signature, content[-200:])
    await scanned.scan()
    [entry] = await scanned.held()
    answer = await scanned.api.post(f"/quarantine/{entry['id']}/release", json={"reason": "Ours."})
    assert answer.status_code == 200, answer.text
    entry = answer.json()
    return {**entry, "cabinet": cabinet}


async def send(api: Api, way: str, folder: int, name: str, content: bytes) -> Response:
    """Upload in one of the ways there are; return the answer to the last request."""
    if way == "raw":
        return await api.upload(folder, name, content)
    if way == "multipart":
        files = {"file": (name, content)}
        return await api.post(f"/folders/{folder}/documents", files=files)
    tus = Tus(api)
    if way == "tus":
        path = await tus.begin(len(content), folder_id=folder, filename=name)
        return await tus.send(path, 0, content)
    path = await tus.begin(len(content), folder_id=folder, filename=name)
    half = len(content) // 2
    assert (await tus.send(path, 0, content[:half])).status_code == 204
    return await tus.send(path, await tus.offset(path), content[half:])


WAYS = ["raw", "multipart", "tus", "tus in pieces"]


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_released_is_taken_again(
    scanned: Scanning, admin: Api, member: Api, way: str
) -> None:
    signature, mark = scanned.malware()
    content = bytes(PIECE) + mark
    entry = await release(scanned, content, signature)
    cabinet = entry["cabinet"]
    await admin.share(cabinet, member)
    # Others of the organisation may upload it too.
    answer = await send(member, way, cabinet, "again.txt", content)
    assert answer.is_success, answer.text
    items = (await admin.get(f"/folders/{cabinet}/children")).json()["documents"]
    [again] = [one for one in items if one["name"] == "again.txt"]
    version = again["current_version"]
    assert (version["scan_status"], version["scan_detail"]) == ("released", entry["signature"])
    assert (await member.get(f"/documents/{again['id']}/content")).content == content
    facts = dict(await scanned.trail("document.created"))[f"document:{again['id']}"]
    assert facts["released_from"] == entry["signature"]
    # Nor does the next scan hold it.
    await scanned.scan()
    assert await scanned.held() == []
    # The exception is for these bytes, and not for others that have the same signature.
    other = await send(admin, way, cabinet, "other.txt", b"x" + content)
    assert (other.status_code, other.json()["code"]) == (400, "virus_found")


@pytest.mark.parametrize("way", WAYS)
async def test_for_another_signature_it_is_refused(scanned: Scanning, admin: Api, way: str) -> None:
    signature, mark = scanned.malware()
    content = bytes(PIECE) + mark
    entry = await release(scanned, content, signature)
    scanned.clamd.forget(signature)
    reported = scanned.learn(f"{signature}.Other", mark)
    answer = await send(admin, way, entry["cabinet"], "again.txt", content)
    assert (answer.status_code, answer.json()["code"]) == (400, "virus_found")
    assert answer.json()["signature"] == reported
    [(_, facts)] = await scanned.trail("upload.refused")
    assert facts["signature"] == reported


async def test_versions_come_in_too(scanned: Scanning, admin: Api) -> None:
    signature, mark = scanned.malware()
    entry = await release(scanned, mark, signature)
    document = await admin.document(entry["cabinet"], "other.txt", b"harmless")
    answer = await admin.post(f"/documents/{document['id']}/versions", content=mark)
    assert answer.status_code == 201, answer.text
    assert answer.json()["current_version"]["scan_status"] == "released"


async def test_another_organisation_has_released_nothing(scanned: Scanning, stranger: Api) -> None:
    signature, mark = scanned.malware()
    await release(scanned, mark, signature)
    theirs = await stranger.folder("Theirs")
    answer = await stranger.upload(theirs, "theirs.txt", mark)
    assert (answer.status_code, answer.json()["code"]) == (400, "virus_found")


async def test_a_release_is_listed_and_can_be_taken_back(
    scanned: Scanning, admin: Api, member: Api, stranger: Api
) -> None:
    signature, mark = scanned.malware()
    entry = await release(scanned, mark, signature)
    cabinet = entry["cabinet"]
    assert (await admin.upload(cabinet, "second.txt", mark)).status_code == 201
    [listed] = await scanned.held("released")
    assert (listed["id"], listed["reason"]) == (entry["id"], "Ours.")
    path = f"/quarantine/{entry['id']}/revoke"
    assert (await member.post(path)).status_code == 403
    assert (await stranger.post(path)).status_code == 404

    answer = await admin.post(path)
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    assert (await admin.upload(cabinet, "third.txt", mark)).json()["code"] == "virus_found"
    # What is stored is held again, wherever it is.
    [held] = await scanned.held()
    assert {one["name"] for one in held["documents"]} == {"first.txt", "second.txt"}
    items = (await admin.get(f"/folders/{cabinet}/children")).json()["documents"]
    for one in items:
        assert one["current_version"]["scan_status"] == "quarantined"
        assert (await admin.get(f"/documents/{one['id']}/content")).status_code == 403
    [(subject, facts)] = await scanned.trail("quarantine.revoked")
    assert (subject, facts["signature"]) == (f"blob:{entry['sha256']}", entry["signature"])
    again = await admin.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "not_released")
    assert (await scanned.held("revoked"))[0]["id"] == entry["id"]

    # It may be released once more.
    reason = {"reason": "Ours after all."}
    assert (await admin.post(f"/quarantine/{held['id']}/release", json=reason)).status_code == 200
    assert (await admin.upload(cabinet, "third.txt", mark)).status_code == 201
