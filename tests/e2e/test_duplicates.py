"""The report of documents with nearly the same text, and what a document's page says of them."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.pages import Cabinet
from tests.e2e.test_accessibility import still_too_wide, violations
from tests.support.prose import Prose
from tests.support.service import Service, wait_until


@pytest.fixture
def page(inspectable: Page) -> Page:
    return inspectable


async def test_nearly_the_same_letters_are_found_in_the_report_and_on_their_pages(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    client = service.login()
    prose = Prose(cabinet.id)
    letter = prose.text(300)
    made = {}
    for name, words in {
        "letter.txt": letter,
        "letter, corrected.txt": prose.edited(letter, 3),
        "another.txt": prose.text(300),
    }.items():
        answer = client.post(
            f"/folders/{cabinet.id}/documents", params={"name": name}, content=words.encode()
        )
        assert answer.status_code == 201, answer.text
        made[name] = answer.json()["id"]
    related = f"/documents/{made['letter.txt']}/related"
    wait_until(
        lambda: client.get(related).json()["similar_text"], seconds=180, what="texts compared"
    )

    await page.goto(service.url)
    await page.get_by_role("link", name="Duplicates").click()
    groups = page.get_by_role("list", name="Groups of documents with nearly the same text")
    group = groups.get_by_role("listitem").filter(has_text=cabinet.name).first
    await expect(group).to_contain_text("2 documents")
    await expect(group).to_contain_text("letter, corrected.txt")
    await expect(page.get_by_text("another.txt")).to_have_count(0)
    assert await violations(page) == []
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await still_too_wide(page) == []
    await page.set_viewport_size({"width": 1280, "height": 800})
    await group.get_by_role("link", name="letter.txt", exact=True).click()
    shown = page.get_by_role("region", name="Related")
    await expect(shown).to_contain_text("% same text")
    await shown.get_by_role("link", name="letter, corrected.txt").click()
    await expect(page).to_have_url(f"{service.url}/documents/{made['letter, corrected.txt']}")
