"""What an administrator sees when stored content is lost, and when it is back."""

import secrets
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.pages import Cabinet
from tests.e2e.test_accessibility import violations
from tests.support.service import Service


@pytest.fixture
def lost(service: Service, cabinet: Cabinet) -> tuple[str, Path]:
    """A document's name, and where its content lies."""
    name = f"Lease {secrets.token_hex(3)}.txt"
    answer = service.login().post(
        f"/folders/{cabinet.id}/documents", params={"name": name}, content=name.encode()
    )
    assert answer.status_code == 201, answer.text
    [path] = (service.data_dir / "store").rglob(answer.json()["sha256"])
    return name, path


@pytest.fixture
def page(inspectable: Page) -> Page:
    return inspectable


async def test_damage_is_told_of_wherever_one_is_and_goes_away_when_mended(
    page: Page, service: Service, lost: tuple[str, Path]
) -> None:
    name, path = lost
    await page.goto(service.url)
    await expect(page.get_by_role("heading", level=1, name="Hello")).to_be_visible()
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        assert service.command("fsck", "--quick").returncode == 1
        # Over the WebSocket: nobody has loaded anything again.
        banner = page.get_by_role("alert").filter(has_text="missing or damaged")
        await expect(banner).to_be_visible()
        await banner.get_by_role("link", name="Show which").click()
        await expect(page.get_by_role("heading", level=1, name="Storage")).to_be_visible()
        fault = page.get_by_role("listitem").filter(has_text=name)
        await expect(fault.get_by_text("Missing")).to_be_visible()
        await expect(page.get_by_text("dms fsck --repair-from")).to_be_visible()
        assert await violations(page) == []
        await page.set_viewport_size({"width": 360, "height": 740})
        width = await page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= 360
        await fault.get_by_role("link", name=name).click()
        await expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    finally:
        away.rename(path)
    await page.set_viewport_size({"width": 1280, "height": 800})
    assert service.command("fsck").returncode == 0
    await expect(banner).to_have_count(0)
    await page.goto(f"{service.url}/storage")
    await expect(page.get_by_text("All content is whole")).to_be_visible()
    await page.get_by_text("Resolved", exact=True).click()
    await expect(page.get_by_role("listitem").filter(has_text=name)).to_be_visible()
    assert await violations(page) == []
