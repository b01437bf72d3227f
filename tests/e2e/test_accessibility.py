"""WCAG 2.2 AA by axe on every screen, in light and dark, and no sideways scrolling on a phone."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from tests.e2e.pages import Cabinet, Person, new_person
from tests.support.service import ROOT, Service, wait_until
from tests.worker.extraction import samples

AXE = (ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text
RUN = "(only) => axe.run(document, { runOnly: only, resultTypes: ['violations'] })"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast"]
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]>>endobj\ntrailer<</Root 1 0 R>>\n"
)
PHONE: ViewportSize = {"width": 360, "height": 740}
OFFICE: ViewportSize = {"width": 1280, "height": 800}


@pytest.fixture
def page(inspectable: Page) -> Page:
    return inspectable


@pytest.fixture
def filled(service: Service, cabinet: Cabinet) -> dict[str, int]:
    """The cabinet with a folder and documents of several kinds in it; their ids by name."""
    client = service.login()
    client.post("/folders", json={"name": "Folder", "parent_id": cabinet.id})
    made = {}
    long_name = f"{'A rather long name ' * 6}.txt"
    for name, content in {
        "page.pdf": PDF,
        "text.pdf": samples.pdf(
            [samples.text_page(["Words that can be corrected"]), samples.text_page(["The end"])]
        ),
        long_name: b"lease " * 200,
        "x.bin": b"\x00\x01",
    }.items():
        answer = client.post(
            f"/folders/{cabinet.id}/documents", params={"name": name}, content=content
        )
        assert answer.status_code == 201, answer.text
        made[name] = answer.json()["id"]
    client.patch(
        f"/documents/{made['page.pdf']}",
        json={"tags": ["lease", "signed", "urgent"], "properties": {"amount": 3}},
    )
    return made


@pytest.fixture
def ada(service: Service) -> Person:
    return new_person(service, "Ada")


@pytest.fixture
def written(service: Service, cabinet: Cabinet, ada: Person) -> int:
    """The id of a policy with two versions, which denies Ada everything in the cabinet."""
    client, resource = service.login(), f"dms:folder:{cabinet.id}/*"
    statement = {"Sid": "one", "Effect": "Allow", "Action": "*", "Resource": resource}
    first = {"Version": "1", "Statement": [statement]}
    made = client.post("/policies", json={"name": f"Of {cabinet.name}", "document": first})
    assert made.status_code == 201, made.text
    number: int = made.json()["id"]
    attached = client.put(f"/policies/{number}/attachments/user:{ada.id}")
    assert attached.status_code == 200, attached.text
    deny = {"Version": "1", "Statement": [{**statement, "Effect": "Deny"}]}
    changed = client.patch(f"/policies/{number}", json={"document": deny})
    assert changed.status_code == 200, changed.text
    return number


async def violations(page: Page) -> list[str]:
    """What axe finds on the screen as it is, and in dark, where nothing but the colours differs; one line each."""
    await page.evaluate(AXE())
    found = [f"light: {one}" for one in await broken_rules(page, RULES)]
    await page.emulate_media(color_scheme="dark")
    await expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    found += [f"dark: {one}" for one in await broken_rules(page, COLOURS)]
    await page.emulate_media(color_scheme="light")
    await expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "light")
    return found


async def broken_rules(page: Page, rules: list[str]) -> list[str]:
    # Axe measures colours as they are: half-way through a transition they are neither.
    await page.evaluate(
        "() => Promise.allSettled(document.getAnimations()"
        ".filter((one) => one.effect.getComputedTiming().iterations !== Infinity)"
        ".map((one) => one.finished))"
    )
    result: dict[str, Any] = await page.evaluate(RUN, rules)
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in result["violations"]
        for node in one["nodes"]
    ]


@pytest.fixture
def fed(service: Service, cabinet: Cabinet) -> Iterator[str]:
    """The name of a source that has brought a document of its name, to which a rule applies."""
    client, name = service.login(), f"Scanner of {cabinet.name}"
    directory = Path(service.environment["DMS_INTAKE_DIRS"]) / cabinet.name
    directory.mkdir()
    (directory / f"{name}.txt").write_text("Words")
    rules = [{"name": f"Rule of {name}", "then": {"tags": ["scanned"], "folder_id": cabinet.id}}]
    put = client.put("/intake/rules", json={"items": rules}, headers={"If-Match": "*"})
    assert put.status_code == 200, put.text
    settings = {"kind": "folder", "directory": str(directory), "stable_seconds": 1}
    whose = {"folder_id": cabinet.id, "acts_as": client.get("/me").json()["user"]["id"]}
    made = client.post("/intake/sources", json={"name": name, **whose, "settings": settings})
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    items = f"/intake/items?source_id={number}&state=filed"
    wait_until(lambda: client.get(items).json()["items"], seconds=120, what="a file is filed")
    yield name
    assert client.delete(f"/intake/sources/{number}").status_code == 204
    client.put("/intake/rules", json={"items": []}, headers={"If-Match": "*"})


async def too_wide(page: Page) -> list[str]:
    """What makes the page, or a part of it that one reads downwards, scroll sideways."""
    found: list[str] = await page.evaluate(
        """() => {
            const wide = [...document.querySelectorAll("main, main *")].filter((one) =>
                getComputedStyle(one).overflowX === "auto" && one.scrollWidth > one.clientWidth);
            const past = document.documentElement.scrollWidth <= innerWidth ? [] :
                [...document.querySelectorAll("body *")].filter((one) =>
                    one.getBoundingClientRect().right > innerWidth);
            return [...wide, ...past].map((one) =>
                `${one.tagName} ${one.className} ${one.textContent.slice(0, 40)}`);
        }"""
    )
    return found


async def still_too_wide(page: Page) -> list[str]:
    """What is too wide once the screen has found its place: some of it is laid out after the first picture."""
    for _ in range(30):
        if not await too_wide(page):
            break
        await page.wait_for_timeout(100)
    return await too_wide(page)


@asynccontextmanager
async def on_a_phone(page: Page) -> AsyncIterator[None]:
    """Show the page as it is on a phone while the block runs."""
    await page.set_viewport_size(PHONE)
    await page.evaluate(
        "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    )
    yield
    await page.set_viewport_size(OFFICE)


async def looked_at(page: Page, part: str, shown: Locator) -> dict[str, list[str]]:
    """What axe finds on a screen, and what is too wide for a phone there."""
    await expect(shown).to_be_visible()
    found = {part: await violations(page)}
    async with on_a_phone(page):
        await expect(shown).to_be_visible()
        found[f"{part} on a phone"] = await still_too_wide(page)
    return found


async def examined(page: Page, screen: str) -> dict[str, list[str]]:
    """What axe finds on a whole screen, and what is too wide there, in the office and on a phone."""
    wide = await still_too_wide(page)
    found = await looked_at(page, screen, page.get_by_role("main"))
    found[screen] += wide
    return found


async def visit(page: Page, url: str, shown: str) -> None:
    await page.goto(url)
    await expect(page.get_by_text(shown).filter(visible=True).first).to_be_visible()


async def test_screens_about_access_are_accessible_and_fit_a_phone(
    page: Page,
    service: Service,
    cabinet: Cabinet,
    filled: dict[str, int],
    ada: Person,
    written: int,
) -> None:
    pdf = f"{service.url}/documents/{filled['page.pdf']}?tab=access"
    policy = f"{service.url}/policies/{written}"
    found: dict[str, list[str]] = {}
    for screen, url, shown in (
        ("folder", f"{service.url}/access/folder/{cabinet.id}", "Administrator may open"),
        ("document", pdf, "On this document"),
        ("policies", f"{service.url}/policies", f"Of {cabinet.name}"),
        ("cabinets", f"{service.url}/policies?show=cabinets", cabinet.name),
        ("new policy", f"{service.url}/policies/new", "There is no such thing"),
        ("policy", policy, "Denies:"),
    ):
        await visit(page, url, shown)
        found |= await examined(page, screen)

    await visit(page, f"{pdf}&of=user:{ada.id}", f"{ada.name} may not read")
    found["why"] = await violations(page)
    await page.get_by_text("Who may", exact=True).click()
    await expect(page.get_by_text("1 person")).to_be_visible()
    found["who may"] = await violations(page)
    await visit(page, f"{policy}?tab=versions", "In force")
    found |= await examined(page, "versions")
    await page.get_by_role("button", name="Compare version 2").click()
    found["comparison"] = await violations(page)
    await page.get_by_role("button", name="Restore version 1").click()
    await expect(page.get_by_role("dialog").get_by_text("1 person gains access")).to_be_visible()
    found["gains"] = await violations(page)
    await visit(page, f"{service.url}/policies/new", "This is a policy")
    await page.get_by_role("textbox", name="The policy as JSON").fill('{"Version": "2"}')
    await expect(page.get_by_text("There are 2 mistakes")).to_be_visible()
    found["mistakes"] = await violations(page)
    assert {screen: ones for screen, ones in found.items() if ones} == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_screen_is_accessible_and_fits_a_phone(
    page: Page, service: Service, cabinet: Cabinet, filled: dict[str, int]
) -> None:
    for made in ("groups", "service-accounts"):
        answer = service.login().post(f"/{made}", json={"name": f"Readers of {cabinet.name}"})
        assert answer.status_code == 201, answer.text
    pdf = f"{service.url}/documents/{filled['page.pdf']}"
    found: dict[str, list[str]] = {}
    for screen, url, shown in (
        ("home", service.url, "Recently filed"),
        ("library", f"{service.url}/library", cabinet.name),
        ("folder", cabinet.url, "page.pdf"),
        ("cards", f"{cabinet.url}?view=grid", "page.pdf"),
        ("document", pdf, "amount"),
        ("about the file", pdf, "About this file"),
        ("versions", f"{pdf}?tab=versions", "Version 1"),
        ("text", f"{service.url}/documents/{filled['text.pdf']}?tab=text", "Page 1"),
        ("recognition", f"{service.url}/recognition", "None chosen"),
        ("no preview", f"{service.url}/documents/{filled['x.bin']}", "No preview"),
        ("search", f"{service.url}/search?q=lease", "result"),
        ("nothing found", f"{service.url}/search?q=xyzzyqwert", "Nothing found"),
        ("trash", f"{service.url}/trash", "Trash"),
        ("duplicates", f"{service.url}/duplicates", "Documents whose text is nearly the same"),
        ("users", f"{service.url}/users", service.admin_email),
        ("groups", f"{service.url}/groups", f"Readers of {cabinet.name}"),
        ("forgot", f"{service.url}/forgot-password", "Send a link"),
        ("reset", f"{service.url}/reset-password#x", "Set a new password"),
        ("no invitation", f"{service.url}/accept-invitation#x", "not valid"),
        ("storage", f"{service.url}/storage", "Waiting for collection"),
        ("quarantine", f"{service.url}/quarantine", "Waiting for a decision"),
        ("jobs", f"{service.url}/jobs", "Fast queue"),
        ("security", f"{service.url}/security", "No API keys yet"),
        ("sign-in", f"{service.url}/sign-in", "Nobody has to"),
        ("all keys", f"{service.url}/sign-in?show=keys", "Key or person"),
        ("service accounts", f"{service.url}/sign-in?show=accounts", f"Readers of {cabinet.name}"),
        ("audit", f"{service.url}/audit", "Sealed events"),
        ("history", f"{pdf}?tab=history", "Changed"),
        ("not there", f"{service.url}/documents/999999999", "This was not found"),
    ):
        await visit(page, url, shown)
        found |= await examined(page, screen)

    await visit(page, cabinet.url, "page.pdf")
    row = page.get_by_role("grid").get_by_role("row").filter(has_text="page.pdf")
    await row.click(button="right")
    await expect(page.get_by_role("menuitem", name="Open", exact=True)).to_be_visible()
    found["menu"] = await violations(page)
    await page.get_by_role("menuitem", name="Move…").click()
    await expect(page.get_by_role("dialog").get_by_role("tree")).to_be_visible()
    found["move"] = await violations(page)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog").get_by_role("textbox")).to_be_focused()
    await page.keyboard.type("page")
    await expect(page.get_by_role("button", name="page.pdf").first).to_be_visible()
    found["palette"] = await violations(page)
    await visit(page, pdf, "amount")
    await expect(page.get_by_role("img", name="Page 1", exact=True)).to_be_visible()
    await page.get_by_label("Find in this document").fill("nowhere")
    await expect(page.get_by_text("Not found")).to_be_visible()
    found["viewer"] = await violations(page)
    await visit(page, cabinet.url, "page.pdf")
    await page.get_by_test_id("files").set_input_files(
        {"name": "page.pdf", "mimeType": "application/pdf", "buffer": PDF}
    )
    await expect(page.get_by_role("button", name="Keep both")).to_be_visible()
    found["uploads"] = await violations(page)
    assert {screen: ones for screen, ones in found.items() if ones} == {}


async def test_what_opens_on_a_document_is_accessible_and_fits_a_phone(
    page: Page, service: Service, filled: dict[str, int]
) -> None:
    found: dict[str, list[str]] = {}

    async def look(part: str, shown: Locator) -> None:
        found.update(await looked_at(page, part, shown))

    text = f"{service.url}/documents/{filled['text.pdf']}"
    await visit(page, f"{text}?tab=text", "Words that can be corrected")
    await page.get_by_role("button", name="Correct page 1").click()
    await look("correction", page.get_by_role("textbox", name="Text of page 1"))
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_text("Layers", exact=True).click()
    await look("layers", page.get_by_text("Layer 1", exact=True))
    await page.get_by_role("button", name="Read again…").click()
    await look("reading again", page.get_by_role("dialog").get_by_text("Languages").first)

    await page.goto(f"{text}?q=corrected")
    tools = page.get_by_role("toolbar", name="Preview tools")
    await expect(tools.get_by_role("status")).to_have_text("1 of 1")
    await look("hit", page.locator("[data-hit=current]"))
    await tools.get_by_role("button", name="Thumbnails of the pages").click()
    strip = page.get_by_role("navigation", name="Thumbnails of the pages")
    await look("thumbnails", strip.get_by_role("button", name="Go to page 1", exact=True))
    assert {part: ones for part, ones in found.items() if ones} == {}


async def test_ways_in_are_accessible_and_fit_a_phone(
    page: Page, service: Service, fed: str
) -> None:
    found: dict[str, list[str]] = {}

    async def look(part: str, shown: Locator) -> None:
        found.update(await looked_at(page, part, shown))

    await visit(page, f"{service.url}/ways-in", fed)
    source = page.get_by_role("list", name="Sources").get_by_role("listitem").filter(has_text=fed)
    await source.get_by_role("button", name=f"Check {fed}").click()
    await look("sources", source.get_by_role("note"))
    await page.get_by_role("button", name="New source").click()
    form = page.get_by_role("dialog")
    await form.get_by_role("button", name="Choose… File to").click()
    await expect(form.get_by_role("treeitem").first).to_be_visible()
    await look("new directory", form.get_by_role("textbox", name="Directory on the server"))
    await form.get_by_role("combobox", name="Kind").click()
    await page.get_by_role("option", name="Mailbox").click()
    await look("new mailbox", form.get_by_label("Password", exact=True))

    await visit(page, f"{service.url}/ways-in/items", fed)
    filed = page.get_by_role("link", name=f"{fed}.txt").first
    await look("items", filed)
    await filed.click()
    await look("came in", page.get_by_text("By the watched directory"))
    await page.get_by_role("link", name="See what came in").click()
    await look("items of one", page.get_by_role("button", name="Of one document only"))

    await visit(page, f"{service.url}/ways-in/rules", f"Rule of {fed}")
    await page.get_by_role("button", name=f"Edit Rule of {fed}").click()
    trial = page.get_by_role("region", name="Try the rules")
    await trial.get_by_role("textbox", name="File name").fill("invoice 17.pdf")
    await trial.get_by_role("button", name="Try").click()
    await look("rules", trial.get_by_role("region", name="What would happen"))
    assert {part: ones for part, ones in found.items() if ones} == {}


async def test_the_sign_in_page_is_accessible(browser: Browser, service: Service) -> None:
    context = await browser.new_context(bypass_csp=True)
    page = await context.new_page()
    await visit(page, f"{service.url}/login", "Sign in")
    assert await violations(page) == []
    await context.close()


async def test_a_phone_reaches_everything(page: Page, service: Service, cabinet: Cabinet) -> None:
    await page.set_viewport_size(PHONE)
    await page.goto(service.url)
    await page.get_by_role("button", name="Navigation", exact=True).click()
    await page.get_by_role("treeitem", name=cabinet.name).click()
    await expect(page.get_by_role("heading", level=1, name=cabinet.name)).to_be_visible()
    await page.get_by_role("button", name="Upload").click()
    await page.get_by_role("menuitem", name="New folder").click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("From the road")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("grid").get_by_role("link", name="From the road")).to_be_visible()
