"""How documents come in by themselves, as an administrator sets it up, follows it and writes the rules for it."""

import asyncio
import secrets
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.pages import Cabinet, new_person, row, signed_in
from tests.support.dovecot import PASSWORD, USER, Dovecot, dovecot
from tests.support.service import Service
from tests.worker.extraction import samples

# A file has to rest for a second, and the schedule to come by.
FILING_MAY_TAKE_MS = 120_000


@pytest.fixture
def watched(service: Service) -> Path:
    """An empty directory that the installation lets sources watch."""
    directory = Path(service.environment["DMS_INTAKE_DIRS"]) / secrets.token_hex(4)
    directory.mkdir()
    return directory


@pytest.fixture
def mail_host() -> Iterator[Dovecot]:
    """A mail server with an empty mailbox."""
    with dovecot() as running:
        yield running


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


async def _begin_source(page: Page, name: str, kind: str) -> Locator:
    """Open the form of a new source and say what kind it is; return the form."""
    await page.get_by_role("button", name="New source").click()
    form = page.get_by_role("dialog")
    await form.get_by_role("combobox", name="Kind").click()
    await page.get_by_role("option", name=kind).click()
    await form.get_by_role("textbox", name="Name").fill(name)
    return form


async def _end_source(page: Page, form: Locator, cabinet: Cabinet) -> None:
    """Say where to and as whom, and create the source."""
    await _choose_folder(form, "File to", cabinet.name)
    person = form.get_by_role("combobox", name="File as")
    await person.fill("Administrator")
    await page.get_by_role("option", name="Administrator").first.click()
    await form.get_by_role("button", name="Create source").click()
    await expect(form).to_have_count(0)


async def _make_source(page: Page, name: str, directory: Path, cabinet: Cabinet) -> None:
    form = await _begin_source(page, name, "Watched directory")
    await form.get_by_role("textbox", name="Directory on the server").fill(str(directory))
    await form.get_by_role("textbox", name="Seconds without a change").fill("1")
    await _end_source(page, form, cabinet)


def _letter(name: str) -> EmailMessage:
    """A letter with an invoice of this name attached to it."""
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"] = "Billing <billing@supplier.example>", USER
    made["Subject"] = f"Your invoice {name}"
    made["Message-ID"] = f"<{secrets.token_hex(8)}@supplier.example>"
    made.set_content("Please find the invoice attached.\n")
    invoice = samples.pdf([samples.text_page([f"Invoice {name}", "To be paid within a month"])])
    made.add_attachment(invoice, maintype="application", subtype="pdf", filename=f"{name}.pdf")
    return made


def _fact(page: Page, name: str) -> Locator:
    """What the page of a document says under a name."""
    return page.locator(f"dt:text-is('{name}') + dd")


async def _open_what_came_in(page: Page, source: Locator, count: int, file: str) -> None:
    """Go from a source, by the list of what it brought, to a document."""
    await source.get_by_role("link", name=f"{count} filed").click()
    items = page.get_by_role("list", name="What came in")
    await expect(items.get_by_role("listitem")).to_have_count(count)
    item = items.get_by_role("listitem").filter(has=page.get_by_role("link", name=file))
    await expect(item).to_contain_text("Filed")
    await item.get_by_role("link", name=file).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(file)


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
    await _open_what_came_in(page, source, 1, file)
    await expect(_fact(page, "Came in")).to_contain_text(f"By the watched directory “{name}”")
    await page.goto(cabinet.url)
    await expect(row(page, file)).to_be_visible()
    assert not (watched / file).exists()


async def test_letters_of_a_mailbox_are_fetched_and_their_parts_say_where_they_came_from(
    page: Page, service: Service, cabinet: Cabinet, mail_host: Dovecot
) -> None:
    name = f"Invoices {secrets.token_hex(3)}"
    letter = _letter(name)
    await asyncio.to_thread(mail_host.deliver, letter.as_bytes())
    await page.goto(f"{service.url}/ways-in")
    form = await _begin_source(page, name, "Mailbox")
    await form.get_by_role("textbox", name="Server").fill("127.0.0.1")
    await form.get_by_role("combobox", name="Encryption").click()
    await page.get_by_role("option", name="None").click()
    await form.get_by_role("textbox", name="Port").fill(str(mail_host.plain_port))
    await form.get_by_role("textbox", name="User").fill(USER)
    await form.get_by_label("Password", exact=True).fill(PASSWORD)
    await expect(form.get_by_role("textbox", name="Mailbox folder")).to_have_value("INBOX")
    # The next look would be when the mail server of this test is gone.
    await form.get_by_role("textbox", name="Look every … seconds").fill("86400")
    await _end_source(page, form, cabinet)
    source = _source(page, name)
    await expect(source).to_contain_text(f"{USER} · 127.0.0.1 · INBOX")
    await source.get_by_role("button", name=f"Check {name}").click()
    await expect(source.get_by_role("note")).to_contain_text("It works")
    await expect(source.get_by_role("note")).to_contain_text("in INBOX")

    await source.get_by_role("button", name=f"Look now: {name}").click()
    await expect(source).to_contain_text("2 filed", timeout=FILING_MAY_TAKE_MS)
    assert await asyncio.to_thread(mail_host.flags) == [{r"\Seen"}]
    await _open_what_came_in(page, source, 2, f"{name}.pdf")
    came_in = _fact(page, "Came in")
    await expect(came_in).to_contain_text(f"By the mailbox “{name}”")
    told = f"Letter from billing@supplier.example: “{letter['Subject']}”"
    await expect(came_in).to_contain_text(told)

    # Of the two parts of the letter the journal has, the one that became this document.
    await came_in.get_by_role("link", name="See what came in").click()
    items = page.get_by_role("list", name="What came in").get_by_role("listitem")
    await expect(items).to_have_count(1)
    await expect(items).to_contain_text(f"{name}.pdf")
    await page.get_by_role("button", name="Of one document only").click()
    await expect(items.filter(has_text=f"{letter['Subject']}.eml")).to_have_count(1)


async def test_a_letter_to_an_address_of_ours_is_filed_and_says_so(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    name = f"Letters {secrets.token_hex(3)}"
    address = f"{name.lower().replace(' ', '.')}@{service.environment['DMS_INTAKE_SMTP_DOMAIN']}"
    await page.goto(f"{service.url}/ways-in")
    form = await _begin_source(page, name, "Address for letters")
    await form.get_by_role("textbox", name="Address").fill(address)
    await form.get_by_role("combobox", name="Keep of a letter").click()
    await page.get_by_role("option", name="Its attachments", exact=True).click()
    await _end_source(page, form, cabinet)
    source = _source(page, name)
    await expect(source).to_contain_text(address)
    await expect(source).to_contain_text("Takes letters")

    letter = _letter(name)
    await asyncio.to_thread(_send, service, letter, address)
    # It was answered for: so it is filed, and not only on its way.
    await page.reload()
    await expect(source).to_contain_text("1 filed")
    await _open_what_came_in(page, source, 1, f"{name}.pdf")
    came_in = _fact(page, "Came in")
    await expect(came_in).to_contain_text(f"By a letter to “{name}”")
    await expect(came_in).to_contain_text(f"“{letter['Subject']}”")
    await page.goto(cabinet.url)
    await expect(row(page, f"{name}.pdf")).to_be_visible()


def _send(service: Service, letter: EmailMessage, address: str) -> None:
    """Deliver a letter as a mail server does."""
    host, _, port = service.environment["DMS_INTAKE_SMTP_LISTEN"].partition(":")
    with smtplib.SMTP(host, int(port), timeout=120) as client:
        refused = client.sendmail("billing@supplier.example", [address], letter.as_bytes())
        assert refused == {}


async def test_an_imported_file_says_so_and_readers_are_not_told_the_directory(
    page: Page, browser: Browser, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "lease.txt").write_text("The tenant pays on the first of the month.")
    where = ["--into", str(cabinet.id), "--as", service.admin_email, "--organisation", "1"]
    ended = await asyncio.to_thread(service.command, "import", str(tmp_path), *where)
    assert ended.returncode == 0, ended.stderr
    client, ada = service.login(), new_person(service, "Ada")
    [folder] = client.get(f"/folders/{cabinet.id}/children").json()["folders"]
    [document] = client.get(f"/folders/{folder['id']}/children").json()["documents"]
    reads = {"principal": f"user:{ada.id}", "role": "reader"}
    assert client.post(f"/documents/{document['id']}/grants", json=reads).status_code == 201
    address = f"{service.url}/documents/{document['id']}"
    await page.goto(address)
    await expect(_fact(page, "Came in")).to_contain_text(f"By an import of {tmp_path}")

    async with signed_in(browser, service, ada) as hers:
        await hers.goto(address)
        came_in = _fact(hers, "Came in")
        await expect(came_in).to_contain_text("By an import")
        await expect(came_in).to_contain_text("As “2026/lease.txt”")
        await expect(came_in).not_to_contain_text(str(tmp_path))


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
    async with signed_in(browser, service, new_person(service, "Ada")) as page:
        await page.goto(f"{service.url}/ways-in")
        await expect(page.get_by_text("This is for administrators")).to_be_visible()
        await expect(page.get_by_role("link", name="Ways in")).to_have_count(0)
