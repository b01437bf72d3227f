"""A forgotten password: asked for, mailed, set anew."""

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import select, update

from backend.audit.models import AuditEvent
from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.outbox import OutboxEvent
from backend.identity.models import Membership, Organisation, PasswordReset
from tests.backend.identity.accounts import (
    Account,
    ClientAt,
    SignedIn,
    sign_in,
    unique_email,
)
from tests.backend.identity.mailing import Mailing
from tests.support.queries import counted_queries

ASK, REDEEM = "/api/v1/auth/password-reset", "/api/v1/auth/password-reset/redeem"
NEW = "staple and a few more"


async def ask(client_at: ClientAt, email: str, language: str = "en") -> Response:
    """Ask from an address nobody asked from before."""
    async with client_at() as browser:
        return await browser.post(ASK, json={"email": email, "language": language})


async def link(client_at: ClientAt, mailing: Mailing, account: Account) -> str:
    assert (await ask(client_at, account.email)).status_code == 202
    [letter] = await mailing.letters()
    assert letter.to == [account.email]
    address = next(line for line in letter.text.splitlines() if "#" in line)
    path, _, token = address.partition("#")
    assert path == "https://dms.test/reset-password"
    return token


async def redeem(client: AsyncClient, token: str, password: str = NEW) -> Response:
    return await client.post(REDEEM, json={"token": token, "password": password})


async def test_a_new_password_is_set_and_every_session_ends(
    client_at: ClientAt, account: Account, mailing: Mailing, database: Database
) -> None:
    async with database.transaction() as session:
        elsewhere = Organisation(name="Another")
        session.add(elsewhere)
        await session.flush()
    async with database.transaction(Tenant(elsewhere.id)) as session:
        session.add(Membership(org_id=elsewhere.id, user_id=account.id, role=Role.MEMBER))
    async with client_at() as here, client_at() as there:
        first, second = await sign_in(here, account), await sign_in(there, account)
        await second.request("POST", "/auth/switch", json={"organisation_id": elsewhere.id})
        token = await link(client_at, mailing, account)
        assert (await redeem(here, token)).status_code == 204
        assert (await first.request("GET", "/me")).status_code == 401
        assert (await there.post("/api/v1/auth/refresh")).status_code == 401
        renewed = Account(account.id, account.org_id, account.email, NEW)
        await sign_in(here, renewed)
        old = await there.post(
            "/api/v1/auth/login", json={"email": account.email, "password": account.password}
        )
        assert old.status_code == 401
        # Once.
        again = await redeem(here, token, "yet another one")
        assert (again.status_code, again.json()["code"]) == (404, "reset_link_not_found")
    [letter] = await mailing.letters()
    assert letter.to == [account.email]
    assert "was just set anew" in letter.text
    for org_id in (account.org_id, elsewhere.id):
        async with database.transaction(Tenant(org_id)) as session:
            actions = (await session.scalars(select(AuditEvent.action))).all()
        assert "password.reset" in actions


async def test_nothing_tells_whether_there_is_an_account(
    client_at: ClientAt, account: Account, mailing: Mailing, app: FastAPI
) -> None:
    answers, work = [], []
    for email in (account.email, unique_email(), "no address at all"):
        with counted_queries() as statements:
            answers.append(await ask(client_at, email))
        work.append(statements)
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len({answer.content for answer in answers}) == 1
    assert work[0] == work[1] == work[2]
    assert [letter.to for letter in await mailing.letters()] == [[account.email]]


async def test_all_links_of_a_user_end_with_the_first_used(
    client_at: ClientAt, client: AsyncClient, account: Account, mailing: Mailing
) -> None:
    first = await link(client_at, mailing, account)
    second = await link(client_at, mailing, account)
    assert (await redeem(client, first)).status_code == 204
    assert (await redeem(client, second)).status_code == 404


async def test_of_two_links_used_at_once_one_sets_the_password(
    client_at: ClientAt, client: AsyncClient, account: Account, mailing: Mailing
) -> None:
    for number in (2, 1):
        links = [await link(client_at, mailing, account) for _ in range(number)]
        # Both of them, or one of them twice.
        tokens = (links * 2)[:2]
        answers = await asyncio.gather(*(redeem(client, token) for token in tokens))
        assert sorted(answer.status_code for answer in answers) == [204, 404]
        assert "was just set anew" in (await mailing.letters())[-1].text


async def test_a_password_that_was_changed_is_not_set_by_a_link_sent_before(
    client_at: ClientAt,
    client: AsyncClient,
    account: Account,
    mailing: Mailing,
    administrator: SignedIn,
) -> None:
    token = await link(client_at, mailing, account)
    owner = await sign_in(client, account)
    body = {"current_password": account.password, "new_password": "changed by the owner"}
    assert (await owner.request("POST", "/me/password", json=body)).status_code == 204
    assert (await redeem(client, token)).status_code == 404
    token = await link(client_at, mailing, account)
    given = {"password": "given by the administrator"}
    changed = await administrator.request("PATCH", f"/users/{account.id}", json=given)
    assert changed.status_code == 200
    assert (await redeem(client, token)).status_code == 404


async def test_links_expire(
    client_at: ClientAt,
    client: AsyncClient,
    account: Account,
    mailing: Mailing,
    database: Database,
) -> None:
    token = await link(client_at, mailing, account)
    async with database.transaction() as session:
        await session.execute(
            update(PasswordReset)
            .where(PasswordReset.user_id == account.id)
            .values(expires_at=now() - timedelta(seconds=1))
        )
    assert (await redeem(client, token)).status_code == 404


async def test_asking_in_anothers_name_locks_nobody_out(
    client_at: ClientAt, client: AsyncClient, account: Account, mailing: Mailing
) -> None:
    token = await link(client_at, mailing, account)
    for _ in range(6):
        assert (await ask(client_at, account.email)).status_code == 202
    # Two more, and no flood.
    assert len(await mailing.letters()) == 2
    assert (await redeem(client, token)).status_code == 204


async def test_asking_is_slowed_down_where_it_comes_from(
    client_at: ClientAt, account: Account, mailing: Mailing
) -> None:
    async with client_at() as impatient:
        answers = [await impatient.post(ASK, json={"email": account.email}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]
        assert int(answers[-1].headers["Retry-After"]) >= 1
        # Signing in is another matter.
        await sign_in(impatient, account)
    assert (await ask(client_at, account.email)).status_code == 202


async def test_who_is_active_nowhere_sets_a_password_and_is_let_in_nowhere(
    client_at: ClientAt,
    client: AsyncClient,
    account: Account,
    mailing: Mailing,
    database: Database,
) -> None:
    token = await link(client_at, mailing, account)
    async with database.transaction(Tenant(account.org_id)) as session:
        await session.execute(
            update(Membership).where(Membership.user_id == account.id).values(is_active=False)
        )
    assert (await redeem(client, token)).status_code == 204
    assert len(await mailing.letters()) == 1
    body = {"email": account.email, "password": NEW}
    refused = await client.post("/api/v1/auth/login", json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    assert (await redeem(client, await link(client_at, mailing, account))).status_code == 204


async def test_no_queue_holds_what_opens_the_link(
    client_at: ClientAt, account: Account, mailing: Mailing, database: Database
) -> None:
    token = await link(client_at, mailing, account)
    async with database.transaction() as session:
        events = (
            await session.scalars(
                select(OutboxEvent.data).where(OutboxEvent.name.startswith("password_reset."))
            )
        ).all()
        kept = (
            await session.scalars(select(PasswordReset).where(PasswordReset.user_id == account.id))
        ).all()
    assert token not in str(events)
    assert token.encode() not in b"".join(one.nonce + one.secret_hash for one in kept)


@pytest.mark.parametrize("token", ["x", "a" * 43, "ä", "\x00"])
async def test_what_is_no_link_sets_nothing(client: AsyncClient, token: str) -> None:
    assert (await redeem(client, token)).status_code == 404


async def test_letters_are_german_for_germans(
    client_at: ClientAt, account: Account, mailing: Mailing
) -> None:
    await ask(client_at, account.email, "de")
    [letter] = await mailing.letters()
    assert letter.message["Subject"] == "Neues Passwort setzen"
    assert letter.message["Content-Language"] == "de"


async def test_without_a_mail_server_that_is_said(client_at: ClientAt, account: Account) -> None:
    answer = await ask(client_at, account.email)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_mail_server")
