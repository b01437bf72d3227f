"""A real browser in front of the running service, and people who are signed in with it."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.e2e.pages import PATIENCE_MS, Cabinet, sign_in
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
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "the tests need chromium: tools/install-test-packages"
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield launched
        await launched.close()


async def close(context: BrowserContext) -> None:
    """Close the pages; Chromium may never answer when one of them begins to load just then, and ends with the tests."""
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            await context.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser with nothing in it, on an office screen; errors in its pages fail the test."""
    opened = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    opened.set_default_timeout(PATIENCE_MS)
    crashes: list[str] = []
    opened.on("weberror", lambda error: crashes.append(str(error.error)))
    yield opened
    await close(opened)
    assert crashes == []


@pytest.fixture
async def page(context: BrowserContext, service: Service) -> Page:
    """A page with the administrator signed in."""
    opened = await context.new_page()
    await sign_in(opened, service)
    return opened


@pytest.fixture
async def inspectable(browser: Browser, service: Service) -> AsyncIterator[Page]:
    """A page with the administrator signed in to which axe can be added; our own policy forbids that."""
    context = await browser.new_context(locale="en-GB", bypass_csp=True)
    context.set_default_timeout(PATIENCE_MS)
    opened = await context.new_page()
    await sign_in(opened, service)
    yield opened
    await close(context)


@pytest.fixture
def cabinet(service: Service) -> Cabinet:
    name = f"Cabinet {secrets.token_hex(3)}"
    answer = service.login().post("/folders", json={"name": name, "parent_id": None})
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    return Cabinet(number, name, f"{service.url}/library/{number}")
