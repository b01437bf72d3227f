"""What an administrator and an owner see when malware is found in stored content, and when a job has failed."""

import secrets

import pytest
from playwright.async_api import Page, expect

from tests.e2e.pages import Cabinet
from tests.e2e.test_accessibility import too_wide, violations
from tests.support.clamd import Clamd
from tests.support.service import Service


@pytest.fixture
def page(inspectable: Page) -> Page:
    return inspectable


@pytest.fixture
def infected(service: Service, cabinet: Cabinet, scanner: Clamd) -> tuple[str, int, str]:
    """A document's name and id, and the signature that the scanner has learned since it was stored."""
    unique = secrets.token_hex(6)
    name, content = f"Invoice {unique}.txt", f"late malware {unique}".encode()
    answer = service.login().post(
        f"/folders/{cabinet.id}/documents", params={"name": name}, content=content
    )
    assert answer.status_code == 201, answer.text
    signature = f"Test.Browser-{unique}"
    scanner.learn(signature, content)
    return name, answer.json()["id"], f"{signature}.UNOFFICIAL"


async def test_malware_found_later_is_seen_at_once_and_released_with_a_reason(
    page: Page, service: Service, infected: tuple[str, int, str]
) -> None:
    name, document_id, signature = infected
    await page.goto(f"{service.url}/documents/{document_id}")
    await expect(page.get_by_text("late malware")).to_be_visible()
    assert service.command("scan", "--since", "1h").returncode == 1
    # Over the WebSocket: nobody has loaded anything again.
    await expect(page.get_by_text("This content is in quarantine")).to_be_visible()
    await page.get_by_role("link", name="Quarantine", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Quarantine")).to_be_visible()
    entry = page.get_by_role("listitem").filter(has_text=signature)
    await expect(entry.get_by_role("link", name=name)).to_be_visible()
    assert await violations(page) == []
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.reload()
    await expect(entry.get_by_role("button", name="Release…")).to_be_visible()
    assert await too_wide(page) == []
    await page.set_viewport_size({"width": 1280, "height": 800})
    await entry.get_by_role("button", name="Release…").click()
    await page.get_by_label("Why is it no malware?").fill("Our own test file.")
    assert await violations(page) == []
    await page.get_by_role("dialog").get_by_role("button", name="Release…").click()
    await expect(entry).to_have_count(0)
    await page.get_by_text("Released", exact=True).first.click()
    await expect(entry.get_by_text("Our own test file.")).to_be_visible()
    await entry.get_by_role("link", name=name).click()
    await expect(page.get_by_text("late malware")).to_be_visible()
    await expect(page.get_by_text("Released from quarantine")).to_be_visible()


async def test_malware_is_deleted_with_its_document(
    page: Page, service: Service, infected: tuple[str, int, str]
) -> None:
    _, document_id, signature = infected
    assert service.command("scan", "--since", "1h").returncode == 1
    await page.goto(f"{service.url}/quarantine")
    entry = page.get_by_role("listitem").filter(has_text=signature)
    await entry.get_by_role("button", name="Delete for good").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    await expect(entry).to_have_count(0)
    assert service.login().get(f"/documents/{document_id}").status_code == 404


async def test_the_jobs_page_shows_both_queues(page: Page, service: Service) -> None:
    await page.goto(f"{service.url}/jobs")
    await expect(page.get_by_text("Fast queue").first).to_be_visible()
    await expect(page.get_by_text("Heavy queue").first).to_be_visible()
    await expect(page.get_by_role("heading", level=2, name="Failed jobs")).to_be_visible()
    assert await violations(page) == []
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.reload()
    await expect(page.get_by_role("heading", level=2, name="Failed jobs")).to_be_visible()
    assert await too_wide(page) == []
