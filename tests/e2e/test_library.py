"""Filing by mouse and by keyboard: make, rename, move, delete, bring back, share, find again."""

from playwright.async_api import Page, expect

from tests.e2e.pages import Cabinet, row
from tests.support.service import Service


def file(service: Service, cabinet: Cabinet, *names: str) -> None:
    client = service.login()
    for name in names:
        answer = client.post(
            f"/folders/{cabinet.id}/documents", params={"name": name}, content=name.encode()
        )
        assert answer.status_code == 201, answer.text


async def test_the_keyboard_alone_files_a_document_away(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    file(service, cabinet, "alpha.txt", "beta.txt", "gamma.txt")
    await page.goto(cabinet.url)
    await expect(row(page, "alpha.txt")).to_be_visible()
    # A key does what its button does, and there is none before the permissions are known.
    await expect(page.get_by_role("button", name="New", exact=True)).to_be_visible()

    await page.keyboard.press("n")
    await page.get_by_role("textbox", name="Name", exact=True).fill("Archive")
    await page.keyboard.press("Enter")
    await expect(row(page, "Archive")).to_be_visible()

    grid = page.get_by_role("grid")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_have_count(0)
    await grid.focus()
    await page.keyboard.press("End")
    await page.keyboard.press("F2")
    await expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("gamma.txt")
    # The name is selected up to its extension.
    await page.keyboard.type("omega")
    await page.keyboard.press("Enter")
    await expect(row(page, "omega.txt")).to_be_visible()
    await expect(dialog).to_have_count(0)
    # The focus is back in the list, on the renamed document.
    await expect(grid).to_be_focused()
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Shift+ArrowDown")
    await expect(page.get_by_text("2 selected")).to_be_visible()
    await page.keyboard.press("Delete")
    await dialog.get_by_role("button", name="Move to trash").click()
    await expect(row(page, "alpha.txt")).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row(page, "alpha.txt")).to_be_visible()
    await expect(dialog).to_have_count(0)

    await grid.focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Archive")).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


async def test_a_deleted_document_waits_in_the_trash_and_comes_back(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    file(service, cabinet, "memo.txt")
    await page.goto(cabinet.url)
    await row(page, "memo.txt").click(button="right")
    await page.get_by_role("menuitem", name="Move to trash").click()
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    file(service, cabinet, "memo.txt")

    await page.get_by_role("link", name="Trash", exact=True).click()
    gone = page.get_by_role("row").filter(has_text="memo.txt").filter(has_text=cabinet.name)
    await gone.get_by_role("button", name="Restore memo.txt").click()
    # Its name was taken meanwhile, which is no dead end.
    await page.get_by_role("button", name="Restore under another name").click()
    await expect(gone).to_have_count(0)
    await page.goto(cabinet.url)
    await expect(row(page, "memo (1).txt")).to_be_visible()


async def test_rows_are_dragged_into_a_folder(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    file(service, cabinet, "one.txt", "two.txt", "three.txt")
    service.login().post("/folders", json={"name": "Target", "parent_id": cabinet.id})
    await page.goto(cabinet.url)
    await row(page, "one.txt").get_by_role("checkbox").check()
    await row(page, "two.txt").get_by_role("checkbox").check()
    await row(page, "one.txt").drag_to(row(page, "Target"))
    await expect(page.get_by_text("2 items moved")).to_be_visible()
    await expect(row(page, "two.txt")).to_have_count(0)
    await expect(row(page, "Target")).to_contain_text("2 items")
    await expect(row(page, "three.txt")).to_be_visible()


async def test_a_list_is_sorted_by_its_columns_and_the_address_says_so(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    file(service, cabinet, "bb.txt", "a.txt", "ccc.txt")
    await page.goto(cabinet.url)
    names = page.get_by_role("grid").get_by_role("link")
    await expect(names).to_have_text(["a.txt", "bb.txt", "ccc.txt"])
    await page.get_by_role("button", name="Size").click()
    await expect(names).to_have_text(["ccc.txt", "bb.txt", "a.txt"])
    assert page.url.endswith("?sort=size&order=desc")
    await page.reload()
    await expect(names).to_have_text(["ccc.txt", "bb.txt", "a.txt"])


async def test_tags_and_properties_are_kept_and_a_stale_save_overwrites_nothing(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    client = service.login()
    made = client.post(
        f"/folders/{cabinet.id}/documents", params={"name": "deed.txt"}, content=b"deed"
    ).json()
    await page.route_web_socket("**/api/v1/ws?*", lambda _socket: None)
    await page.goto(f"{service.url}/documents/{made['id']}")
    await page.get_by_role("combobox", name="Tags").fill("signed")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_label("Property", exact=True).fill("amount")
    await page.get_by_label("Value", exact=True).fill("12500")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("amount", exact=True)).to_have_value("12500")
    kept = client.get(f"/documents/{made['id']}").json()
    assert (kept["tags"], kept["properties"]) == (["signed"], {"amount": "12500"})

    # Someone else is faster, and no live event says so.
    client.patch(f"/documents/{made['id']}", json={"properties": {"amount": "99"}})
    amount = page.get_by_label("amount", exact=True)
    await amount.fill("13000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Someone changed this meanwhile.")).to_be_visible()
    await expect(amount).to_have_value("99")
    assert client.get(f"/documents/{made['id']}").json()["properties"] == {"amount": "99"}


async def test_a_cabinet_is_shared_with_a_new_user_who_then_sees_only_that(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    name, email = f"Grace {cabinet.id}", f"grace{cabinet.id}@example.org"
    file(service, cabinet, "plan.txt")
    await page.goto(service.url)
    await page.get_by_role("link", name="Users", exact=True).click()
    await page.get_by_role("button", name="New user").click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill("correct horse battery")
    await page.get_by_role("button", name="Create user").click()
    await expect(page.get_by_role("listitem").filter(has_text=email)).to_be_visible()

    await page.goto(cabinet.url)
    await page.get_by_role("link", name="Access").click()
    await page.get_by_role("combobox", name="Person or group", exact=True).fill(name)
    await page.get_by_role("option", name=name).click()
    await page.get_by_role("button", name="Give access").click()
    given = page.get_by_role("region", name="On this folder").get_by_role("listitem")
    await expect(given.filter(has_text=email)).to_be_visible()

    assert page.context.browser
    other = await page.context.browser.new_context()
    hers = await other.new_page()
    await hers.goto(f"{service.url}/login")
    await hers.get_by_label("E-mail address").fill(email)
    await hers.get_by_label("Password", exact=True).fill("correct horse battery")
    await hers.get_by_role("button", name="Sign in").click()
    await hers.get_by_role("link", name="Library", exact=True).click()
    await expect(hers.get_by_role("grid").get_by_role("link")).to_have_text([cabinet.name])
    await hers.get_by_role("grid").get_by_role("link", name=cabinet.name).click()
    await expect(row(hers, "plan.txt")).to_be_visible()
    # A reader is offered nothing that would be refused.
    await expect(hers.get_by_role("button", name="Upload")).to_have_count(0)
    await hers.goto(f"{service.url}/users")
    await expect(hers.get_by_text("This is for administrators")).to_be_visible()
    await other.close()


async def test_another_tab_sees_a_new_document_without_asking(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(cabinet.url)
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    file(service, cabinet, "news.txt")
    await expect(row(page, "news.txt")).to_be_visible()


async def test_the_palette_finds_a_document_by_the_beginning_of_its_name(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    file(service, cabinet, f"Quarterly forecast {cabinet.id}.txt")
    await page.goto(service.url)
    await expect(page.get_by_role("heading", level=1, name="Hello")).to_be_visible()
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog").get_by_role("textbox")).to_be_focused()
    await page.keyboard.type(f"quarterly forecast {cabinet.id}"[:-1])
    await page.get_by_role("button", name=f"Quarterly forecast {cabinet.id}.txt").click()
    heading = page.get_by_role("heading", level=1, name=f"Quarterly forecast {cabinet.id}.txt")
    await expect(heading).to_be_visible()
