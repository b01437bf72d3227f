"""Signing in by a directory: a real slapd."""

import asyncio
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from pydantic import SecretStr, ValidationError
from sqlalchemy import select, update

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity.external.models import ExternalIdentity
from backend.identity.external.settings import Directory, read_settings
from backend.identity.ldap.directory import DirectoryFailedError, authenticate
from backend.identity.models import Group, GroupMember, RefreshToken, User
from tests.backend.identity.accounts import Account, ClientAt, SignedIn, sign_in
from tests.backend.identity.trail import data_of, refusals
from tests.support.slapd import BASE, PASSWORD, SERVICE, Slapd, person, slapd

# ldap3 on Python 3.11, where it checks the name in a certificate, and what it leaves to the collector where that fails.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ssl.match_hostname:DeprecationWarning"),
    pytest.mark.filterwarnings(
        r"ignore:Exception ignored in. <(ssl\.SSLSocket|socket\.socket):pytest.PytestUnraisableExceptionWarning"
    ),
]

GRACE, SECRET = f"grace-{secrets.token_hex(4)}", "correct horse battery"
ADA = f"ada-{secrets.token_hex(4)}"
TWIN = f"twin-{secrets.token_hex(4)}@example.org"
STAFF, CHIEFS = (f"cn={name},ou=groups,{BASE}" for name in ("Staff", "Chiefs"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    entries = (
        person(GRACE, SECRET),
        person(ADA, SECRET, cn="Ada (Lovelace) *"),
        person("twin1", SECRET, mail=TWIN),
        person("twin2", SECRET, mail=TWIN),
        person("outside", SECRET, mail="outside@elsewhere.example"),
    )
    with slapd(tmp_path_factory.mktemp("slapd"), *entries) as running:
        running.add_group("Staff", GRACE, ADA)
        running.add_group("Chiefs", ADA)
        yield running


def settings(server: Slapd, organisation: int = 1, **changes: Any) -> Directory:
    return Directory(
        **{
            "url": server.url,
            "bind_dn": SERVICE,
            "bind_password": SecretStr(PASSWORD),
            "base_dn": f"ou=people,{BASE}",
            "organisation": organisation,
            "create_users": True,
            "allowed_domains": ("example.org",),
            "groups": {STAFF: "Staff", CHIEFS: "Chiefs"},
            **changes,
        }
    )


@pytest.fixture
def directory(app: FastAPI, server: Slapd, organisation: int) -> Iterator[Directory]:
    """The directory in the settings; its people are strangers to each test anew."""
    found = settings(server, organisation, id=f"test-{secrets.token_hex(4)}")
    app.state.directory = found
    yield found
    app.state.directory = None


@pytest.fixture(autouse=True)
async def _strangers(database: Database) -> None:
    """Let nobody here have the addresses of the people in the directory."""
    async with database.transaction() as session:
        for uid in (GRACE, ADA):
            user = await session.scalar(select(User).where(User.email == f"{uid}@example.org"))
            if user is not None:
                user.email = f"{secrets.token_hex(8)}@example.org"
        await session.flush()


async def login(client: AsyncClient, email: str, password: str = SECRET) -> Response:
    body = {"email": email, "password": password}
    return await client.post("/api/v1/auth/login", json=body)


async def me(client: AsyncClient, answer: Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    found: dict[str, Any] = (await client.get("/api/v1/me", headers=headers)).json()
    return found


@pytest.mark.parametrize("way", ["plain", "start_tls", "ldaps"])
def test_a_person_is_found_and_the_password_is_right(server: Slapd, way: str) -> None:
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "start_tls": {"start_tls": True, "ca_file": server.certificate},
        "ldaps": {"url": server.tls_url, "ca_file": server.certificate},
    }
    directory = settings(server, **ways[way])
    entry = authenticate(directory, f"{GRACE}@example.org", SECRET)
    assert entry is not None
    assert len(entry.subject) == 36
    assert (entry.email, entry.name) == (f"{GRACE}@example.org", "Grace Hopper")
    assert entry.groups == {STAFF.lower()}


@pytest.mark.parametrize("way", ["start_tls", "ldaps"])
def test_a_certificate_of_unknown_authority_is_refused(server: Slapd, way: str) -> None:
    ways: dict[str, dict[str, Any]] = {"start_tls": {"start_tls": True}, "ldaps": {}}
    url = server.tls_url if way == "ldaps" else server.url
    with pytest.raises(DirectoryFailedError):
        authenticate(settings(server, url=url, **ways[way]), f"{GRACE}@example.org", SECRET)


def test_a_certificate_for_another_name_is_refused(server: Slapd) -> None:
    url = server.tls_url.replace("localhost", "127.0.0.1")
    directory = settings(server, url=url, ca_file=server.certificate)
    with pytest.raises(DirectoryFailedError):
        authenticate(directory, f"{GRACE}@example.org", SECRET)


@pytest.mark.parametrize(
    ("login", "password"),
    [
        (f"{GRACE}@example.org", "wrong"),
        (f"{GRACE}@example.org", ""),
        ("nobody@example.org", SECRET),
        ("", SECRET),
        (TWIN, SECRET),
        ("*", SECRET),
        (f"{GRACE}*", SECRET),
        (f"{GRACE}@example.org)(uid=*", SECRET),
        (f"*)(uid={GRACE}", SECRET),
        ("\\2a", SECRET),
        ("a\x00b", SECRET),
        ("é" * 5_000, SECRET),
    ],
    # The names are drawn anew by each process; the tests' own names have to be the same in all.
    ids=[
        "wrong password",
        "no password",
        "nobody",
        "no name",
        "two of them",
        "anybody",
        "beginning",
        "filter after",
        "filter before",
        "escaped",
        "null byte",
        "long",
    ],
)
def test_nobody_else_is_found(server: Slapd, login: str, password: str) -> None:
    assert authenticate(settings(server), login, password) is None


def test_names_with_special_characters_are_found(server: Slapd) -> None:
    directory = settings(server, filter="(cn={login})")
    entry = authenticate(directory, "Ada (Lovelace) *", SECRET)
    assert entry is not None
    assert entry.email == f"{ADA}@example.org"


def test_a_wrong_password_of_the_service_is_not_taken_for_the_users(server: Slapd) -> None:
    directory = settings(server, bind_password=SecretStr("wrong"))
    with pytest.raises(DirectoryFailedError, match="in the settings"):
        authenticate(directory, f"{GRACE}@example.org", SECRET)


def test_a_directory_that_does_not_answer_is_given_up(
    server: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.identity.ldap.directory._TIMED_OUT_AFTER", 1)
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DirectoryFailedError):
            authenticate(settings(server, url=url), f"{GRACE}@example.org", SECRET)
    with pytest.raises(DirectoryFailedError):
        authenticate(settings(server, url=url), f"{GRACE}@example.org", SECRET)


async def test_a_user_is_made_at_the_first_sign_in_and_has_no_password_here(
    client: AsyncClient, directory: Directory, database: Database, organisation: int
) -> None:
    email = f"{GRACE}@example.org"
    first = await me(client, await login(client, email))
    assert (first["user"]["email"], first["user"]["name"]) == (email, "Grace Hopper")
    assert await me(client, await login(client, email.upper())) == first
    async with database.transaction() as session:
        user = await session.get_one(User, first["user"]["id"])
        assert user.password_hash is None
    said = await data_of(database, organisation, "user.signed_in")
    assert said == [{"method": "directory", "second_factor": None}] * 2
    assert len(await data_of(database, organisation, "user.provisioned")) == 1


async def test_a_wrong_password_is_refused_counted_and_recorded(
    app: FastAPI,
    client_at: ClientAt,
    directory: Directory,
    database: Database,
    organisation: int,
) -> None:
    email = f"{GRACE}@example.org"
    async with client_at() as client:
        await login(client, email)
    async with client_at() as client:
        for _ in range(5):
            refused = await login(client, email, "wrong")
            assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
        assert (await login(client, email)).status_code == 429
    assert await refusals(app, database, organisation) == {
        ("directory", "wrong password"): 5,
        ("directory", "too many attempts"): 1,
    }


async def test_groups_follow_the_directory(
    client: AsyncClient, directory: Directory, database: Database, organisation: int, app: FastAPI
) -> None:
    async with database.transaction(Tenant(organisation)) as session:
        made = [Group(org_id=organisation, name=name) for name in ("staff", "Chiefs")]
        session.add_all(made)
    user = (await me(client, await login(client, f"{ADA}@example.org")))["user"]["id"]
    async with database.transaction(Tenant(organisation)) as session:
        statement = select(GroupMember.group_id).where(GroupMember.user_id == user)
        assert set(await session.scalars(statement)) == {group.id for group in made}


async def test_local_users_are_not_asked_of_the_directory(
    client: AsyncClient, directory: Directory, app: FastAPI, account: Account
) -> None:
    # Where nothing answers, whoever has a password here signs in all the same.
    app.state.directory = directory.model_copy(update={"url": "ldap://127.0.0.1:1"})
    user: SignedIn = await sign_in(client, account)
    assert (await user.request("GET", "/me")).status_code == 200
    away = await login(client, f"{GRACE}@example.org")
    assert (away.status_code, away.json()["code"]) == (503, "unavailable")


async def test_a_directory_that_does_not_answer_holds_up_nobody_else(
    client_at: ClientAt,
    directory: Directory,
    app: FastAPI,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.identity.ldap.directory._TIMED_OUT_AFTER", 120)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        app.state.directory = directory.model_copy(update={"url": url})
        async with client_at() as strangers, client_at() as home:
            # More of them than are let in at once.
            waiting = [
                asyncio.create_task(login(strangers, f"{secrets.token_hex(4)}@example.org"))
                for _ in range(6)
            ]
            # So many are asked about at once.
            held = [(await asyncio.to_thread(silent.accept))[0] for _ in range(4)]
            user = await sign_in(home, account)
            assert (await user.request("GET", "/me")).status_code == 200
            assert not any(one.done() for one in waiting)
            silent.close()
            for connection in held:
                connection.close()
            answers = await asyncio.gather(*waiting)
            assert {answer.status_code for answer in answers} == {503}


async def test_who_is_removed_from_the_directory_is_out_in_time(
    client: AsyncClient,
    server: Slapd,
    directory: Directory,
    database: Database,
    organisation: int,
) -> None:
    uid = f"leaver-{secrets.token_hex(4)}"
    server.add_person(uid, SECRET)
    answer = await login(client, f"{uid}@example.org")
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    user_id = (await me(client, answer))["user"]["id"]
    made = await client.post("/api/v1/me/api-keys", json={"name": "x"}, headers=bearer)
    key = {"X-API-Key": made.json()["key"]}
    server.remove_person(uid)
    # Nobody signs in any more. What was begun ends when the directory would have to be asked again, and no later.
    assert (await login(client, f"{uid}@example.org")).status_code == 401
    async with database.transaction(Tenant(organisation)) as session:
        tokens = select(RefreshToken).where(RefreshToken.user_id == user_id)
        [token] = await session.scalars(tokens)
    assert token.ends_at is not None
    assert token.ends_at - now() <= timedelta(hours=directory.session_hours)
    assert (await client.get("/api/v1/me", headers=key)).status_code == 200
    async with database.transaction(Tenant(organisation)) as session:
        await session.execute(
            update(RefreshToken)
            .where(RefreshToken.user_id == user_id)
            .values(ends_at=now(), expires_at=now())
        )
        await session.execute(
            update(ExternalIdentity)
            .where(ExternalIdentity.user_id == user_id)
            .values(last_used_at=now() - timedelta(days=31))
        )
    assert (await client.post("/api/v1/auth/refresh")).status_code == 401
    assert (await client.get("/api/v1/me", headers=bearer)).status_code == 401
    assert (await client.get("/api/v1/me", headers=key)).status_code == 401


async def test_an_administrator_puts_out_at_once_whoever_is_removed_from_the_directory(
    client_at: ClientAt, directory: Directory, administrator: SignedIn
) -> None:
    async with client_at() as browser:
        answer = await login(browser, f"{GRACE}@example.org")
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        user_id = (await me(browser, answer))["user"]["id"]
        made = await browser.post("/api/v1/me/api-keys", json={"name": "x"}, headers=bearer)
        await administrator.request("PATCH", f"/users/{user_id}", json={"is_active": False})
        for headers in (bearer, {"X-API-Key": made.json()["key"]}):
            assert (await browser.get("/api/v1/me", headers=headers)).status_code == 401


async def test_an_account_with_the_address_is_not_taken_over(
    client: AsyncClient, directory: Directory, database: Database, account: Account
) -> None:
    async with database.transaction() as session:
        user = await session.get_one(User, account.id)
        user.email = f"{ADA}@example.org"
        await session.flush()
    refused = await login(client, f"{ADA}@example.org")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    async with database.transaction() as session:
        (await session.get_one(User, account.id)).password_hash = None
        await session.flush()
    refused = await login(client, f"{ADA}@example.org")
    assert (refused.status_code, refused.json()["code"]) == (409, "link_needed")


async def test_addresses_of_other_domains_are_not_made_users(
    client: AsyncClient, directory: Directory
) -> None:
    refused = await login(client, "outside@elsewhere.example")
    assert (refused.status_code, refused.json()["code"]) == (403, "identity_refused")


async def test_the_organisations_second_factor_is_asked_of_them_too(
    client: AsyncClient, directory: Directory, administrator: SignedIn
) -> None:
    policy = {"second_factor": "everybody"}
    await administrator.request("PUT", "/sign-in-policy", json=policy)
    answer = await login(client, f"{GRACE}@example.org")
    assert (answer.status_code, answer.json()["code"]) == (401, "enrolment_required")


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "ldap://ldap.example.org"},
        {"url": "http://localhost"},
        {"filter": "(mail=*)"},
        {"bind_password": None},
        {"bind_password_file": Path("/secret")},
        {"surprise": True},
    ],
)
def test_settings_that_are_not_sound_are_refused(server: Slapd, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(server, **changes)


def test_the_file_of_settings_names_a_directory(tmp_path: Path) -> None:
    file = tmp_path / "sign-in.toml"
    file.write_text(
        """
        [ldap]
        url = "ldaps://ldap.example.org"
        bind_dn = "cn=dms"
        bind_password = "hush"
        base_dn = "dc=example"
        organisation = 1
        """
    )
    found = read_settings(file).ldap
    assert found is not None
    assert found.secret() == "hush"
    assert "hush" not in repr(found)
