"""People come in, are put into groups, and go on elsewhere: in a browser, by the words on the pages."""

import re
import secrets

from playwright.async_api import Browser, Page, expect

from tests.support.service import Service


def unique_email() -> str:
    return f"{secrets.token_hex(5)}@example.org"


async def invited_link(page: Page, service: Service, email: str) -> str:
    """Invite somebody as the administrator; without a mail server the link is shown, once."""
    await page.goto(f"{service.url}/users")
    await page.get_by_role("button", name="Invite", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("E-mail address").fill(email)
    await dialog.get_by_role("button", name="Invite").click()
    shown = page.get_by_role("textbox", name="Link of the invitation")
    await expect(shown).to_be_visible()
    link = await shown.input_value()
    await page.keyboard.press("Escape")
    return link


async def show(page: Page, what: str) -> None:
    """Choose what the page of users lists; the choice itself is drawn by its label."""
    await page.get_by_role("radiogroup").locator("label").filter(has_text=what).click()


async def test_the_invited_choose_a_password_and_see_where_they_are_signed_in(
    page: Page, browser: Browser, service: Service
) -> None:
    email = unique_email()
    link = await invited_link(page, service, email)
    assert "/accept-invitation#" in link

    context = await browser.new_context()
    invited = await context.new_page()
    await invited.goto(link)
    await expect(invited.get_by_text(f"invited {email} to work here")).to_be_visible()
    await invited.get_by_label("Your name").fill("Grace Hopper")
    await invited.get_by_label("New password", exact=True).fill("long enough for all")
    await invited.get_by_label("New password again").fill("long enough for all")
    await invited.get_by_role("button", name="Join").click()
    await expect(invited.get_by_role("heading", level=1, name="Hello, Grace")).to_be_visible()

    await invited.get_by_role("button", name="Account of Grace Hopper").click()
    await invited.get_by_role("menuitem", name="Sessions").click()
    sessions = invited.get_by_role("dialog").get_by_role("listitem")
    await expect(sessions).to_have_count(1)
    await expect(sessions).to_contain_text("Chrome on Linux")
    await expect(sessions).to_contain_text("This one")

    await show(page, "Invitations")
    row = (
        page.get_by_role("list", name="Invitations").get_by_role("listitem").filter(has_text=email)
    )
    await expect(row).to_contain_text("Accepted")

    # Deactivated, they are out at once: the page they have open says so by itself.
    await show(page, "Users")
    user = page.get_by_role("listitem").filter(has_text=email)
    await user.get_by_role("button", name="Actions for Grace Hopper").click()
    await page.get_by_role("menuitem", name="Deactivate").click()
    await page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    await expect(user).to_contain_text("Deactivated")
    await expect(invited.get_by_role("button", name="Sign in")).to_be_visible()

    await invited.goto(link)
    await expect(invited.get_by_role("alert")).to_contain_text("not valid")
    await context.close()


async def test_groups_hold_people_and_groups_and_never_themselves(
    page: Page, service: Service
) -> None:
    inner, outer = (f"{name} {secrets.token_hex(3)}" for name in ("Inner", "Outer"))
    await page.goto(f"{service.url}/groups")
    for name in (inner, outer):
        await page.get_by_role("button", name="New group").click()
        await page.get_by_role("textbox", name="Name").fill(name)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)

    async def add(group: str, member: str) -> None:
        await page.get_by_role("button", name=re.compile(rf"members?: {group}$")).click()
        await page.get_by_role("combobox", name="Add a user or a group").fill(member)
        await page.get_by_role("option", name=re.compile(re.escape(member))).click()
        await page.get_by_role("button", name="Add", exact=True).click()

    await add(outer, inner)
    members = page.get_by_role("dialog").get_by_role("listitem")
    await expect(members).to_contain_text(inner)
    await close_dialog(page)
    await add(inner, outer)
    await expect(page.get_by_role("alert")).to_contain_text("cannot be inside itself")
    await close_dialog(page)

    await page.get_by_role("button", name=f"Actions for {inner}").click()
    await page.get_by_role("menuitem", name="Delete").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Its membership in 1 other group")
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_role("listitem").filter(has_text=inner)).to_have_count(0)
    await expect(page.get_by_role("listitem").filter(has_text=outer)).to_contain_text("0 members")


async def close_dialog(page: Page) -> None:
    """Close the dialog."""
    await page.get_by_role("dialog").get_by_role("banner").get_by_role("button").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_who_belongs_to_two_organisations_goes_from_one_to_the_other(
    page: Page, service: Service
) -> None:
    name = f"Second {secrets.token_hex(3)}"
    made = service.command("organisation", "create", name, "--administrator", service.admin_email)
    assert made.returncode == 0, made.stderr
    await page.goto(service.url)
    other_tab = await page.context.new_page()
    await other_tab.goto(f"{service.url}/library")
    navigation = page.get_by_role("navigation", name="Places").locator("..")
    first = await navigation.get_by_text("My organisation").first.inner_text()

    async def switch(to: str) -> None:
        await page.get_by_role("button", name="Account of Administrator").click()
        await page.get_by_role("menuitem", name=to).click()
        await expect(navigation.get_by_text(to)).to_be_visible()

    await switch(name)
    # What the other tab shows is of an organisation it is in no longer: it starts afresh.
    await expect(other_tab.get_by_text(name).first).to_be_visible()
    await switch(first)
    await expect(other_tab.get_by_text(first).first).to_be_visible()


async def test_a_forgotten_password_without_a_mail_server_and_a_link_that_is_none(
    browser: Browser, service: Service
) -> None:
    context = await browser.new_context()
    forgetful = await context.new_page()
    await forgetful.goto(f"{service.url}/login")
    await forgetful.get_by_role("link", name="Forgot your password?").click()
    # The page before has a field of that name, too.
    await expect(forgetful.get_by_role("heading", name="Forgot your password?")).to_be_visible()
    await forgetful.get_by_label("E-mail address").fill(unique_email())
    await forgetful.get_by_role("button", name="Send a link").click()
    await expect(forgetful.get_by_role("alert")).to_contain_text("No mail can be sent")
    await forgetful.goto(f"{service.url}/reset-password#nothing")
    await forgetful.get_by_label("New password", exact=True).fill("long enough for all")
    await forgetful.get_by_label("New password again").fill("long enough for all")
    await forgetful.get_by_role("button", name="Set password").click()
    await expect(forgetful.get_by_role("alert")).to_contain_text("not valid any more")
    await context.close()
