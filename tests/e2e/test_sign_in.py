"""Signing in with more than a password, in a real browser: an authenticator app, passkeys, and keys for programs."""

import secrets
from dataclasses import dataclass

import pyotp
import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.pages import begin_session
from tests.support.service import Service


@dataclass(frozen=True)
class Person:
    """A user of a test's own."""

    email: str
    password: str


@pytest.fixture
def person(service: Service) -> Person:
    made = Person(f"{secrets.token_hex(6)}@example.org", secrets.token_hex(8))
    body = {"email": made.email, "name": "Grace", "password": made.password, "role": "member"}
    answer = service.login().post("/users", json=body)
    assert answer.status_code == 201, answer.text
    return made


@pytest.fixture
async def page(context: BrowserContext, service: Service, person: Person) -> Page:
    """The security page of a user of the test's own. Passkeys are bound to names: not to 127.0.0.1."""
    await begin_session(context, by_name(service), person.email, person.password)
    opened = await context.new_page()
    await opened.goto(f"{by_name(service)}/security")
    return opened


def by_name(service: Service) -> str:
    return service.url.replace("127.0.0.1", "localhost")


async def give_password(page: Page, person: Person) -> None:
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_label("Password", exact=True).fill(person.password)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def sign_out(page: Page) -> None:
    await page.get_by_role("button", name="Account of Grace").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_label("E-mail address")).to_be_visible()


async def is_in(page: Page) -> None:
    await expect(page.get_by_role("button", name="Account of Grace")).to_be_visible()


async def test_an_authenticator_app_is_set_up_and_asked_for(page: Page, person: Person) -> None:
    await page.get_by_role("button", name="Set up").click()
    await expect(page.get_by_role("img", name="Scan this with the app")).to_be_visible()
    secret = await page.get_by_role("dialog").locator("code").inner_text()
    await page.get_by_label("Code that the app shows").fill(pyotp.TOTP(secret).now())
    await page.get_by_role("button", name="Confirm").click()
    codes = page.get_by_label("Recovery codes").locator("code")
    await expect(codes).to_have_count(10)
    code = await codes.first.inner_text()
    await page.get_by_role("button", name="I have kept them").click()
    await expect(page.get_by_text("10 codes left")).to_be_visible()
    await sign_out(page)
    await give_password(page, person)
    await page.get_by_label("Code", exact=True).fill("000000")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert", name="The code is wrong.")).to_be_visible()
    await page.get_by_label("Code", exact=True).fill(code)
    await page.get_by_role("button", name="Continue").click()
    await is_in(page)


async def test_a_passkey_is_added_and_signs_in_alone_and_after_a_password(
    page: Page, person: Person
) -> None:
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    await page.get_by_role("button", name="Add a passkey").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Laptop")
    await dialog.get_by_role("button", name="Add a passkey").click()
    await page.get_by_role("button", name="I have kept them").click()
    await expect(page.get_by_role("button", name="Remove passkey Laptop")).to_be_visible()
    await sign_out(page)
    await page.get_by_role("button", name="Use a passkey").click()
    await is_in(page)
    await sign_out(page)
    await give_password(page, person)
    await expect(page.get_by_role("heading", level=2, name="One more step")).to_be_visible()
    await page.get_by_role("button", name="Use a passkey").click()
    await is_in(page)


async def test_an_api_key_is_shown_once_and_revoked(page: Page, service: Service) -> None:
    await page.get_by_role("button", name="New API key").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Export")
    await dialog.get_by_role("button", name="Create").click()
    key = await dialog.locator("pre").inner_text()
    assert key.startswith("dmsk_")
    await dialog.get_by_role("button", name="Close").last.click()
    await expect(page.get_by_text(f"ends in {key[-4:]}")).to_be_visible()
    me = f"{service.url}/api/v1/me"
    answer = await page.request.get(me, headers={"X-API-Key": key})
    assert answer.status == 200
    await page.get_by_role("button", name="Revoke API key Export").click()
    await page.get_by_role("button", name="Revoke", exact=True).last.click()
    await expect(page.get_by_text("No API keys yet")).to_be_visible()
    assert (await page.request.get(me, headers={"X-API-Key": key})).status == 401


async def test_the_security_page_fits_a_telephone(page: Page) -> None:
    await page.set_viewport_size({"width": 400, "height": 800})
    await expect(page.get_by_role("heading", name="API keys")).to_be_attached()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 400
