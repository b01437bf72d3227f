"""Policies, explanations and simulations, through HTTP."""

from typing import Any

from httpx import AsyncClient

from backend.core.actor import Role
from backend.core.db import Database
from tests.backend.access.test_grants import new_group, problem, trail
from tests.support.api import Api, new_user


def saying(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1", "Statement": list(statements)}


def allow(resource: str | list[str], **changes: Any) -> dict[str, Any]:
    actions = ["dms:document:Read", "dms:folder:List"]
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **changes}


async def policy(admin: Api, name: str, document: dict[str, Any], *principals: str) -> int:
    answer = await admin.post("/policies", json={"name": name, "document": document})
    assert answer.status_code == 201, answer.text
    created: int = answer.json()["id"]
    for principal in principals:
        attached = await admin.request(
            "PUT", f"/policies/{created}/attachments/{principal}", json={"reason": "test"}
        )
        assert attached.status_code == 200, attached.text
    return created


async def test_a_policy_holds_from_its_attachment_to_its_end(
    admin: Api, member: Api, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    contract = await admin.document(cabinet, "contract.txt", b"1")
    letter = await admin.document(cabinet, "letter.txt", b"2")
    await admin.patch(f"/documents/{contract['id']}", {"properties": {"type": "contract"}})
    only = {"StringEquals": {"dms:documentType": "contract"}}
    document = saying(allow(f"dms:folder:{cabinet}/*", Sid="contracts", Condition=only))
    group = await new_group(database, admin.org_id, member.user_id)
    number = await policy(admin, "Contracts", document, f"group:{group}")

    async def seen() -> list[str]:
        recent = (await member.get("/documents/recent")).json()["items"]
        found = (await member.get("/search", params={"q": "txt"})).json()
        listed = (await member.get(f"/folders/{cabinet}/children")).json().get("documents", [])
        names = [
            sorted(one["name"] for one in recent),
            sorted(hit["document"]["name"] for hit in found["items"]),
            sorted(one["name"] for one in listed),
        ]
        assert names[0] == names[1] == names[2]
        assert found["total"] == len(names[0])
        return names[0]

    assert await seen() == ["contract.txt"]
    assert (await member.get(f"/documents/{letter['id']}")).status_code == 404
    # What a document is counts at once.
    await admin.patch(f"/documents/{letter['id']}", {"properties": {"type": "contract"}})
    assert await seen() == ["contract.txt", "letter.txt"]
    await admin.patch(f"/documents/{letter['id']}", {"properties": {}})
    changed = saying(allow("*"), {**allow("*", Condition=only), "Effect": "Deny"})
    answer = await admin.patch(f"/policies/{number}", {"document": changed})
    assert answer.json()["version"] == 2
    assert await seen() == ["letter.txt"]
    versions = (await admin.get(f"/policies/{number}/versions")).json()
    assert [one["number"] for one in versions] == [2, 1]
    assert versions[1]["document"] == document
    [event] = await trail(database, admin.org_id, "policy.updated")
    assert event.data["old"] == {"version": 1, "document": document}
    await admin.delete(f"/policies/{number}/attachments/group:{group}")
    assert await seen() == []
    await policy(admin, "Everything", saying(allow("*")), f"user:{member.user_id}")
    assert await seen() == ["contract.txt", "letter.txt"]
    listed = (await admin.get("/policies", params={"limit": 1})).json()
    assert [one["name"] for one in listed["items"]] == ["Contracts"]
    rest = await admin.get("/policies", params={"limit": 1, "cursor": listed["next_cursor"]})
    everything = rest.json()["items"][0]
    assert everything["attached_to"][0]["principal"] == f"user:{member.user_id}"
    assert (await admin.delete(f"/policies/{everything['id']}")).status_code == 204
    assert await seen() == []
    assert problem(await admin.get(f"/policies/{everything['id']}")) == (404, "policy_not_found")


async def test_what_is_no_policy_says_where(admin: Api, member: Api) -> None:
    body = {"name": "Wrong", "document": saying(allow("dms:file:1"))}
    answer = await admin.post("/policies", json=body)
    assert problem(answer) == (422, "policy_invalid")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/Statement/0/Resource"]
    assert (await member.get("/policies")).status_code == 403
    number = await policy(admin, "Right", saying(allow("*")))
    answer = await admin.post("/policies", json={"name": "RIGHT", "document": saying(allow("*"))})
    assert problem(answer) == (409, "policy_name_taken")
    answer = await admin.request("PUT", f"/policies/{number}/attachments/user:{admin.user_id}")
    assert problem(answer) == (422, "reason_missing")


async def test_policies_of_another_organisation_are_not_there(admin: Api, stranger: Api) -> None:
    number = await policy(admin, "Ours", saying(allow("*")))
    assert (await stranger.get("/policies")).json()["items"] == []
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/versions"),
        ("PUT", f"/attachments/user:{stranger.user_id}"),
    ):
        answer = await stranger.request(
            method, f"/policies/{number}{path}", json={} if method in {"PATCH", "PUT"} else None
        )
        assert problem(answer) == (404, "policy_not_found")


async def test_a_cabinet_is_created_by_whom_a_policy_lets(admin: Api, member: Api) -> None:
    assert (await member.post("/folders", json={"name": "Mine"})).status_code == 403
    user = f"user:{member.user_id}"
    statement = {"Effect": "Allow", "Action": "dms:cabinet:Create", "Resource": "*"}
    await policy(admin, "Cabinets", saying(statement), user)
    cabinet = await member.folder("Mine")
    shown = (await member.get(f"/folders/{cabinet}")).json()
    assert "manage" in shown["permissions"]
    assert (await admin.get(f"/folders/{cabinet}")).status_code == 404
    await policy(admin, "None", saying({**statement, "Effect": "Deny"}), f"user:{admin.user_id}")
    assert (await admin.post("/folders", json={"name": "Another"})).status_code == 403


async def test_conditions_on_the_address_of_the_caller(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    user = f"user:{member.user_id}"
    inside = {"IpAddress": {"dms:sourceIp": "127.0.0.0/8"}}
    number = await policy(admin, "Inside", saying(allow("*", Condition=inside)), user)
    assert (await member.get(f"/folders/{cabinet}")).status_code == 200
    elsewhere = {"IpAddress": {"dms:sourceIp": "192.0.2.0/24"}}
    await admin.patch(f"/policies/{number}", {"document": saying(allow("*", Condition=elsewhere))})
    assert (await member.get(f"/folders/{cabinet}")).status_code == 404


async def test_decisions_are_explained(
    admin: Api, member: Api, client: AsyncClient, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    inner = await admin.folder("Inner", cabinet)
    document = await admin.document(inner, "a.txt")
    user, resource = f"user:{member.user_id}", f"dms:document:{document['id']}"
    asked = {"principal": user, "action": "dms:document:Read", "resource": resource}
    answer = (await admin.get("/access/explain", params=asked)).json()
    assert (answer["allowed"], answer["reason"]) == (False, "nothing_matches")
    group = await new_group(database, admin.org_id, member.user_id)
    grant = await admin.grant(f"folders/{cabinet}", f"group:{group}", role="reader")
    answer = (await admin.get("/access/explain", params=asked)).json()
    assert (answer["allowed"], answer["reason"]) == (True, "allowed")
    decided = answer["decided_by"]
    assert (decided["grant_id"], decided["stands_on"]) == (grant, "Cabinet")
    assert decided["principal"]["principal"] == f"group:{group}"
    statement = {"Sid": "no", "Effect": "Deny", "Action": "*", "Resource": f"dms:folder:{inner}/*"}
    number = await policy(admin, "Stop", saying(allow("dms:folder:1"), statement), user)
    answer = (await admin.get("/access/explain", params=asked)).json()
    decided = answer["decided_by"]
    assert (answer["reason"], decided["policy_id"], decided["sid"]) == ("denied", number, "no")
    assert (decided["statement"], decided["policy_name"]) == (1, "Stop")
    assert [one["effect"] for one in answer["matched"]] == ["deny", "allow"]
    # Of oneself one may ask about what one sees; of others, who manages.
    assert (await member.get("/access/explain", params=asked)).status_code == 404
    folder = {**asked, "resource": f"dms:folder:{cabinet}", "action": "dms:folder:List"}
    assert (await member.get("/access/explain", params=folder)).json()["allowed"] is True
    other = {**folder, "principal": f"user:{admin.user_id}"}
    assert (await member.get("/access/explain", params=other)).status_code == 403
    friend = await new_user(client, database, admin.org_id, Role.MEMBER)
    assert (await friend.get("/access/explain", params=folder)).status_code == 404
    for wrong in ({"action": "dms:x"}, {"resource": "dms:folder:*"}, {"principal": "x"}):
        answer = await admin.get("/access/explain", params={**asked, **wrong})
        assert problem(answer) == (422, "invalid_name")


async def test_who_can_and_what_somebody_may(admin: Api, member: Api, stranger: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.share(cabinet, member, "reader")
    asked = {"action": "dms:document:Read", "resource": f"dms:folder:{cabinet}"}
    folder = {**asked, "action": "dms:folder:List"}
    answer = (await admin.get("/access/who-can", params=folder)).json()
    assert answer["total"] == 2
    assert {one["user"]["principal"] for one in answer["items"]} == {
        f"user:{one.user_id}" for one in (admin, member)
    }
    update = {**folder, "action": "dms:folder:Update"}
    answer = (await admin.get("/access/who-can", params=update)).json()
    assert [one["user"]["principal"] for one in answer["items"]] == [f"user:{admin.user_id}"]
    assert (await member.get("/access/who-can", params=folder)).status_code == 403
    assert (await stranger.get("/access/who-can", params=folder)).status_code == 404
    effective = {"principal": f"user:{member.user_id}", "resource": f"dms:folder:{cabinet}"}
    answer = (await admin.get("/access/effective", params=effective)).json()
    allowed = [one["action"] for one in answer["actions"] if one["allowed"]]
    assert allowed == ["dms:folder:List"]
    assert (await member.get("/access/effective", params=effective)).status_code == 200


async def test_a_change_is_tried_before_it_is_made(
    admin: Api, member: Api, client: AsyncClient, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    one = await admin.document(cabinet, "one.txt", b"1")
    two = await admin.document(cabinet, "two.txt", b"2")
    await admin.patch(f"/documents/{one['id']}", {"tags": ["secret"]})
    user = f"user:{member.user_id}"
    grant = await admin.share(cabinet, member, "reader")
    tagged = {"StringEquals": {"dms:tag": "secret"}}
    deny = {**allow(f"dms:folder:{cabinet}/*", Condition=tagged), "Effect": "Deny"}
    group = await new_group(database, admin.org_id, member.user_id)
    change = {"principals": [f"group:{group}"], "document": saying(deny)}
    answer = (await admin.post("/access/simulate", json=change)).json()
    assert answer["affected_users"] == 1
    [felt] = answer["users"]
    assert (felt["gained"], felt["lost"]) == (0, 1)
    assert [sample["id"] for sample in felt["lost_sample"]] == [one["id"]]
    assert (await member.get(f"/documents/{one['id']}")).status_code == 200
    number = await policy(admin, "Secrets", saying(deny), f"group:{group}")
    gone = (await admin.post("/access/simulate", json={"policy_id": number})).json()["users"][0]
    assert (gone["gained"], gone["lost"]) == (1, 0)
    revoked = await admin.post("/access/simulate", json={"revoke_grant_id": grant})
    assert revoked.json()["users"][0]["lost_sample"] == [
        {"id": two["id"], "name": "two.txt", "folder_id": cabinet, "folder_name": "Cabinet"}
    ]
    friend = await new_user(client, database, admin.org_id, Role.ADMINISTRATOR)
    given = {"principal": f"user:{friend.user_id}", "role": "reader"}
    granted = {"grant": given, "resource": f"dms:folder:{cabinet}"}
    answer = await friend.post("/access/simulate", json=granted)
    felt = answer.json()["users"][0]
    # An administrator is told how many, and not which, of what is not theirs to read.
    assert (felt["gained"], felt["gained_sample"]) == (2, [])
    assert (await member.post("/access/simulate", json=change)).status_code == 403
    assert (await member.post("/access/simulate", json=granted)).status_code == 403
    answer = await admin.post("/access/simulate", json={"principals": [user]})
    assert problem(answer) == (422, "invalid")


async def test_a_document_named_by_a_condition_is_found_in_its_folder(
    admin: Api, member: Api
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt")
    small = {"NumericLessThan": {"dms:size": 1_000}}
    statement = allow(f"dms:document:{document['id']}", Condition=small)
    await policy(admin, "Small", saying(statement), f"user:{member.user_id}")
    for filters in ({"folder_id": cabinet}, {"q": "in:Cabinet"}, {"q": f"a in:{cabinet}"}):
        found = (await member.get("/search", params=filters)).json()
        assert [hit["document"]["id"] for hit in found["items"]] == [document["id"]], filters
    found = (await member.get("/search", params={"q": "a -in:Cabinet"})).json()
    assert found["items"] == []
