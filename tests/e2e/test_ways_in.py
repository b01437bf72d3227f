"""How documents come in by themselves, as an administrator sets it up, follows it and writes the rules for it."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.pages import PATIENCE_MS, Cabinet, new_person, row, sign_in
from tests.support.service import Service

# A file has to rest for a second, and the schedule to come by.
FILING_MAY_TAKE_MS = 120_000


@pytest.fixture
def watched(service: Service) -> Path:
    """An empty directory that the installation lets sources watch."""
    directory = Path(service.environment["DMS_INTAKE_DIRS"]) / secrets.token_hex(4)
    directory.mkdir()
    return directory


@pytest.fixture
def no_rules(service: Service) -> Iterator[None]:
    """The organisation has no rules, before the test and after it."""
    _put_rules(service, [])
    yield
    _put_rules(service, [])


def _put_rules(service: Service, rules: list[dict[str, Any]]) -> None:
    answer = service.login().put("/intake/rules", json={"items": rules}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text


def _source(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Sources").get_by_role("listitem").filter(has_text=name)


async def _choose_folder(form: Locator, label: str, name: str) -> None:
    await form.get_by_role("button", name=f"Choose… {label}").click()
    await form.get_by_role("treeitem", name=name).click()
    await expect(form.get_by_role("group", name=label)).to_contain_text(name)


async def _make_source(page: Page, name: str, directory: Path, cabinet: Cabinet) -> None:
    await page.get_by_role("button", name="New source").click()
    form = page.get_by_role("dialog")
    await form.get_by_role("textbox", name="Name").fill(name)
    await form.get_by_role("textbox", name="Directory on the server").fill(str(directory))
    await form.get_by_role("textbox", name="Seconds without a change").fill("1")
    await _choose_folder(form, "File to", cabinet.name)
    person = form.get_by_role("combobox", name="File as")
    await person.fill("Administrator")
    await page.get_by_role("option", name="Administrator").first.click()
    await form.get_by_role("button", name="Create source").click()
    await expect(form).to_have_count(0)


async def test_a_file_dropped_into_a_directory_is_filed_and_told_of(
    page: Page, service: Service, cabinet: Cabinet, watched: Path
) -> None:
    name, file = f"Scanner {watched.name}", f"scan {watched.name}.txt"
    await page.goto(service.url)
    await page.get_by_role("link", name="Ways in", exact=True).click()
    await _make_source(page, name, watched, cabinet)
    source = _source(page, name)
    await expect(source).to_contain_text(str(watched))
    await expect(source).to_contain_text(f"into {cabinet.name} · as")
    await source.get_by_role("button", name=f"Check {name}").click()
    await expect(source.get_by_role("note")).to_contain_text("It works")

    (watched / file).write_text("The tenant pays on the first of the month.")
    await source.get_by_role("button", name=f"Look now: {name}").click()
    await expect(source).to_contain_text("1 filed", timeout=FILING_MAY_TAKE_MS)
    await expect(source).to_contain_text("Working, last looked")
    await source.get_by_role("link", name="1 filed").click()
    items = page.get_by_role("list", name="What came in")
    item = items.get_by_role("listitem").filter(has_text=file)
    await expect(item).to_contain_text("Filed")
    await expect(item).to_contain_text(name)
    await item.get_by_role("link", name=file).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(file)
    await page.goto(cabinet.url)
    await expect(row(page, file)).to_be_visible()
    assert not (watched / file).exists()


async def test_a_source_is_paused_changed_and_deleted_and_what_it_filed_stays(
    page: Page, service: Service, cabinet: Cabinet, watched: Path
) -> None:
    name, file = f"Scanner {watched.name}", f"scan {watched.name}.txt"
    (watched / file).write_text("Words")
    await page.goto(f"{service.url}/ways-in")
    await _make_source(page, name, watched, cabinet)
    source = _source(page, name)
    await expect(source).to_contain_text("1 filed", timeout=FILING_MAY_TAKE_MS)

    await source.get_by_role("button", name=f"Pause {name}").click()
    await expect(source).to_contain_text("Paused")
    await expect(source.get_by_role("button", name=f"Look now: {name}")).to_have_count(0)
    await source.get_by_role("button", name=f"Actions for {name}").click()
    await page.get_by_role("menuitem", name="Edit…").click()
    form = page.get_by_role("dialog")
    await form.get_by_role("textbox", name="Name").fill(f"{name}, renamed")
    await form.get_by_role("textbox", name="Directory on the server").fill("/etc")
    await form.get_by_role("button", name="Save").click()
    await expect(form.get_by_role("alert")).to_contain_text("no source watch that directory")
    await form.get_by_role("textbox", name="Directory on the server").fill(str(watched))
    await form.get_by_role("button", name="Save").click()
    await expect(form).to_have_count(0)
    source = _source(page, f"{name}, renamed")
    await expect(source).to_contain_text("Paused")

    await source.get_by_role("button", name=f"Actions for {name}, renamed").click()
    await page.get_by_role("menuitem", name="Delete…").click()
    await expect(page.get_by_role("dialog")).to_contain_text("it has filed stay where they are")
    await page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    await expect(source).to_have_count(0)
    await page.goto(cabinet.url)
    await expect(row(page, file)).to_be_visible()


@pytest.mark.usefixtures("no_rules")
async def test_rules_are_written_tried_ordered_and_saved(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(f"{service.url}/ways-in/rules")
    rules = page.get_by_role("list", name="Rules", exact=True)
    for number, (name, glob, tag) in enumerate(
        [("Invoices", "*invoice*", "bill"), ("Everything", "*", "incoming")], start=1
    ):
        await page.get_by_role("button", name="New rule").click()
        rule = rules.get_by_role("listitem").nth(number - 1)
        await rule.get_by_role("textbox", name="Name of the rule").fill(name)
        await rule.get_by_role("textbox", name="File name").fill(glob)
        await rule.get_by_role("combobox", name="Tags").fill(tag)
        await page.keyboard.press("Enter")
    first, second = rules.get_by_role("listitem").nth(0), rules.get_by_role("listitem").nth(1)
    await _choose_folder(second, "File to", cabinet.name)
    await second.get_by_role("checkbox", name="Look at no further rule").check()

    # What is not saved is tried, and both rules apply in this order.
    trial = page.get_by_role("region", name="Try the rules")
    await trial.get_by_role("textbox", name="File name").fill("invoice 17.pdf")
    await trial.get_by_role("button", name="Try").click()
    result = trial.get_by_role("region", name="What would happen")
    await expect(result).to_contain_text("Invoices, Everything")
    await expect(result).to_contain_text(cabinet.name)

    # With the keyboard: the button that moves a rule stays in focus, or at the end the other one.
    await page.get_by_role("button", name="Move Everything up").focus()
    await page.keyboard.press("Enter")
    await expect(first).to_contain_text("Everything")
    await expect(page.get_by_role("button", name="Move Everything down")).to_be_focused()
    await expect(page.get_by_text("Everything is number 1 of 2 now")).to_be_attached()
    await expect(trial).to_contain_text("Something was changed since")
    await trial.get_by_role("button", name="Try").click()
    # It stops, so the second does not apply any more.
    await expect(result).not_to_contain_text("Invoices, Everything")
    await expect(result).to_contain_text("Everything")

    await page.get_by_role("button", name="Save rules").click()
    await expect(page.get_by_text("The rules are in force")).to_be_visible()
    saved = service.login().get("/intake/rules").json()["items"]
    assert [(one["name"], one["then"]["tags"], one["stop"]) for one in saved] == [
        ("Everything", ["incoming"], True),
        ("Invoices", ["bill"], False),
    ]
    assert saved[0]["then"]["folder_id"] == cabinet.id


@pytest.mark.usefixtures("no_rules")
async def test_edits_are_kept_when_somebody_else_changes_the_rules(
    page: Page, service: Service
) -> None:
    _put_rules(service, [{"name": "Ours"}])
    await page.goto(f"{service.url}/ways-in/rules")
    rules = page.get_by_role("list", name="Rules", exact=True)
    await page.get_by_role("button", name="Edit Ours").click()
    await page.get_by_role("textbox", name="Name of the rule").fill("Ours, edited")
    await page.get_by_text("Sources", exact=True).first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Stay here").click()

    _put_rules(service, [{"name": "Theirs"}])
    await page.get_by_role("button", name="Save rules").click()
    alert = page.get_by_role("region", name="Rules", exact=True).get_by_role("alert")
    await expect(alert).to_contain_text("Somebody changed the rules meanwhile")
    await expect(alert).to_contain_text("The rules in force now: Theirs")
    await expect(rules).to_contain_text("Ours, edited")
    await alert.get_by_role("button", name="Go on with mine").click()
    await page.get_by_role("button", name="Save rules").click()
    await expect(page.get_by_text("The rules are in force")).to_be_visible()
    saved = service.login().get("/intake/rules").json()["items"]
    assert [one["name"] for one in saved] == ["Ours, edited"]


async def test_only_administrators_see_ways_in(browser: Browser, service: Service) -> None:
    context = await browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await sign_in(page, service, new_person(service, "Ada"))
    await expect(page.get_by_role("link", name="Ways in")).to_have_count(0)
    await page.goto(f"{service.url}/ways-in")
    await expect(page.get_by_text("This is for administrators")).to_be_visible()
    await context.close()
