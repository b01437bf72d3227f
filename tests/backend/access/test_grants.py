"""Grants, through HTTP: what each action asks, who may give what, and that nothing else is seen."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select

from backend.access import service as access
from backend.audit.models import AuditEvent
from backend.core.actor import Role
from backend.core.db import Database, Tenant
from backend.identity.models import Group, GroupMember
from tests.support.api import Api, new_user
from tests.support.queries import counted_queries


async def new_group(
    database: Database, org_id: int, *members: int, within: int | None = None
) -> int:
    """Write a group of users, itself a member of another if asked."""
    async with database.transaction(Tenant(org_id)) as session:
        group = Group(org_id=org_id, name=f"Group {members} {within}")
        session.add(group)
        await session.flush()
        session.add_all(
            GroupMember(org_id=org_id, group_id=group.id, user_id=user_id) for user_id in members
        )
        if within is not None:
            session.add(GroupMember(org_id=org_id, group_id=within, member_group_id=group.id))
        return group.id


async def trail(database: Database, org_id: int, action: str) -> list[AuditEvent]:
    async with database.transaction(Tenant(org_id)) as session:
        events = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)
        return list(await session.scalars(events))


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_group_sees_what_it_was_granted_and_its_members_members_too(
    admin: Api, member: Api, database: Database
) -> None:
    outer = await new_group(database, admin.org_id)
    await new_group(database, admin.org_id, member.user_id, within=outer)
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    assert (await member.get(f"/documents/{document['id']}")).status_code == 404
    grant = await admin.grant(f"folders/{cabinet}", f"group:{outer}", role="reader")
    assert (await member.get(f"/documents/{document['id']}")).json()["permissions"] == ["read"]
    assert (await admin.delete(f"/folders/{cabinet}/grants/{grant}")).status_code == 204
    assert (await member.get(f"/documents/{document['id']}")).status_code == 404


async def test_a_deny_wins_over_what_is_allowed_below(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    inner = await admin.folder("Inner", cabinet)
    document = await admin.document(inner, "a.txt")
    await admin.share(inner, member, "editor")
    assert (await member.get(f"/documents/{document['id']}")).status_code == 200
    user = f"user:{member.user_id}"
    await admin.grant(f"folders/{cabinet}", user, effect="deny", actions=["dms:document:Read"])
    for path in (f"/documents/{document['id']}", f"/documents/{document['id']}/versions"):
        assert (await member.get(path)).status_code == 404
    children = (await member.get(f"/folders/{inner}/children")).json()
    assert children["documents"] == []
    shown = (await member.get(f"/folders/{inner}")).json()
    assert (shown["document_count"], "read" in shown["permissions"]) == (0, True)
    assert (await member.get("/search", params={"q": "a"})).json()["total"] == 0
    # A Deny of another action takes only that.
    await admin.grant(f"folders/{cabinet}", user, effect="deny", actions=["*:Delete"])
    assert (await member.get(f"/documents/{document['id']}")).status_code == 200
    assert problem(await member.delete(f"/documents/{document['id']}")) == (403, "forbidden")


async def test_ancestors_are_seen_by_their_names_alone(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    middle, beside = await admin.folder("Middle", cabinet), await admin.folder("Beside", cabinet)
    inner = await admin.folder("Inner", middle)
    await admin.document(cabinet, "hidden.txt")
    await admin.document(inner, "seen.txt")
    await admin.share(inner, member, "reader")
    [top] = (await member.get("/folders")).json()["items"]
    assert (top["id"], top["permissions"]) == (cabinet, [])
    assert (top["child_folder_count"], top["document_count"]) == (1, 0)
    children = (await member.get(f"/folders/{cabinet}/children")).json()
    assert ([one["id"] for one in children["folders"]], children["documents"]) == ([middle], [])
    assert (await member.get(f"/folders/{beside}")).status_code == 404
    assert (await member.patch(f"/folders/{middle}", {"name": "Mine"})).status_code == 404
    assert (await member.upload(middle, "b.txt")).status_code == 404
    found = (await member.get("/search", params={"q": "txt", "folder_id": cabinet})).json()
    assert [hit["document"]["name"] for hit in found["items"]] == ["seen.txt"]


async def test_a_document_is_shared_on_its_own_and_withheld_on_its_own(
    admin: Api, member: Api
) -> None:
    cabinet = await admin.folder("Cabinet")
    mine = await admin.document(cabinet, "mine.txt", b"1")
    other = await admin.document(cabinet, "other.txt", b"2")
    user = f"user:{member.user_id}"
    grant = await admin.grant(f"documents/{mine['id']}", user, role="editor")
    [top] = (await member.get("/folders")).json()["items"]
    assert (top["permissions"], top["document_count"]) == ([], 1)
    children = (await member.get(f"/folders/{cabinet}/children")).json()
    assert [one["id"] for one in children["documents"]] == [mine["id"]]
    assert (await member.get(f"/documents/{other['id']}")).status_code == 404
    recent = (await member.get("/documents/recent")).json()
    assert [one["id"] for one in recent["items"]] == [mine["id"]]
    found = (await member.get("/search", params={"q": "txt"})).json()
    assert ([hit["document"]["id"] for hit in found["items"]], found["total"]) == ([mine["id"]], 1)
    suggested = (await member.get("/search/suggest", params={"q": "other"})).json()
    assert suggested["items"] == []
    assert (await member.patch(f"/documents/{mine['id']}", {"name": "m.txt"})).status_code == 200
    # The name of what one may not see is taken, but by whom is not told.
    answer = await member.patch(f"/documents/{mine['id']}", {"name": "OTHER.txt"})
    assert problem(answer) == (409, "name_taken")
    assert "document_id" not in answer.json()
    await admin.delete(f"/documents/{mine['id']}/grants/{grant}")
    await admin.share(cabinet, member, "reader")
    await admin.grant(f"documents/{mine['id']}", user, effect="deny", role="reader")
    assert (await member.get(f"/documents/{mine['id']}")).status_code == 404
    found = (await member.get("/search", params={"q": "txt"})).json()
    assert [hit["document"]["id"] for hit in found["items"]] == [other["id"]]


ACTIONS = {
    "dms:folder:List": ("GET", "/folders/{folder}", None, 200),
    "dms:folder:Create": ("POST", "/folders", {"name": "New", "parent_id": "{folder}"}, 201),
    "dms:folder:Update": ("PATCH", "/folders/{folder}", {"name": "Renamed"}, 200),
    "dms:folder:Move": ("PATCH", "/folders/{folder}", {"parent_id": "{target}"}, 200),
    "dms:folder:Delete": ("DELETE", "/folders/{folder}", None, 204),
    "dms:folder:Restore": ("POST", "/folders/{trashed}/restore", None, 200),
    "dms:folder:Purge": ("DELETE", "/trash/folders/{trashed}", None, 204),
    "dms:document:Read": ("GET", "/documents/{document}", None, 200),
    "dms:document:Create": ("POST", "/folders/{folder}/documents?name=n.txt", "x", 201),
    "dms:document:Update": ("PATCH", "/documents/{document}", {"tags": ["t"]}, 200),
    "dms:document:Move": ("PATCH", "/documents/{document}", {"folder_id": "{target}"}, 200),
    "dms:document:Delete": ("DELETE", "/documents/{document}", None, 204),
    "dms:document:Restore": ("POST", "/documents/{binned}/restore", None, 200),
    "dms:document:Purge": ("DELETE", "/trash/documents/{binned}", None, 204),
    "dms:access:Manage": ("GET", "/folders/{folder}/grants", None, 200),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_each_action_is_asked_for_by_what_it_allows(
    admin: Api, member: Api, action: str
) -> None:
    cabinet = await admin.folder("Cabinet")
    places = {"folder": await admin.folder("Folder", cabinet)}
    places["target"] = await admin.folder("Target", cabinet)
    places["trashed"] = await admin.folder("Trashed", cabinet)
    places["document"] = (await admin.document(places["folder"], "a.txt", b"1"))["id"]
    places["binned"] = (await admin.document(places["folder"], "b.txt", b"2"))["id"]
    await admin.delete(f"/folders/{places['trashed']}")
    await admin.delete(f"/documents/{places['binned']}")
    method, path, body, expected = ACTIONS[action]
    path = path.format(**places)
    if isinstance(body, dict):
        body = {
            name: int(value.format(**places)) if "{" in str(value) else value
            for name, value in body.items()
        }
    arguments: dict[str, Any] = {"content": body} if isinstance(body, str) else {"json": body}
    user = f"user:{member.user_id}"
    target = await admin.grant(f"folders/{places['target']}", user, role="contributor")
    assert (await member.request(method, path, **arguments)).status_code == 404
    await admin.share(cabinet, member, "manager")
    deny = await admin.grant(f"folders/{cabinet}", user, effect="deny", actions=[action])
    refused = await member.request(method, path, **arguments)
    invisible = action in {"dms:folder:List", "dms:document:Read"}
    # What may be read in a folder keeps its name in sight.
    if action != "dms:folder:List":
        assert refused.status_code == (404 if invisible else 403), refused.text
    else:
        assert refused.json()["permissions"][:1] != ["read"]
    await admin.delete(f"/folders/{cabinet}/grants/{deny}")
    answer = await member.request(method, path, **arguments)
    assert answer.status_code == expected, answer.text
    assert target


async def test_uploading_needs_no_reading(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Letter box")
    await admin.document(cabinet, "there.txt", b"1")
    user = f"user:{member.user_id}"
    await admin.grant(f"folders/{cabinet}", user, actions=["dms:document:Create"])
    answer = await member.upload(cabinet, "dropped.txt", b"2")
    assert (answer.status_code, answer.json()["permissions"]) == (201, [])
    assert (await member.get(f"/documents/{answer.json()['id']}")).status_code == 404
    for on_conflict in ("error", "version"):
        answer = await member.upload(cabinet, "there.txt", b"3", on_conflict=on_conflict)
        assert problem(answer) == (409, "name_taken")
        assert "document_id" not in answer.json()
        assert answer.json()["on_conflict"] == ["rename"]
    answer = await member.upload(cabinet, "there.txt", b"3", on_conflict="rename")
    assert answer.status_code == 201


async def test_nobody_gives_what_they_do_not_hold(
    admin: Api, member: Api, client: AsyncClient, database: Database
) -> None:
    friend = await new_user(client, database, admin.org_id, Role.MEMBER)
    cabinet = await admin.folder("Cabinet")
    secret = await admin.folder("Secret", cabinet)
    me, other = f"user:{member.user_id}", f"user:{friend.user_id}"
    await admin.grant(f"folders/{cabinet}", me, actions=["dms:access:Manage", "*:Read", "*:List"])
    await member.grant(f"folders/{cabinet}", other, role="reader")
    for role in ("contributor", "editor", "manager"):
        answer = await member.post(
            f"/folders/{cabinet}/grants", json={"principal": me, "role": role}
        )
        assert problem(answer) == (403, "grant_exceeds")
        assert "dms:document:Create" in answer.json()["actions"]
    # What is denied below cannot be given from above.
    deny = await admin.grant(f"folders/{secret}", me, effect="deny", actions=["*:Read"])
    answer = await member.post(
        f"/folders/{cabinet}/grants", json={"principal": other, "role": "reader"}
    )
    assert problem(answer) == (403, "grant_exceeds")
    answer = await member.delete(f"/folders/{secret}/grants/{deny}")
    assert problem(answer) == (403, "grant_exceeds")
    answer = await member.post(
        f"/folders/{secret}/grants",
        json={"principal": me, "effect": "deny", "actions": ["*:Purge"]},
    )
    assert problem(answer) == (403, "grant_exceeds")


async def test_administrators_administer_and_read_nothing_by_that(
    admin: Api, client: AsyncClient, database: Database
) -> None:
    second = await new_user(client, database, admin.org_id, Role.ADMINISTRATOR)
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    assert (await second.get("/folders")).json()["items"] == []
    for path in (f"/folders/{cabinet}", f"/documents/{document['id']}"):
        assert (await second.get(path)).status_code == 404
    named = (await second.get("/access/cabinets")).json()["items"]
    assert named == [{"id": cabinet, "name": "Cabinet"}]
    # They manage access all the same; to take it for themselves they say why.
    assert len((await second.get(f"/folders/{cabinet}/grants")).json()) == 1
    mine = {"principal": f"user:{second.user_id}", "role": "reader"}
    answer = await second.post(f"/folders/{cabinet}/grants", json=mine)
    assert problem(answer) == (422, "reason_missing")
    group = await new_group(database, admin.org_id, second.user_id)
    answer = await second.post(
        f"/folders/{cabinet}/grants", json={**mine, "principal": f"group:{group}"}
    )
    assert problem(answer) == (422, "reason_missing")
    answer = await second.post(
        f"/folders/{cabinet}/grants", json={**mine, "reason": "The owner left"}
    )
    assert answer.status_code == 201
    assert (await second.get(f"/documents/{document['id']}")).status_code == 200
    event = (await trail(database, admin.org_id, "grant.created"))[-1]
    assert (event.actor_id, event.object) == (second.user_id, f"grant:{answer.json()['id']}")
    assert event.data["reason"] == "The owner left"


async def test_granting_again_replaces_and_is_recorded(
    admin: Api, member: Api, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    first = await admin.share(cabinet, member, "reader")
    assert await admin.share(cabinet, member, "editor") == first
    listed = (await admin.get(f"/folders/{cabinet}/grants")).json()
    assert sorted((one["role"], one["inherited"]) for one in listed) == [
        ("editor", False),
        ("manager", False),
    ]
    inner = await admin.folder("Inner", cabinet)
    assert {one["inherited"] for one in (await admin.get(f"/folders/{inner}/grants")).json()} == {
        True
    }
    assert problem(await admin.delete(f"/folders/{inner}/grants/{first}")) == (
        404,
        "grant_not_found",
    )
    [event] = await trail(database, admin.org_id, "grant.updated")
    assert (event.data["old"], event.data["new"]) == ({"role": "reader"}, {"role": "editor"})
    await admin.delete(f"/folders/{cabinet}/grants/{first}")
    [event] = await trail(database, admin.org_id, "grant.deleted")
    assert event.data["principal"] == f"user:{member.user_id}"


async def test_what_cannot_be_granted(admin: Api, stranger: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    for body, expected in (
        ({"principal": f"user:{stranger.user_id}", "role": "reader"}, "principal_not_found"),
        ({"principal": "group:9999999", "role": "reader"}, "principal_not_found"),
        ({"principal": "somebody", "role": "reader"}, "invalid_name"),
        ({"principal": f"user:{admin.user_id}", "actions": ["dms:nothing"]}, "invalid_name"),
        ({"principal": f"user:{admin.user_id}"}, "invalid"),
        ({"principal": f"user:{admin.user_id}", "role": "reader", "actions": ["*"]}, "invalid"),
    ):
        answer = await admin.post(f"/folders/{cabinet}/grants", json=body)
        assert answer.json()["code"] == expected
    body = {"principal": f"user:{admin.user_id}", "actions": ["dms:folder:*"]}
    answer = await admin.post(f"/documents/{document['id']}/grants", json=body)
    assert problem(answer) == (422, "invalid_name")
    for thing in (f"folders/{cabinet}", f"documents/{document['id']}"):
        assert (await stranger.get(f"/{thing}/grants")).status_code == 404


async def test_principals_are_found_by_who_may_grant(
    admin: Api, member: Api, database: Database
) -> None:
    group = await new_group(database, admin.org_id, member.user_id)
    found = (await admin.get("/access/principals", params={"q": "group"})).json()
    assert [one["principal"] for one in found] == [f"group:{group}"]
    assert (await member.get("/access/principals")).status_code == 403
    cabinet = await admin.folder("Cabinet")
    await admin.share(cabinet, member, "manager")
    found = (await member.get("/access/principals", params={"q": "example.org"})).json()
    assert {one["principal"] for one in found} == {f"user:{one.user_id}" for one in (admin, member)}


async def test_live_events_reach_who_may_read_and_nobody_else(
    admin: Api, member: Api, client: AsyncClient, database: Database
) -> None:
    friend = await new_user(client, database, admin.org_id, Role.MEMBER)
    group = await new_group(database, admin.org_id, member.user_id, friend.user_id)
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    await admin.grant(f"folders/{cabinet}", f"group:{group}", role="reader")
    denied = {"effect": "deny", "actions": ["dms:document:Read"]}
    await admin.grant(f"documents/{document['id']}", f"user:{friend.user_id}", **denied)

    async def audience(document_id: int | None = None) -> list[int]:
        async with database.transaction(Tenant(admin.org_id)) as session:
            subject = access.Subject(cabinet, document_id)
            return (await access.audiences(session, admin.org_id, [subject]))[subject]

    everybody = sorted(one.user_id for one in (admin, member, friend))
    assert await audience() == everybody
    assert await audience(document["id"]) == [one for one in everybody if one != friend.user_id]
    await admin.patch(f"/users/{member.user_id}", {"is_active": False})
    assert await audience(document["id"]) == [admin.user_id]
    # Who saw it hears that it went.
    await admin.delete(f"/documents/{document['id']}")
    assert await audience(document["id"]) == [admin.user_id]


async def test_an_upload_asks_few_questions(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.document(cabinet, "first.txt", b"1")
    with counted_queries() as statements:
        await admin.document(cabinet, "second.txt", b"2")
    about_rules = [one for one in statements if "access_rules" in one]
    # Whether it may come in, before and after its bytes; then, once, what its owner may do with it and which of the
    # documents with the same bytes they may read.
    assert len(about_rules) == 3
    assert len(statements) <= 22
