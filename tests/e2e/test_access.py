"""Who may do what, and why, in a browser: grants, explanations, policies tried before they are saved."""

import json
import re
import secrets
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.pages import Cabinet, Person, new_person, row, signed_in
from tests.support.service import Service


@pytest.fixture
def bob(service: Service) -> Person:
    return new_person(service, "Bob")


@pytest.fixture
def clerks(service: Service, bob: Person) -> str:
    """A group that Bob is in, by its name."""
    client, name = service.login(), f"Clerks {secrets.token_hex(3)}"
    made = client.post("/groups", json={"name": name})
    assert made.status_code == 201, made.text
    joined = client.put(f"/groups/{made.json()['id']}/members/user:{bob.id}")
    assert joined.is_success, joined.text
    return name


def post(service: Service, path: str, **arguments: Any) -> int:
    """Create something over the API; return its id."""
    answer = service.login().post(path, **arguments)
    assert answer.status_code == 201, answer.text
    created: int = answer.json()["id"]
    return created


def folder_with(service: Service, cabinet: Cabinet, name: str, *documents: str) -> tuple[int, int]:
    """Create a folder with documents in it; return its id and the last document's."""
    folder = post(service, "/folders", json={"name": name, "parent_id": cabinet.id})
    document = 0
    for one in documents:
        document = post(
            service, f"/folders/{folder}/documents", params={"name": one}, content=one.encode()
        )
    return folder, document


def share(service: Service, thing: str, person: Person, **grant: Any) -> None:
    post(service, f"/{thing}/grants", json={"principal": f"user:{person.id}", **grant})


async def choose(page: Page | Locator, label: str, name: str) -> None:
    """Find a person or a group by name, and choose it."""
    await page.get_by_role("combobox", name=label, exact=True).fill(name)
    options = page if isinstance(page, Page) else page.page
    await options.get_by_role("option", name=name).click()


async def segment(page: Page, name: str) -> None:
    """Choose a part of what is drawn as one control of several."""
    await page.get_by_role("radiogroup").locator("label").filter(has_text=name).first.click()


async def test_a_deny_to_a_group_is_given_explained_and_lifted(
    page: Page, service: Service, cabinet: Cabinet, bob: Person, clerks: str
) -> None:
    folder, document = folder_with(service, cabinet, "Leases", "lease.txt")
    share(service, f"folders/{cabinet.id}", bob, role="reader")
    await page.goto(f"{service.url}/library/{folder}")
    await page.get_by_role("link", name="Access").click()
    await choose(page, "Person or group", clerks)
    await segment(page, "Deny")
    await page.get_by_role("button", name="What would it change?").click()
    losses = page.get_by_role("region", name="1 person loses access")
    await expect(losses).to_contain_text(f"{bob.name} in “{clerks}”")
    await expect(losses).to_contain_text("1 document, 1 folder")
    await expect(losses.get_by_role("link", name="lease.txt")).to_be_visible()
    await page.get_by_role("button", name="Deny access").click()
    own = page.get_by_role("region", name="On this folder")
    await expect(own.get_by_role("listitem").filter(has_text=clerks)).to_contain_text(
        "Denied: Reader"
    )

    await page.goto(f"{service.url}/documents/{document}")
    await page.get_by_role("tab", name="Access").click()
    panel = page.get_by_role("tabpanel", name="Access")
    await expect(panel.get_by_role("region", name=f"From “{cabinet.name}”")).to_contain_text(
        bob.name
    )
    await segment(page, "Why")
    await choose(panel, "What may this person or group do?", bob.name)
    for sentence in (
        f"{bob.name} may not read “lease.txt”.",
        f"The group “{clerks}” was denied all that a Reader may do on “Leases”, the folder above.",
        f"{bob.name} is in “{clerks}”.",
        "Administrator denied it on",
        f"{bob.name} was given the role Reader on “{cabinet.name}”, 2 folders above.",
    ):
        await expect(panel).to_contain_text(sentence)
    stands = panel.get_by_role("list", name="Where it stands").get_by_role("listitem")
    await expect(stands.and_(page.locator("[aria-current=location]"))).to_have_text("Leases")
    await segment(page, "Who may")
    readers = panel.get_by_role("list", name="Who may do this?")
    await expect(readers).to_contain_text("Administrator")
    await expect(readers).not_to_contain_text(bob.name)

    # The address tells of whom was asked; the explanation leads to where the Deny can be lifted.
    await page.goto(f"{service.url}/documents/{document}?tab=access&of=user:{bob.id}")
    await panel.get_by_role("link", name="Access to “Leases”").click()
    await page.get_by_role("button", name=f"Lift what is denied to {clerks}").click()
    await expect(own).to_contain_text("Nothing was given or denied here itself.")
    await page.goto(f"{service.url}/access/document/{document}?of=user:{bob.id}")
    await expect(page.get_by_text(f"{bob.name} may read “lease.txt”.")).to_be_visible()


def policy(action: str, resource: str) -> str:
    statement = {"Sid": "lease", "Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "1", "Statement": [statement]}, indent=2)


async def test_a_policy_is_corrected_tried_saved_and_restored(
    page: Page, browser: Browser, service: Service, cabinet: Cabinet, bob: Person
) -> None:
    folder, document = folder_with(service, cabinet, "Leases", "old.txt", "lease.txt")
    name, all_of_it = f"Leases {secrets.token_hex(3)}", f"dms:folder:{folder}/*"
    await page.goto(service.url)
    await page.get_by_role("link", name="Policies").click()
    await page.get_by_role("link", name="New policy").click()
    await page.get_by_role("textbox", name="Name").fill(name)
    editor = page.get_by_role("textbox", name="The policy as JSON")
    save = page.get_by_role("button", name="Save", exact=True)

    await editor.fill(policy("dms:document:Red", all_of_it))
    mistake = page.get_by_role("alert").get_by_role("listitem")
    await expect(mistake).to_contain_text("No action is named 'dms:document:Red'")
    await expect(save).to_be_disabled()
    await mistake.get_by_role("button", name="Line 7").click()
    await expect(editor).to_be_focused()
    await expect(page.locator(".cm-activeLine")).to_contain_text("dms:document:Red")
    await editor.fill('{"Version": "1",\n "Statement"}')
    await expect(mistake).to_contain_text("Line 2: Here it ceases to be JSON")
    await editor.fill(policy("dms:document:Read", all_of_it))
    await expect(page.get_by_text("This is a policy.")).to_be_visible()
    words = page.get_by_role("region", name="In words")
    await expect(words).to_contain_text("Allows: Read documents")
    await expect(words).to_contain_text("on everything in “Leases”")

    await choose(page, "Try it for", bob.name)
    await page.get_by_role("button", name="Try it", exact=True).click()
    gains = page.get_by_role("region", name="1 person gains access")
    await expect(gains).to_contain_text("2 documents")
    await expect(gains.get_by_role("link", name="lease.txt")).to_be_visible()
    await save.click()
    await expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()

    await choose(page, "Person or group", bob.name)
    await page.get_by_role("button", name="Attach…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("region", name="1 person gains access")).to_be_visible()
    await dialog.get_by_role("button", name="Attach", exact=True).click()
    holders = page.get_by_role("list", name="Holds for")
    await expect(holders).to_contain_text(bob.name)

    async with signed_in(browser, service, bob) as his:
        await his.goto(f"{service.url}/documents/{document}")
        await expect(his.get_by_role("heading", level=1, name="lease.txt")).to_be_visible()
        # He is told what he may do, and by which policy; others are none of his business.
        await his.get_by_role("tab", name="Access").click()
        own = his.get_by_role("tabpanel", name="Access")
        await expect(own).to_contain_text("This is what you may do here")
        await expect(own).to_contain_text(
            f"The policy “{name}” (statement “lease”) allows it to {bob.name}"
        )
        await expect(own.get_by_role("combobox")).to_have_count(0)


async def test_an_older_version_is_compared_and_restored(
    page: Page, browser: Browser, service: Service, cabinet: Cabinet, bob: Person
) -> None:
    folder, document = folder_with(service, cabinet, "Leases", "lease.txt")
    all_of_it = f"dms:folder:{folder}/*"
    says = json.loads(policy("dms:document:Read", all_of_it))
    name = f"Restored {secrets.token_hex(3)}"
    number = post(service, "/policies", json={"name": name, "document": says})
    attached = service.login().put(f"/policies/{number}/attachments/user:{bob.id}")
    assert attached.status_code == 200, attached.text
    await page.goto(f"{service.url}/policies/{number}")
    editor = page.get_by_role("textbox", name="The policy as JSON")
    dialog = page.get_by_role("dialog")
    async with signed_in(browser, service, bob) as his:
        await his.goto(f"{service.url}/documents/{document}")
        await expect(his.get_by_role("heading", level=1, name="lease.txt")).to_be_visible()

        await editor.fill(policy("dms:document:Read", "dms:folder:0"))
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(dialog.get_by_role("region", name="1 person loses access")).to_contain_text(
            "1 document"
        )
        await dialog.get_by_role("button", name="Save as version 2").click()
        await expect(dialog).to_have_count(0)
        await his.reload()
        await expect(his.get_by_text("This was not found")).to_be_visible()

        await page.get_by_role("tab", name="Versions").click()
        await page.get_by_role("button", name="Compare version 2").click()
        changes = page.get_by_label("From version 1 to version 2")
        await expect(changes.locator("del")).to_contain_text(all_of_it)
        await expect(changes.locator("ins")).to_contain_text("dms:folder:0")
        await page.get_by_role("button", name="Restore version 1").click()
        await expect(dialog.get_by_role("region", name="1 person gains access")).to_be_visible()
        await dialog.get_by_role("button", name="Restore as version 3").click()
        await expect(page.get_by_text("Version 3", exact=True)).to_be_visible()
        await expect(editor).to_contain_text(all_of_it)
        await his.reload()
        await expect(his.get_by_role("heading", level=1, name="lease.txt")).to_be_visible()


async def test_what_is_written_is_lost_neither_to_others_nor_to_a_click(
    page: Page, service: Service
) -> None:
    name = f"Shared work {secrets.token_hex(3)}"
    document = json.loads(policy("*", "dms:folder:0"))
    number = post(service, "/policies", json={"name": name, "document": document})
    await page.goto(f"{service.url}/policies/{number}")
    description = page.get_by_role("textbox", name="Description")
    await description.fill("Mine")
    await page.get_by_role("link", name="Groups").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Stay here").click()
    await expect(dialog).to_have_count(0)
    theirs = service.login().patch(
        f"/policies/{number}", json={"document": json.loads(policy("*", "dms:folder:7"))}
    )
    assert theirs.status_code == 200, theirs.text
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Somebody saved version 2 meanwhile")).to_be_visible()
    await expect(description).to_have_value("Mine")
    await page.get_by_role("button", name="Take theirs").click()
    await expect(description).to_have_value("")
    editor = page.get_by_role("textbox", name="The policy as JSON")
    await expect(editor).to_contain_text("dms:folder:7")
    await page.get_by_role("button", name=f"Actions for {name}").click()
    await page.get_by_role("menuitem", name="Delete…").click()
    await expect(dialog).to_contain_text("Nobody is concerned")
    await dialog.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Policies")).to_be_visible()
    await expect(page.get_by_role("link", name=name)).to_have_count(0)


async def test_nobody_gives_more_than_they_hold_and_is_told_what_is_lacking(
    browser: Browser, service: Service, cabinet: Cabinet, bob: Person
) -> None:
    actions = ["dms:folder:List", "dms:document:Read", "dms:access:Manage"]
    share(service, f"folders/{cabinet.id}", bob, actions=actions)
    grace = new_person(service, "Grace")
    async with signed_in(browser, service, bob) as his:
        await his.goto(f"{service.url}/access/folder/{cabinet.id}")
        await choose(his, "Person or group", grace.name)
        await his.get_by_role("combobox", name="What", exact=True).click()
        await his.get_by_role("option", name=re.compile("^Contributor")).click()
        await his.get_by_role("button", name="Give access").click()
        alert = his.get_by_role("alert")
        await expect(alert).to_contain_text("only what you may do yourself")
        await expect(alert).to_contain_text("Upload documents, Create folders")
        await his.get_by_role("combobox", name="What", exact=True).click()
        await his.get_by_role("option", name="Single actions").click()
        await his.get_by_role("checkbox", name="Read documents").check()
        await his.get_by_role("button", name="Give access").click()
        given = his.get_by_role("region", name="On this folder").get_by_role("listitem")
        await expect(given.filter(has_text=grace.name)).to_contain_text("Read documents")


async def test_an_administrator_takes_access_for_a_reason(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(f"{service.url}/access/folder/{cabinet.id}")
    await page.get_by_role("button", name="Take back what was given to Administrator").click()
    own = page.get_by_role("region", name="On this folder")
    await expect(own).to_contain_text("Nothing was given or denied here itself.")
    await page.goto(cabinet.url)
    await expect(page.get_by_text("This was not found")).to_be_visible()

    await page.goto(f"{service.url}/policies?show=cabinets")
    await (
        page.get_by_role("list", name="All cabinets").get_by_role("link", name=cabinet.name).click()
    )
    await choose(page, "Person or group", service.admin_email)
    await page.get_by_role("button", name="Give access").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Reason").fill("Handing over to the archive")
    await dialog.get_by_role("button", name="Go on").click()
    await expect(own).to_contain_text("The reason given: Handing over to the archive")
    await page.get_by_role("link", name="To the folder").click()
    await expect(page.get_by_text("This folder is empty")).to_be_visible()


async def test_a_policy_for_the_office_is_explained_to_whom_it_may_let_in(
    page: Page, service: Service, cabinet: Cabinet, bob: Person
) -> None:
    says = json.loads(policy("dms:folder:List", f"dms:folder:{cabinet.id}"))
    says["Statement"][0]["Condition"] = {"IpAddress": {"dms:sourceIp": "192.0.2.0/24"}}
    name = f"Office {secrets.token_hex(3)}"
    number = post(service, "/policies", json={"name": name, "document": says})
    attached = service.login().put(f"/policies/{number}/attachments/user:{bob.id}")
    assert attached.status_code == 200, attached.text
    await page.goto(f"{service.url}/access/folder/{cabinet.id}?of=user:{bob.id}")
    shown = page.get_by_role("region", name="What to ask about access")
    for sentence in (
        f"{bob.name} may not open “{cabinet.name}”.",
        f"No grant and no policy that holds for {bob.name} allows it",
        f"The policy “{name}” (statement “lease”) allows it to {bob.name}",
        "It holds where the network address is in 192.0.2.0/24.",
        f"From where {bob.name} will ask is not known now",
    ):
        await expect(shown).to_contain_text(sentence)
    await shown.get_by_role("link", name=f"The policy “{name}”").click()
    await page.get_by_role("tab", name="Simulator").click()
    await page.get_by_role("button", name="Try it", exact=True).click()
    await expect(page.get_by_text("cannot be tried")).to_be_visible()
    await expect(page.get_by_text("Nothing changes for the 1 person")).to_be_visible()


async def test_the_menu_of_a_row_leads_to_its_access(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    folder_with(service, cabinet, "Leases", "lease.txt")
    await page.goto(cabinet.url)
    await row(page, "Leases").click(button="right")
    await page.get_by_role("menuitem", name="Access").click()
    await expect(page.get_by_role("heading", level=1, name="Access to “Leases”")).to_be_visible()
