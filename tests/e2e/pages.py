"""What the browser tests share: how they sign in, and how they find things on a page."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from playwright.async_api import Browser, BrowserContext, Locator, Page

from tests.support.service import Service

# One slow machine may run everything at once: browser, service, OCR and the other tests. And what a test uploads waits
# behind the pages of all that was uploaded before.
PATIENCE_MS = 90_000


@dataclass(frozen=True)
class Cabinet:
    """A cabinet of a test's own, empty at first."""

    id: int
    name: str
    url: str


@dataclass(frozen=True)
class Person:
    """A user of a test's own."""

    id: int
    name: str
    email: str
    password: str


def new_person(service: Service, name: str) -> Person:
    """Create a member whose name begins so."""
    unique, password = secrets.token_hex(3), secrets.token_hex(8)
    person = {"name": f"{name} {unique}", "email": f"{name.lower()}{unique}@example.org"}
    answer = service.login().post("/users", json={**person, "password": password, "role": "member"})
    assert answer.status_code == 201, answer.text
    return Person(answer.json()["id"], person["name"], person["email"], password)


@asynccontextmanager
async def new_context(
    browser: Browser, *, bypass_csp: bool = False
) -> AsyncIterator[BrowserContext]:
    """A browser with nothing in it, on an office screen; errors in its pages fail the test."""
    opened = await browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-GB", bypass_csp=bypass_csp
    )
    opened.set_default_timeout(PATIENCE_MS)
    crashes: list[str] = []
    opened.on("weberror", lambda error: crashes.append(str(error.error)))
    yield opened
    await _close(opened)
    assert crashes == []


async def _close(context: BrowserContext) -> None:
    """Close the pages; Chromium may never answer when one of them begins to load just then, and ends with the tests."""
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            await context.close()


async def begin_session(context: BrowserContext, address: str, email: str, password: str) -> None:
    """Let a browser be signed in before it has loaded a page; the form has tests of its own."""
    body = {"email": email, "password": password}
    answer = await context.request.post(f"{address}/api/v1/auth/login", data=body)
    assert answer.ok, await answer.text()


async def sign_in(context: BrowserContext, service: Service, person: Person | None = None) -> None:
    """Begin a session as the administrator or as somebody else."""
    email = person.email if person else service.admin_email
    password = person.password if person else service.admin_password
    await begin_session(context, service.url, email, password)


@asynccontextmanager
async def signed_in(browser: Browser, service: Service, person: Person) -> AsyncIterator[Page]:
    """A page, not loaded yet, of somebody else's browser."""
    async with new_context(browser) as context:
        await sign_in(context, service, person)
        yield await context.new_page()


def row(page: Page, name: str) -> Locator:
    """Return the rows of the list that carry this name."""
    return page.get_by_role("grid").get_by_role("row").filter(has_text=name)
