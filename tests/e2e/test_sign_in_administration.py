"""How people and programs sign in, as administrators decide it, in a browser: in an organisation of a test's own."""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp
import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import PATIENCE_MS, begin_session, new_context
from tests.support.service import Service


@dataclass
class Office:
    """An organisation, and its administrator's page, not loaded yet, and API."""

    page: Page
    api: httpx.AsyncClient
    url: str

    async def person(self, name: str) -> dict[str, Any]:
        """Make a user; the password is in the answer."""
        password = secrets.token_hex(8)
        body = {"email": f"{secrets.token_hex(6)}@example.org", "name": name, "password": password}
        answer = await self.api.post("/users", json=body)
        assert answer.status_code == 201, answer.text
        return {**answer.json(), "password": password}


@pytest.fixture
async def office(service: Service, browser: Browser) -> AsyncIterator[Office]:
    email = f"{secrets.token_hex(6)}@example.org"
    made = service.command("organisation", "create", "Office", "--administrator", email)
    found = re.search(r"with the password (\S+)", made.stdout)
    assert found is not None, made.stderr
    async with (
        new_context(browser) as context,
        httpx.AsyncClient(base_url=f"{service.url}/api/v1", timeout=60) as api,
    ):
        await begin_session(context, service.url, email, found[1])
        await sign_in(api, email, found[1])
        yield Office(await context.new_page(), api, service.url)


async def give_password(page: Page, email: str, password: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def sign_in(api: httpx.AsyncClient, email: str, password: str) -> None:
    answer = await api.post("/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


async def set_up_app(service: Service, person: dict[str, Any]) -> httpx.AsyncClient:
    """Let somebody have an authenticator app; return the client signed in with before."""
    api = httpx.AsyncClient(base_url=f"{service.url}/api/v1", timeout=60)
    await sign_in(api, person["email"], person["password"])
    secret = (await api.post("/me/authenticator")).json()["secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    assert (await api.post("/me/authenticator/confirm", json=code)).status_code == 200
    return api


async def test_a_second_factor_is_asked_of_everybody(office: Office, browser: Browser) -> None:
    page = office.page
    person = await office.person("Grace Hopper")
    await page.goto(office.url)
    await page.get_by_role("link", name="Sign-in").click()
    await expect(page.get_by_role("radio", name="Nobody has to")).to_be_checked()
    await expect(page.get_by_text("0 of 2 people have set one up")).to_be_visible()
    await page.get_by_role("radio", name="Everybody has to").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("2 people have none yet")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("radio", name="Nobody has to")).to_be_checked()
    await page.get_by_role("radio", name="Everybody has to").click()
    await dialog.get_by_role("button", name="Require it").click()
    await expect(page.get_by_text("Asked from the next sign-in on")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("radio", name="Everybody has to")).to_be_checked()
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    invited = await context.new_page()
    await invited.goto(f"{office.url}/login")
    await give_password(invited, person["email"], person["password"])
    await expect(invited.get_by_role("img", name="Scan this with the app")).to_be_visible()
    await context.close()


async def test_a_lost_second_factor_is_reset_from_the_list_of_users(
    office: Office, service: Service
) -> None:
    page = office.page
    person = await office.person("Grace Hopper")
    api = await set_up_app(service, person)
    await page.goto(f"{office.url}/users")
    row = page.get_by_role("listitem").filter(has_text=person["email"])
    await expect(row.get_by_role("img", name="Has a second factor")).to_be_visible()
    await row.get_by_role("button", name="Actions for Grace Hopper").click()
    await page.get_by_role("menuitem", name="Reset second factor").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("all their sessions end")
    await dialog.get_by_role("button", name="Reset second factor").click()
    await expect(row.get_by_role("img", name="Has a second factor")).to_have_count(0)
    await row.get_by_role("button", name="Actions for Grace Hopper").click()
    await expect(page.get_by_role("menuitem", name="Sessions")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Reset second factor")).to_have_count(0)
    assert (await api.get("/me")).status_code == 401
    await sign_in(api, person["email"], person["password"])
    await api.aclose()


async def test_all_keys_of_the_organisation_are_seen_found_and_revoked(
    office: Office, service: Service
) -> None:
    page = office.page
    person = await office.person("Grace Hopper")
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1", timeout=60) as api:
        await sign_in(api, person["email"], person["password"])
        made = {}
        for name, scopes in (("Export", ["dms:*:List", "dms:*:Read"]), ("Import", None)):
            answer = await api.post("/me/api-keys", json={"name": name, "scopes": scopes})
            made[name] = answer.json()["key"]
    await page.goto(f"{office.url}/sign-in?show=keys")
    rows = page.get_by_role("list", name="API keys").get_by_role("listitem")
    await expect(rows).to_have_count(2)
    export = rows.filter(has_text="Export")
    await expect(export).to_contain_text(f"Grace Hopper · {person['email']}")
    await expect(export).to_contain_text(f"Read only · ends in {made['Export'][-4:]}")
    await expect(export).to_contain_text("Never used")
    await page.get_by_label("Key or person").fill("impo")
    await expect(export).to_have_count(0)
    await expect(rows).to_have_count(1)
    assert page.url.endswith("show=keys&q=impo")
    await page.get_by_label("Key or person").fill("hopper")
    await expect(rows).to_have_count(2)
    await page.get_by_role("combobox", name="State").click()
    await page.get_by_role("option", name="Expired").click()
    await expect(page.get_by_role("heading", name="No key fits")).to_be_visible()
    await page.get_by_role("combobox", name="State").click()
    await page.get_by_role("option", name="All").click()
    await export.get_by_role("button", name="Revoke API key Export").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("It acts for Grace Hopper")
    await dialog.get_by_role("button", name="Revoke", exact=True).click()
    await expect(rows).to_have_count(1)
    me = f"{office.url}/api/v1/me"
    assert (await page.request.get(me, headers={"X-API-Key": made["Export"]})).status == 401
    assert (await page.request.get(me, headers={"X-API-Key": made["Import"]})).status == 200


async def test_a_service_account_gets_a_key_and_another_in_its_place(office: Office) -> None:
    page = office.page
    await page.goto(f"{office.url}/sign-in?show=accounts")
    await page.get_by_role("button", name="New service account").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Invoice scanner")
    await dialog.get_by_role("button", name="Create").click()
    account = page.get_by_role("list", name="Service accounts").get_by_role("listitem")
    await expect(account).to_contain_text("0 keys")
    await account.get_by_role("button", name="Keys of Invoice scanner").click()
    client_id = await dialog.locator("code").first.inner_text()
    await dialog.get_by_role("button", name="New key").click()
    await dialog.get_by_label("Name").fill("First")
    await dialog.get_by_role("combobox", name="What it may do").click()
    await page.get_by_role("option", name="Chosen actions").click()
    actions = dialog.get_by_label("Actions")
    await actions.fill("everything")
    await actions.press("Enter")
    await expect(dialog.get_by_text("“everything” is no action")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Create")).to_be_disabled()
    await actions.press("Backspace")
    await actions.fill("dms:*:Read")
    await actions.press("Enter")
    await actions.press("Tab")
    await dialog.get_by_role("button", name="Create").click()
    first = await dialog.locator("pre").inner_text()
    await dialog.get_by_role("button", name="Copy", exact=True).click()
    await dialog.get_by_role("button", name="Close", exact=True).last.click()
    keys = dialog.get_by_role("list", name="Keys of Invoice scanner").get_by_role("listitem")
    await expect(keys).to_contain_text("dms:*:Read")

    async def asked(secret: str) -> int:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
        }
        return (await page.request.post(f"{office.url}/api/v1/auth/token", form=form)).status

    assert await asked(first) == 200
    await keys.get_by_role("button", name="Replace key First").click()
    await dialog.get_by_role("combobox", name="The former key").click()
    await page.get_by_role("option", name="goes on for an hour").click()
    await dialog.get_by_role("button", name="Replace", exact=True).click()
    second = await dialog.locator("pre").inner_text()
    await dialog.get_by_role("button", name="Close", exact=True).last.click()
    await expect(keys).to_have_count(2)
    assert [await asked(secret) for secret in (first, second)] == [200, 200]
    old = keys.filter(has_text=f"ends in {first[-4:]}")
    await old.get_by_role("button", name="Revoke API key First").click()
    await page.get_by_role("button", name="Revoke", exact=True).last.click()
    await expect(keys).to_have_count(1)
    assert [await asked(secret) for secret in (first, second)] == [401, 200]


async def test_a_service_account_is_no_person_and_is_deactivated(office: Office) -> None:
    page = office.page
    made = (await office.api.post("/service-accounts", json={"name": "Invoice scanner"})).json()
    path = f"/service-accounts/{made['id']}/keys"
    key = (await office.api.post(path, json={"name": "First"})).json()["key"]
    me = f"{office.url}/api/v1/me"
    assert (await page.request.get(me, headers={"X-API-Key": key})).status == 200
    await page.goto(f"{office.url}/sign-in?show=accounts")
    account = page.get_by_role("list", name="Service accounts").get_by_role("listitem")
    await expect(account).to_contain_text("1 key")
    await account.get_by_role("button", name="Actions for Invoice scanner").click()
    await page.get_by_role("menuitem", name="Deactivate").click()
    await page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    await expect(account).to_contain_text("Deactivated")
    assert (await page.request.get(me, headers={"X-API-Key": key})).status == 401
    # A program is no person: it is not among those who sign in with a password.
    await page.goto(f"{office.url}/users")
    await expect(page.get_by_role("listitem").filter(has_text="Administrator")).to_have_count(1)
    await expect(page.get_by_text("Invoice scanner")).to_have_count(0)


async def test_who_is_active_nowhere_accepts_an_invitation_with_the_password(
    office: Office, service: Service, browser: Browser
) -> None:
    person = await office.person("Grace Hopper")
    gone = await office.api.patch(f"/users/{person['id']}", json={"is_active": False})
    assert gone.status_code == 200
    invited = service.login().post("/invitations", json={"email": person["email"]})
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await page.goto(f"{service.url}{invited.json()['link']}")
    await expect(page.get_by_text("Give its password to join")).to_be_visible()
    await page.get_by_label("Password", exact=True).fill("not the password")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("alert")).to_contain_text("password is wrong")
    await page.get_by_label("Password", exact=True).fill(person["password"])
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", level=1, name="Hello, Grace")).to_be_visible()
    await expect(page.get_by_text("My organisation").first).to_be_visible()
    await context.close()


async def test_it_is_for_administrators(office: Office, service: Service, browser: Browser) -> None:
    person = await office.person("Grace Hopper")
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await page.goto(f"{service.url}/login")
    await give_password(page, person["email"], person["password"])
    await expect(page.get_by_role("heading", level=1, name="Hello")).to_be_visible()
    await expect(page.get_by_role("link", name="Sign-in")).to_have_count(0)
    await page.goto(f"{office.url}/sign-in?show=keys")
    await expect(page.get_by_text("This is for administrators")).to_be_visible()
    await context.close()
