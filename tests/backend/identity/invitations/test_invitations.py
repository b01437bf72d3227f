"""From an invitation to somebody who works with the documents."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select, text, update

from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.outbox import OutboxEvent
from backend.identity.models import Invitation
from tests.backend.identity.accounts import (
    Account,
    ClientAt,
    MakeAccount,
    SignedIn,
    sign_in,
    unique_email,
)
from tests.backend.identity.mailing import Mailing

OPEN, ACCEPT, JOIN = (f"/api/v1/auth/invitation/{one}" for one in ("open", "accept", "join"))
WHO = {"name": "Grace Hopper", "password": "long enough"}


async def invite(administrator: SignedIn, email: str, **given: Any) -> dict[str, Any]:
    answer = await administrator.request("POST", "/invitations", json={"email": email, **given})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def token_of(link: str) -> str:
    path, _, token = link.partition("#")
    assert path.endswith("/accept-invitation")
    return token


async def accept(client: AsyncClient, token: str) -> Response:
    return await client.post(ACCEPT, json={"token": token, **WHO})


async def states(administrator: SignedIn) -> list[str]:
    listed = (await administrator.request("GET", "/invitations")).json()["items"]
    return [one["state"] for one in listed]


async def expire(database: Database, org_id: int, invitation_id: int) -> None:
    async with database.transaction(Tenant(org_id)) as session:
        await session.execute(
            update(Invitation)
            .where(Invitation.id == invitation_id)
            .values(expires_at=now() - timedelta(seconds=1))
        )


async def test_the_invited_choose_a_password_and_are_in(
    administrator: SignedIn, client_at: ClientAt, mailing: Mailing, database: Database
) -> None:
    made = await administrator.request("POST", "/groups", json={"name": "Harbour"})
    group_id, email = made.json()["id"], unique_email()
    invitation = await invite(
        administrator, email, role="administrator", group_ids=[group_id], language="de"
    )
    assert (invitation["link"], invitation["state"], invitation["sent_at"]) == (None, "open", None)
    [letter] = await mailing.letters()
    assert letter.to == [email]
    assert str(letter.message["Subject"]).startswith("Einladung zu Organisation ")
    assert "Ada Lovelace lädt Sie ein" in letter.text
    [link] = [line for line in letter.text.splitlines() if line.startswith("https://dms.test/")]
    token = token_of(link)
    async with client_at() as browser:
        opened = (await browser.post(OPEN, json={"token": token})).json()
        assert (opened["email"], opened["invited_by"]) == (email, "Ada Lovelace")
        assert opened["has_account"] is False
        answer = await accept(browser, token)
        assert answer.status_code == 200, answer.text
        account = Account(0, administrator.account.org_id, email, WHO["password"])
        grace = SignedIn(
            account, browser, {"Authorization": f"Bearer {answer.json()['access_token']}"}
        )
        me = (await grace.request("GET", "/me")).json()
        assert (me["user"]["name"], me["role"]) == ("Grace Hopper", "administrator")
        assert (await browser.post("/api/v1/auth/refresh")).status_code == 200
        members = (await grace.request("GET", f"/groups/{group_id}/users")).json()["items"]
        assert [one["email"] for one in members] == [email]
        # Once.
        assert (await accept(browser, token)).json()["code"] == "invitation_not_found"
        assert (await browser.post(OPEN, json={"token": token})).status_code == 404
        await sign_in(browser, account)
    [listed] = (await administrator.request("GET", "/invitations")).json()["items"]
    assert (listed["state"], listed["groups"][0]["name"]) == ("accepted", "Harbour")
    assert listed["sent_at"] is not None


async def test_no_queue_and_no_table_holds_what_opens_the_link(
    administrator: SignedIn, mailing: Mailing, database: Database
) -> None:
    invitation = await invite(administrator, unique_email())
    [letter] = await mailing.letters()
    token = token_of(next(line for line in letter.text.splitlines() if "#" in line))
    secret = token.partition(".")[2]
    org_id = administrator.account.org_id
    async with database.transaction(Tenant(org_id)) as session:
        events = (
            await session.scalars(select(OutboxEvent.data).where(OutboxEvent.org_id == org_id))
        ).all()
        row = (
            await session.execute(
                text("SELECT i::text FROM invitations i WHERE id = :id"), {"id": invitation["id"]}
            )
        ).scalar_one()
    assert {"invitation_id": invitation["id"]} in events
    assert secret not in str(events)
    assert secret not in row


async def test_without_a_mail_server_the_link_is_shown_once(
    administrator: SignedIn, client_at: ClientAt
) -> None:
    invitation = await invite(administrator, unique_email())
    [listed] = (await administrator.request("GET", "/invitations")).json()["items"]
    assert listed == {**invitation, "link": None}
    async with client_at() as browser:
        assert (await accept(browser, token_of(invitation["link"]))).status_code == 200


async def test_two_who_accept_at_once_are_one(administrator: SignedIn, client_at: ClientAt) -> None:
    token = token_of((await invite(administrator, unique_email()))["link"])
    async with client_at() as one, client_at() as two:
        answers = await asyncio.gather(accept(one, token), accept(two, token))
    assert sorted(answer.status_code for answer in answers) == [200, 404]


async def test_sent_again_the_old_link_is_dead(
    administrator: SignedIn, client: AsyncClient
) -> None:
    first = await invite(administrator, unique_email())
    again = await administrator.request("POST", f"/invitations/{first['id']}/resend")
    assert again.status_code == 200
    old, new = token_of(first["link"]), token_of(again.json()["link"])
    assert (await client.post(OPEN, json={"token": old})).status_code == 404
    assert (await client.post(OPEN, json={"token": new})).status_code == 200


async def test_withdrawn_and_expired_links_are_dead(
    administrator: SignedIn, client: AsyncClient, database: Database
) -> None:
    email = unique_email()
    withdrawn = await invite(administrator, unique_email())
    path = f"/invitations/{withdrawn['id']}"
    assert (await administrator.request("DELETE", path)).status_code == 204
    assert (await administrator.request("DELETE", path)).status_code == 404
    assert (await administrator.request("POST", f"{path}/resend")).status_code == 404
    expired = await invite(administrator, email)
    await expire(database, administrator.account.org_id, expired["id"])
    assert await states(administrator) == ["expired", "revoked"]
    for dead in (withdrawn, expired):
        assert (await accept(client, token_of(dead["link"]))).status_code == 404
    again = await administrator.request("POST", f"/invitations/{expired['id']}/resend")
    assert (await accept(client, token_of(again.json()["link"]))).status_code == 200


async def test_an_address_is_invited_once_until_it_expires(
    administrator: SignedIn, database: Database
) -> None:
    email = unique_email()
    first = await invite(administrator, email)
    again = await administrator.request("POST", "/invitations", json={"email": email.swapcase()})
    assert (again.status_code, again.json()["code"]) == (409, "already_invited")
    await expire(database, administrator.account.org_id, first["id"])
    await invite(administrator, email)
    assert await states(administrator) == ["open", "revoked"]


async def test_who_belongs_is_not_invited(administrator: SignedIn, account: Account) -> None:
    answer = await administrator.request(
        "POST", "/invitations", json={"email": account.email.swapcase()}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "already_member")


async def test_a_user_of_another_organisation_joins_after_signing_in(
    administrator: SignedIn, client_at: ClientAt, make_account: MakeAccount, stranger: Any
) -> None:
    foreign = await make_account(org_id=stranger.org_id, role=Role.ADMINISTRATOR)
    invitation = await invite(administrator, foreign.email.swapcase())
    nobody = await invite(administrator, unique_email())
    assert invitation.keys() == nobody.keys()
    token = token_of(invitation["link"])
    async with client_at() as browser:
        assert (await browser.post(OPEN, json={"token": token})).json()["has_account"] is True
        refused = await accept(browser, token)
        assert (refused.status_code, refused.json()["code"]) == (409, "account_exists")
        grace = await sign_in(browser, foreign)
        joined = await grace.request("POST", "/me/invitation", json={"token": token})
        assert joined.json()["id"] == administrator.account.org_id
        me = (await grace.request("GET", "/me")).json()
        assert me["organisation"]["id"] == stranger.org_id
        switched = await grace.request(
            "POST", "/auth/switch", json={"organisation_id": administrator.account.org_id}
        )
        assert switched.status_code == 200
        headers = {"Authorization": f"Bearer {switched.json()['access_token']}"}
        there = (await browser.get("/api/v1/me", headers=headers)).json()
        assert (there["role"], there["user"]["email"]) == ("member", foreign.email)
    assert (await states(administrator))[1] == "accepted"


@pytest.fixture
async def dismissed(stranger: Any, make_account: MakeAccount, client_at: ClientAt) -> Account:
    """Somebody who was deactivated in the one organisation there was."""
    found = await make_account(org_id=stranger.org_id)
    answer = await stranger.patch(f"/users/{found.id}", {"is_active": False})
    assert answer.status_code == 200
    return found


async def join(client: AsyncClient, token: str, password: str) -> Response:
    return await client.post(JOIN, json={"token": token, "password": password})


async def test_who_is_active_nowhere_joins_with_the_password_of_the_account(
    administrator: SignedIn, client_at: ClientAt, dismissed: Account, database: Database
) -> None:
    token = token_of((await invite(administrator, dismissed.email))["link"])
    async with client_at() as browser:
        assert (await browser.post(OPEN, json={"token": token})).json()["has_account"] is True
        body = {"email": dismissed.email, "password": dismissed.password}
        assert (await browser.post("/api/v1/auth/login", json=body)).status_code == 401
        wrong = await join(browser, token, "wrong")
        assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
        joined = await join(browser, token, dismissed.password)
        assert joined.status_code == 200, joined.text
        headers = {"Authorization": f"Bearer {joined.json()['access_token']}"}
        me = (await browser.get("/api/v1/me", headers=headers)).json()
        assert me["organisation"]["id"] == administrator.account.org_id
        mine = (await browser.get("/api/v1/me/organisations", headers=headers)).json()
        assert len(mine) == 1
        # From now on by signing in; and the link was good once.
        await sign_in(browser, dismissed)
        assert (await join(browser, token, dismissed.password)).status_code == 404
    assert await states(administrator) == ["accepted"]


async def test_of_two_who_join_at_once_one_does(
    administrator: SignedIn, client_at: ClientAt, dismissed: Account
) -> None:
    token = token_of((await invite(administrator, dismissed.email))["link"])
    async with client_at() as one, client_at() as two:
        answers = await asyncio.gather(
            *(join(browser, token, dismissed.password) for browser in (one, two))
        )
    assert sorted(answer.status_code for answer in answers) == [200, 404]


async def test_joining_asks_for_what_signing_in_there_asks_for(
    administrator: SignedIn, client_at: ClientAt, dismissed: Account
) -> None:
    policy = {"second_factor": "everybody"}
    await administrator.request("PUT", "/sign-in-policy", json=policy)
    token = token_of((await invite(administrator, dismissed.email))["link"])
    async with client_at() as browser:
        asked = await join(browser, token, dismissed.password)
        assert (asked.status_code, asked.json()["code"]) == (401, "enrolment_required")
        assert not browser.cookies
    assert await states(administrator) == ["accepted"]


async def test_a_link_is_no_way_to_guess_passwords(
    administrator: SignedIn, client_at: ClientAt, dismissed: Account
) -> None:
    token = token_of((await invite(administrator, dismissed.email))["link"])
    async with client_at() as browser:
        answers = [await join(browser, token, "a guess") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    nobody = token_of((await invite(administrator, unique_email()))["link"])
    async with client_at() as browser:
        refused = await join(browser, nobody, "whatever it is")
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")


async def test_a_forgotten_password_is_no_dead_end_either(
    administrator: SignedIn, client_at: ClientAt, dismissed: Account, mailing: Mailing
) -> None:
    await invite(administrator, dismissed.email)
    [invitation] = await mailing.letters()
    async with client_at() as browser:
        await browser.post("/api/v1/auth/password-reset", json={"email": dismissed.email})
        [letter] = await mailing.letters()
        secret = next(one for one in letter.text.splitlines() if "#" in one).partition("#")[2]
        body = {"token": secret, "password": WHO["password"]}
        done = await browser.post("/api/v1/auth/password-reset/redeem", json=body)
        assert done.status_code == 204
        token = token_of(next(one for one in invitation.text.splitlines() if "#" in one))
        assert (await join(browser, token, WHO["password"])).status_code == 200


async def test_an_invitation_is_for_the_address_it_was_sent_to(
    administrator: SignedIn, client_at: ClientAt, make_account: MakeAccount, stranger: Any
) -> None:
    other = await make_account(org_id=stranger.org_id)
    token = token_of((await invite(administrator, unique_email()))["link"])
    async with client_at() as browser:
        signed_in = await sign_in(browser, other)
        answer = await signed_in.request("POST", "/me/invitation", json={"token": token})
        assert (answer.status_code, answer.json()["code"]) == (403, "invitation_for_another")
        # The refused attempt took nothing.
        assert (await browser.post(OPEN, json={"token": token})).status_code == 200


@pytest.mark.parametrize("token", ["x", "0.a", "1.", f"1.{'a' * 43}", f"99999999.{'a' * 43}"])
async def test_what_is_no_link_opens_nothing(client: AsyncClient, token: str) -> None:
    for path, more in ((OPEN, {}), (ACCEPT, WHO)):
        answer = await client.post(path, json={"token": token, **more})
        assert (answer.status_code, answer.json()["code"]) == (404, "invitation_not_found")


async def test_members_and_strangers_invite_nobody(
    administrator: SignedIn, client_at: ClientAt, account: Account, stranger: Any
) -> None:
    made = await invite(administrator, unique_email())
    async with client_at() as browser:
        member = await sign_in(browser, account)
        for method, path in (
            ("GET", "/invitations"),
            ("POST", "/invitations"),
            ("POST", f"/invitations/{made['id']}/resend"),
            ("DELETE", f"/invitations/{made['id']}"),
        ):
            body = {"email": unique_email()} if path == "/invitations" else None
            assert (await member.request(method, path, json=body)).status_code == 403
    assert (await stranger.post(f"/invitations/{made['id']}/resend")).status_code == 404
    assert (await stranger.delete(f"/invitations/{made['id']}")).status_code == 404
    assert (await stranger.get("/invitations")).json()["items"] == []
    answer = await administrator.request(
        "POST", "/invitations", json={"email": unique_email(), "group_ids": [10**15]}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "group_not_found")
