"""What the trail has of what people do: who, to what, from where, and what was there before."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from backend.audit.service import Attempts
from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.errors import ForbiddenError
from backend.denials import is_hidden
from backend.documents import service as documents
from tests.support.api import Api, new_user


async def events(database: Database, org_id: int, *actions: str) -> list[Any]:
    """The events of an organisation, the oldest first; of these actions, or all."""
    statement = text("SELECT * FROM audit_events WHERE :all OR action = ANY(:actions) ORDER BY id")
    async with database.transaction(Tenant(org_id)) as session:
        return list(
            await session.execute(statement, {"all": not actions, "actions": list(actions)})
        )


async def written(app: FastAPI, database: Database) -> None:
    """Let what was refused be recorded, as the application does a moment later."""
    attempts: Attempts = app.state.attempts
    await attempts.write(database, is_hidden, everything=True)


async def test_the_life_of_a_document(database: Database, admin: Api) -> None:
    cabinet = await admin.folder("Contracts")
    other = await admin.folder("Archive")
    made = await admin.document(cabinet, "a.txt", b"first")
    path = f"/documents/{made['id']}"
    await admin.patch(path, {"name": "b.txt", "tags": ["x"], "properties": {"year": 2026}})
    await admin.patch(path, {"folder_id": other})
    await admin.patch(path, {"name": "b.txt"})
    await admin.post(f"{path}/versions", content=b"second")
    await admin.post(f"{path}/versions/1/restore")
    await admin.delete(path)
    await admin.post(f"{path}/restore")
    await admin.delete(path)
    await admin.delete(f"/trash{path}")
    found = [
        event
        for event in await events(database, admin.org_id)
        if event.object == f"document:{made['id']}"
    ]
    assert [(event.action, event.folder_id) for event in found] == [
        ("document.created", cabinet),
        ("document.updated", cabinet),
        ("document.moved", other),
        ("document.version_created", other),
        ("document.version_restored", other),
        ("document.trashed", other),
        ("document.restored", other),
        ("document.trashed", other),
        ("document.purged", other),
    ]
    created, updated, moved = (event.data for event in found[:3])
    assert created["name"] == "a.txt"
    assert created["sha256"] == made["sha256"]
    assert updated == {
        "old": {"name": "a.txt", "tags": [], "properties": {}},
        "new": {"name": "b.txt", "tags": ["x"], "properties": {"year": 2026}},
    }
    assert moved == {"old": {"folder_id": cabinet}, "new": {"folder_id": other}}
    assert {event.actor_id for event in found} == {admin.user_id}


async def test_every_event_says_where_it_came_from(
    app: FastAPI, database: Database, admin: Api
) -> None:
    transport = ASGITransport(app=app, client=("192.0.2.9", 4711))
    async with AsyncClient(transport=transport, base_url="http://dms.test") as elsewhere:
        there = Api(elsewhere, admin.headers, admin.user_id, admin.org_id)
        answer = await there.post(
            "/folders",
            json={"name": "C", "parent_id": None, "kind": None},
            headers={"X-Request-ID": "traced-1"},
        )
    assert answer.status_code == 201
    [signed_in] = await events(database, admin.org_id, "user.signed_in")
    [created] = await events(database, admin.org_id, "folder.created")
    assert (created.address, created.request_id) == ("192.0.2.9", "traced-1")
    # One session from its beginning on.
    assert created.session_id == signed_in.session_id is not None


async def test_the_life_of_a_folder_and_all_below_it(database: Database, admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    inner = await admin.folder("Inner", cabinet)
    await admin.patch(f"/folders/{inner}", {"name": "Renamed"})
    other = await admin.folder("Other")
    await admin.patch(f"/folders/{inner}", {"parent_id": other})
    document = await admin.document(inner, "a.txt")
    await admin.delete(f"/folders/{inner}")
    await admin.post(f"/folders/{inner}/restore")
    await admin.delete(f"/folders/{inner}")
    await admin.delete(f"/trash/folders/{inner}")
    found = await events(database, admin.org_id)
    of_inner = [event for event in found if event.object == f"folder:{inner}"]
    assert [event.action for event in of_inner] == [
        "folder.created",
        "folder.updated",
        "folder.moved",
        "folder.trashed",
        "folder.restored",
        "folder.trashed",
        "folder.purged",
    ]
    assert of_inner[1].data == {"old": {"name": "Inner"}, "new": {"name": "Renamed"}}
    assert of_inner[2].data == {"old": {"parent_id": cabinet}, "new": {"parent_id": other}}
    purged = [event for event in found if event.action == "document.purged"]
    assert [(event.object, event.data) for event in purged] == [
        (f"document:{document['id']}", {"name": "a.txt"})
    ]


async def test_users_are_recorded_without_their_passwords(database: Database, admin: Api) -> None:
    answer = await admin.post(
        "/users",
        json={"email": f"u{admin.org_id}@example.org", "name": "U", "password": "s3cret-s3cret"},
    )
    user_id = answer.json()["id"]
    await admin.patch(f"/users/{user_id}", {"role": "administrator", "password": "other-s3cret"})
    found = [
        event for event in await events(database, admin.org_id) if event.object == f"user:{user_id}"
    ]
    assert [event.action for event in found] == [
        "user.created",
        "user.updated",
        "user.password_set",
    ]
    assert found[1].data == {"old": {"role": "member"}, "new": {"role": "administrator"}}
    assert all("s3cret" not in str(event) for event in found)
    assert [event.actor_id for event in found] == [admin.user_id] * 3


async def test_signing_in_and_out_and_in_vain(
    app: FastAPI, client: AsyncClient, database: Database, admin: Api
) -> None:
    email = f"person{admin.org_id}@example.org"
    user = (
        await admin.post("/users", json={"email": email, "name": "P", "password": "right-password"})
    ).json()
    for _ in range(3):
        await client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"})
    await client.post("/api/v1/auth/login", json={"email": "nobody@x.org", "password": "wrong"})
    await client.post("/api/v1/auth/login", json={"email": email, "password": "right-password"})
    await client.post("/api/v1/auth/logout")
    await client.post("/api/v1/auth/logout")
    await written(app, database)
    found = [
        event
        for event in await events(
            database, admin.org_id, "user.signed_in", "user.signed_out", "user.sign_in_refused"
        )
        if event.actor_id == user["id"]
    ]
    refused = [event for event in found if event.action == "user.sign_in_refused"]
    assert {event.data["reason"] for event in refused} == {"wrong password"}
    assert sum(event.data["count"] for event in refused) == 3
    begun = [event for event in found if event not in refused]
    assert [event.action for event in begun] == ["user.signed_in", "user.signed_out"]
    others = {event.session_id for event in begun}
    assert len(others) == 1
    assert others != {None}


@pytest.mark.parametrize(
    ("disposition", "action"),
    [("attachment", "document.downloaded"), ("inline", "document.viewed")],
)
async def test_reading_content(
    database: Database, admin: Api, disposition: str, action: str
) -> None:
    document = await admin.document(await admin.folder("C"), "a.txt", b"0123456789" * 100)
    path = f"/documents/{document['id']}/content"
    params = {"disposition": disposition}
    ranges = [f"bytes={first}-{first + 9}" for first in range(0, 100, 10)]
    answers = await asyncio.gather(
        *(admin.get(path, params=params, headers={"Range": part}) for part in ranges)
    )
    assert {answer.status_code for answer in answers} == {206}
    [event] = await events(database, admin.org_id, action)
    assert (event.object, event.data) == (f"document:{document['id']}", {"version": 1})
    # What sends no content is no reading.
    await admin.request("HEAD", path, params=params)
    etag = answers[0].headers["etag"]
    unchanged = await admin.get(path, params=params, headers={"If-None-Match": etag})
    assert unchanged.status_code == 304
    assert len(await events(database, admin.org_id, action)) == 1
    # Who fetches all of it again has read it again.
    await admin.get(path, params=params)
    assert len(await events(database, admin.org_id, action)) == 2


async def test_reading_by_a_ticket_is_the_reading_of_who_got_it(
    client: AsyncClient, database: Database, admin: Api
) -> None:
    document = await admin.document(await admin.folder("C"), "a.txt")
    ticket = await admin.post(
        f"/documents/{document['id']}/content-ticket", json={"disposition": "inline"}
    )
    assert (await client.get(ticket.json()["url"])).status_code == 200
    [event] = await events(database, admin.org_id, "document.viewed")
    [signed_in] = await events(database, admin.org_id, "user.signed_in")
    assert (event.actor_id, event.session_id) == (admin.user_id, signed_in.session_id)


async def test_denied_attempts_are_recorded_where_there_is_something_to_deny(
    app: FastAPI, database: Database, admin: Api, member: Api
) -> None:
    cabinet = await admin.folder("Hidden")
    document = await admin.document(cabinet, "a.txt")
    trashed = await admin.document(cabinet, "b.txt")
    await admin.delete(f"/documents/{trashed['id']}")
    for _ in range(5):
        assert (await member.get(f"/documents/{document['id']}")).status_code == 404
    assert (await member.get(f"/documents/{trashed['id']}")).status_code == 404
    assert (await member.get(f"/folders/{cabinet}")).status_code == 404
    assert (await member.get("/documents/999999999")).status_code == 404
    # For whom nothing is hidden, it is only not there.
    assert (await admin.get(f"/documents/{trashed['id']}")).status_code == 404
    assert (await member.get("/users")).status_code == 403
    await written(app, database)
    found: Counter[tuple[str, str]] = Counter()
    for event in await events(database, admin.org_id, "access.denied"):
        assert event.actor_id == member.user_id
        found[event.object, event.data["operation"]] += event.data["count"]
    assert found == {
        (f"document:{document['id']}", "getDocument"): 5,
        (f"document:{trashed['id']}", "getDocument"): 1,
        (f"folder:{cabinet}", "getFolder"): 1,
        ("organisation:self", "listUsers"): 1,
    }


async def test_a_denial_of_another_organisation_is_none(
    app: FastAPI, database: Database, admin: Api, stranger: Api
) -> None:
    document = await admin.document(await admin.folder("C"), "a.txt")
    assert (await stranger.get(f"/documents/{document['id']}")).status_code == 404
    await written(app, database)
    assert await events(database, stranger.org_id, "access.denied") == []
    assert await events(database, admin.org_id, "access.denied") == []


async def test_a_probing_client_cannot_flood_the_trail(
    app: FastAPI, database: Database, admin: Api, member: Api
) -> None:
    cabinet = await admin.folder("Hidden")
    ids = [(await admin.document(cabinet, f"{number}.txt"))["id"] for number in range(30)]
    for _ in range(3):
        for document_id in ids:
            await member.get(f"/documents/{document_id}")
    await written(app, database)
    found = await events(database, admin.org_id, "access.denied")
    assert sum(event.data["count"] for event in found) == 90
    named = {event.object for event in found} - {"many:different"}
    assert len(named) == 20
    assert named < {f"document:{number}" for number in ids}
    # Each once at its first time, and once with a count.
    assert len(found) <= 2 * 21


async def test_the_service_itself_purges_on_record(database: Database, admin: Api) -> None:
    cabinet = await admin.folder("C")
    document = await admin.document(cabinet, "a.txt")
    await admin.delete(f"/documents/{document['id']}")
    async with database.transaction(Tenant(admin.org_id)) as session:
        await documents.purge_expired(session, org_id=admin.org_id, before=now())
    [event] = await events(database, admin.org_id, "document.purged")
    assert (event.object, event.actor_id) == (f"document:{document['id']}", None)


async def test_a_refused_change_leaves_no_trace_but_the_refusal(
    app: FastAPI, client: AsyncClient, database: Database, admin: Api
) -> None:
    reader = await new_user(client, database, admin.org_id, Role.MEMBER)
    cabinet = await admin.folder("C")
    await admin.share(cabinet, reader, "reader")
    document = await admin.document(cabinet, "a.txt")
    answer = await reader.patch(f"/documents/{document['id']}", {"name": "b.txt"})
    assert answer.status_code == ForbiddenError.status
    await written(app, database)
    assert await events(database, admin.org_id, "document.updated") == []
    [denied] = await events(database, admin.org_id, "access.denied")
    assert denied.data == {"operation": "updateDocument", "status": 403, "count": 1}
