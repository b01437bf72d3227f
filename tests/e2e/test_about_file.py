"""What a file says about itself is on its document's page, and finds it."""

from playwright.async_api import Page, expect

from tests.e2e.pages import Cabinet
from tests.support.service import Service

LEASE = (
    rb"{\rtf1\ansi{\info{\title Lease of the foundry}{\author Ada Winterbottom}{\keywords lathe, drill}"
    rb"{\creatim\yr2026\mo3\dy2\hr9\min5}{\nofpages3}}{\*\userprops{\propname Matter}{\staticval A-17}}The text.}"
)


async def test_the_author_of_a_file_is_shown_and_finds_it(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    answer = service.login().post(
        f"/folders/{cabinet.id}/documents", params={"name": "lease.rtf"}, content=LEASE
    )
    assert answer.status_code == 201, answer.text
    await page.goto(f"{service.url}/documents/{answer.json()['id']}")

    about = page.get_by_role("region", name="About this file")
    await expect(about).to_contain_text("Lease of the foundry")
    for name, value in (
        ("Author", "Ada Winterbottom"),
        ("Keywords", "lathe, drill"),
        ("Matter", "A-17"),
    ):
        line = about.locator("dl > div").filter(has=page.get_by_text(name, exact=True))
        await expect(line.get_by_role("definition")).to_have_text(value)

    await page.goto(f"{service.url}/search?q=winterbottom")
    results = page.get_by_role("region", name="Results")
    hit = results.get_by_role("listitem").filter(has_text=cabinet.name)
    await expect(hit).to_contain_text("lease.rtf")
