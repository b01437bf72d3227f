"""The text of a document page by page: corrected, found, refused when somebody was faster, taken back."""

from playwright.async_api import Page, expect

from tests.e2e.pages import PATIENCE_MS, Cabinet
from tests.support.service import Service
from tests.worker.extraction import samples


async def test_a_page_is_corrected_and_taken_back(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    client = service.login()
    data = samples.pdf([samples.text_page(["The lcase ends"]), samples.text_page(["Page of rest"])])
    made = client.post(
        f"/folders/{cabinet.id}/documents", params={"name": "lease.pdf"}, content=data
    )
    document = made.json()["id"]

    await page.goto(f"{service.url}/documents/{document}?tab=text")
    first = page.get_by_role("region", name="Page 1", exact=True)
    await expect(first).to_contain_text("The lcase ends", timeout=PATIENCE_MS)
    await first.get_by_role("button", name="Correct page 1").click()
    draft = first.get_by_role("textbox", name="Text of page 1")
    await draft.fill("The lease ends")
    # Somebody else is faster.
    faster = client.put(
        f"/documents/{document}/text",
        json={"pages": [{"number": 1, "text": "The grease ends"}]},
        headers={"If-Match": '"1.1"'},
    )
    assert faster.status_code == 200, faster.text
    await first.get_by_role("button", name="Save", exact=True).click()
    await expect(first.get_by_role("alert")).to_contain_text("The grease ends")
    await expect(draft).to_have_value("The lease ends")
    await first.get_by_role("button", name="Save mine all the same").click()
    await expect(first.locator("pre")).to_have_text("The lease ends")
    await expect(first.get_by_text("Corrected")).to_be_visible()
    found = client.get("/search", params={"q": "lease", "folder_id": cabinet.id}).json()["items"]
    assert [item["document"]["id"] for item in found] == [document]

    await page.get_by_text("Layers", exact=True).click()
    await expect(page.get_by_text("Layer 3", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Restore layer 1").click()
    await expect(page.get_by_text("Layer 4", exact=True)).to_be_visible()
    await page.get_by_text("Pages", exact=True).last.click()
    await expect(first.locator("pre")).to_have_text("The lcase ends")


async def test_the_languages_of_scans_are_chosen(page: Page, service: Service) -> None:
    client = service.login()
    await page.goto(f"{service.url}/recognition")
    choice = page.get_by_role("combobox", name="Languages of scans")
    await choice.fill("Russ")
    await page.get_by_role("option", name="Russian").click()
    await page.keyboard.press("Escape")  # the list lies over the button
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("expected in these languages")).to_be_visible()
    assert client.get("/text-settings").json()["languages"] == ["ru"]
    assert client.put("/text-settings", json={"languages": []}).status_code == 200
