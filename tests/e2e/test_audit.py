"""The audit trail as an administrator sees it: found, looked into, signed; and the history of a document."""

import json
import secrets

import pytest
from playwright.async_api import Page, expect

from tests.e2e.pages import Cabinet
from tests.e2e.test_accessibility import violations
from tests.support.service import Service


@pytest.fixture
def page(inspectable: Page) -> Page:
    return inspectable


@pytest.fixture
def renamed(service: Service, cabinet: Cabinet) -> tuple[int, str, str]:
    """A document that was renamed: its id, its old and its new name."""
    client = service.login()
    unique = secrets.token_hex(3)
    old, new = f"Draft {unique}.txt", f"Lease {unique}.txt"
    answer = client.post(
        f"/folders/{cabinet.id}/documents", params={"name": old}, content=old.encode()
    )
    assert answer.status_code == 201, answer.text
    document_id: int = answer.json()["id"]
    changed = client.patch(f"/documents/{document_id}", json={"name": new})
    assert changed.status_code == 200, changed.text
    return document_id, old, new


async def test_a_change_is_found_looked_into_signed_and_exported(
    page: Page, service: Service, renamed: tuple[int, str, str]
) -> None:
    document_id, old, new = renamed
    await page.goto(service.url)
    await page.get_by_role("link", name="Audit").click()
    await expect(page.get_by_role("heading", level=1, name="Audit")).to_be_visible()
    await page.get_by_role("textbox", name="Text").fill(new)
    events = page.get_by_role("list", name="Events").get_by_role("listitem")
    row = events.get_by_role("button").filter(has_text="document.updated")
    await expect(row).to_have_count(1)
    # By keyboard, as by mouse.
    await row.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("cell", name=old)).to_be_visible()
    await expect(page.get_by_role("cell", name=new)).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="All about this object").click()
    await expect(events).to_have_count(2)
    await expect(events.first).to_contain_text(f"document:{document_id}")

    await page.get_by_role("button", name="Sign now").click()
    save = page.get_by_role("button", name="Save the checkpoint")
    async with page.expect_download() as kept:
        await save.click()
    path = await (await kept.value).path()
    assert service.command("audit", "verify", "--from-checkpoint", str(path)).returncode == 0

    await page.get_by_role("button", name="Export").click()
    async with page.expect_download() as exported:
        await page.get_by_role("menuitem", name="As JSON Lines, with hashes").click()
    lines = (await (await exported.value).path()).read_text().splitlines()
    assert [json.loads(line)["action"] for line in lines] == [
        "document.created",
        "document.updated",
    ]


async def test_the_audit_page_fits_a_phone(page: Page, service: Service) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(f"{service.url}/audit")
    await expect(page.get_by_role("list", name="Events")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


async def test_a_document_tells_its_history(
    page: Page, service: Service, renamed: tuple[int, str, str]
) -> None:
    document_id, old, new = renamed
    await page.goto(f"{service.url}/documents/{document_id}")
    await page.get_by_role("tab", name="History").click()
    panel = page.get_by_role("tabpanel", name="History")
    await expect(panel.get_by_role("listitem")).to_have_count(2)
    await expect(panel.get_by_role("listitem").first).to_contain_text("Changed")
    await expect(panel.get_by_role("cell", name=old)).to_be_visible()
    await expect(panel.get_by_role("cell", name=new)).to_be_visible()
    assert await violations(page) == []
