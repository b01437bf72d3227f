"""The tree of cabinets, drawers and folders, through HTTP."""

import asyncio

from tests.support.api import Api


async def test_a_tree_is_made_and_listed(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    drawer = await admin.folder("Contracts", cabinet, "drawer")
    folder = await admin.folder("2026", drawer)
    shown = (await admin.get(f"/folders/{folder}")).json()
    assert shown["kind"] == "folder"
    assert [step["name"] for step in shown["ancestors"]] == ["Legal", "Contracts"]
    assert shown["permissions"] == ["read", "create", "write", "move", "delete", "manage"]
    listed = (await admin.get("/folders")).json()
    assert [(item["name"], item["child_folder_count"]) for item in listed["items"]] == [
        ("Legal", 1)
    ]


async def test_kinds_stand_only_where_they_may(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    folder = await admin.folder("Loose", cabinet)
    for body in (
        {"name": "x", "parent_id": None, "kind": "drawer"},
        {"name": "x", "parent_id": cabinet, "kind": "cabinet"},
        {"name": "x", "parent_id": folder, "kind": "drawer"},
    ):
        answer = await admin.post("/folders", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "folder_kind")


async def test_a_name_is_taken_in_whatever_case(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    await admin.folder("Ärger", cabinet)
    answer = await admin.post("/folders", json={"name": "äRGER", "parent_id": cabinet})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    other = await admin.folder("Other", cabinet)
    answer = await admin.patch(f"/folders/{other}", {"name": "ärger"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


async def test_of_two_at_once_one_gets_the_name(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    answers = await asyncio.gather(
        *(admin.post("/folders", json={"name": "Same", "parent_id": cabinet}) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_names_that_cannot_be_used(admin: Api) -> None:
    for name in ("", "  ", "..", "a/b", "a\\b", "a\0b", "x" * 300, "annexe\u202egpj.exe"):
        answer = await admin.post("/folders", json={"name": name})
        assert answer.status_code == 422, name
    assert (await admin.get("/folders")).json()["items"] == []


async def test_a_folder_moves_with_all_below_it(admin: Api) -> None:
    one, two = await admin.folder("One"), await admin.folder("Two")
    branch = await admin.folder("Branch", one)
    leaf = await admin.folder("Leaf", branch)
    answer = await admin.patch(f"/folders/{branch}", {"parent_id": two})
    assert answer.status_code == 200
    trail = (await admin.get(f"/folders/{leaf}")).json()["ancestors"]
    assert [step["name"] for step in trail] == ["Two", "Branch"]


async def test_a_folder_cannot_be_moved_below_itself(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    outer = await admin.folder("Outer", cabinet)
    inner = await admin.folder("Inner", outer)
    for target in (outer, inner):
        answer = await admin.patch(f"/folders/{outer}", {"parent_id": target})
        assert (answer.status_code, answer.json()["code"]) == (409, "folder_cycle")


async def test_two_moves_at_once_close_no_cycle(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    a, b = await admin.folder("A", cabinet), await admin.folder("B", cabinet)
    answers = await asyncio.gather(
        admin.patch(f"/folders/{a}", {"parent_id": b}),
        admin.patch(f"/folders/{b}", {"parent_id": a}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_stale_change_is_refused(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    etag = (await admin.get(f"/folders/{cabinet}")).headers["etag"]
    first = await admin.patch(f"/folders/{cabinet}", {"name": "First"}, headers={"If-Match": etag})
    second = await admin.patch(
        f"/folders/{cabinet}", {"name": "Second"}, headers={"If-Match": etag}
    )
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["etag"] == first.headers["etag"]


async def test_a_member_sees_what_is_shared_and_nothing_else(
    admin: Api, member: Api, stranger: Api
) -> None:
    shared, hidden = await admin.folder("Shared"), await admin.folder("Hidden")
    inside, secret = await admin.folder("Inside", shared), await admin.folder("Secret", hidden)
    await admin.share(shared, member, "reader")
    assert [item["id"] for item in (await member.get("/folders")).json()["items"]] == [shared]
    assert (await member.get(f"/folders/{inside}")).json()["permissions"] == ["read"]
    for outsider, folder in (
        (member, hidden),
        (member, secret),
        (stranger, shared),
        (stranger, inside),
    ):
        for method in ("GET", "PATCH", "DELETE"):
            answer = await outsider.request(
                method,
                f"/folders/{folder}",
                **({"json": {"name": "Mine"}} if method == "PATCH" else {}),
            )
            assert answer.status_code == 404
    assert (await member.patch(f"/folders/{inside}", {"name": "Mine"})).status_code == 403
    assert (
        await member.post("/folders", json={"name": "Mine", "parent_id": shared})
    ).status_code == 403
    assert (await member.post("/folders", json={"name": "Mine"})).status_code == 403


async def test_the_trash_hides_a_branch_and_gives_it_back(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    branch = await admin.folder("Branch", cabinet)
    leaf = await admin.folder("Leaf", branch)
    document = await admin.document(leaf, "a.txt")
    assert (await admin.delete(f"/folders/{branch}")).status_code == 204
    assert (await admin.get(f"/folders/{leaf}")).status_code == 404
    assert (await admin.get(f"/documents/{document['id']}")).status_code == 404
    trash = (await admin.get("/trash")).json()["items"]
    assert [
        (item["type"], item["id"], [step["name"] for step in item["location"]]) for item in trash
    ] == [("folder", branch, ["Cabinet"])]
    assert (await admin.post(f"/folders/{branch}/restore")).status_code == 200
    assert (await admin.get(f"/documents/{document['id']}")).status_code == 200


async def test_restoring_below_the_trash_says_what_to_restore_first(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    inner = await admin.folder("Inner", cabinet)
    await admin.delete(f"/folders/{inner}")
    await admin.delete(f"/folders/{cabinet}")
    answer = await admin.post(f"/folders/{inner}/restore")
    assert (answer.status_code, answer.json()["code"]) == (409, "parent_trashed")


async def test_purging_a_folder_takes_all_below_it(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    branch = await admin.folder("Branch", cabinet)
    leaf = await admin.folder("Leaf", branch)
    await admin.document(leaf, "a.txt")
    assert (await admin.delete(f"/trash/folders/{branch}")).status_code == 404
    await admin.delete(f"/folders/{branch}")
    assert (await admin.delete(f"/trash/folders/{branch}")).status_code == 204
    assert (await admin.get("/trash")).json()["items"] == []
    assert (await admin.post(f"/folders/{branch}/restore")).status_code == 404


async def test_pages_have_no_gaps_and_no_repeats(admin: Api) -> None:
    names = [f"Cabinet {number:02}" for number in range(7)]
    for name in names:
        await admin.folder(name)
    seen: list[str] = []
    cursor = None
    while True:
        page = (
            await admin.get(
                "/folders", params={"limit": 3, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == names
    answer = await admin.get("/folders", params={"cursor": "made-up"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
