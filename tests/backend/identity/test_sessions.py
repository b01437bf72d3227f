"""Signing in, carrying on and out, over HTTP against the real database."""

import asyncio
import secrets
from datetime import timedelta
from http.cookies import Morsel, SimpleCookie

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select, update

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity.models import LoginThrottle, Membership, RefreshToken, User
from backend.identity.router import REFRESH_COOKIE
from backend.identity.sessions import GRACE
from backend.identity.throttle import Keys
from tests.backend.identity.accounts import (
    Account,
    ClientAt,
    MakeAccount,
    sign_in,
    unique_address,
    unique_email,
)
from tests.support.queries import counted_queries

LOGIN, REFRESH, LOGOUT = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout"


async def login(client: AsyncClient, account: Account, password: str | None = None) -> Response:
    return await client.post(
        LOGIN, json={"email": account.email, "password": password or account.password}
    )


async def whoami(client: AsyncClient, answer: Response) -> Response:
    token = answer.json()["access_token"]
    return await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


def refresh_cookie(answer: Response) -> Morsel[str]:
    set_cookies = [SimpleCookie(one) for one in answer.headers.get_list("set-cookie")]
    [found] = [one[REFRESH_COOKIE] for one in set_cookies if REFRESH_COOKIE in one]
    return found


def cookie(answer: Response) -> str:
    return refresh_cookie(answer).value


async def refresh_with(client: AsyncClient, token: str) -> Response:
    client.cookies.clear()
    return await client.post(REFRESH, headers={"Cookie": f"{REFRESH_COOKIE}={token}"})


async def age_replaced_tokens(database: Database, account: Account, age: timedelta) -> None:
    async with database.transaction(Tenant(account.org_id)) as session:
        await session.execute(
            update(RefreshToken)
            .where(RefreshToken.user_id == account.id, RefreshToken.replaced_at.is_not(None))
            .values(replaced_at=now() - age)
        )


async def test_login_answers_tokens_and_who_one_is(client: AsyncClient, account: Account) -> None:
    answer = await login(client, account)
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert answer.headers["cache-control"] == "no-store"
    me = (await whoami(client, answer)).json()
    assert me["user"] == {"id": account.id, "email": account.email, "name": "Grace Hopper"}
    assert me["organisation"]["id"] == account.org_id
    assert me["role"] == "member"


async def test_refresh_token_is_in_a_cookie_scripts_and_other_sites_cannot_use(
    client_at: ClientAt, account: Account
) -> None:
    async with client_at() as plain, client_at(base_url="https://dms.test") as tls:
        morsel = refresh_cookie(await login(plain, account))
        assert morsel["httponly"]
        assert morsel["samesite"].lower() == "strict"
        assert morsel["path"] == "/api/v1/auth"
        assert not morsel["secure"]
        secured = refresh_cookie(await login(tls, account))
        assert secured["secure"]


async def test_email_is_matched_in_any_case_and_otp_is_not_asked_for(
    client: AsyncClient, account: Account
) -> None:
    answer = await client.post(
        LOGIN,
        json={
            "email": f" {account.email.swapcase()} ",
            "password": account.password,
            "otp": "123456",
        },
    )
    assert answer.status_code == 200


async def test_wrong_password_and_unknown_address_are_told_apart_by_nothing(
    client_at: ClientAt, account: Account
) -> None:
    async with client_at() as client:
        wrong = await login(client, account, "not the password")
        unknown = await client.post(
            LOGIN, json={"email": unique_email(), "password": "not the password"}
        )
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["code"] == "invalid_credentials"
    assert "set-cookie" not in wrong.headers
    assert wrong.headers["www-authenticate"] == "Bearer"


async def test_guesses_are_slowed_down_at_their_address_and_nowhere_else(
    client_at: ClientAt, account: Account, make_account: MakeAccount
) -> None:
    async with client_at() as attacker, client_at() as owner:
        for _ in range(5):
            assert (await login(attacker, account, "a guess")).status_code == 401
        refused = await login(attacker, account)
        assert refused.status_code == 429
        assert refused.json()["code"] == "too_many_attempts"
        assert refused.headers["retry-after"] == str(refused.json()["retry_after"])
        assert int(refused.headers["retry-after"]) >= 1
        # Neither the account elsewhere nor another account here is held up.
        assert (await login(owner, account)).status_code == 200
        assert (await login(attacker, await make_account())).status_code == 200


async def test_guesses_sent_at_once_are_counted_too(client_at: ClientAt, account: Account) -> None:
    async with client_at() as attacker:
        answers = await asyncio.gather(
            *(login(attacker, account, f"guess {number}") for number in range(20))
        )
    statuses = [answer.status_code for answer in answers]
    # Five are free; four at a time are let in, so that at most three more pass before the fifth is counted.
    assert 5 <= statuses.count(401) <= 8
    assert statuses.count(429) == 20 - statuses.count(401)


async def test_an_address_that_fails_on_many_accounts_is_slowed_down(
    client_at: ClientAt, account: Account, database: Database, app: FastAPI
) -> None:
    address = unique_address()
    keys = Keys.of(app.state.signer, email=unique_email(), address=address)
    async with database.transaction() as session:
        session.add(LoginThrottle(key=keys.address, failures=50, last_failed_at=now()))
    async with client_at(address) as client:
        assert (await login(client, account)).status_code == 429
    async with client_at() as client:
        assert (await login(client, account)).status_code == 200


async def test_failures_are_counted_under_the_account_and_the_address(
    client_at: ClientAt,
    account: Account,
    make_account: MakeAccount,
    database: Database,
    app: FastAPI,
) -> None:
    address = unique_address()
    other = await make_account()
    async with client_at(address) as client:
        for tried in (account, account, other):
            assert (await login(client, tried, "a guess")).status_code == 401
        assert (await login(client, other)).status_code == 200
    keys = Keys.of(app.state.signer, email=account.email, address=address)
    others = Keys.of(app.state.signer, email=other.email, address=address)
    async with database.transaction() as session:
        counted = await session.execute(
            select(LoginThrottle.key, LoginThrottle.failures).where(
                LoginThrottle.key.in_([keys.account, keys.address, others.account])
            )
        )
    # Success forgives the account that succeeded, not the address.
    assert {row.key: row.failures for row in counted} == {keys.account: 2, keys.address: 3}


async def test_old_failures_are_swept(client_at: ClientAt, database: Database) -> None:
    key = secrets.token_bytes(32)
    async with database.transaction() as session:
        session.add(LoginThrottle(key=key, failures=9, last_failed_at=now() - timedelta(days=999)))
    async with client_at() as client:
        await client.post(LOGIN, json={"email": unique_email(), "password": "a guess"})
    async with database.transaction() as session:
        assert await session.get(LoginThrottle, key) is None


async def test_a_weak_hash_is_replaced_at_sign_in(
    client: AsyncClient, account: Account, database: Database
) -> None:
    weaker = Argon2Hasher(time_cost=1, memory_cost=8 * 1024).hash(account.password)
    async with database.transaction() as session:
        await session.execute(
            update(User).where(User.id == account.id).values(password_hash=weaker)
        )
    assert (await login(client, account)).status_code == 200
    async with database.transaction() as session:
        stronger = await session.scalar(select(User.password_hash).where(User.id == account.id))
    assert stronger is not None
    assert stronger != weaker
    assert (await login(client, account)).status_code == 200


async def test_refresh_rotates(client: AsyncClient, account: Account) -> None:
    first = cookie(await login(client, account))
    answer = await client.post(REFRESH)
    assert answer.status_code == 200
    assert cookie(answer) != first
    assert (await whoami(client, answer)).status_code == 200
    assert (await client.post(REFRESH)).status_code == 200


async def test_reuse_of_a_replaced_token_ends_the_session(
    client: AsyncClient, account: Account, database: Database
) -> None:
    signed_in = await login(client, account)
    other_session = await login(client, account)
    stolen = cookie(signed_in)
    current = await refresh_with(client, stolen)
    assert current.status_code == 200
    await age_replaced_tokens(database, account, GRACE)
    reused = await refresh_with(client, stolen)
    assert (reused.status_code, reused.json()["code"]) == (401, "session_ended")
    assert (await refresh_with(client, cookie(current))).status_code == 401
    assert (await whoami(client, current)).status_code == 401
    assert (await whoami(client, other_session)).status_code == 200


async def test_two_tabs_refreshing_at_once_both_go_on(
    client_at: ClientAt, account: Account
) -> None:
    async with client_at() as one, client_at() as other:
        token = cookie(await login(one, account))
        answers = await asyncio.gather(refresh_with(one, token), refresh_with(other, token))
        assert [answer.status_code for answer in answers] == [200, 200]
        [rotated] = [answer for answer in answers if "set-cookie" in answer.headers]
        for answer in answers:
            assert (await whoami(one, answer)).status_code == 200
        assert (await refresh_with(one, cookie(rotated))).status_code == 200


async def test_logout_ends_the_session_at_once(client: AsyncClient, account: Account) -> None:
    signed_in = await login(client, account)
    token = cookie(signed_in)
    answer = await client.post(LOGOUT)
    assert answer.status_code == 204
    assert SimpleCookie(answer.headers["set-cookie"])[REFRESH_COOKIE]["max-age"] == "0"
    assert (await whoami(client, signed_in)).status_code == 401
    assert (await refresh_with(client, token)).status_code == 401
    assert (await client.post(LOGOUT)).status_code == 204


@pytest.mark.parametrize(
    "token", ["", "nonsense", f"1.{'A' * 43}", f"999999999.{'A' * 43}", f"{'9' * 30}.{'A' * 43}"]
)
async def test_unknown_refresh_tokens_are_refused(client: AsyncClient, token: str) -> None:
    answer = await refresh_with(client, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    assert (
        await client.post(LOGOUT, headers={"Cookie": f"{REFRESH_COOKIE}={token}"})
    ).status_code == 204


async def test_without_a_cookie_there_is_no_session(client: AsyncClient) -> None:
    client.cookies.clear()
    assert (await client.post(REFRESH)).status_code == 401


async def test_an_expired_refresh_token_is_refused_and_swept_at_the_next_sign_in(
    client: AsyncClient, account: Account, database: Database
) -> None:
    await login(client, account)
    async with database.transaction(Tenant(account.org_id)) as session:
        await session.execute(
            update(RefreshToken)
            .where(RefreshToken.user_id == account.id)
            .values(expires_at=now() - timedelta(seconds=1))
        )
    assert (await client.post(REFRESH)).status_code == 401
    await login(client, account)
    async with database.transaction(Tenant(account.org_id)) as session:
        tokens = await session.scalars(
            select(RefreshToken).where(RefreshToken.user_id == account.id)
        )
        assert len(tokens.all()) == 1


async def test_a_deactivated_user_is_refused_at_once(
    client: AsyncClient, account: Account, database: Database
) -> None:
    signed_in = await login(client, account)
    async with database.transaction(Tenant(account.org_id)) as session:
        await session.execute(
            update(Membership).where(Membership.user_id == account.id).values(is_active=False)
        )
    assert (await whoami(client, signed_in)).status_code == 401
    assert (await client.post(REFRESH)).status_code == 401
    assert (await login(client, account)).json()["code"] == "invalid_credentials"


@pytest.mark.parametrize("path", [LOGIN, REFRESH, LOGOUT])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://dms.test.evil.example"])
async def test_other_sites_cannot_sign_in_or_out(
    client_at: ClientAt, account: Account, path: str, origin: str
) -> None:
    async with client_at() as client:
        answer = await client.post(
            path,
            json={"email": account.email, "password": account.password},
            headers={"Origin": origin},
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        assert (await login(client, account)).status_code == 200
        own = await client.post(REFRESH, headers={"Origin": "http://dms.test"})
        assert own.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic YTpi"},
        {"X-API-Key": "none are given out yet"},
    ],
)
async def test_without_a_valid_token_nobody_is_signed_in(
    client: AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.get("/api/v1/me", headers=headers)
    code = "invalid_api_key" if "X-API-Key" in headers else "unauthenticated"
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_changing_the_password_ends_the_other_sessions(
    client: AsyncClient, account: Account
) -> None:
    elsewhere = await login(client, account)
    here = await sign_in(client, account)
    wrong = await here.request(
        "POST", "/me/password", json={"current_password": "a guess", "new_password": "long enough"}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    changed = await here.request(
        "POST",
        "/me/password",
        json={"current_password": account.password, "new_password": "long enough"},
    )
    assert changed.status_code == 204
    assert (await whoami(client, elsewhere)).status_code == 401
    assert (await here.request("GET", "/me")).status_code == 200
    assert (await client.post(REFRESH)).status_code == 200
    assert (await login(client, account)).status_code == 401
    assert (await login(client, account, "long enough")).status_code == 200


async def test_guessing_the_current_password_is_slowed_down(
    client_at: ClientAt, account: Account
) -> None:
    async with client_at() as client:
        here = await sign_in(client, account)
        body = {"current_password": "a guess", "new_password": "long enough"}
        for _ in range(5):
            assert (await here.request("POST", "/me/password", json=body)).status_code == 403
        assert (await here.request("POST", "/me/password", json=body)).status_code == 429


async def test_a_signed_in_request_costs_two_queries_before_its_own(
    client: AsyncClient, account: Account, app: FastAPI
) -> None:
    here = await sign_in(client, account)
    with counted_queries() as statements:
        assert (await here.request("GET", "/me")).status_code == 200
    # The tenant, the actor; then the user and the organisation.
    assert len(statements) == 4, statements
