"""What the answers to why, where and what if tell beyond yes and no, through HTTP."""

import pytest
from httpx import AsyncClient

from backend.access.service import simulating
from backend.access.service.describing import ways_up
from backend.core.actor import Role
from backend.core.db import Database
from tests.backend.access.test_grants import new_group, problem
from tests.backend.access.test_policies import allow, policy, saying
from tests.support.api import Api, new_user
from tests.support.queries import counted_queries


async def test_a_grant_is_explained_by_who_gave_it_and_through_which_groups(
    admin: Api, member: Api, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    outer = await new_group(database, admin.org_id)
    middle = await new_group(database, admin.org_id, within=outer)
    inner = await new_group(database, admin.org_id, member.user_id, within=middle)
    await admin.grant(f"folders/{cabinet}", f"group:{outer}", role="reader")
    asked = {
        "principal": f"user:{member.user_id}",
        "action": "dms:folder:List",
        "resource": f"dms:folder:{cabinet}",
    }
    answer = (await admin.get("/access/explain", params=asked)).json()
    decided = answer["decided_by"]
    giver = (await admin.get("/me")).json()["user"]["name"]
    assert (decided["role"], decided["given_by"], decided["reason"]) == ("reader", giver, None)
    assert decided["given_at"] is not None
    way = [one["principal"] for one in answer["through"][f"group:{outer}"]]
    assert way == [f"group:{inner}", f"group:{middle}"]
    of_group = (
        await admin.get("/access/explain", params={**asked, "principal": f"group:{inner}"})
    ).json()
    way = [one["principal"] for one in of_group["through"][f"group:{outer}"]]
    assert way == [f"group:{middle}"]
    # Who is a member of the very group needs no way to it.
    await admin.grant(f"folders/{cabinet}", f"group:{inner}", effect="deny", role="reader")
    answer = (await admin.get("/access/explain", params=asked)).json()
    assert answer["decided_by"]["principal"]["principal"] == f"group:{inner}"
    assert list(answer["through"]) == [f"group:{outer}"]


def test_the_shortest_way_to_a_group_is_told_and_circles_do_no_harm() -> None:
    steps = [(None, 1), (1, 2), (2, 3), (1, 3), (3, 1)]
    assert ways_up(steps) == {1: [1], 2: [1, 2], 3: [1, 3]}
    assert ways_up([]) == {}


async def test_a_condition_that_does_not_hold_is_told(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    letter = await admin.document(cabinet, "letter.txt")
    only = {"StringEquals": {"dms:documentType": "contract"}}
    user = f"user:{member.user_id}"
    await policy(admin, "Contracts", saying(allow(f"dms:folder:{cabinet}/*", Condition=only)), user)
    asked = {
        "principal": user,
        "action": "dms:document:Read",
        "resource": f"dms:document:{letter['id']}",
    }
    answer = (await admin.get("/access/explain", params=asked)).json()
    assert (answer["reason"], answer["matched"]) == ("nothing_matches", [])
    [unmet] = answer["unmet"]
    assert (unmet["policy_name"], unmet["condition"]) == ("Contracts", only)
    await admin.patch(f"/documents/{letter['id']}", {"properties": {"type": "contract"}})
    answer = (await admin.get("/access/explain", params=asked)).json()
    assert (answer["allowed"], answer["unmet"]) == (True, [])
    assert answer["decided_by"]["condition"] == only
    # A rule about another action is not about this one, whatever its condition.
    purge = {**asked, "action": "dms:document:Purge"}
    assert (await admin.get("/access/explain", params=purge)).json()["unmet"] == []


async def test_an_explanation_asks_as_often_for_many_rules_as_for_few(
    admin: Api, member: Api
) -> None:
    cabinet = await admin.folder("Cabinet")
    asked = {"principal": f"user:{member.user_id}", "resource": f"dms:folder:{cabinet}"}
    read = {**asked, "action": "dms:folder:List"}
    counts = []
    for number in range(3):
        made = await admin.post("/groups", json={"name": f"Readers {number}"})
        group = made.json()["id"]
        await admin.request("PUT", f"/groups/{group}/members/user:{member.user_id}")
        await admin.grant(f"folders/{cabinet}", f"group:{group}", role="reader")
        with counted_queries() as queries:
            await admin.get("/access/explain", params=read)
        counts.append(len(queries))
        with counted_queries() as queries:
            await admin.get("/access/effective", params=asked)
        counts.append(len(queries))
    assert counts[:2] == counts[2:4] == counts[4:]


async def test_where_something_stands_is_told_to_who_may_see_or_manage_it(
    admin: Api, member: Api, stranger: Api, client: AsyncClient, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    inner = await admin.folder("Inner", cabinet)
    document = await admin.document(inner, "a.txt")
    of_document = {"resource": f"dms:document:{document['id']}"}
    of_folder = {"resource": f"dms:folder:{inner}"}
    told = (await admin.get("/access/resource", params=of_document)).json()
    above = [{"id": cabinet, "name": "Cabinet"}, {"id": inner, "name": "Inner"}]
    assert told == {**of_document, "name": "a.txt", "ancestors": above, "may_manage": True}
    told = (await admin.get("/access/resource", params=of_folder)).json()
    assert (told["name"], told["ancestors"]) == ("Inner", above[:1])
    for asked in (of_document, of_folder):
        for outsider in (member, stranger):
            assert (await outsider.get("/access/resource", params=asked)).status_code == 404
    # An administrator may manage the access to what is not theirs to read.
    other = await new_user(client, database, admin.org_id, Role.ADMINISTRATOR)
    assert (await other.get(f"/documents/{document['id']}")).status_code == 404
    told = (await other.get("/access/resource", params=of_document)).json()
    assert (told["name"], told["may_manage"]) == ("a.txt", True)
    await admin.grant(f"documents/{document['id']}", f"user:{member.user_id}", role="reader")
    told = (await member.get("/access/resource", params=of_document)).json()
    assert (told["ancestors"], told["may_manage"]) == (above, False)
    assert (await member.get("/access/resource", params=of_folder)).status_code == 404
    await admin.share(cabinet, member, "reader")
    told = (await member.get("/access/resource", params=of_folder)).json()
    assert (told["ancestors"], told["may_manage"]) == (above[:1], False)
    for wrong in ("*", f"dms:folder:{inner}/*", "x"):
        answer = await admin.get("/access/resource", params={"resource": wrong})
        assert problem(answer) == (422, "invalid_name")


async def test_folders_too_are_gained_and_lost(
    admin: Api, member: Api, client: AsyncClient, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    inner = await admin.folder("Inner", cabinet)
    binned = await admin.folder("Binned", cabinet)
    await admin.delete(f"/folders/{binned}")
    group = await new_group(database, admin.org_id, member.user_id)
    document = saying(allow(f"dms:folder:{cabinet}/*"))
    change = {"principals": [f"group:{group}"], "document": document}
    answer = (await admin.post("/access/simulate", json=change)).json()
    [felt] = answer["users"]
    assert [one["principal"] for one in felt["concerned_by"]] == [f"group:{group}"]
    assert (felt["folders_gained"], felt["folders_lost"]) == (1, 0)
    assert felt["folders_gained_sample"] == [{"id": inner, "name": "Inner"}]
    assert answer["most_counted"] == 10_000
    assert answer["named"] == {f"dms:folder:{cabinet}/*": "Cabinet"}
    nobody = {"document": saying(allow(["*", f"dms:folder:{inner}", "dms:folder:0"]))}
    answer = (await admin.post("/access/simulate", json=nobody)).json()
    assert (answer["users"], answer["named"]) == ([], {f"dms:folder:{inner}": "Inner"})
    grant = await admin.share(cabinet, member, "reader")
    felt = (await admin.post("/access/simulate", json=change)).json()["users"][0]
    assert (felt["folders_gained"], felt["folders_lost"]) == (0, 0)
    revoked = await admin.post("/access/simulate", json={"revoke_grant_id": grant})
    felt = revoked.json()["users"][0]
    assert felt["folders_lost"] == 2
    assert {one["id"] for one in felt["folders_lost_sample"]} == {cabinet, inner}
    # Names are told to who may see them.
    other = await new_user(client, database, admin.org_id, Role.ADMINISTRATOR)
    felt = (await other.post("/access/simulate", json={"revoke_grant_id": grant})).json()["users"][
        0
    ]
    assert (felt["folders_lost"], felt["folders_lost_sample"]) == (2, [])


async def test_a_policy_of_somebody_who_left_can_still_be_tried(admin: Api, member: Api) -> None:
    user = f"user:{member.user_id}"
    number = await policy(admin, "Everything", saying(allow("*")), user)
    left = await admin.patch(f"/users/{member.user_id}", {"is_active": False})
    assert left.status_code == 200, left.text
    change = {"policy_id": number, "document": saying(allow("dms:folder:1"))}
    answer = await admin.post("/access/simulate", json=change)
    assert (answer.status_code, answer.json()["users"]) == (200, [])
    answer = await admin.post("/access/simulate", json={**change, "principals": [user]})
    assert problem(answer) == (404, "principal_not_found")


async def test_a_simulation_says_when_it_did_not_look_at_everybody(
    admin: Api, member: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = await new_group(database, admin.org_id, admin.user_id, member.user_id)
    change = {"principals": [f"group:{group}"], "document": saying(allow("*"))}
    whole = (await admin.post("/access/simulate", json=change)).json()
    assert (whole["is_partial"], whole["affected_users"], len(whole["users"])) == (False, 2, 2)
    monkeypatch.setattr(simulating, "MOST_USERS", 1)
    partial = (await admin.post("/access/simulate", json=change)).json()
    assert (partial["is_partial"], partial["affected_users"], len(partial["users"])) == (True, 2, 1)


async def test_the_documents_in_a_folder_are_asked_about_as_one(
    admin: Api, member: Api, stranger: Api
) -> None:
    cabinet = await admin.folder("Cabinet")
    inner = await admin.folder("Inner", cabinet)
    single = await admin.document(inner, "single.txt")
    user, inside = f"user:{member.user_id}", f"dms:folder:{inner}/*"
    await admin.grant(f"documents/{single['id']}", user, role="reader")
    asked = {"principal": user, "action": "dms:document:Read", "resource": inside}
    # What is said of one document, or of those of a kind, says nothing of whatever is in there.
    only = {"StringEquals": {"dms:documentType": "contract"}}
    await policy(admin, "Contracts", saying(allow(inside, Condition=only)), user)
    answer = (await admin.get("/access/explain", params=asked)).json()
    assert (answer["reason"], len(answer["unmet"])) == ("nothing_matches", 1)
    await admin.share(cabinet, member, "reader")
    answer = (await admin.get("/access/explain", params=asked)).json()
    assert (answer["allowed"], answer["decided_by"]["stands_on"]) == (True, "Cabinet")
    effective = await member.get(
        "/access/effective", params={"principal": user, "resource": inside}
    )
    allowed = {one["action"]: one["allowed"] for one in effective.json()["actions"]}
    assert (allowed["dms:document:Read"], allowed["dms:document:Purge"]) == (True, False)
    assert "dms:folder:List" not in allowed
    readers = {"action": "dms:document:Read", "resource": inside}
    answer = (await admin.get("/access/who-can", params=readers)).json()
    assert {one["user"]["principal"] for one in answer["items"]} == {user, f"user:{admin.user_id}"}
    assert (await member.get("/access/who-can", params=readers)).status_code == 403
    assert (await stranger.get("/access/who-can", params=readers)).status_code == 404


async def test_whom_a_policy_would_hold_for_no_more_loses_what_it_allows(
    admin: Api, member: Api
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    user, says = f"user:{member.user_id}", saying(allow(f"dms:folder:{cabinet}/*"))
    number = await policy(admin, "Readers", says, user)
    change = {"policy_id": number, "document": says}
    [felt] = (await admin.post("/access/simulate", json=change)).json()["users"]
    assert (felt["gained"], felt["lost"]) == (0, 0)
    detached = {**change, "detached": [user]}
    [felt] = (await admin.post("/access/simulate", json=detached)).json()["users"]
    assert (felt["gained"], felt["lost"]) == (0, 1)
    assert (await member.get(f"/documents/{document['id']}")).status_code == 200


@pytest.mark.parametrize("based_on", [1, None])
async def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(
    admin: Api, based_on: int | None
) -> None:
    number = await policy(admin, "Shared work", saying(allow("*")))
    for resource in ("dms:folder:1", "dms:folder:2"):
        mine = {"document": saying(allow(resource)), "version": based_on}
        answer = await admin.patch(f"/policies/{number}", mine)
    expected = 412 if based_on == 1 else 200
    assert answer.status_code == expected, answer.text
    shown = (await admin.get(f"/policies/{number}")).json()
    assert shown["version"] == (2 if based_on == 1 else 3)
