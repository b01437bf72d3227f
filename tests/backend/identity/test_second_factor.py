"""The second factor, over HTTP: setting it up, signing in with it, losing it."""

import asyncio
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pyotp
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import select, update

from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity.models import Membership, Organisation, SpentTicket
from backend.identity.second_factor.models import Authenticator, RecoveryCode
from tests.backend.identity.accounts import (
    Account,
    ClientAt,
    MakeAccount,
    SignedIn,
    sign_in,
    unique_email,
)
from tests.backend.identity.trail import data_of, recorded, refusals

LOGIN = "/api/v1/auth/login"


class App:
    """An authenticator app. Its codes are those of later and later times: each is good once."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        # The oldest that is taken still.
        self._step = -1

    def code(self) -> str:
        shown = self.at(self._step)
        self._step += 1
        return shown

    def at(self, steps: int) -> str:
        return self._totp.at(now(), counter_offset=steps)


@pytest.fixture(autouse=True)
def _a_time_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are made and checked within the same thirty seconds, on however slow a machine."""
    at = now()
    monkeypatch.setattr("backend.identity.second_factor.service.now", lambda: at)
    monkeypatch.setattr(f"{__name__}.now", lambda: at)


@pytest.fixture
async def user(client: AsyncClient, account: Account) -> SignedIn:
    return await sign_in(client, account)


async def enrol(user: SignedIn) -> tuple[App, list[str]]:
    begun = await user.request("POST", "/me/authenticator")
    assert begun.status_code == 201, begun.text
    app = App(begun.json()["secret"])
    confirmed = await user.request("POST", "/me/authenticator/confirm", json={"code": app.code()})
    assert confirmed.status_code == 200, confirmed.text
    return app, confirmed.json()["recovery_codes"]


async def login(client: AsyncClient, account: Account, **more: Any) -> Response:
    body = {"email": account.email, "password": account.password, **more}
    return await client.post(LOGIN, json=body)


async def second_step(client: AsyncClient, ticket: str, code: str) -> Response:
    return await client.post("/api/v1/auth/second-factor", json={"ticket": ticket, "code": code})


async def me(client: AsyncClient, answer: Response) -> int:
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return (await client.get("/api/v1/me", headers=headers)).status_code


async def test_an_app_counts_once_it_is_confirmed(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    begun = await user.request("POST", "/me/authenticator")
    assert begun.headers["cache-control"] == "no-store"
    body = begun.json()
    uri = pyotp.parse_uri(body["uri"])
    assert isinstance(uri, pyotp.TOTP)
    assert (uri.name, uri.issuer, uri.secret) == (user.account.email, "DMS", body["secret"])
    assert ET.fromstring(body["qr_svg"]).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314
    assert (await login(client, user.account)).status_code == 200
    none = {"authenticator_since": None, "recovery_codes": 0, "required": False}
    assert (await user.request("GET", "/me/second-factor")).json() == none
    wrong = await user.request("POST", "/me/authenticator/confirm", json={"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_code")
    right = {"code": App(body["secret"]).code()}
    confirmed = await user.request("POST", "/me/authenticator/confirm", json=right)
    assert len(set(confirmed.json()["recovery_codes"])) == 10
    held = (await user.request("GET", "/me/second-factor")).json()
    assert held["authenticator_since"] is not None
    assert held["recovery_codes"] == 10
    assert (await login(client, user.account)).json()["code"] == "second_factor_required"
    again = await user.request("POST", "/me/authenticator/confirm", json=right)
    assert (again.status_code, again.json()["code"]) == (409, "no_authenticator")
    another = await user.request("POST", "/me/authenticator")
    assert (another.status_code, another.json()["code"]) == (409, "authenticator_exists")
    assert len(await recorded(database, user.account.org_id, "authenticator.confirmed")) == 1


async def test_secrets_and_codes_are_not_kept_in_plain(user: SignedIn, database: Database) -> None:
    secret = (await user.request("POST", "/me/authenticator")).json()["secret"]
    code = {"code": App(secret).code()}
    codes = (await user.request("POST", "/me/authenticator/confirm", json=code)).json()[
        "recovery_codes"
    ]
    async with database.transaction() as session:
        kept = await session.scalar(
            select(Authenticator.sealed_secret).where(Authenticator.user_id == user.account.id)
        )
        hashes = await session.scalars(
            select(RecoveryCode.code_hash).where(RecoveryCode.user_id == user.account.id)
        )
    assert kept is not None
    assert secret.encode() not in kept
    assert all(codes[0].replace("-", "").encode() not in kept for kept in hashes)


async def test_signing_in_takes_two_steps(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    app, _ = await enrol(user)
    first = await login(client, user.account)
    assert (first.status_code, first.json()["code"]) == (401, "second_factor_required")
    assert first.json()["methods"] == ["totp", "recovery_code"]
    assert first.headers["cache-control"] == "no-store"
    assert "set-cookie" not in first.headers
    ticket = first.json()["ticket"]
    headers = {"Authorization": f"Bearer {ticket}"}
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401
    second = await second_step(client, ticket, app.code())
    assert second.status_code == 200
    assert "set-cookie" in second.headers
    assert await me(client, second) == 200
    said = await data_of(database, user.account.org_id, "user.signed_in")
    assert said == [
        {"method": "password", "second_factor": None},
        {"method": "password", "second_factor": "totp"},
    ]


async def test_a_code_may_come_with_the_password(client: AsyncClient, user: SignedIn) -> None:
    app, _ = await enrol(user)
    answer = await login(client, user.account, otp=app.code())
    assert answer.status_code == 200
    wrong = await login(client, user.account, otp="000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")


async def test_a_wrong_password_is_refused_before_any_code_is_looked_at(
    client: AsyncClient, user: SignedIn
) -> None:
    app, _ = await enrol(user)
    code = app.code()
    body = {"email": user.account.email, "password": "wrong", "otp": code}
    refused = await client.post(LOGIN, json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    assert (await login(client, user.account, otp=code)).status_code == 200


async def test_a_code_is_good_once(client: AsyncClient, user: SignedIn) -> None:
    app, _ = await enrol(user)
    code = app.code()
    assert (await login(client, user.account, otp=code)).status_code == 200
    assert (await login(client, user.account, otp=code)).status_code == 401


async def test_an_older_code_than_the_last_is_not_good(client: AsyncClient, user: SignedIn) -> None:
    app, _ = await enrol(user)
    assert (await login(client, user.account, otp=app.at(1))).status_code == 200
    assert (await login(client, user.account, otp=app.at(0))).status_code == 401


async def test_codes_of_other_times_are_not_good(client: AsyncClient, user: SignedIn) -> None:
    app, _ = await enrol(user)
    for steps in (-2, 2, 100):
        assert (await login(client, user.account, otp=app.at(steps))).status_code == 401


async def test_of_two_with_the_same_code_one_gets_in(client: AsyncClient, user: SignedIn) -> None:
    app, _ = await enrol(user)
    code = app.code()
    tickets = [(await login(client, user.account)).json()["ticket"] for _ in range(2)]
    answers = await asyncio.gather(*(second_step(client, ticket, code) for ticket in tickets))
    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_a_ticket_is_good_once(client: AsyncClient, user: SignedIn) -> None:
    app, _ = await enrol(user)
    ticket = (await login(client, user.account)).json()["ticket"]
    assert (await second_step(client, ticket, app.code())).status_code == 200
    again = await second_step(client, ticket, app.code())
    assert (again.status_code, again.json()["code"]) == (401, "invalid_ticket")


async def test_a_ticket_survives_a_mistyped_code(client: AsyncClient, user: SignedIn) -> None:
    app, _ = await enrol(user)
    ticket = (await login(client, user.account)).json()["ticket"]
    wrong = await second_step(client, ticket, "000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")
    assert (await second_step(client, ticket, app.code())).status_code == 200


async def test_tickets_of_other_purposes_are_refused(
    client: AsyncClient, user: SignedIn, app: FastAPI
) -> None:
    enrolled, _ = await enrol(user)
    data = {"user": user.account.id, "method": "password", "jti": "x"}
    for purpose in ("enrolment", "content", "passkey sign-in"):
        ticket = app.state.signer.ticket(purpose, data, ttl=60)
        refused = await second_step(client, ticket, enrolled.code())
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_ticket")


async def test_used_tickets_are_forgotten_when_they_have_expired(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    app, _ = await enrol(user)
    async with database.transaction() as session:
        session.add(SpentTicket(digest=b"old", expires_at=now() - timedelta(days=1)))
    ticket = (await login(client, user.account)).json()["ticket"]
    await second_step(client, ticket, app.code())
    async with database.transaction() as session:
        assert await session.get(SpentTicket, b"old") is None


async def test_recovery_codes_are_good_once_however_they_are_typed(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    _, codes = await enrol(user)
    typed = [codes[0], codes[1].upper(), codes[2].replace("-", " "), codes[3].replace("0", "O")]
    for code in typed:
        assert (await login(client, user.account, otp=code)).status_code == 200
        assert (await login(client, user.account, otp=code)).status_code == 401
    assert (await user.request("GET", "/me/second-factor")).json()["recovery_codes"] == 6
    said = await data_of(database, user.account.org_id, "user.signed_in")
    assert said[-1] == {"method": "password", "second_factor": "recovery_code"}


async def test_a_recovery_code_of_another_user_is_none(
    client: AsyncClient, user: SignedIn, make_account: MakeAccount
) -> None:
    await enrol(user)
    _, others = await enrol(await sign_in(client, await make_account()))
    assert (await login(client, user.account, otp=others[0])).status_code == 401


async def test_new_recovery_codes_replace_the_former(client: AsyncClient, user: SignedIn) -> None:
    app, former = await enrol(user)
    wrong = await user.request("POST", "/me/recovery-codes", json={"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_code")
    made = await user.request("POST", "/me/recovery-codes", json={"code": app.code()})
    assert made.headers["cache-control"] == "no-store"
    codes = made.json()["recovery_codes"]
    assert (await login(client, user.account, otp=former[0])).status_code == 401
    assert (await login(client, user.account, otp=codes[0])).status_code == 200


async def test_an_app_is_removed_by_its_owner(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    app, _ = await enrol(user)
    wrong = await user.request("POST", "/me/authenticator/remove", json={"code": "000000"})
    assert wrong.status_code == 403
    removed = await user.request("POST", "/me/authenticator/remove", json={"code": app.code()})
    assert removed.status_code == 204
    assert (await login(client, user.account)).status_code == 200
    assert len(await recorded(database, user.account.org_id, "authenticator.removed")) == 1
    await enrol(user)


async def test_codes_are_guessed_as_slowly_as_passwords(
    app: FastAPI, client_at: ClientAt, user: SignedIn, database: Database
) -> None:
    phone, _ = await enrol(user)
    async with client_at() as attacker, client_at() as owner:
        ticket = (await login(attacker, user.account)).json()["ticket"]
        for _ in range(5):
            assert (await second_step(attacker, ticket, "000000")).status_code == 401
        refused = await second_step(attacker, ticket, phone.code())
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
        assert (await login(owner, user.account, otp=phone.code())).status_code == 200
    assert await refusals(app, database, user.account.org_id) == {
        ("password", "wrong code"): 5,
        ("password", "too many attempts"): 1,
    }


async def test_codes_guessed_from_many_addresses_are_slowed_down_together(
    client_at: ClientAt, user: SignedIn
) -> None:
    await enrol(user)
    statuses: list[int] = []
    for _ in range(5):
        async with client_at() as attacker:
            ticket = (await login(attacker, user.account)).json()["ticket"]
            statuses += [
                (await second_step(attacker, ticket, "000000")).status_code for _ in range(5)
            ]
    assert statuses[:20] == [401] * 20
    assert 429 in statuses[20:]


async def test_refused_sign_ins_are_recorded_where_the_account_is_known(
    app: FastAPI, client: AsyncClient, account: Account, database: Database
) -> None:
    assert (await login(client, account, password="wrong")).status_code == 401
    unknown = {"email": unique_email(), "password": "wrong"}
    assert (await client.post(LOGIN, json=unknown)).status_code == 401
    noted = await refusals(app, database, account.org_id)
    assert noted == {("password", "wrong password"): 1}


async def test_an_administrator_resets_the_second_factor_of_a_user(
    client: AsyncClient, user: SignedIn, administrator: SignedIn, database: Database
) -> None:
    _, codes = await enrol(user)
    path = f"/users/{user.account.id}/second-factor"
    assert (await user.request("DELETE", path)).status_code == 403
    assert (await administrator.request("DELETE", path)).status_code == 204
    assert (await user.request("GET", "/me")).status_code == 401
    answer = await login(client, user.account)
    assert answer.status_code == 200
    [event] = await recorded(database, user.account.org_id, "second_factor.reset")
    assert (event.object, event.actor_id) == (
        f"user:{user.account.id}",
        administrator.account.id,
    )
    again = await sign_in(client, user.account)
    await enrol(again)
    assert (await login(client, user.account, otp=codes[0])).status_code == 401


async def test_one_organisation_cannot_reset_what_another_relies_on(
    user: SignedIn, administrator: SignedIn, database: Database, stranger: Any
) -> None:
    await enrol(user)
    path = f"/users/{user.account.id}/second-factor"
    assert (await stranger.delete(path)).status_code == 404
    async with database.transaction() as session:
        created = Organisation(name="Another")
        session.add(created)
        await session.flush()
    async with database.transaction(Tenant(created.id)) as session:
        session.add(Membership(org_id=created.id, user_id=user.account.id, role=Role.MEMBER))
    refused = await administrator.request("DELETE", path)
    assert (refused.status_code, refused.json()["code"]) == (409, "shared_user")


@pytest.mark.parametrize(
    ("required", "asked_of_members"), [("administrators", False), ("everybody", True)]
)
async def test_an_organisation_may_ask_for_a_second_factor(
    client: AsyncClient,
    account: Account,
    administrator: SignedIn,
    database: Database,
    required: str,
    asked_of_members: bool,  # noqa: FBT001
) -> None:
    before = (await administrator.request("GET", "/sign-in-policy")).json()
    assert before["second_factor"] == "nobody"
    policy = {"second_factor": required}
    assert (await administrator.request("PUT", "/sign-in-policy", json=policy)).json() == policy
    assert (await login(client, administrator.account)).json()["code"] == "enrolment_required"
    answer = await login(client, account)
    assert (answer.status_code == 401) is asked_of_members
    [said] = await data_of(database, account.org_id, "sign_in_policy.changed")
    assert said == {"old": {"second_factor": "nobody"}, "new": {"second_factor": required}}


async def test_who_must_have_a_second_factor_sets_it_up_to_sign_in(
    client: AsyncClient, account: Account, administrator: SignedIn, database: Database
) -> None:
    await administrator.request("PUT", "/sign-in-policy", json={"second_factor": "everybody"})
    ticket = (await login(client, account)).json()["ticket"]
    assert (await second_step(client, ticket, "123456")).json()["code"] == "invalid_ticket"
    begun = await client.post("/api/v1/auth/enrolment", json={"ticket": ticket})
    app = App(begun.json()["secret"])
    wrong = await client.post(
        "/api/v1/auth/enrolment/confirm", json={"ticket": ticket, "code": "000000"}
    )
    assert wrong.status_code == 403
    done = await client.post(
        "/api/v1/auth/enrolment/confirm", json={"ticket": ticket, "code": app.code()}
    )
    assert done.status_code == 200
    assert len(done.json()["recovery_codes"]) == 10
    assert await me(client, done) == 200
    assert (await login(client, account)).json()["code"] == "second_factor_required"
    said = await data_of(database, account.org_id, "user.signed_in")
    assert said[-1] == {"method": "password", "second_factor": "totp"}
    again = await client.post(
        "/api/v1/auth/enrolment/confirm", json={"ticket": ticket, "code": app.code()}
    )
    assert again.status_code == 409


async def test_administrators_see_who_has_set_up_a_second_factor(
    client: AsyncClient, user: SignedIn, administrator: SignedIn, make_account: MakeAccount
) -> None:
    gone = await make_account()
    await administrator.request("PATCH", f"/users/{gone.id}", json={"is_active": False})
    await user.request("POST", "/me/authenticator")

    async def told() -> tuple[Any, Any, dict[int, bool]]:
        policy = (await administrator.request("GET", "/sign-in-policy")).json()
        listed = (await administrator.request("GET", "/users")).json()["items"]
        has = {one["id"]: one["has_second_factor"] for one in listed}
        return policy["everybody"], policy["administrators"], has

    nobody = {user.account.id: False, administrator.account.id: False, gone.id: False}
    # An app that was not confirmed does not count, nor does who is not active.
    assert await told() == (
        {"people": 2, "without": 2},
        {"people": 1, "without": 1},
        nobody,
    )
    await enrol(user)
    assert await told() == (
        {"people": 2, "without": 1},
        {"people": 1, "without": 1},
        {**nobody, user.account.id: True},
    )


async def test_members_change_no_policy(user: SignedIn) -> None:
    assert (await user.request("GET", "/sign-in-policy")).status_code == 403
    policy = {"second_factor": "everybody"}
    assert (await user.request("PUT", "/sign-in-policy", json=policy)).status_code == 403


async def test_a_sealed_secret_moved_to_another_user_does_not_open(
    client: AsyncClient, user: SignedIn, make_account: MakeAccount, database: Database
) -> None:
    other = await sign_in(client, await make_account())
    app, _ = await enrol(other)
    _, codes = await enrol(user)
    async with database.transaction() as session:
        stolen = await session.scalar(
            select(Authenticator.sealed_secret).where(Authenticator.user_id == other.account.id)
        )
        await session.execute(
            update(Authenticator)
            .where(Authenticator.user_id == user.account.id)
            .values(sealed_secret=stolen)
        )
    assert (await login(client, user.account, otp=app.code())).status_code == 401
    # Whatever became of the secret, recovery codes let the user in.
    assert (await login(client, user.account, otp=codes[0])).status_code == 200


async def test_a_user_who_is_deactivated_between_the_steps_is_not_let_in(
    client: AsyncClient, user: SignedIn, administrator: SignedIn
) -> None:
    app, _ = await enrol(user)
    ticket = (await login(client, user.account)).json()["ticket"]
    await administrator.request("PATCH", f"/users/{user.account.id}", json={"is_active": False})
    refused = await second_step(client, ticket, app.code())
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_ticket")
