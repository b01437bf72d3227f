"""What somebody would try who has a part of the proof, or is quick: each would have worked once."""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any

import pyotp
import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select, text, update

from backend.core.actor import Actor, Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity import queries
from backend.identity.models import RefreshToken, User
from backend.identity.passkeys.models import Passkey
from backend.identity.passwords import hash_password
from backend.identity.second_factor import service as second_factor
from tests.backend.identity.accounts import Account, ClientAt, SignedIn, sign_in

AUTH = "/api/v1/auth"
NEW = "staple and a few more"


@pytest.fixture(autouse=True)
def _a_time_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are made and checked within the same thirty seconds, on however slow a machine."""
    at = now()
    monkeypatch.setattr("backend.identity.second_factor.service.now", lambda: at)
    monkeypatch.setattr(f"{__name__}.now", lambda: at)


def code_of(secret: str) -> str:
    return pyotp.TOTP(secret).at(now())


async def enrol(user: SignedIn) -> list[str]:
    """Set up an authenticator app; return the recovery codes."""
    secret = (await user.request("POST", "/me/authenticator")).json()["secret"]
    body = {"code": code_of(secret)}
    confirmed = await user.request("POST", "/me/authenticator/confirm", json=body)
    codes: list[str] = confirmed.json()["recovery_codes"]
    return codes


async def login(client: AsyncClient, account: Account, **more: Any) -> Response:
    body = {"email": account.email, "password": account.password, **more}
    return await client.post(f"{AUTH}/login", json=body)


async def ask_of_everybody(administrator: SignedIn) -> None:
    policy = {"second_factor": "everybody"}
    assert (await administrator.request("PUT", "/sign-in-policy", json=policy)).status_code == 200


async def change_password(user: SignedIn) -> None:
    body = {"current_password": user.account.password, "new_password": NEW}
    assert (await user.request("POST", "/me/password", json=body)).status_code == 204


async def until_it_waits(
    database: Database, work: Coroutine[Any, Any, Response]
) -> asyncio.Task[Response]:
    """Start a request that must wait for somebody's lock, and return once it does."""
    task = asyncio.create_task(work)
    while not task.done():
        async with database.transaction() as session:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            if await session.scalar(text(waiting)):
                return task
        await asyncio.sleep(0.02)
    raise AssertionError(f"it did not wait: {task.result().status_code} {task.result().text}")


async def test_a_second_step_is_worth_nothing_once_the_password_is_changed(
    client_at: ClientAt, account: Account
) -> None:
    async with client_at() as thief, client_at() as home:
        codes = await enrol(await sign_in(home, account))
        ticket = (await login(thief, account)).json()["ticket"]
        answer = await login(home, account, otp=codes[0])
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        await change_password(SignedIn(account, home, headers))
        step = {"ticket": ticket, "code": codes[1]}
        refused = await thief.post(f"{AUTH}/second-factor", json=step)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_ticket")


async def test_nobody_enrols_with_a_password_that_was_changed_meanwhile(
    client_at: ClientAt, account: Account, administrator: SignedIn
) -> None:
    await ask_of_everybody(administrator)
    async with client_at() as thief:
        ticket = {"ticket": (await login(thief, account)).json()["ticket"]}
        begun = (await thief.post(f"{AUTH}/enrolment", json=ticket)).json()
        body = {"password": NEW}
        await administrator.request("PATCH", f"/users/{account.id}", json=body)
        again = await thief.post(f"{AUTH}/enrolment", json=ticket)
        assert (again.status_code, again.json()["code"]) == (401, "invalid_ticket")
        step = {**ticket, "code": code_of(begun["secret"])}
        confirmed = await thief.post(f"{AUTH}/enrolment/confirm", json=step)
        assert (confirmed.status_code, confirmed.json()["code"]) == (401, "invalid_ticket")


async def test_a_password_alone_adds_no_factor_beside_the_owners(
    client_at: ClientAt, account: Account, administrator: SignedIn, database: Database
) -> None:
    await ask_of_everybody(administrator)
    async with client_at() as thief:
        ticket = {"ticket": (await login(thief, account)).json()["ticket"]}
        begun = (await thief.post(f"{AUTH}/enrolment", json=ticket)).json()
        async with database.transaction() as session:
            passkey = Passkey(
                user_id=account.id,
                user_handle=b"handle",
                credential_id=secrets.token_bytes(16),
                public_key=b"key",
                sign_count=0,
                transports=[],
                is_backed_up=False,
                name="Laptop",
            )
            session.add(passkey)
        step = {**ticket, "code": code_of(begun["secret"])}
        for path, body in (("enrolment/confirm", step), ("enrolment", ticket)):
            refused = await thief.post(f"{AUTH}/{path}", json=body)
            assert (refused.status_code, refused.json()["code"]) == (409, "authenticator_exists")


async def test_a_secret_slipped_in_between_check_and_confirmation_does_not_count(
    client: AsyncClient, account: Account, database: Database, app: Any
) -> None:
    owner = await sign_in(client, account)
    own = (await owner.request("POST", "/me/authenticator")).json()["secret"]
    actor = Actor(account.id, account.org_id, Role.MEMBER, "Somebody")
    async with database.transaction(Tenant(account.org_id, account.id)) as session:
        await second_factor.begin(
            session, actor, sealer=app.state.sealer, account="with the password alone"
        )
        path, body = "/me/authenticator/confirm", {"code": code_of(own)}
        confirming = await until_it_waits(database, owner.request("POST", path, json=body))
    refused = await confirming
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_code")
    held = (await owner.request("GET", "/me/second-factor")).json()
    assert held["authenticator_since"] is None


async def test_a_sign_in_that_overlaps_with_a_new_password_begins_nothing(
    client: AsyncClient, account: Account, database: Database
) -> None:
    new_hash = await hash_password(NEW)
    async with database.transaction() as session:
        await session.execute(
            update(User).where(User.id == account.id).values(password_hash=new_hash)
        )
        signing_in = await until_it_waits(database, login(client, account))
    assert (await signing_in).status_code == 401


async def test_a_sign_in_that_overlaps_with_deactivation_leaves_no_session_behind(
    client: AsyncClient, account: Account, database: Database
) -> None:
    async with database.transaction(Tenant(account.org_id)) as session:
        found = await queries.user(session, account.org_id, account.id, lock=True)
        assert found is not None
        found[1].is_active = False
        await session.flush()
        signing_in = await until_it_waits(database, login(client, account))
    assert (await signing_in).status_code == 401
    # None that would stand again, were the user let in again.
    async with database.transaction(Tenant(account.org_id)) as session:
        begun = select(RefreshToken.id).where(RefreshToken.user_id == account.id)
        assert (await session.scalars(begun)).all() == []


async def test_a_session_carried_on_during_deactivation_does_not_stop_it(
    account: Account, administrator: SignedIn, client_at: ClientAt, database: Database
) -> None:
    async with client_at() as browser:
        await sign_in(browser, account)
        hashed = select(RefreshToken.token_hash).where(RefreshToken.user_id == account.id)
        async with database.transaction(Tenant(account.org_id)) as session:
            claimed = await queries.claim_token(
                session, (await session.scalars(hashed)).one(), now()
            )
            assert claimed is not None
            path, body = f"/users/{account.id}", {"is_active": False}
            deactivating = await until_it_waits(
                database, administrator.request("PATCH", path, json=body)
            )
            # Were the user's row locked whole, each would wait for the other now.
            session.add(
                RefreshToken(
                    org_id=account.org_id,
                    user_id=account.id,
                    session_id=claimed.session_id,
                    token_hash=secrets.token_bytes(32),
                    expires_at=claimed.expires_at,
                )
            )
            await session.flush()
        assert (await deactivating).status_code == 200


async def test_one_recovery_code_lets_one_in(client: AsyncClient, account: Account) -> None:
    codes = await enrol(await sign_in(client, account))
    answers = await asyncio.gather(*(login(client, account, otp=codes[0]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_one_ticket_begins_one_session_whatever_the_codes(
    client: AsyncClient, account: Account
) -> None:
    codes = await enrol(await sign_in(client, account))
    ticket = (await login(client, account)).json()["ticket"]
    steps = [{"ticket": ticket, "code": code} for code in codes[:3]]
    answers = await asyncio.gather(
        *(client.post(f"{AUTH}/second-factor", json=step) for step in steps)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


async def test_an_administrator_gives_proof_for_the_own_account_as_anybody_does(
    administrator: SignedIn,
) -> None:
    await enrol(administrator)
    own = f"/users/{administrator.account.id}"
    for method, path, body in (
        ("DELETE", f"{own}/second-factor", None),
        ("PATCH", own, {"password": NEW}),
    ):
        refused = await administrator.request(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "own_credentials")
    assert (await administrator.request("PATCH", own, json={"name": "Ada"})).status_code == 200
