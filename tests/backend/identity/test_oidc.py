"""Signing in by an OpenID provider that runs beside the test."""

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import select, update

from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity.external.errors import ProviderFailedError
from backend.identity.external.models import ExternalIdentity
from backend.identity.external.settings import OidcProvider, read_settings
from backend.identity.models import Group, GroupMember, Membership, RefreshToken
from backend.identity.oidc.client import OidcClient
from tests.backend.identity.accounts import Account, ClientAt, SignedIn, sign_in
from tests.backend.identity.trail import data_of
from tests.support.api import Api
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


async def begun(client: AsyncClient, configured: OidcProvider) -> tuple[dict[str, str], str]:
    """Begin a sign-in; return what the browser was sent to the provider with, and the ticket it keeps."""
    url = await begin(client, configured)
    sent = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return sent, client.cookies["dms_oidc"]


async def test_the_challenge_is_of_the_verifier_that_is_sent_with_the_code(
    client: AsyncClient, app: FastAPI, issuer: Provider, configured: OidcProvider
) -> None:
    sent, ticket = await begun(client, configured)
    verifier = app.state.signer.open_ticket("oidc", ticket)["verifier"]
    # RFC 7636, 4.1 and 4.2.
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    assert sent["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    # And the provider, which looks, lets it pass: so that the refusals below are for what they say.
    answer = await by_provider(client, issuer, configured, await somebody(issuer))
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("verifier", "secret"), [("x" * 43, "secret"), ("", "secret"), (None, "another")]
)
async def test_the_provider_looks_at_verifier_and_secret(
    client: AsyncClient,
    app: FastAPI,
    issuer: Provider,
    configured: OidcProvider,
    verifier: str | None,
    secret: str,
) -> None:
    """Otherwise that our sign-ins succeed would say nothing of what we send."""
    sent, ticket = await begun(client, configured)
    url = f"{issuer.issuer}/oauth2/authorize?{urlencode(sent)}"
    code = (await issuer.consent(url, await somebody(issuer))).params["code"]
    right = app.state.signer.open_ticket("oidc", ticket)["verifier"]
    changed = configured.model_copy(update={"client_secret": SecretStr(secret)})
    with pytest.raises(ProviderFailedError, match="refuses"):
        await OidcClient(changed).exchange(
            code=code,
            verifier=right if verifier is None else verifier,
            redirect_uri=sent["redirect_uri"],
            nonce=sent["nonce"],
        )


async def test_an_answer_with_another_state_is_refused(
    client: AsyncClient, issuer: Provider, configured: OidcProvider
) -> None:
    back = await issuer.consent(await begin(client, configured), await somebody(issuer))
    for state in ("", "x" * 43, back.params["state"][:-1], "ä"):
        answer = await come_back(client, back.copy_set_param("state", state))
        assert answer.headers["location"] == "/login?problem=invalid_ticket"
        # The ticket is gone from the browser, too.
        assert "dms_oidc" not in client.cookies
        back = await issuer.consent(await begin(client, configured), await somebody(issuer))


async def test_a_token_without_a_lie_is_good(
    client: AsyncClient, issuer: Provider, configured: OidcProvider
) -> None:
    """The provider's lies are made like this: what is refused below is refused for the lie."""
    subject = await somebody(issuer)
    await issuer.lie(subject)
    answer = await by_provider(client, issuer, configured, subject)
    assert answer.headers["location"] == "/"


PAST, FUTURE = 1_000_000_000, 4_000_000_000


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": ["another", "and another"]},
        {"aud": None},
        {"aud": ["dms", "another"], "azp": "another"},
        {"iss": "https://another.example"},
        {"iss": None},
        {"exp": PAST},
        {"exp": None},
        {"exp": "soon"},
        {"iat": FUTURE},
        {"iat": None},
        {"nbf": FUTURE},
        {"nonce": "another"},
        {"nonce": None},
    ],
    ids=str,
)
async def test_tokens_that_say_something_else_are_refused(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, claims: dict[str, Any]
) -> None:
    subject = await somebody(issuer)
    await issuer.lie(subject, **claims)
    answer = await by_provider(client, issuer, configured, subject)
    assert answer.headers["location"] == "/login?problem=provider_failed"
    assert (await client.post("/api/v1/auth/refresh")).status_code == 401


@pytest.mark.parametrize("key", ["unknown", "forged", "public", "none"])
async def test_tokens_that_the_provider_did_not_sign_are_refused(
    client: AsyncClient, issuer: Provider, configured: OidcProvider, key: str
) -> None:
    subject = await somebody(issuer)
    await issuer.lie(subject, key=key)
    answer = await by_provider(client, issuer, configured, subject)
    assert answer.headers["location"] == "/login?problem=provider_failed"
    assert (await client.post("/api/v1/auth/refresh")).status_code == 401


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


@pytest.mark.parametrize("way", ["DELETE /me/sessions", "POST /me/password", "deactivated"])
async def test_nothing_is_linked_by_a_session_that_was_ended_meanwhile(
    client_at: ClientAt,
    account: Account,
    administrator: SignedIn,
    issuer: Provider,
    configured: OidcProvider,
    way: str,
) -> None:
    subject = await somebody(issuer)
    async with client_at() as stolen, client_at() as home:
        thief, owner = await sign_in(stolen, account), await sign_in(home, account)
        begun = await thief.request("POST", f"/me/identities/{configured.id}")
        back = await issuer.consent(begun.json()["url"], subject)
        if way == "deactivated":
            path = f"/users/{account.id}"
            await administrator.request("PATCH", path, json={"is_active": False})
        else:
            method, _, path = way.partition(" ")
            passwords = {"current_password": account.password, "new_password": "long enough"}
            body = passwords if method == "POST" else None
            assert (await owner.request(method, path, json=body)).is_success
        answer = await come_back(stolen, back)
        assert answer.headers["location"] == "/login?problem=unauthenticated"
    async with client_at() as browser:
        await by_provider(browser, issuer, configured, subject)
        assert (await who(browser))["user"]["id"] != account.id


async def lapse(database: Database, user_id: int, by: timedelta) -> None:
    """Let the last sign-in by a provider, and the ends of sessions, be so much earlier."""
    async with database.transaction() as session:
        await session.execute(
            update(ExternalIdentity)
            .where(ExternalIdentity.user_id == user_id)
            .values(last_used_at=ExternalIdentity.last_used_at - by)
        )


async def test_a_session_ends_when_the_provider_is_to_be_asked_again(
    client: AsyncClient,
    issuer: Provider,
    configured: OidcProvider,
    app: FastAPI,
    database: Database,
    organisation: int,
) -> None:
    hourly = configured.model_copy(update={"session_hours": 1})
    app.state.oidc[configured.id] = OidcClient(hourly)
    await by_provider(client, issuer, configured, await somebody(issuer))
    ends: list[datetime | None] = []
    for _ in range(2):
        assert (await client.post("/api/v1/auth/refresh")).status_code == 200
        async with database.transaction(Tenant(organisation)) as session:
            last = select(RefreshToken).order_by(RefreshToken.id.desc()).limit(1)
            token = (await session.scalars(last)).one()
        ends.append(token.ends_at)
        assert token.expires_at == token.ends_at
    # Carrying it on does not put the end off.
    assert ends[0] == ends[1]
    assert ends[0] is not None
    assert timedelta() < ends[0] - now() <= timedelta(hours=1)
    soon = now() + timedelta(seconds=30)
    async with database.transaction(Tenant(organisation)) as session:
        await session.execute(update(RefreshToken).values(ends_at=soon, expires_at=soon))
    renewed = await client.post("/api/v1/auth/refresh")
    assert renewed.json()["expires_in"] <= 30
    async with database.transaction(Tenant(organisation)) as session:
        await session.execute(update(RefreshToken).values(ends_at=now(), expires_at=now()))
    assert (await client.post("/api/v1/auth/refresh")).status_code == 401


async def test_going_on_elsewhere_does_not_put_the_end_off(
    client: AsyncClient,
    issuer: Provider,
    configured: OidcProvider,
    database: Database,
    stranger: Api,
) -> None:
    await by_provider(client, issuer, configured, await somebody(issuer))
    token = (await client.post("/api/v1/auth/refresh")).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    user_id = (await client.get("/api/v1/me", headers=headers)).json()["user"]["id"]
    async with database.transaction(Tenant(stranger.org_id)) as session:
        session.add(Membership(org_id=stranger.org_id, user_id=user_id, role=Role.MEMBER))
    there = {"organisation_id": stranger.org_id}
    switched = await client.post("/api/v1/auth/switch", json=there, headers=headers)
    assert switched.status_code == 200
    async with database.transaction(Tenant(stranger.org_id)) as session:
        of_user = select(RefreshToken).where(RefreshToken.user_id == user_id)
        begun = (await session.scalars(of_user)).one()
    assert begun.ends_at is not None
    assert begun.ends_at - now() <= timedelta(hours=configured.session_hours)


async def test_keys_rest_when_the_provider_has_not_vouched_for_long(
    client_at: ClientAt, issuer: Provider, configured: OidcProvider, database: Database
) -> None:
    subject = await somebody(issuer)
    async with client_at() as browser:
        await by_provider(browser, issuer, configured, subject)
        token = (await browser.post("/api/v1/auth/refresh")).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        made = await browser.post("/api/v1/me/api-keys", json={"name": "x"}, headers=headers)
        key = {"X-API-Key": made.json()["key"]}

        async def status() -> int:
            return (await browser.get("/api/v1/me", headers=key)).status_code

        user_id = (await browser.get("/api/v1/me", headers=key)).json()["user"]["id"]
        await lapse(database, user_id, timedelta(days=29))
        assert await status() == 200
        await lapse(database, user_id, timedelta(days=2))
        assert await status() == 401
        await by_provider(browser, issuer, configured, subject)
        assert await status() == 200


async def test_keys_of_who_has_a_password_here_do_not_rest(
    client: AsyncClient,
    account: Account,
    issuer: Provider,
    configured: OidcProvider,
    database: Database,
) -> None:
    owner = await sign_in(client, account)
    begun = await owner.request("POST", f"/me/identities/{configured.id}")
    await come_back(client, await issuer.consent(begun.json()["url"], await somebody(issuer)))
    key = (await owner.request("POST", "/me/api-keys", json={"name": "x"})).json()["key"]
    await lapse(database, account.id, timedelta(days=365))
    answer = await client.get("/api/v1/me", headers={"X-API-Key": key})
    assert answer.status_code == 200


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


@pytest.mark.parametrize(
    "target",
    ["https://evil.test/", "//evil.test", "/\\evil.test", "/\t/evil.test", "/a\x85b", "x"],
)
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
