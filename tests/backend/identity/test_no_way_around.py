"""However a session begins, the second factor is asked for; and only a session changes the account."""

import pyotp
import pytest
from httpx import AsyncClient, Response
from sqlalchemy import update

from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity.models import Membership, Organisation, RequiredOf, User
from backend.identity.router import DEVICE_COOKIE
from tests.backend.identity.accounts import (
    Account,
    ClientAt,
    SignedIn,
    sign_in,
    unique_email,
)
from tests.backend.identity.mailing import Mailing
from tests.backend.identity.trail import data_of

AUTH = "/api/v1/auth"


@pytest.fixture(autouse=True)
def _a_time_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are made and checked within the same thirty seconds, on however slow a machine."""
    at = now()
    monkeypatch.setattr("backend.identity.second_factor.service.now", lambda: at)
    monkeypatch.setattr(f"{__name__}.now", lambda: at)


@pytest.fixture
async def elsewhere(account: Account, database: Database) -> int:
    """Another organisation that the account belongs to."""
    async with database.transaction() as session:
        created = Organisation(name="Another")
        session.add(created)
        await session.flush()
    async with database.transaction(Tenant(created.id)) as session:
        session.add(Membership(org_id=created.id, user_id=account.id, role=Role.MEMBER))
    return created.id


async def require_of_everybody(database: Database, org_id: int) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(Organisation)
            .where(Organisation.id == org_id)
            .values(second_factor=RequiredOf.EVERYBODY)
        )


def code_of(secret: str) -> str:
    return pyotp.TOTP(secret).at(now())


async def enrol(user: SignedIn) -> list[str]:
    """Set up an authenticator app; return the recovery codes."""
    secret = (await user.request("POST", "/me/authenticator")).json()["secret"]
    confirmed = await user.request(
        "POST", "/me/authenticator/confirm", json={"code": code_of(secret)}
    )
    codes: list[str] = confirmed.json()["recovery_codes"]
    return codes


async def enrol_by(client: AsyncClient, ticket: str) -> Response:
    secret = (await client.post(f"{AUTH}/enrolment", json={"ticket": ticket})).json()["secret"]
    return await client.post(
        f"{AUTH}/enrolment/confirm", json={"ticket": ticket, "code": code_of(secret)}
    )


async def switch(user: SignedIn, org_id: int) -> Response:
    return await user.request("POST", "/auth/switch", json={"organisation_id": org_id})


async def organisation_of(client: AsyncClient, answer: Response) -> int:
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    found: int = (await client.get("/api/v1/me", headers=headers)).json()["organisation"]["id"]
    return found


async def status(user: SignedIn) -> int:
    return (await user.request("GET", "/me")).status_code


async def test_a_session_of_a_password_alone_switches_with_the_second_factor(
    client: AsyncClient, account: Account, elsewhere: int, database: Database
) -> None:
    user = await sign_in(client, account)
    codes = await enrol(user)
    asked = await switch(user, elsewhere)
    assert (asked.status_code, asked.json()["code"]) == (401, "second_factor_required")
    assert await status(user) == 200
    step = {"ticket": asked.json()["ticket"], "code": codes[0]}
    there = await client.post(f"{AUTH}/second-factor", json=step)
    assert await organisation_of(client, there) == elsewhere
    assert await status(user) == 401
    said = await data_of(database, elsewhere, "user.signed_in")
    assert said == [{"method": "switch", "second_factor": "recovery_code"}]
    assert len(await data_of(database, account.org_id, "session.ended")) == 1


async def test_a_session_of_a_second_factor_switches_without_another(
    client: AsyncClient, account: Account, elsewhere: int, database: Database
) -> None:
    codes = await enrol(await sign_in(client, account))
    credentials = {"email": account.email, "password": account.password, "otp": codes[0]}
    assert (await client.post(f"{AUTH}/login", json=credentials)).status_code == 200
    # However often it was carried on.
    carried_on = await client.post(f"{AUTH}/refresh")
    headers = {"Authorization": f"Bearer {carried_on.json()['access_token']}"}
    there = await switch(SignedIn(account, client, headers), elsewhere)
    assert await organisation_of(client, there) == elsewhere
    said = await data_of(database, elsewhere, "user.signed_in")
    assert said == [{"method": "switch", "second_factor": "recovery_code"}]


async def test_an_organisation_that_asks_for_a_second_factor_is_not_entered_without(
    client: AsyncClient, account: Account, elsewhere: int, database: Database
) -> None:
    await require_of_everybody(database, elsewhere)
    user = await sign_in(client, account)
    asked = await switch(user, elsewhere)
    assert (asked.status_code, asked.json()["code"]) == (401, "enrolment_required")
    assert asked.headers["cache-control"] == "no-store"
    done = await enrol_by(client, asked.json()["ticket"])
    assert await organisation_of(client, done) == elsewhere


async def test_the_ticket_of_a_switch_ends_with_the_session(
    client: AsyncClient, account: Account, elsewhere: int
) -> None:
    user = await sign_in(client, account)
    codes = await enrol(user)
    ticket = (await switch(user, elsewhere)).json()["ticket"]
    await client.post(f"{AUTH}/logout")
    refused = await client.post(f"{AUTH}/second-factor", json={"ticket": ticket, "code": codes[0]})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_ticket")


async def test_the_invited_set_a_second_factor_up_where_it_is_asked_for(
    administrator: SignedIn, client_at: ClientAt, database: Database
) -> None:
    org_id = administrator.account.org_id
    await require_of_everybody(database, org_id)
    email = unique_email()
    invited = await administrator.request("POST", "/invitations", json={"email": email})
    token = invited.json()["link"].partition("#")[2]
    given = {"token": token, "name": "Grace Hopper", "password": "long enough"}
    async with client_at() as browser:
        asked = await browser.post(f"{AUTH}/invitation/accept", json=given)
        assert (asked.status_code, asked.json()["code"]) == (401, "enrolment_required")
        assert not browser.cookies
        done = await enrol_by(browser, asked.json()["ticket"])
        assert await organisation_of(browser, done) == org_id
        assert DEVICE_COOKIE in browser.cookies
    said = await data_of(database, org_id, "user.signed_in")
    assert said[-1] == {"method": "invitation", "second_factor": "totp"}


async def test_nobody_gets_a_password_by_mail_who_has_none(
    client_at: ClientAt, account: Account, mailing: Mailing, database: Database
) -> None:
    async def ask() -> Response:
        async with client_at() as browser:
            return await browser.post(
                f"{AUTH}/password-reset", json={"email": account.email, "language": "en"}
            )

    with_password = await ask()
    [letter] = await mailing.letters()
    token = next(line for line in letter.text.splitlines() if "#" in line).partition("#")[2]
    async with database.transaction() as session:
        await session.execute(update(User).where(User.id == account.id).values(password_hash=None))
    without = await ask()
    assert (without.status_code, without.content) == (202, with_password.content)
    assert await mailing.letters() == []
    async with client_at() as browser:
        redeemed = await browser.post(
            f"{AUTH}/password-reset/redeem", json={"token": token, "password": "long enough"}
        )
    assert (redeemed.status_code, redeemed.json()["code"]) == (404, "reset_link_not_found")


async def test_a_browser_is_remembered_by_the_second_step_too(
    client_at: ClientAt, account: Account
) -> None:
    async with client_at() as one:
        codes = await enrol(await sign_in(one, account))
    async with client_at() as another:
        credentials = {"email": account.email, "password": account.password}
        ticket = (await another.post(f"{AUTH}/login", json=credentials)).json()["ticket"]
        assert DEVICE_COOKIE not in another.cookies
        step = {"ticket": ticket, "code": codes[0]}
        assert (await another.post(f"{AUTH}/second-factor", json=step)).status_code == 200
        assert DEVICE_COOKIE in another.cookies
