"""The trail over HTTP: for administrators, of their organisation alone; a document's history for its readers."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.audit.statements import Signer, Statement
from backend.core.clock import now
from backend.core.db import Database, Tenant
from tests.support.api import Api
from tests.support.queries import counted_queries


async def found(api: Api, **filters: Any) -> list[dict[str, Any]]:
    answer = await api.get("/audit/events", params={"limit": 200, **filters})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def seal(database: Database) -> None:
    while await audit.seal(database):
        pass


@pytest.mark.parametrize(
    "path",
    ["/audit/events", "/audit/export", "/audit/actions", "/audit/chain", "/audit/checkpoints"],
)
async def test_members_may_not(admin: Api, member: Api, path: str) -> None:
    assert (await admin.get(path)).status_code == 200
    answer = await member.get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_only_the_own_organisation_is_told_of(admin: Api, stranger: Api) -> None:
    await admin.folder("Ours")
    theirs = await found(stranger)
    assert {event["actor"]["id"] for event in theirs if event["actor"]} == {stranger.user_id}
    assert not [event for event in theirs if event["action"] == "folder.created"]


async def test_filters_narrow(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Top")
    inner = await admin.folder("Inner", cabinet)
    beside = await admin.folder("Beside")
    document = await admin.document(inner, "Invoice_100%.txt")
    await admin.document(beside, "Invoice_1000.txt")
    name = f"document:{document['id']}"
    assert [one["object"] for one in await found(admin, object=name)] == [name]
    in_top = await found(admin, folder=cabinet)
    assert [one["object"] for one in in_top] == [name, f"folder:{inner}", f"folder:{cabinet}"]
    by_member = await found(admin, actor=member.user_id, action="user.signed_in")
    assert [one["object"] for one in by_member] == [f"user:{member.user_id}"]
    several = await found(admin, action=["folder.created", "document.created"])
    assert len(several) == 5
    # What LIKE would take for a pattern is text here.
    assert [one["object"] for one in await found(admin, text="invoice_100%")] == [name]
    assert {one["actor"] for one in await found(admin, by_service=True)} == {None}
    later = (now() + timedelta(minutes=1)).isoformat()
    assert await found(admin, since=later) == []
    assert len(await found(admin, until=later)) == len(await found(admin))
    request_id = in_top[0]["request_id"]
    assert [one["object"] for one in await found(admin, request=request_id)] == [name]
    session_id = in_top[0]["session_id"]
    assert len(await found(admin, session=session_id)) >= 6


async def test_pages_follow_one_another_without_gap_or_repetition(admin: Api) -> None:
    for number in range(7):
        await admin.folder(f"F{number}")
    whole = await found(admin)
    pages: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await admin.get("/audit/events", params=params)).json()
        pages += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [one["id"] for one in pages] == [one["id"] for one in whole]
    bad = await admin.get("/audit/events", params={"cursor": "nonsense"})
    assert bad.json()["code"] == "invalid_cursor"


async def test_a_page_takes_the_same_number_of_queries_whatever_its_length(admin: Api) -> None:
    with counted_queries() as one:
        await found(admin, limit=1)
    for number in range(5):
        await admin.folder(f"F{number}")
    with counted_queries() as many:
        await found(admin)
    assert len(many) == len(one)


async def test_events_get_their_place_in_the_chain(admin: Api, database: Database) -> None:
    await admin.folder("F")
    assert (await found(admin))[0]["sequence"] is None
    await seal(database)
    assert [one["sequence"] for one in await found(admin)] == [4, 3, 2, 1][
        -len(await found(admin)) :
    ]
    state = (await admin.get("/audit/chain")).json()
    assert (state["unsealed"], state["begins_after"], state["retention_days"]) == (0, 0, 0)


async def test_a_checkpoint_over_http_is_one_that_verifies(
    admin: Api, database: Database, signer: Signer
) -> None:
    assert (await admin.post("/audit/checkpoints")).json() is None
    await seal(database)
    made = (await admin.post("/audit/checkpoints")).json()
    assert (await admin.post("/audit/checkpoints")).json() == made
    assert (await admin.get("/audit/checkpoints")).json()["items"] == [made]
    assert (await admin.get("/audit/chain")).json()["last_checkpoint"] == made
    assert made["public_key"] == signer.encoded_public_key
    assert Statement.parse(made["signed"]).org_id == admin.org_id


async def test_the_export_as_json_lines(admin: Api, database: Database) -> None:
    await admin.folder("Fär ▲")
    await seal(database)
    answer = await admin.get("/audit/export", params={"format": "jsonl"})
    assert answer.headers["content-type"] == "application/jsonl"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    # The export is in the trail, and so in itself.
    assert [line["action"] for line in lines][-2:] == ["folder.created", "audit.exported"]
    assert lines[-2]["data"]["name"] == "Fär ▲"
    assert lines[-2]["sequence"] == len(lines) - 1
    assert lines[-2]["actor_name"].startswith("User ")


async def test_no_cell_of_the_csv_is_a_formula(admin: Api, database: Database) -> None:
    async with database.transaction(Tenant(admin.org_id)) as session:
        for evil in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'a"b,c\nd'):
            deed = Deed(evil, evil, {"name": evil})
            await audit.record(session, [deed], org_id=admin.org_id, actor_id=admin.user_id)
    answer = await admin.get("/audit/export", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    written = [row["action"] for row in rows]
    assert "'=1+1" in written
    assert 'a"b,c\nd' in written
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_an_export_has_all_there_is_page_after_page(admin: Api, database: Database) -> None:
    deeds = [Deed("test.done", f"test:{number}") for number in range(2_500)]
    async with database.transaction(Tenant(admin.org_id)) as session:
        await audit.record(session, deeds, org_id=admin.org_id, actor_id=None)
    answer = await admin.get("/audit/export", params={"format": "jsonl", "action": "test.done"})
    objects = [json.loads(line)["object"] for line in answer.text.splitlines()]
    assert objects == [deed.object for deed in deeds]


async def test_the_actions_there_are(admin: Api) -> None:
    await admin.folder("F")
    actions = (await admin.get("/audit/actions")).json()
    assert actions == sorted({one["action"] for one in await found(admin)})


async def test_readers_see_what_became_of_a_document_and_nothing_else(
    admin: Api, member: Api
) -> None:
    shared = await admin.folder("Shared")
    hidden = await admin.folder("Hidden")
    document = await admin.document(hidden, "a.txt")
    path = f"/documents/{document['id']}"
    assert (await member.get(f"{path}/history")).status_code == 404
    await admin.share(shared, member, "reader")
    await admin.patch(path, {"folder_id": shared})
    await admin.get(f"{path}/content")
    entries = (await member.get(f"{path}/history")).json()["items"]
    assert [entry["action"] for entry in entries] == ["document.moved", "document.created"]
    moved = entries[0]
    assert moved["actor"]["id"] == admin.user_id
    assert moved["data"] == {
        "old": {"folder_id": None, "folder": None},
        "new": {"folder_id": shared, "folder": "Shared"},
    }
    assert set(moved) == {"id", "at", "actor", "action", "data"}
