"""Signing in by an OpenID provider that runs beside the test."""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import select

from backend.core.db import Database, Tenant
from backend.identity.external.settings import OidcProvider, read_settings
from backend.identity.models import Group, GroupMember
from backend.identity.oidc.client import OidcClient
from tests.backend.identity.accounts import Account, ClientAt, SignedIn, sign_in
from tests.backend.identity.trail import data_of
from tests.support.oidc import Provider, provider

DOMAIN = "example.org"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with provider(tmp_path_factory.mktemp("oidc") / "log") as running:
        yield running


@pytest.fixture
def configured(app: FastAPI, issuer: Provider, organisation: int) -> Iterator[OidcProvider]:
    """The provider in the settings, under a name of the test's own."""
    settings = OidcProvider(
        id=f"test-{secrets.token_hex(4)}",
        name="Example Ltd",
        issuer=issuer.issuer,
        client_id="dms",
        client_secret=SecretStr("secret"),
        organisation=organisation,
        create_users=True,
        allowed_domains=(DOMAIN,),
        groups={"staff": "Staff", "chiefs": "Chiefs"},
    )
    app.state.oidc[settings.id] = OidcClient(settings)
    yield settings
    del app.state.oidc[settings.id]


@pytest.fixture
async def groups(database: Database, organisation: int) -> dict[str, int]:
    """The groups that are mapped, and another."""
    async with database.transaction(Tenant(organisation)) as session:
        made = [Group(org_id=organisation, name=name) for name in ("Staff", "Chiefs", "Other")]
        session.add_all(made)
        await session.flush()
        return {group.name: group.id for group in made}


async def somebody(issuer: Provider, **claims: Any) -> str:
    """Return the subject of somebody whom the provider knows."""
    subject = f"{secrets.token_hex(6)}@{DOMAIN}"
    said = {"email": subject, "email_verified": True, "name": "Grace Hopper", **claims}
    await issuer.claim(subject, **said)
    return subject


async def begin(client: AsyncClient, configured: OidcProvider, **query: str) -> str:
    answer = await client.get(f"/api/v1/auth/oidc/{configured.id}", params=query)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def come_back(client: AsyncClient, url: object) -> Response:
    """Follow the provider's redirection to the service."""
    return await client.get(str(url))


async def by_provider(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, subject: str, **query: str
) -> Response:
    back = await issuer.consent(await begin(client, configured, **query), subject)
    return await come_back(client, back)


async def who(client: AsyncClient) -> dict[str, Any]:
    """Return who the session in the client's cookie is."""
    token = (await client.post("/api/v1/auth/refresh")).json()["access_token"]
    me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    found: dict[str, Any] = me.json()
    return found


async def groups_of(database: Database, org_id: int, user_id: int) -> set[int]:
    async with database.transaction(Tenant(org_id)) as session:
        statement = select(GroupMember.group_id).where(GroupMember.user_id == user_id)
        return set(await session.scalars(statement))


async def test_a_user_is_made_at_the_first_sign_in_and_known_at_the_next(
    client_at: ClientAt,
    issuer: Provider,
    configured: OidcProvider,
    database: Database,
    organisation: int,
) -> None:
    subject = await somebody(issuer)
    seen = []
    for _ in range(2):
        async with client_at() as client:
            answer = await by_provider(client, issuer, configured, subject, redirect="/search?q=a")
            assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=a")
            seen.append(await who(client))
    assert seen[0] == seen[1]
    assert seen[0]["user"]["email"] == subject
    assert seen[0]["user"]["name"] == "Grace Hopper"
    assert (seen[0]["organisation"]["id"], seen[0]["role"]) == (organisation, "member")
    assert len(await data_of(database, organisation, "user.provisioned")) == 1
    said = await data_of(database, organisation, "user.signed_in")
    assert said == [{"method": f"oidc:{configured.id}", "second_factor": "provider"}] * 2


async def test_the_browser_is_sent_with_all_that_protects_the_flow(
    client: AsyncClient, configured: OidcProvider
) -> None:
    urls = [await begin(client, configured) for _ in range(2)]
    queries = [parse_qs(urlsplit(url).query) for url in urls]
    assert queries[0]["code_challenge_method"] == ["S256"]
    assert queries[0]["redirect_uri"] == [
        f"http://dms.test/api/v1/auth/oidc/{configured.id}/callback"
    ]
    for name in ("state", "nonce", "code_challenge"):
        assert len(queries[0][name][0]) >= 43
        assert queries[0][name] != queries[1][name]


async def test_a_browser_that_began_nothing_is_not_signed_in(
    client_at: ClientAt, issuer: Provider, configured: OidcProvider
) -> None:
    async with client_at() as attacker, client_at() as victim:
        subject = await somebody(issuer)
        back = await issuer.consent(await begin(attacker, configured), subject)
        for _ in range(2):
            answer = await come_back(victim, back)
            assert answer.headers["location"] == "/login?problem=invalid_ticket"
            assert (await victim.post("/api/v1/auth/refresh")).status_code == 401
            # Nor where it began one of its own.
            await begin(victim, configured)


async def test_an_answer_is_good_once(
    client: AsyncClient, issuer: Provider, configured: OidcProvider
) -> None:
    back = await issuer.consent(await begin(client, configured), await somebody(issuer))
    cookie = client.cookies["dms_oidc"]
    headers = {"Cookie": f"dms_oidc={cookie}"}
    client.cookies.clear()
    answers = await asyncio.gather(*(client.get(str(back), headers=headers) for _ in range(2)))
    locations = sorted(answer.headers["location"] for answer in answers)
    assert locations == ["/", "/login?problem=invalid_ticket"]


async def test_a_token_with_the_nonce_of_another_sign_in_is_refused(
    client: AsyncClient, issuer: Provider, configured: OidcProvider
) -> None:
    subject = await somebody(issuer)
    stolen = (await issuer.consent(await begin(client, configured), subject)).params["code"]
    url = urlsplit(await begin(client, configured))
    state = parse_qs(url.query)["state"][0]
    path = f"/api/v1/auth/oidc/{configured.id}/callback"
    answer = await client.get(path, params={"code": stolen, "state": state})
    assert answer.headers["location"] == "/login?problem=provider_failed"


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": f"somebody@sub.{DOMAIN}"},
        {"email": f"somebody@{DOMAIN}.evil.test"},
    ],
)
async def test_who_is_not_wanted_is_not_made_a_user(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, claims: dict[str, Any]
) -> None:
    subject = await somebody(issuer, **claims)
    answer = await by_provider(client, issuer, configured, subject)
    assert answer.headers["location"] == "/login?problem=identity_refused"


async def test_claims_may_be_required(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, app: FastAPI
) -> None:
    stricter = configured.model_copy(update={"required_claims": {"department": "archive"}})
    app.state.oidc[configured.id] = OidcClient(stricter)
    outside = await somebody(issuer, department="sales")
    inside = await somebody(issuer, department=["sales", "archive"])
    refused = await by_provider(client, issuer, configured, outside)
    assert refused.headers["location"] == "/login?problem=identity_refused"
    assert (await by_provider(client, issuer, configured, inside)).headers["location"] == "/"


async def test_nobody_is_made_where_the_settings_do_not_say_so(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, app: FastAPI
) -> None:
    closed = configured.model_copy(update={"create_users": False})
    app.state.oidc[configured.id] = OidcClient(closed)
    answer = await by_provider(client, issuer, configured, await somebody(issuer))
    assert answer.headers["location"] == "/login?problem=identity_refused"


async def test_an_account_with_the_address_is_linked_by_its_owner_alone(
    client_at: ClientAt,
    account: Account,
    issuer: Provider,
    configured: OidcProvider,
    database: Database,
) -> None:
    subject = await somebody(issuer, email=account.email)
    async with client_at() as client:
        refused = await by_provider(client, issuer, configured, subject)
        assert refused.headers["location"] == "/login?problem=link_needed"
        owner: SignedIn = await sign_in(client, account)
        begun = await owner.request("POST", f"/me/identities/{configured.id}")
        back = await issuer.consent(begun.json()["url"], subject)
        assert (await come_back(client, back)).headers["location"] == "/security"
    async with client_at() as client:
        answer = await by_provider(client, issuer, configured, subject)
        assert answer.headers["location"] == "/"
        assert (await who(client))["user"]["id"] == account.id
    [said] = await data_of(database, account.org_id, "identity.linked")
    assert said == {"issuer": issuer.issuer}


async def test_an_identity_is_linked_to_one_user(
    client_at: ClientAt, account: Account, issuer: Provider, configured: OidcProvider
) -> None:
    subject = await somebody(issuer)
    async with client_at() as client:
        await by_provider(client, issuer, configured, subject)
    async with client_at() as client:
        owner = await sign_in(client, account)
        begun = await owner.request("POST", f"/me/identities/{configured.id}")
        back = await issuer.consent(begun.json()["url"], subject)
        answer = await come_back(client, back)
        assert answer.headers["location"] == "/login?problem=identity_taken"


async def test_groups_follow_the_provider_at_each_sign_in(
    client_at: ClientAt,
    issuer: Provider,
    configured: OidcProvider,
    database: Database,
    organisation: int,
    groups: dict[str, int],
) -> None:
    subject = await somebody(issuer, groups=["staff", "chiefs", "Other"])
    async with client_at() as client:
        await by_provider(client, issuer, configured, subject)
        user_id = (await who(client))["user"]["id"]
    assert await groups_of(database, organisation, user_id) == {groups["Staff"], groups["Chiefs"]}
    async with database.transaction(Tenant(organisation)) as session:
        session.add(GroupMember(org_id=organisation, group_id=groups["Other"], user_id=user_id))
    await issuer.claim(subject, email=subject, email_verified=True, groups=["staff"])
    async with client_at() as client:
        await by_provider(client, issuer, configured, subject)
    assert await groups_of(database, organisation, user_id) == {groups["Staff"], groups["Other"]}
    assert len(await data_of(database, organisation, "group.joined")) == 2
    assert len(await data_of(database, organisation, "group.left")) == 1


async def test_a_deactivated_user_is_not_let_in(
    client_at: ClientAt, issuer: Provider, configured: OidcProvider, administrator: SignedIn
) -> None:
    subject = await somebody(issuer)
    async with client_at() as client:
        await by_provider(client, issuer, configured, subject)
        user_id = (await who(client))["user"]["id"]
    await administrator.request("PATCH", f"/users/{user_id}", json={"is_active": False})
    async with client_at() as client:
        answer = await by_provider(client, issuer, configured, subject)
        assert answer.headers["location"] == "/login?problem=invalid_credentials"


async def test_such_a_user_has_no_password(
    client: AsyncClient, issuer: Provider, configured: OidcProvider
) -> None:
    subject = await somebody(issuer)
    await by_provider(client, issuer, configured, subject)
    body = {"email": subject, "password": ""}
    answer = await client.post("/api/v1/auth/login", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


async def test_a_refusal_there_is_told_here(
    client: AsyncClient, issuer: Provider, configured: OidcProvider
) -> None:
    back = await issuer.deny(await begin(client, configured))
    answer = await come_back(client, back)
    assert answer.headers["location"] == "/login?problem=provider_failed"


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil.test", "x"])
async def test_the_browser_is_sent_to_our_own_pages_alone(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, target: str
) -> None:
    subject = await somebody(issuer)
    answer = await by_provider(client, issuer, configured, subject, redirect=target)
    assert answer.headers["location"] == "/"


async def test_a_provider_that_is_another_issuer_is_not_believed(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, app: FastAPI
) -> None:
    other = configured.model_copy(update={"issuer": issuer.issuer.upper()})
    app.state.oidc[configured.id] = OidcClient(other)
    answer = await client.get(f"/api/v1/auth/oidc/{configured.id}")
    assert (answer.status_code, answer.json()["code"]) == (401, "provider_failed")
    assert "another issuer" in answer.json()["detail"]


async def test_providers_are_listed_without_their_secrets(
    client: AsyncClient, configured: OidcProvider
) -> None:
    listed = (await client.get("/api/v1/auth/providers")).json()
    assert {"id": configured.id, "name": "Example Ltd"} in listed
    assert (await client.get("/api/v1/auth/oidc/none")).status_code == 404


def test_the_file_of_settings_says_who_vouches(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    file = tmp_path / "sign-in.toml"
    file.write_text(
        f"""
        [[oidc]]
        id = "example"
        name = "Example"
        issuer = "https://id.example.org/"
        client_id = "dms"
        client_secret_file = "{secret}"
        organisation = 1
        [oidc.groups]
        theirs = "Ours"
        """
    )
    [found] = read_settings(file).oidc
    assert (found.issuer, found.secret()) == ("https://id.example.org", "hush")
    assert found.groups == {"theirs": "Ours"}
    assert not found.create_users
    assert read_settings(None).oidc == ()
    for wrong in ('issuer = "http://id.example.org"', 'surprise = "x"'):
        file.write_text(
            f'[[oidc]]\nid = "x"\nname = "x"\nclient_id = "x"\norganisation = 1\n{wrong}'
        )
        with pytest.raises(ValueError, match="oidc"):
            read_settings(file)
