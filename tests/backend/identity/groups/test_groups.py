"""Groups over HTTP: who is in, what may not be, and what goes with one."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select

from backend.audit.models import AuditEvent
from backend.core.actor import Role
from backend.core.db import Database, Tenant
from tests.support.api import Api, new_user
from tests.support.queries import counted_queries


async def group(api: Api, name: str) -> int:
    answer = await api.post("/groups", json={"name": name})
    assert answer.status_code == 201, answer.text
    created: int = answer.json()["id"]
    return created


async def put(api: Api, group_id: int, principal: str) -> Any:
    return await api.request("PUT", f"/groups/{group_id}/members/{principal}")


async def add(api: Api, group_id: int, *principals: str) -> None:
    for principal in principals:
        answer = await put(api, group_id, principal)
        assert answer.status_code == 204, answer.text


async def pages(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        answer = await api.get(path, params={"limit": 2, **query, **more})
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return items


async def trail(database: Database, org_id: int) -> list[tuple[str, str, dict[str, Any]]]:
    async with database.transaction(Tenant(org_id)) as session:
        of_groups = select(AuditEvent).where(AuditEvent.action.like("group%"))
        events = await session.scalars(of_groups.order_by(AuditEvent.id))
        return [(event.action, event.object, event.data) for event in events]


async def test_a_group_is_made_changed_and_deleted(admin: Api, database: Database) -> None:
    answer = await admin.post("/groups", json={"name": " Buchhaltung ", "description": "Belege"})
    made = answer.json()
    assert (made["name"], made["description"], made["members"]) == ("Buchhaltung", "Belege", 0)
    path = f"/groups/{made['id']}"
    changed = await admin.patch(path, {"name": "Accounting", "description": "Belege"})
    assert changed.json() == {**made, "name": "Accounting"}
    assert (await admin.get(path)).json() == changed.json()
    assert (await admin.delete(path)).json() == {"members": 0, "dependents": {}}
    assert (await admin.get(path)).json()["code"] == "group_not_found"
    subject = f"group:{made['id']}"
    assert await trail(database, admin.org_id) == [
        ("group.created", subject, {"name": "Buchhaltung"}),
        (
            "group.updated",
            subject,
            {"old": {"name": "Buchhaltung"}, "new": {"name": "Accounting"}},
        ),
        ("group.deleted", subject, {"name": "Accounting", "members": 0, "dependents": {}}),
    ]


async def test_names_are_taken_whatever_their_case(admin: Api, stranger: Api) -> None:
    first, second = await group(admin, "Sales"), await group(admin, "Support")
    taken = await admin.post("/groups", json={"name": "sALES"})
    assert (taken.status_code, taken.json()["code"]) == (409, "group_name_taken")
    renamed = await admin.patch(f"/groups/{second}", {"name": "SALES"})
    assert renamed.json()["code"] == "group_name_taken"
    assert (await admin.patch(f"/groups/{first}", {"name": "SALES"})).json()["name"] == "SALES"
    await group(stranger, "Sales")


async def test_groups_are_listed_by_name_and_found_by_part_of_it(
    admin: Api, member: Api, app: FastAPI
) -> None:
    for name in ("Émile", "bea", "100%", "Bea 2", "zoe"):
        await group(admin, name)
    names = [one["name"] for one in await pages(admin, "/groups")]
    assert sorted(names, key=str.lower) == sorted(names) or len(names) == 5
    assert names == [one["name"] for one in (await admin.get("/groups")).json()["items"]]
    assert {one["name"] for one in await pages(admin, "/groups", q="BEA")} == {"bea", "Bea 2"}
    assert [one["name"] for one in await pages(admin, "/groups", q="%")] == ["100%"]
    with counted_queries() as statements:
        shown = (await member.get("/groups")).json()["items"]
    assert len(statements) == 3, statements
    assert [one["name"] for one in shown] == names
    assert {one["members"] for one in shown} == {None}


async def test_members_are_users_and_groups(admin: Api, member: Api, database: Database) -> None:
    outer, inner = await group(admin, "Outer"), await group(admin, "Inner")
    users = [await new_user(admin.client, database, admin.org_id, Role.MEMBER) for _ in range(3)]
    principals = [f"user:{user.user_id}" for user in users]
    await add(admin, outer, f"group:{inner}", *principals)
    await add(admin, outer, principals[0])
    await add(admin, inner, f"user:{member.user_id}")
    listed = await pages(admin, f"/groups/{outer}/members")
    assert listed[0]["principal"] == f"group:{inner}"
    assert {one["principal"] for one in listed} == {f"group:{inner}", *principals}
    assert [one["name"] for one in listed[1:]] == sorted(one["name"] for one in listed[1:])
    assert listed[0]["email"] is None
    within = await pages(admin, f"/groups/{outer}/users")
    assert {one["id"] for one in within} == {member.user_id, *(user.user_id for user in users)}
    assert (await admin.get(f"/groups/{outer}")).json()["members"] == 4
    gone = f"/groups/{outer}/members/{principals[0]}"
    assert [(await admin.delete(gone)).status_code for _ in range(2)] == [204, 204]
    await admin.delete(f"/groups/{outer}/members/group:{inner}")
    assert {one["id"] for one in await pages(admin, f"/groups/{outer}/users")} == {
        user.user_id for user in users[1:]
    }
    told = [(action, data) for action, _, data in await trail(database, admin.org_id)]
    assert told.count(("group_member.added", {"member": principals[0]})) == 1
    assert told.count(("group_member.removed", {"member": principals[0]})) == 1


async def test_whoever_is_in_twice_is_listed_once(admin: Api, member: Api) -> None:
    top, left, right, bottom = [await group(admin, name) for name in ("T", "L", "R", "B")]
    await add(admin, top, f"group:{left}", f"group:{right}", f"user:{member.user_id}")
    await add(admin, left, f"group:{bottom}")
    await add(admin, right, f"group:{bottom}")
    await add(admin, bottom, f"user:{member.user_id}")
    assert [one["id"] for one in await pages(admin, f"/groups/{top}/users")] == [member.user_id]


async def test_no_group_is_inside_itself(admin: Api) -> None:
    top, middle, bottom = [await group(admin, name) for name in ("Top", "Middle", "Bottom")]
    itself = await put(admin, top, f"group:{top}")
    assert (itself.status_code, itself.json()["code"]) == (409, "group_cycle")
    await add(admin, top, f"group:{middle}")
    await add(admin, middle, f"group:{bottom}")
    refused = await put(admin, bottom, f"group:{top}")
    assert (refused.status_code, refused.json()["code"]) == (409, "group_cycle")
    assert refused.json()["path"] == ["Top", "Middle", "Bottom"]
    assert "“Bottom” is inside “Top” already" in refused.json()["detail"]
    assert await pages(admin, f"/groups/{bottom}/members") == []


async def test_two_who_close_a_circle_at_once_do_not_both_succeed(admin: Api) -> None:
    for number in range(8):
        left, right = await group(admin, f"Left {number}"), await group(admin, f"Right {number}")
        answers = await asyncio.gather(
            put(admin, left, f"group:{right}"), put(admin, right, f"group:{left}")
        )
        assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_a_group_in_use_is_deleted_only_when_that_is_meant(admin: Api, member: Api) -> None:
    outer, inner = await group(admin, "Outer"), await group(admin, "Inner")
    await add(admin, outer, f"group:{inner}")
    await add(admin, inner, f"user:{member.user_id}")
    invited = await admin.post(
        "/invitations", json={"email": "new@example.org", "group_ids": [inner]}
    )
    assert invited.status_code == 201, invited.text
    expected = {"groups": 1, "invitation_groups": 1}
    shown = await admin.get(f"/groups/{inner}/dependents")
    assert shown.json() == {"members": 1, "dependents": expected}
    refused = await admin.delete(f"/groups/{inner}")
    assert (refused.status_code, refused.json()["code"]) == (409, "group_in_use")
    assert refused.json()["dependents"] == expected
    deleted = await admin.delete(f"/groups/{inner}?with_dependents=true")
    assert deleted.json() == {"members": 1, "dependents": expected}
    assert await pages(admin, f"/groups/{outer}/members") == []
    assert (await admin.delete(f"/groups/{outer}")).json() == {"members": 0, "dependents": {}}


async def test_members_administer_no_group(admin: Api, member: Api) -> None:
    made = await group(admin, "Group")
    answers = [
        await member.post("/groups", json={"name": "Mine"}),
        await member.get(f"/groups/{made}"),
        await member.patch(f"/groups/{made}", {"name": "Mine"}),
        await member.delete(f"/groups/{made}"),
        await member.get(f"/groups/{made}/members"),
        await member.get(f"/groups/{made}/users"),
        await member.get(f"/groups/{made}/dependents"),
        await put(member, made, f"user:{member.user_id}"),
        await member.delete(f"/groups/{made}/members/user:{member.user_id}"),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)


async def test_groups_and_users_of_another_organisation_do_not_exist(
    admin: Api, stranger: Api
) -> None:
    mine, theirs = await group(admin, "Mine"), await group(stranger, "Theirs")
    answers = [
        await admin.get(f"/groups/{theirs}"),
        await admin.delete(f"/groups/{theirs}"),
        await put(admin, theirs, f"user:{admin.user_id}"),
        await put(admin, mine, f"group:{theirs}"),
        await put(admin, mine, f"user:{stranger.user_id}"),
        await admin.get(f"/groups/{theirs}/users"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert [one["name"] for one in await pages(admin, "/groups")] == ["Mine"]


@pytest.mark.parametrize("principal", ["user:0", "user:x", "folder:1", "user", "group:-1", "user:"])
async def test_what_is_no_principal_is_refused(admin: Api, principal: str) -> None:
    made = await group(admin, "Group")
    answer = await put(admin, made, principal)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_principal")


async def test_without_signing_in_there_are_no_groups(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/groups")).status_code == 401
