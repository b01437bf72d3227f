"""A real browser in front of the running service, and people who are signed in with it."""

import secrets
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.e2e.pages import PATIENCE_MS, Cabinet, new_context, sign_in
from tests.support.service import Service

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    # Chromium without a window of its own to draw: a quarter less work for the same pages.
    chromium = shutil.which("chromium-headless-shell")
    assert chromium, "the tests need chromium-headless-shell: tools/install-test-packages"
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield launched
        await launched.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser with nothing in it."""
    async with new_context(browser) as opened:
        yield opened


@pytest.fixture
async def page(context: BrowserContext, service: Service) -> Page:
    """A page, not loaded yet, with the administrator signed in."""
    await sign_in(context, service)
    return await context.new_page()


@pytest.fixture
async def inspectable(browser: Browser, service: Service) -> AsyncIterator[Page]:
    """The same, to which axe can be added; our own policy forbids that."""
    async with new_context(browser, bypass_csp=True) as context:
        await sign_in(context, service)
        yield await context.new_page()


@pytest.fixture
def cabinet(service: Service) -> Cabinet:
    name = f"Cabinet {secrets.token_hex(3)}"
    answer = service.login().post("/folders", json={"name": name, "parent_id": None})
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    return Cabinet(number, name, f"{service.url}/library/{number}")
