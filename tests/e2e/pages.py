"""What the browser tests share: how they sign in, and how they find things on a page."""

from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.support.service import Service

# One slow machine may run everything at once: browser, service, OCR and the other tests.
PATIENCE_MS = 30_000


@dataclass(frozen=True)
class Cabinet:
    """A cabinet of a test's own, empty at first."""

    id: int
    name: str
    url: str


async def sign_in(page: Page, service: Service) -> None:
    """Sign in with the form, as the administrator."""
    await page.goto(f"{service.url}/login")
    await page.get_by_label("E-mail address").fill(service.admin_email)
    await page.get_by_label("Password", exact=True).fill(service.admin_password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1, name="Hello")).to_be_visible()


def row(page: Page, name: str) -> Locator:
    """Return the rows of the list that carry this name."""
    return page.get_by_role("grid").get_by_role("row").filter(has_text=name)
