"""The upload queue: trees, name clashes, viruses, many files, and what people do to a running upload."""

import re
from pathlib import Path

from playwright.async_api import Locator, Page, Route, expect

from tests.e2e.pages import Cabinet, row
from tests.support.service import Service

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
DROP = """([element, names]) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File([`content of ${name}`], name));
    for (const type of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
        element.dispatchEvent(event);
    }
}"""


def queue(page: Page) -> Locator:
    return page.get_by_role("region", name="Uploads")


def upload(page: Page, name: str) -> Locator:
    return queue(page).get_by_role("listitem").filter(has_text=name)


def names_in(service: Service, folder_id: int) -> list[str]:
    contents = service.login().get(f"/folders/{folder_id}/children").json()
    return [one["name"] for one in (*contents["folders"], *contents["documents"])]


async def test_a_whole_folder_arrives_with_its_tree(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    case = tmp_path / "Case 17"
    (case / "Photos" / "June").mkdir(parents=True)
    (case / "brief.txt").write_text("To the court")
    (case / "Photos" / "Thumbs.db").write_bytes(b"nobody wants this")
    for number in range(12):
        (case / "Photos" / "June" / f"{number}.txt").write_text(f"photo {number}")
    await page.goto(cabinet.url)
    await page.get_by_test_id("folder").set_input_files(case)

    await expect(queue(page)).to_contain_text("13 uploads stored")
    await page.get_by_role("grid").get_by_role("link", name="Case 17").click()
    await expect(row(page, "brief.txt")).to_be_visible()
    await page.get_by_role("grid").get_by_role("link", name="Photos").click()
    await page.get_by_role("grid").get_by_role("link", name="June").click()
    await expect(page.get_by_text("0 folders, 12 documents")).to_be_visible()
    [top] = service.login().get(f"/folders/{cabinet.id}/children").json()["folders"]
    assert names_in(service, top["id"]) == ["Photos", "brief.txt"]


async def test_files_are_dropped_onto_the_list_and_onto_a_folder_in_it(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    made = service.login().post("/folders", json={"name": "Inner", "parent_id": cabinet.id}).json()
    await page.goto(cabinet.url)
    inner = await row(page, "Inner").element_handle()
    await page.evaluate(DROP, [inner, ["inside.txt"]])
    await expect(upload(page, "inside.txt")).to_be_visible()
    around = await page.get_by_role("grid").element_handle()
    await page.evaluate(DROP, [around, ["outside.txt", "beside.txt"]])
    await expect(row(page, "outside.txt")).to_be_visible()
    await expect(row(page, "Inner")).to_contain_text("1 item")
    assert names_in(service, made["id"]) == ["inside.txt"]
    assert names_in(service, cabinet.id) == ["Inner", "beside.txt", "outside.txt"]


async def test_a_taken_name_can_become_a_version_or_be_kept_beside_or_skipped(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    client = service.login()
    for name in ("a.txt", "b.txt", "c.txt"):
        client.post(f"/folders/{cabinet.id}/documents", params={"name": name}, content=b"first")
        (tmp_path / name).write_text("second")
    await page.goto(cabinet.url)
    await page.get_by_test_id("files").set_input_files(
        [tmp_path / n for n in ("a.txt", "b.txt", "c.txt")]
    )
    await upload(page, "a.txt").get_by_role("button", name="New version").click()
    await upload(page, "b.txt").get_by_role("button", name="Keep both").click()
    await upload(page, "c.txt").get_by_role("button", name="Skip").click()
    await expect(upload(page, "c.txt")).to_contain_text("Skipped")
    await expect(queue(page)).to_contain_text("2 uploads stored")

    await expect(row(page, "b (1).txt")).to_be_visible()
    assert names_in(service, cabinet.id) == ["a.txt", "b (1).txt", "b.txt", "c.txt"]
    await page.get_by_role("grid").get_by_role("link", name="a.txt").click()
    await page.get_by_role("tab", name="Versions").click()
    await page.get_by_role("button", name="Look at version 1").click()
    await expect(page.get_by_role("region", name="Preview", exact=True)).to_contain_text("first")
    await page.get_by_role("button", name="Restore", exact=True).click()
    await expect(page.get_by_text("Version 3", exact=True)).to_be_visible()


async def test_one_answer_settles_all_clashes(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    client = service.login()
    files = [tmp_path / f"{number}.txt" for number in range(9)]
    for file in files:
        client.post(
            f"/folders/{cabinet.id}/documents", params={"name": file.name}, content=b"first"
        )
        file.write_text("second")
    await page.goto(cabinet.url)
    await page.get_by_test_id("files").set_input_files(files)
    await queue(page).get_by_role("button", name="New version for all").click()
    await expect(queue(page)).to_contain_text("9 uploads stored")
    [first, *_] = client.get(f"/folders/{cabinet.id}/children").json()["documents"]
    assert first["current_version"]["number"] == 2


async def test_a_virus_is_refused_by_name_and_nothing_is_kept(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    (tmp_path / "invoice.pdf.com").write_bytes(EICAR)
    (tmp_path / "good.txt").write_text("harmless")
    await page.goto(cabinet.url)
    await page.get_by_test_id("files").set_input_files(
        [tmp_path / "invoice.pdf.com", tmp_path / "good.txt"]
    )
    refused = upload(page, "invoice.pdf.com")
    await expect(refused).to_contain_text("Virus found:")
    await expect(refused).to_contain_text("Eicar", ignore_case=True)
    await expect(refused).to_contain_text("Nothing was kept")
    await expect(refused.get_by_role("button")).to_have_count(0)
    await expect(row(page, "good.txt")).to_be_visible()
    assert names_in(service, cabinet.id) == ["good.txt"]


async def test_an_upload_survives_navigation_and_can_be_cancelled_and_tried_again(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    (tmp_path / "slow.txt").write_text("slow")
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await page.route("**/documents?name=slow.txt*", hold)
    await page.goto(cabinet.url)
    await page.get_by_test_id("files").set_input_files(tmp_path / "slow.txt")
    await expect(upload(page, "slow.txt")).to_be_visible()
    await page.get_by_role("link", name="Trash", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Trash")).to_be_visible()
    await upload(page, "slow.txt").get_by_role("button", name="Cancel slow.txt").click()
    await expect(upload(page, "slow.txt")).to_contain_text("Cancelled")
    assert names_in(service, cabinet.id) == []

    await page.unroute("**/documents?name=slow.txt*")
    await upload(page, "slow.txt").get_by_role("button", name="Try slow.txt again").click()
    await expect(queue(page)).to_contain_text("1 upload stored")
    assert names_in(service, cabinet.id) == ["slow.txt"]


async def test_three_thousand_files_do_not_melt_the_queue(page: Page, cabinet: Cabinet) -> None:
    await page.goto(cabinet.url)
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await page.evaluate(
        """() => {
            const main = document.getElementById("content").lastElementChild;
            const data = new DataTransfer();
            for (let n = 0; n < 3000; n += 1) data.items.add(new File([`${n}`], `letter ${n}.txt`));
            const init = { dataTransfer: data, bubbles: true, cancelable: true };
            main.dispatchEvent(new DragEvent("drop", init));
        }"""
    )
    await expect(queue(page)).to_contain_text("of 3,000")
    # Of all these only the rows in sight are drawn, and the page answers while files are sent.
    assert await queue(page).get_by_role("listitem").count() < 40
    await queue(page).get_by_role("button", name="Pause").click()
    await expect(queue(page).get_by_role("button", name="Resume")).to_be_visible()
    await queue(page).get_by_role("button", name="Cancel all").click()
    await expect(queue(page)).to_contain_text(re.compile("uploads? stored"))
