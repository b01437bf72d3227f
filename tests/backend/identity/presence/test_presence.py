"""Where people are signed in: lists of sessions, ending them with their sockets, and switching organisations."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from redis.asyncio import Redis
from sqlalchemy import update

from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.identity.models import Membership, Organisation, RefreshToken
from backend.notifications.service import Hub, Subscription
from backend.relay import Relay
from tests.backend.identity.accounts import (
    Account,
    ClientAt,
    MakeAccount,
    SignedIn,
    sign_in,
    unique_address,
)


@pytest.fixture
async def elsewhere(database: Database) -> int:
    """Another organisation."""
    async with database.transaction() as session:
        created = Organisation(name="Another")
        session.add(created)
        await session.flush()
        return created.id


@pytest.fixture
async def relay(settings: Settings, database: Database) -> AsyncIterator[Relay]:
    redis = Redis.from_url(str(settings.redis_url))
    made = Relay(settings, database, redis)
    while await made.relay_batch():
        pass
    yield made
    await redis.aclose()


async def join(database: Database, account: Account, org_id: int, role: Role = Role.MEMBER) -> None:
    async with database.transaction(Tenant(org_id)) as session:
        session.add(Membership(org_id=org_id, user_id=account.id, role=role))


async def sessions(signed_in: SignedIn, path: str = "/me/sessions") -> list[dict[str, Any]]:
    answer = await signed_in.request("GET", path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def status(signed_in: SignedIn) -> int:
    return (await signed_in.request("GET", "/me")).status_code


async def test_everyone_sees_where_they_are_signed_in(
    client_at: ClientAt, account: Account, database: Database
) -> None:
    address = unique_address()
    async with client_at(address) as office, client_at() as home:
        office.headers["User-Agent"] = "Firefox\x07 on Linux" + "x" * 1000
        first, second = await sign_in(office, account), await sign_in(home, account)
        found = await sessions(second)
        assert [one["current"] for one in found] == [True, False]
        assert found[1]["address"] == address
        assert found[1]["user_agent"].startswith("Firefox on Linux")
        assert len(found[1]["user_agent"]) < 401
        assert found[1]["organisation"]["id"] == account.org_id
        began = found[1]["started_at"]
        async with database.transaction(Tenant(account.org_id)) as session:
            await session.execute(
                update(RefreshToken)
                .where(RefreshToken.session_id == found[1]["id"])
                .values(started_at=now() - timedelta(days=3), created_at=now() - timedelta(days=1))
            )
        assert (await office.post("/api/v1/auth/refresh")).status_code == 200
        [carried_on, _] = await sessions(first)
        assert carried_on["current"]
        assert carried_on["started_at"] < began < carried_on["last_used_at"]
        # Of a session from before its start was kept, the oldest token tells.
        async with database.transaction(Tenant(account.org_id)) as session:
            await session.execute(
                update(RefreshToken)
                .where(RefreshToken.session_id == carried_on["id"])
                .values(started_at=None)
            )
        [without, _] = await sessions(first)
        assert carried_on["started_at"] < without["started_at"] < began


async def test_one_session_is_ended_or_all_others(client_at: ClientAt, account: Account) -> None:
    async with client_at() as one, client_at() as two, client_at() as three:
        signed_in = [await sign_in(client, account) for client in (one, two, three)]
        mine = signed_in[0]
        ids = {one["id"]: one["current"] for one in await sessions(mine)}
        other = next(session_id for session_id, current in ids.items() if not current)
        assert (await mine.request("DELETE", f"/me/sessions/{other}")).status_code == 204
        again = await mine.request("DELETE", f"/me/sessions/{other}")
        assert (again.status_code, again.json()["code"]) == (404, "session_not_found")
        assert sorted([await status(one) for one in signed_in]) == [200, 200, 401]
        assert (await mine.request("DELETE", "/me/sessions")).json() == {"ended": 1}
        assert [await status(one) for one in signed_in] == [200, 401, 401]
        assert len(await sessions(mine)) == 1


async def test_sessions_of_others_do_not_exist(
    client_at: ClientAt, make_account: MakeAccount
) -> None:
    async with client_at() as one, client_at() as two:
        mine, theirs = (
            await sign_in(one, await make_account()),
            await sign_in(two, await make_account()),
        )
        [foreign] = await sessions(theirs)
        assert (await mine.request("DELETE", f"/me/sessions/{foreign['id']}")).status_code == 404
        path = f"/users/{theirs.account.id}/sessions"
        assert (await mine.request("GET", path)).status_code == 403
        assert (await mine.request("DELETE", path)).status_code == 403
        assert await status(theirs) == 200


async def test_administrators_see_and_end_sessions_of_their_organisation_alone(
    administrator: SignedIn,
    client_at: ClientAt,
    account: Account,
    elsewhere: int,
    database: Database,
    make_account: MakeAccount,
) -> None:
    await join(database, account, elsewhere)
    async with client_at() as here, client_at() as there:
        first = await sign_in(here, account)
        second = await sign_in(there, account)
        switched = await second.request("POST", "/auth/switch", json={"organisation_id": elsewhere})
        assert switched.status_code == 200, switched.text
        foreign = SignedIn(
            account, there, {"Authorization": f"Bearer {switched.json()['access_token']}"}
        )
        path = f"/users/{account.id}/sessions"
        [seen] = await sessions(administrator, path)
        assert (seen["organisation"]["id"], seen["current"]) == (account.org_id, False)
        assert len(await sessions(first)) == 2
        ended = await administrator.request("DELETE", f"{path}/{seen['id']}")
        assert ended.status_code == 204
        assert (await administrator.request("DELETE", f"{path}/{seen['id']}")).status_code == 404
        assert (await status(first), await status(foreign)) == (401, 200)
        assert (await administrator.request("DELETE", path)).json() == {"ended": 0}
        assert await status(foreign) == 200
    stranger = await make_account(org_id=elsewhere)
    answer = await administrator.request("GET", f"/users/{stranger.id}/sessions")
    assert answer.status_code == 404


async def ended(subscription: Subscription) -> bool:
    async with asyncio.timeout(10):
        while await subscription.get() is not None:
            pass
    return subscription.session_ended


async def test_ending_a_session_closes_its_sockets_and_no_others(
    app: FastAPI, client_at: ClientAt, account: Account, relay: Relay
) -> None:
    hub: Hub = app.state.hub
    async with client_at() as one, client_at() as two:
        mine, _ = await sign_in(one, account), await sign_in(two, account)
        ids = {one["current"]: one["id"] for one in await sessions(mine)}
        with (
            hub.subscribed(account.org_id, account.id, ids[True]) as kept,
            hub.subscribed(account.org_id, account.id, ids[False]) as closed,
        ):
            await mine.request("DELETE", f"/me/sessions/{ids[False]}")
            assert await relay.relay_batch() == 1
            assert await ended(closed)
            assert kept._queue.empty()


async def test_deactivation_closes_every_socket_of_the_user(
    app: FastAPI, administrator: SignedIn, client_at: ClientAt, account: Account, relay: Relay
) -> None:
    hub: Hub = app.state.hub
    async with client_at() as one, client_at() as two:
        signed_in = [await sign_in(client, account) for client in (one, two)]
        [first, second] = [one["id"] for one in await sessions(signed_in[0])]
        with (
            hub.subscribed(account.org_id, account.id, first) as one_tab,
            hub.subscribed(account.org_id, account.id, second) as another,
        ):
            answer = await administrator.request(
                "PATCH", f"/users/{account.id}", json={"is_active": False}
            )
            assert answer.status_code == 200
            assert [await status(one) for one in signed_in] == [401, 401]
            await relay.relay_batch()
            assert await ended(one_tab)
            assert await ended(another)


async def test_one_goes_on_in_another_organisation_without_the_password(
    client: AsyncClient, account: Account, elsewhere: int, database: Database
) -> None:
    await join(database, account, elsewhere, Role.ADMINISTRATOR)
    mine = await sign_in(client, account)
    choices = (await mine.request("GET", "/me/organisations")).json()
    assert {(one["organisation"]["id"], one["role"], one["current"]) for one in choices} == {
        (account.org_id, "member", True),
        (elsewhere, "administrator", False),
    }
    switched = await mine.request("POST", "/auth/switch", json={"organisation_id": elsewhere})
    assert switched.status_code == 200
    assert await status(mine) == 401
    there = SignedIn(
        account, client, {"Authorization": f"Bearer {switched.json()['access_token']}"}
    )
    me = (await there.request("GET", "/me")).json()
    assert (me["organisation"]["id"], me["role"]) == (elsewhere, "administrator")
    assert (await client.post("/api/v1/auth/refresh")).status_code == 200
    [only] = await sessions(there)
    assert only["organisation"]["id"] == elsewhere
    # Whoever signs in again goes on where they were last.
    again = await sign_in(client, account)
    assert (await again.request("GET", "/me")).json()["organisation"]["id"] == elsewhere


async def test_nobody_switches_to_where_they_do_not_belong(
    client: AsyncClient, account: Account, elsewhere: int, database: Database
) -> None:
    mine = await sign_in(client, account)

    async def switch() -> tuple[int, str]:
        answer = await mine.request("POST", "/auth/switch", json={"organisation_id": elsewhere})
        return answer.status_code, answer.json()["code"]

    assert await switch() == (404, "organisation_not_found")
    await join(database, account, elsewhere)
    async with database.transaction(Tenant(elsewhere)) as session:
        await session.execute(
            update(Membership).where(Membership.user_id == account.id).values(is_active=False)
        )
    assert await switch() == (404, "organisation_not_found")
    assert await status(mine) == 200


async def test_an_auditor_reads_nothing_but_what_is_the_auditors_own(
    administrator: SignedIn, client: AsyncClient, make_account: MakeAccount
) -> None:
    auditor = await sign_in(client, await make_account(role=Role.AUDITOR))
    refused = [
        ("GET", "/folders"),
        ("POST", "/folders"),
        ("GET", "/documents/recent"),
        ("GET", "/search?q=a"),
        ("GET", "/trash"),
        ("GET", "/users"),
        ("GET", "/groups"),
        ("POST", "/ws/ticket"),
        ("POST", "/folders/1/documents?name=a"),
    ]
    for method, path in refused:
        body = {"name": "a"} if (method, path) == ("POST", "/folders") else None
        answer = await auditor.request(method, path, json=body)
        assert answer.status_code == 403, (method, path, answer.text)
    assert (await auditor.request("GET", "/me")).json()["role"] == "auditor"
    assert len(await sessions(auditor)) == 1
    changed = await auditor.request(
        "POST",
        "/me/password",
        json={"current_password": auditor.account.password, "new_password": "another long one"},
    )
    assert changed.status_code == 204


async def test_the_last_administrator_does_not_become_an_auditor(administrator: SignedIn) -> None:
    path = f"/users/{administrator.account.id}"
    answer = await administrator.request("PATCH", path, json={"role": "auditor"})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
