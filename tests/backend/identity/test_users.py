"""The users of an organisation, over HTTP."""

import asyncio
import secrets

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select

from backend.core.actor import Role
from backend.core.db import Database, Tenant
from backend.identity.models import Membership, Organisation
from backend.identity.service import create_first_administrator
from tests.backend.identity.accounts import (
    Account,
    MakeAccount,
    SignedIn,
    sign_in,
    unique_email,
)
from tests.support.queries import counted_queries


def new_user(**changes: object) -> dict[str, object]:
    return {
        "email": unique_email(),
        "name": "Alan Turing",
        "password": "long enough",
        "role": "member",
        **changes,
    }


@pytest.fixture
async def other_organisation(database: Database) -> int:
    async with database.transaction() as session:
        created = Organisation(name="Another")
        session.add(created)
        await session.flush()
        return created.id


async def test_a_created_user_signs_in(administrator: SignedIn) -> None:
    body = new_user()
    created = await administrator.request("POST", "/users", json=body)
    assert created.status_code == 201
    assert created.json().keys() == {"id", "email", "name", "role", "is_active", "created_at"}
    assert (
        created.json() | {"role": "member", "is_active": True, "email": body["email"]}
        == created.json()
    )
    account = Account(
        created.json()["id"], administrator.account.org_id, str(body["email"]), "long enough"
    )
    user = await sign_in(administrator.client, account)
    assert (await user.request("GET", "/me")).json()["user"]["name"] == "Alan Turing"


async def test_an_address_belongs_to_one_user_whatever_its_case(administrator: SignedIn) -> None:
    body = new_user()
    assert (await administrator.request("POST", "/users", json=body)).status_code == 201
    again = await administrator.request(
        "POST", "/users", json=body | {"email": str(body["email"]).swapcase()}
    )
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nobody"},
        {"email": "a@b@c"},
        {"email": "a b@example.org"},
        {"name": " "},
        {"password": "short"},
        {"role": "owner"},
        {"is_active": True},
    ],
)
async def test_invalid_users_are_refused(administrator: SignedIn, wrong: dict[str, object]) -> None:
    answer = await administrator.request("POST", "/users", json=new_user(**wrong))
    assert answer.status_code == 422


async def test_intranet_addresses_are_addresses(administrator: SignedIn) -> None:
    email = f"{secrets.token_hex(6)}@files.local"
    answer = await administrator.request("POST", "/users", json=new_user(email=email))
    assert answer.status_code == 201


async def test_members_administer_nobody(client: AsyncClient, account: Account) -> None:
    member = await sign_in(client, account)
    answers = [
        await member.request("GET", "/users"),
        await member.request("POST", "/users", json=new_user()),
        await member.request("PATCH", f"/users/{account.id}", json={"role": "administrator"}),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_users_are_listed_by_name_page_by_page(
    administrator: SignedIn, make_account: MakeAccount, app: FastAPI
) -> None:
    for name in ("Émilie", "bea", "Bea", "İpek", "Ἄδα", "zoe"):
        await make_account(name=name)
    seen: list[dict[str, object]] = []
    query: dict[str, object] = {"limit": 2}
    while True:
        with counted_queries() as statements:
            page = (await administrator.request("GET", "/users", params=query)).json()
        assert len(statements) == 3, statements
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    whole = (await administrator.request("GET", "/users")).json()
    assert whole["next_cursor"] is None
    assert seen == whole["items"]
    assert len(seen) == 7
    assert {user["name"] for user in seen} == {
        "Ada Lovelace",
        "Émilie",
        "bea",
        "Bea",
        "İpek",
        "Ἄδα",
        "zoe",
    }


async def test_a_cursor_of_another_list_is_refused(administrator: SignedIn) -> None:
    answer = await administrator.request("GET", "/users", params={"cursor": "bm9uc2Vuc2U"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_role_and_name_change_at_once(administrator: SignedIn, account: Account) -> None:
    user = await sign_in(administrator.client, account)
    assert (await user.request("GET", "/users")).status_code == 403
    changed = await administrator.request(
        "PATCH", f"/users/{account.id}", json={"role": "administrator", "name": "Rear Admiral"}
    )
    assert changed.status_code == 200
    assert (changed.json()["role"], changed.json()["name"]) == ("administrator", "Rear Admiral")
    assert (await user.request("GET", "/users")).status_code == 200
    assert (await user.request("GET", "/me")).json()["user"]["name"] == "Rear Admiral"


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another one"}])
async def test_deactivation_and_a_new_password_end_the_sessions(
    administrator: SignedIn, account: Account, change: dict[str, object]
) -> None:
    user = await sign_in(administrator.client, account)
    answer = await administrator.request("PATCH", f"/users/{account.id}", json=change)
    assert answer.status_code == 200
    assert (await user.request("GET", "/me")).status_code == 401
    assert (await administrator.client.post("/api/v1/auth/refresh")).status_code == 401


async def test_a_reactivated_user_signs_in_again_but_old_sessions_stay_ended(
    administrator: SignedIn, account: Account
) -> None:
    user = await sign_in(administrator.client, account)
    for active in (False, True):
        await administrator.request("PATCH", f"/users/{account.id}", json={"is_active": active})
    assert (await user.request("GET", "/me")).status_code == 401
    assert (
        await (await sign_in(administrator.client, account)).request("GET", "/me")
    ).status_code == 200


@pytest.mark.parametrize("change", [{"role": "member"}, {"is_active": False}])
async def test_the_last_administrator_stays(
    administrator: SignedIn, change: dict[str, object]
) -> None:
    answer = await administrator.request("PATCH", f"/users/{administrator.account.id}", json=change)
    assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")


async def test_two_administrators_cannot_depose_each_other_at_once(
    administrator: SignedIn, make_account: MakeAccount, database: Database
) -> None:
    other = await sign_in(administrator.client, await make_account(role=Role.ADMINISTRATOR))
    await asyncio.gather(
        administrator.request("PATCH", f"/users/{other.account.id}", json={"role": "member"}),
        other.request("PATCH", f"/users/{administrator.account.id}", json={"role": "member"}),
    )
    org_id = administrator.account.org_id
    async with database.transaction(Tenant(org_id)) as session:
        left = await session.scalars(
            select(Membership).where(
                Membership.org_id == org_id, Membership.role == Role.ADMINISTRATOR
            )
        )
        assert len(left.all()) == 1


async def test_users_of_another_organisation_do_not_exist(
    administrator: SignedIn, make_account: MakeAccount, other_organisation: int
) -> None:
    stranger = await make_account(org_id=other_organisation)
    answer = await administrator.request(
        "PATCH", f"/users/{stranger.id}", json={"is_active": False}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    listed = (await administrator.request("GET", "/users")).json()["items"]
    assert stranger.id not in {user["id"] for user in listed}


async def test_one_organisation_cannot_take_over_a_user_of_two(
    administrator: SignedIn, account: Account, database: Database, other_organisation: int
) -> None:
    async with database.transaction(Tenant(other_organisation)) as session:
        session.add(Membership(org_id=other_organisation, user_id=account.id, role=Role.MEMBER))
    for change in ({"password": "long enough"}, {"name": "Mallory"}):
        answer = await administrator.request("PATCH", f"/users/{account.id}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "shared_user")
    answer = await administrator.request("PATCH", f"/users/{account.id}", json={"is_active": False})
    assert answer.status_code == 200
    # Where the first organisation sends the user away, the other still lets the user in.
    user = await sign_in(administrator.client, account)
    assert (await user.request("GET", "/me")).json()["organisation"]["id"] == other_organisation


async def test_there_is_one_first_administrator(database: Database, organisation: int) -> None:
    async with database.transaction() as session:
        found = await create_first_administrator(
            session,
            organisation="Never made",
            email=unique_email(),
            name="Nobody",
            password="long enough",
        )
        assert found.user_id is None
        names = await session.scalars(select(Organisation.name))
        assert "Never made" not in names.all()
