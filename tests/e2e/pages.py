"""What the browser tests share: how they sign in, and how they find things on a page."""

import secrets
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

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


async def sign_in(page: Page, service: Service, person: Person | None = None) -> None:
    """Sign in with the form, as the administrator or as somebody else."""
    await page.goto(f"{service.url}/login")
    await page.get_by_label("E-mail address").fill(person.email if person else service.admin_email)
    password = person.password if person else service.admin_password
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1, name="Hello")).to_be_visible()


def row(page: Page, name: str) -> Locator:
    """Return the rows of the list that carry this name."""
    return page.get_by_role("grid").get_by_role("row").filter(has_text=name)
