"""API keys, over HTTP: what they open, and what they never do."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import select, update

from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity.api_keys.keys import digest, new_key, organisation_of
from backend.identity.api_keys.models import ApiKey
from tests.backend.identity.accounts import (
    Account,
    MakeAccount,
    SignedIn,
    sign_in,
)
from tests.backend.identity.trail import recorded
from tests.support.api import Api
from tests.support.queries import counted_queries

READ_ONLY = ["dms:*:List", "dms:*:Read"]
MakeKey = Callable[..., Awaitable[str]]


@pytest.fixture
async def user(client: AsyncClient, account: Account) -> SignedIn:
    return await sign_in(client, account)


async def make(user: SignedIn, **wanted: Any) -> dict[str, Any]:
    answer = await user.request("POST", "/me/api-keys", json={"name": "Export", **wanted})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    created: dict[str, Any] = answer.json()
    return created


async def call(client: AsyncClient, key: str, method: str, path: str, **arguments: Any) -> Response:
    return await client.request(method, f"/api/v1{path}", headers={"X-API-Key": key}, **arguments)


@pytest.mark.parametrize("org_id", [1, 62, 2**63 - 1])
def test_a_key_has_a_form_that_scanners_know_and_names_its_organisation(org_id: int) -> None:
    key = new_key(org_id)
    assert re.fullmatch(r"dmsk_[0-9A-Za-z]{60}", key)
    assert organisation_of(key) == org_id
    assert new_key(org_id) != key


@pytest.mark.parametrize("place", range(5, 65))
def test_a_key_with_one_character_wrong_is_no_key(place: int) -> None:
    key = new_key(7)
    wrong = key[:place] + ("0" if key[place] != "0" else "1") + key[place + 1 :]
    assert organisation_of(wrong) is None


@pytest.mark.parametrize("text", ["", "dmsk_", "dmsk_" + "0" * 60, "DMSK_" + "0" * 60, "é" * 65])
def test_other_text_is_no_key(text: str) -> None:
    assert organisation_of(text) is None


async def test_a_key_acts_for_its_user(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    created = await make(user)
    me = await call(client, created["key"], "GET", "/me")
    assert me.status_code == 200
    assert me.json()["user"]["id"] == user.account.id
    async with database.transaction(Tenant(user.account.org_id)) as session:
        kept = await session.scalar(select(ApiKey).where(ApiKey.id == created["id"]))
    assert kept is not None
    assert kept.key_hash == digest(created["key"])
    assert created["key"].endswith(kept.hint)
    [event] = await recorded(database, user.account.org_id, "api_key.created")
    assert event.object == f"api_key:{created['id']}"
    assert event.actor_id == user.account.id
    assert created["key"] not in str(event.data)


async def test_a_key_is_shown_once(user: SignedIn) -> None:
    created = await make(user, scopes=READ_ONLY)
    [listed] = (await user.request("GET", "/me/api-keys")).json()
    assert listed == {name: value for name, value in created.items() if name != "key"}


async def test_a_revoked_key_opens_nothing_at_once(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    created = await make(user)
    path = f"/me/api-keys/{created['id']}"
    assert (await user.request("DELETE", path)).status_code == 204
    refused = await call(client, created["key"], "GET", "/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")
    assert (await user.request("DELETE", path)).status_code == 404
    assert len(await recorded(database, user.account.org_id, "api_key.revoked")) == 1


async def test_a_key_expires(client: AsyncClient, user: SignedIn, database: Database) -> None:
    created = await make(user, expires_at=(now() + timedelta(hours=1)).isoformat())
    assert (await call(client, created["key"], "GET", "/me")).status_code == 200
    async with database.transaction(Tenant(user.account.org_id)) as session:
        await session.execute(
            update(ApiKey).where(ApiKey.id == created["id"]).values(expires_at=now())
        )
    assert (await call(client, created["key"], "GET", "/me")).status_code == 401
    past = {"name": "x", "expires_at": (now() - timedelta(seconds=1)).isoformat()}
    assert (await user.request("POST", "/me/api-keys", json=past)).status_code == 422


async def test_unknown_keys_and_other_text_are_refused_alike(
    client: AsyncClient, account: Account
) -> None:
    for key in (new_key(account.org_id), new_key(2**60), "dmsk_x", secrets.token_urlsafe(2_000)):
        refused = await call(client, key, "GET", "/me")
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")


async def test_the_key_of_a_deactivated_user_opens_nothing(
    client: AsyncClient, user: SignedIn, administrator: SignedIn
) -> None:
    key = (await make(user))["key"]
    await administrator.request("PATCH", f"/users/{user.account.id}", json={"is_active": False})
    assert (await call(client, key, "GET", "/me")).status_code == 401


async def test_the_last_use_is_noted_once_a_minute(
    client: AsyncClient, user: SignedIn, database: Database, app: FastAPI
) -> None:
    created = await make(user)
    writes = []
    for _ in range(3):
        with counted_queries() as statements:
            await call(client, created["key"], "GET", "/me")
        writes.append(sum(statement.startswith("UPDATE") for statement in statements))
    assert writes == [1, 0, 0]
    async with database.transaction(Tenant(user.account.org_id)) as session:
        await session.execute(
            update(ApiKey)
            .where(ApiKey.id == created["id"])
            .values(last_used_at=now() - timedelta(minutes=1))
        )
    await call(client, created["key"], "GET", "/me")
    [listed] = (await user.request("GET", "/me/api-keys")).json()
    assert listed["last_used_at"] > created["created_at"]


async def test_requests_with_one_key_do_not_wait_for_each_other(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    created = await make(user)
    async with database.transaction(Tenant(user.account.org_id)) as session:
        # As a long request does that noted the use.
        await session.execute(
            update(ApiKey).where(ApiKey.id == created["id"]).values(name="Being used")
        )
        async with asyncio.timeout(10):
            assert (await call(client, created["key"], "GET", "/me")).status_code == 200


async def test_a_key_cannot_touch_the_account(client: AsyncClient, user: SignedIn) -> None:
    key = (await make(user))["key"]
    attempts = [
        ("GET", "/me/api-keys", None),
        ("POST", "/me/api-keys", {"name": "Another"}),
        ("DELETE", "/me/api-keys/1", None),
        ("GET", "/me/second-factor", None),
        ("POST", "/me/authenticator", None),
        ("POST", "/me/authenticator/confirm", {"code": "123456"}),
        ("POST", "/me/authenticator/remove", {"code": "123456"}),
        ("POST", "/me/recovery-codes", {"code": "123456"}),
        ("GET", "/me/passkeys", None),
        ("POST", "/me/passkeys/begin", None),
        ("DELETE", "/me/passkeys/1", None),
        ("POST", "/me/password", {"current_password": "x", "new_password": "long enough"}),
        ("GET", "/me/sessions", None),
        ("DELETE", "/me/sessions", None),
        ("DELETE", "/me/sessions/1", None),
        ("POST", "/me/invitation", {"token": "1.x"}),
        ("POST", "/auth/switch", {"organisation_id": 1}),
    ]
    for method, path, body in attempts:
        answer = await call(client, key, method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_required"), path


async def test_only_ones_own_keys_are_ones_to_see(
    client: AsyncClient, user: SignedIn, make_account: MakeAccount
) -> None:
    created = await make(user)
    other = await sign_in(client, await make_account())
    assert (await other.request("GET", "/me/api-keys")).json() == []
    assert (await other.request("DELETE", f"/me/api-keys/{created['id']}")).status_code == 404
    assert (await other.request("GET", "/api-keys")).status_code == 403
    assert (await other.request("DELETE", f"/api-keys/{created['id']}")).status_code == 403


async def test_administrators_see_and_revoke_every_key(
    client: AsyncClient, user: SignedIn, administrator: SignedIn, stranger: Api
) -> None:
    keys = [await make(user, name=f"Key {number}") for number in range(3)]
    first = (await administrator.request("GET", "/api-keys", params={"limit": 2})).json()
    rest = (
        await administrator.request(
            "GET", "/api-keys", params={"limit": 2, "cursor": first["next_cursor"]}
        )
    ).json()
    seen = first["items"] + rest["items"]
    assert [key["name"] for key in seen] == ["Key 2", "Key 1", "Key 0"]
    assert rest["next_cursor"] is None
    assert {key["user"]["id"] for key in seen} == {user.account.id}
    assert "key" not in seen[0]
    path = f"/api-keys/{keys[0]['id']}"
    assert (await stranger.delete(path)).status_code == 404
    assert (await stranger.get("/api-keys")).json()["items"] == []
    assert (await administrator.request("DELETE", path)).status_code == 204
    assert (await call(client, keys[0]["key"], "GET", "/me")).status_code == 401


async def test_keys_are_found_by_name_by_user_and_by_state(
    user: SignedIn, administrator: SignedIn, database: Database
) -> None:
    long_ago, soon = now() - timedelta(days=200), now() + timedelta(days=1)
    made = {
        "used": await make(user, name="100% used", expires_at=soon.isoformat()),
        "idle": await make(user, name="Idle"),
        "expired": await make(administrator, name="Expired", expires_at=soon.isoformat()),
    }
    async with database.transaction(Tenant(user.account.org_id)) as session:
        for name, values in (
            ("used", {"created_at": long_ago, "last_used_at": now()}),
            ("idle", {"created_at": long_ago}),
            ("expired", {"expires_at": long_ago}),
        ):
            statement = update(ApiKey).where(ApiKey.id == made[name]["id"])
            await session.execute(statement.values(values))

    async def found(**query: str) -> list[str]:
        answer = await administrator.request("GET", "/api-keys", params=query)
        return [key["name"] for key in answer.json()["items"]]

    for state in ("used", "idle", "expired"):
        assert await found(state=state) == [made[state]["name"]]
    assert await found(q="100%") == ["100% used"]
    assert await found(q=user.account.email.swapcase()) == ["Idle", "100% used"]
    assert await found(q="lovelace") == ["Expired"]
    assert await found(q="%") == ["100% used"]
    assert (await administrator.request("GET", "/api-keys?state=lost")).status_code == 422


@pytest.fixture
async def member_key(admin: Api, member: Api) -> MakeKey:
    """A function that makes a key of a member with whom a cabinet is shared."""

    async def make_key(**wanted: Any) -> str:
        answer = await member.post("/me/api-keys", json={"name": "x", **wanted})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    return make_key


async def test_scopes_narrow_what_the_user_may_do(
    client: AsyncClient, admin: Api, member: Api, member_key: MakeKey
) -> None:
    cabinet = await admin.folder("Shared")
    await admin.share(cabinet, member)
    document = await admin.document(cabinet, "letter.txt", b"words")
    reading, everything = await member_key(scopes=READ_ONLY), await member_key()
    for key in (reading, everything):
        assert (await call(client, key, "GET", f"/folders/{cabinet}")).status_code == 200
        content = await call(client, key, "GET", f"/documents/{document['id']}/content")
        assert content.content == b"words"
    new = {"name": "Below", "parent_id": cabinet, "kind": "drawer"}
    refused = await call(client, reading, "POST", "/folders", json=new)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    upload = f"/folders/{cabinet}/documents?name=new.txt"
    assert (await call(client, reading, "POST", upload, content=b"x")).status_code == 403
    assert (await call(client, everything, "POST", upload, content=b"x")).status_code == 201
    trashed = await call(client, reading, "DELETE", f"/documents/{document['id']}")
    assert trashed.status_code == 403
    shown = await call(client, reading, "GET", f"/folders/{cabinet}")
    assert shown.json()["permissions"] == ["read"]


async def test_a_key_that_may_not_list_sees_nothing(
    client: AsyncClient, admin: Api, member: Api, member_key: MakeKey
) -> None:
    cabinet = await admin.folder("Shared")
    await admin.share(cabinet, member)
    document = await admin.document(cabinet, "letter.txt", b"words")
    key = await member_key(scopes=["dms:folder:Create"])
    assert (await call(client, key, "GET", "/folders")).json()["items"] == []
    found = await call(client, key, "GET", "/search", params={"q": "letter"})
    assert found.json()["items"] == []
    assert (await call(client, key, "GET", f"/documents/{document['id']}")).status_code == 404
    assert (await call(client, key, "POST", "/ws/ticket")).status_code == 403


async def test_a_limited_key_administers_nothing(client: AsyncClient, admin: Api) -> None:
    async def key(scopes: list[str] | None) -> str:
        answer = await admin.post("/me/api-keys", json={"name": "x", "scopes": scopes})
        return str(answer.json()["key"])

    statuses = [
        (await call(client, await key(scopes), "GET", "/users")).status_code
        for scopes in (None, READ_ONLY, ["dms:organisation:Administer"], ["dms:*:*"])
    ]
    assert statuses == [200, 403, 200, 200]


async def test_a_limited_key_of_an_administrator_is_not_let_in_by_the_role(
    client: AsyncClient, admin: Api, member: Api
) -> None:
    """Administrators manage access to what they were not given; their keys, where they administer."""
    cabinet = await member_cabinet(admin, member)

    async def key(*scopes: str) -> str:
        answer = await admin.post("/me/api-keys", json={"name": "x", "scopes": list(scopes)})
        return str(answer.json()["key"])

    path = f"/folders/{cabinet}/grants"
    limited = await call(client, await key("dms:folder:*", "dms:access:*"), "GET", path)
    assert limited.status_code == 404
    administers = await call(client, await key("dms:organisation:Administer"), "GET", path)
    assert administers.status_code == 200


async def member_cabinet(admin: Api, member: Api) -> int:
    """Return a cabinet of which the administrator was given nothing."""
    cabinet = await admin.folder("Somebody else's")
    await admin.share(cabinet, member, "manager")
    grants = (await admin.get(f"/folders/{cabinet}/grants")).json()
    [own] = [one for one in grants if one["principal"]["principal"] == f"user:{admin.user_id}"]
    await admin.delete(f"/folders/{cabinet}/grants/{own['id']}")
    return cabinet


async def test_a_key_gives_nobody_what_it_does_not_extend_to(
    client: AsyncClient, admin: Api, member: Api, member_key: MakeKey
) -> None:
    cabinet = await admin.folder("Shared")
    await admin.share(cabinet, member, "manager")
    key = await member_key(scopes=["dms:folder:List", "dms:access:Manage"])
    path = f"/folders/{cabinet}/grants"

    async def give(action: str) -> Response:
        grant = {"principal": f"user:{admin.user_id}", "effect": "allow", "actions": [action]}
        return await call(client, key, "POST", path, json=grant)

    refused = await give("dms:document:Purge")
    assert (refused.status_code, refused.json()["code"]) == (403, "grant_exceeds")
    assert refused.json()["actions"] == ["dms:document:Purge"]


async def test_a_limited_key_reads_the_trail_only_where_it_says_so(
    client: AsyncClient, admin: Api
) -> None:
    async def status(scopes: list[str] | None) -> int:
        answer = await admin.post("/me/api-keys", json={"name": "x", "scopes": scopes})
        return (await call(client, answer.json()["key"], "GET", "/audit/events")).status_code

    wanted = (None, READ_ONLY, ["dms:organisation:Administer"], ["dms:organisation:Audit"])
    assert [await status(scopes) for scopes in wanted] == [200, 403, 403, 200]


@pytest.mark.parametrize(
    "scopes", [[], ["read"], ["dms:[a]:Read"], ["dms:folder:*x"], ["dms:folder:Read "], ["*"]]
)
async def test_what_is_no_scope_is_refused(user: SignedIn, scopes: list[str]) -> None:
    answer = await user.request("POST", "/me/api-keys", json={"name": "x", "scopes": scopes})
    assert answer.status_code == 422


async def test_content_by_a_ticket_ends_with_the_key(
    client: AsyncClient, admin: Api, member: Api
) -> None:
    cabinet = await admin.folder("Shared")
    await admin.share(cabinet, member)
    document = await admin.document(cabinet, "letter.txt", b"words")
    made = (await member.post("/me/api-keys", json={"name": "x", "scopes": READ_ONLY})).json()
    ticket = await call(
        client, made["key"], "POST", f"/documents/{document['id']}/content-ticket", json={}
    )
    assert ticket.status_code in {200, 201}, ticket.text
    url = ticket.json()["url"]
    assert (await client.get(url)).content == b"words"
    await member.delete(f"/me/api-keys/{made['id']}")
    assert (await client.get(url)).status_code == 401


async def test_a_bearer_token_costs_two_statements_as_before(
    user: SignedIn, app: FastAPI, client: AsyncClient
) -> None:
    key = (await make(user))["key"]
    await call(client, key, "GET", "/me")
    with counted_queries() as by_token:
        await user.request("GET", "/me")
    with counted_queries() as by_key:
        await call(client, key, "GET", "/me")
    assert len(by_token) == 4
    assert len(by_key) == 5


async def test_a_user_has_only_so_many_keys(
    user: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.identity.api_keys.service.MOST", 2)
    for _ in range(2):
        await make(user)
    refused = await user.request("POST", "/me/api-keys", json={"name": "One more"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_api_keys")


async def test_an_administrators_key_goes_with_the_role(
    client: AsyncClient, make_account: MakeAccount, administrator: SignedIn
) -> None:
    other = await sign_in(client, await make_account(role=Role.ADMINISTRATOR))
    key = (await make(other))["key"]
    assert (await call(client, key, "GET", "/users")).status_code == 200
    await administrator.request("PATCH", f"/users/{other.account.id}", json={"role": "member"})
    assert (await call(client, key, "GET", "/users")).status_code == 403
