"""Ways in as administrators set them up."""

from typing import Any

import pytest
from sqlalchemy import select, update

from backend.core.actor import Role
from backend.core.db import Tenant
from backend.core.outbox import OutboxEvent
from backend.intake import service as intake
from backend.intake.models import Source
from backend.intake.permitted import letterbox_name
from backend.intake.service import looking
from tests.backend.intake.conftest import Ways
from tests.support.api import Api, new_user
from tests.support.queries import counted_queries

MAILBOX = {
    "kind": "mailbox",
    "host": "mail.example.org",
    "user": "scans",
    "password": "open sesame",
    "every_seconds": 60,
}
SMTP = {"kind": "smtp", "address": "Scans@in.example.org", "senders": ["*@example.org"]}


async def test_a_source_is_made_shown_changed_and_deleted(ways: Ways) -> None:
    cabinet = await ways.api.folder("Accounting")
    folder = await ways.api.folder("Incoming", cabinet)
    made = await ways.folder_source(folder_id=folder, after="delete")
    assert made["folder"] == {"id": folder, "name": "Incoming", "path": "Accounting/Incoming"}
    assert made["acts_as"]["id"] == ways.api.user_id
    assert (made["kind"], made["state"], made["keeps"]) == ("folder", "new", None)
    assert made["settings"]["after"] == "delete"
    assert (await ways.fetched(made)) == made
    assert (await ways.api.get("/intake/sources")).json()["items"] == [made]
    path = f"/intake/sources/{made['id']}"
    changed = await ways.api.patch(
        path, {"enabled": False, "name": "Other"}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["state"], changed.json()["name"]) == ("paused", "Other")
    stale = await ways.api.patch(path, {"name": "Third"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert (await ways.api.delete(path)).status_code == 204
    assert (await ways.api.get(path)).status_code == 404
    [updated] = await ways.trail("intake.source_updated")
    assert updated["data"]["new"] == {"enabled": False, "name": "Other"}
    for action in ("intake.source_created", "intake.source_deleted"):
        assert len(await ways.trail(action)) == 1


async def test_a_password_is_never_shown_and_never_stored_as_it_is(ways: Ways) -> None:
    made = await ways.source(dict(MAILBOX))
    assert made["settings"]["has_password"] is True
    assert (made["keeps"], "password" in made["settings"]) == ("both", False)
    async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
        row = await session.get_one(Source, made["id"])
        assert b"sesame" not in (row.sealed_password or b"")
        assert "sesame" not in str(row.settings)
    [created] = await ways.trail("intake.source_created")
    assert "sesame" not in str(created)


async def test_whoever_changes_the_server_must_know_the_password(ways: Ways) -> None:
    made = await ways.source(dict(MAILBOX))
    path = f"/intake/sources/{made['id']}"
    same = {key: value for key, value in MAILBOX.items() if key != "password"}
    for moved in (
        {"host": "evil.example.org"},
        {"port": 1993},
        {"user": "other"},
        {"security": "plain"},
    ):
        refused = await ways.api.patch(path, {"settings": {**same, **moved}})
        assert (refused.status_code, refused.json()["code"]) == (422, "settings_refused"), moved
    kept = await ways.api.patch(path, {"settings": {**same, "every_seconds": 30}})
    assert kept.json()["settings"]["has_password"] is True
    moved = await ways.api.patch(path, {"settings": {**MAILBOX, "host": "other.example.org"}})
    assert moved.json()["settings"]["host"] == "other.example.org"


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "folder", "directory": "/etc"},
        {"kind": "folder", "directory": "relative"},
        {"kind": "folder", "directory": "{root}/../etc"},
        {"kind": "smtp", "address": "a@elsewhere.org"},
        {"kind": "smtp", "address": "a@notin.example.org"},
        {"kind": "mailbox", "host": "internal.example.org", "user": "u"},
    ],
    ids=["outside", "relative", "dots", "elsewhere", "suffix", "host"],
)
async def test_the_installation_says_what_a_source_may_have(
    ways: Ways, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways.settings, "intake_mail_hosts", "mail.example.org,*.example.com")
    if "directory" in asked:
        asked = {**asked, "directory": asked["directory"].format(root=ways.directory)}
    body = {"name": "S", "folder_id": await ways.cabinet(), "acts_as": ways.api.user_id}
    answer = await ways.api.post("/intake/sources", json={**body, "settings": asked})
    assert (answer.status_code, answer.json()["code"]) == (422, "settings_refused")


async def test_without_settings_nothing_is_allowed(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"name": "S", "folder_id": await ways.cabinet(), "acts_as": ways.api.user_id}
    monkeypatch.setattr(ways.settings, "intake_dirs", None)
    monkeypatch.setattr(ways.settings, "intake_smtp_domain", None)
    for settings in ({"kind": "folder", "directory": str(ways.directory)}, SMTP):
        answer = await ways.api.post("/intake/sources", json={**body, "settings": settings})
        assert answer.json()["code"] == "settings_refused"


async def test_each_organisation_has_directories_of_its_own(
    ways: Ways, stranger: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways.settings, "intake_dirs", "/srv/intake/{org}")
    own = {"kind": "folder", "directory": f"/srv/intake/{ways.api.org_id}/scans"}
    await ways.source(own)
    folder = await stranger.folder("Cabinet")
    body = {"name": "S", "folder_id": folder, "acts_as": stranger.user_id, "settings": own}
    answer = await stranger.post("/intake/sources", json=body)
    assert answer.json()["code"] == "settings_refused"


async def test_each_organisation_has_addresses_of_its_own(
    ways: Ways, stranger: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways.settings, "intake_smtp_domain", "{org}.in.example.org")
    assert letterbox_name(ways.settings) == "in.example.org"
    own = {"kind": "smtp", "address": f"scans@{ways.api.org_id}.in.example.org"}
    folder = await stranger.folder("Cabinet")
    body = {"name": "S", "folder_id": folder, "acts_as": stranger.user_id}
    for address in (own["address"], "scans@in.example.org", "scans@{org}.in.example.org"):
        settings = {"kind": "smtp", "address": address}
        answer = await stranger.post("/intake/sources", json={**body, "settings": settings})
        assert answer.status_code == 422, address
    made = await ways.source(own)
    checked = (await ways.api.post(f"/intake/sources/{made['id']}/check")).json()
    assert checked == {"ok": True, "detail": f"Letters to {own['address']} are taken."}


async def test_an_address_leads_to_one_place_whoever_asks(ways: Ways, stranger: Api) -> None:
    made = await ways.source(SMTP)
    assert made["state"] == "working"
    folder = await stranger.folder("Cabinet")
    body = {"name": "S", "folder_id": folder, "acts_as": stranger.user_id}
    answer = await stranger.post("/intake/sources", json={**body, "settings": SMTP})
    assert (answer.status_code, answer.json()["code"]) == (409, "address_taken")
    found = await intake.find_address(ways.desk, "SCANS@in.example.org")
    assert found == (ways.api.org_id, made["id"], True)
    await ways.api.patch(f"/intake/sources/{made['id']}", {"enabled": False})
    paused = await intake.find_address(ways.desk, "scans@in.example.org")
    assert paused == (ways.api.org_id, made["id"], False)


async def test_who_is_acted_as_must_work_here(ways: Ways, stranger: Api, app: Any) -> None:
    auditor = await new_user(ways.api.client, ways.database, ways.api.org_id, Role.AUDITOR)
    body = {"name": "S", "folder_id": await ways.cabinet(), "settings": SMTP}
    for user_id in (stranger.user_id, auditor.user_id, 10**12):
        answer = await ways.api.post("/intake/sources", json={**body, "acts_as": user_id})
        assert answer.status_code == 422, user_id


async def test_only_administrators_know_of_it_and_only_of_their_own(
    ways: Ways, member: Api, stranger: Api
) -> None:
    made = await ways.folder_source()
    path = f"/intake/sources/{made['id']}"
    assert (await member.get("/intake/sources")).status_code == 403
    assert (await member.post(f"{path}/check")).status_code == 403
    assert (await stranger.get("/intake/sources")).json() == {"items": []}
    for answer in (
        await stranger.get(path),
        await stranger.patch(path, {"enabled": False}),
        await stranger.delete(path),
        await stranger.post(f"{path}/run"),
        await stranger.post(f"{path}/check"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "source_not_found")


async def test_a_folder_that_an_administrator_may_not_see_is_not_told(ways: Ways) -> None:
    made = await ways.folder_source()
    other = await new_user(ways.api.client, ways.database, ways.api.org_id, Role.ADMINISTRATOR)
    shown = (await other.get(f"/intake/sources/{made['id']}")).json()
    assert shown["folder"] is None
    hidden = {"folder_id": made["folder"]["id"], "name": "S", "acts_as": other.user_id}
    answer = await other.post("/intake/sources", json={**hidden, "settings": SMTP})
    assert answer.status_code == 404


async def test_the_journal_tells_nothing_of_documents_that_the_asker_may_not_read(
    ways: Ways,
) -> None:
    source = await ways.folder_source()
    await ways.api.put("/storage/limits", {"refused": [".exe"]})
    await ways.rules({"name": "Payroll", "when": {"name": "*"}, "then": {"tags": ["payroll"]}})
    for name in ("salaries.txt", "setup.exe"):
        (ways.directory / name).write_text(name)
    await ways.look(source)
    [filed] = await ways.items(state="filed")
    assert (filed["name"], filed["rules"]) == ("salaries.txt", ["Payroll"])
    other = await new_user(ways.api.client, ways.database, ways.api.org_id, Role.ADMINISTRATOR)
    shown = {one["state"]: one for one in (await other.get("/intake/items")).json()["items"]}
    hidden = ("name", "sender", "subject", "size", "reason", "document")
    assert {shown["filed"][name] for name in hidden} == {None}
    assert (shown["filed"]["rules"], shown["filed"]["at"]) == ([], filed["at"])
    assert (shown["refused"]["name"], shown["refused"]["size"]) == ("setup.exe", 9)
    of_it = {"document_id": filed["document"]["id"]}
    assert (await other.get("/intake/items", params=of_it)).json()["items"] == []
    await ways.api.share(source["folder"]["id"], other, "reader")
    listed = (await other.get("/intake/items", params={"state": "filed"})).json()["items"]
    assert listed == [filed]
    assert (await other.get("/intake/items", params=of_it)).json()["items"] == [filed]


async def test_a_run_is_asked_for(ways: Ways) -> None:
    made = await ways.folder_source()
    path = f"/intake/sources/{made['id']}"
    assert (await ways.api.post(f"{path}/run")).status_code == 202
    async with ways.database.transaction() as session:
        told = await session.scalars(
            select(OutboxEvent.data).where(
                OutboxEvent.org_id == ways.api.org_id, OutboxEvent.name == intake.RUN_WANTED
            )
        )
        assert list(told) == [{"source_id": made["id"]}]
    await ways.api.patch(path, {"enabled": False})
    answer = await ways.api.post(f"{path}/run")
    assert (answer.status_code, answer.json()["code"]) == (409, "source_paused")


async def test_a_check_says_what_is_wrong(ways: Ways, member: Api) -> None:
    made = await ways.folder_source()
    path = f"/intake/sources/{made['id']}"
    (ways.directory / "one.txt").write_text("one")
    assert (await ways.api.post(f"{path}/check")).json() == {
        "ok": True,
        "detail": f"1 file is in {ways.directory}.",
    }
    await ways.api.patch(path, {"acts_as": member.user_id})
    told = (await ways.api.post(f"{path}/check")).json()
    assert told["ok"] is False
    assert "nothing could be filed" in told["detail"]
    (ways.directory / "one.txt").unlink()
    ways.directory.rmdir()
    assert (await ways.api.post(f"{path}/check")).json() == {
        "ok": False,
        "detail": f"The directory {ways.directory} is not there.",
    }


async def test_one_at_a_time_looks_at_a_source_and_the_due_are_called(ways: Ways) -> None:
    made = await ways.folder_source()
    tenant = Tenant(ways.api.org_id)
    async with ways.database.transaction(tenant) as session:
        assert ways.api.org_id in await intake.due_organisations(session)
        assert await intake.call_due(session, org_id=ways.api.org_id) == 1
    async with ways.database.transaction(tenant) as session:
        assert await intake.call_due(session, org_id=ways.api.org_id) == 0
        assert await intake.begin(session, made["id"]) is not None
    async with ways.database.transaction(tenant) as session:
        assert await intake.begin(session, made["id"]) is None
    await ways.forget_lease(made)
    shown = await ways.look(made)
    assert (shown["state"], shown["last_error"]) == ("working", None)
    async with ways.database.transaction(tenant) as session:
        assert await intake.begin(session, made["id"]) is not None


async def begin(ways: Ways, source: dict[str, Any], org_id: int | None = None) -> bool:
    async with ways.database.transaction(Tenant(org_id or ways.api.org_id)) as session:
        return await intake.begin(session, source["id"]) is not None


async def test_an_organisation_has_no_more_than_two_looked_at_at_once(ways: Ways) -> None:
    first, second, third = [await ways.folder_source() for _ in range(3)]
    assert [await begin(ways, one) for one in (first, second, third)] == [True, True, False]
    async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
        assert await intake.call_due(session, org_id=ways.api.org_id) == 0
    await ways.forget_lease(first)
    async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
        await session.execute(update(Source).where(Source.id == first["id"]).values(due_at=None))
        assert await intake.call_due(session, org_id=ways.api.org_id) == 1
    assert await begin(ways, third)


async def test_all_organisations_together_have_no_more_than_three_looked_at_at_once(
    ways: Ways, stranger: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await ways.folder_source()
    async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
        theirs = await session.get_one(Source, made["id"])
        columns = Source.__table__.columns.keys()
        values = {one: getattr(theirs, one) for one in columns if one != "id"}
    folder = await stranger.folder("Elsewhere")
    async with ways.database.transaction(Tenant(stranger.org_id)) as session:
        elsewhere = Source(
            **values
            | {
                "org_id": stranger.org_id,
                "folder_id": folder,
                "acts_as": stranger.user_id,
                "created_by": stranger.user_id,
            }
        )
        session.add(elsewhere)
        await session.flush()
        begun = {"id": elsewhere.id}
    assert await begin(ways, begun, stranger.org_id)
    monkeypatch.setattr(looking, "MOST_LOOKS", 1)
    assert not await begin(ways, made)
    monkeypatch.setattr(looking, "MOST_LOOKS", 1_000)
    assert await begin(ways, made)


async def test_whoever_stalled_leaves_the_lease_to_its_successor(ways: Ways) -> None:
    made = await ways.folder_source()
    tenant = Tenant(ways.api.org_id)
    begun = []
    for _ in range(2):
        async with ways.database.transaction(tenant) as session:
            source = await intake.begin(session, made["id"])
        assert source is not None
        begun.append(source)
        await ways.forget_lease(made)
    stalled, successor = begun
    async with ways.database.transaction(tenant) as session:
        await intake.renew(session, stalled)
    async with ways.database.transaction(tenant) as session:
        assert (await session.get_one(Source, made["id"])).lease_until is None
        await intake.renew(session, successor)
    async with ways.database.transaction(tenant) as session:
        await looking.finish(session, stalled, looking.Looked(error="late"))
        assert await intake.begin(session, made["id"]) is None
    async with ways.database.transaction(tenant) as session:
        await looking.finish(session, successor, looking.Looked())
    shown = await ways.fetched(made)
    assert (shown["state"], shown["last_error"]) == ("working", None)


async def test_a_look_that_is_asked_for_during_another_follows_it(ways: Ways) -> None:
    made = await ways.source(dict(MAILBOX))
    tenant = Tenant(ways.api.org_id)
    for asks in (False, True):
        async with ways.database.transaction(tenant) as session:
            source = await intake.begin(session, made["id"])
        assert source is not None
        if asks:
            assert (await ways.api.post(f"/intake/sources/{made['id']}/run")).status_code == 202
        async with ways.database.transaction(tenant) as session:
            await looking.finish(session, source, looking.Looked())
        async with ways.database.transaction(tenant) as session:
            assert await intake.call_due(session, org_id=ways.api.org_id) == asks


async def test_lists_ask_a_fixed_number_of_questions(ways: Ways) -> None:
    async def asked(path: str) -> int:
        with counted_queries() as statements:
            assert (await ways.api.get(path)).status_code == 200
        return len(statements)

    for name in ("a", "b"):
        (ways.directory / f"{name}.txt").write_text(name)
    first = await ways.folder_source()
    await ways.look(first)
    before = [await asked(path) for path in ("/intake/sources", "/intake/items")]
    for _ in range(3):
        await ways.folder_source()
    after = [await asked(path) for path in ("/intake/sources", "/intake/items")]
    assert after == before
