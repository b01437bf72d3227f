"""The upload queue: trees, name clashes, viruses, many files, and what people do to a running upload."""

import hashlib
import re
import secrets
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from tests.e2e.pages import Cabinet, row
from tests.support.service import Service

UPLOADS = "**/api/v1/uploads"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
DROP = """([element, names]) => {
    const data = new DataTransfer();
    for (const name of names) {
        // Bytes that nobody has filed before.
        data.items.add(new File([`content of ${name} ${crypto.randomUUID()}`], name));
    }
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
    (case / "brief.txt").write_text(f"To the court, {cabinet.name}")
    (case / "Photos" / "Thumbs.db").write_bytes(b"nobody wants this")
    for number in range(12):
        (case / "Photos" / "June" / f"{number}.txt").write_text(f"photo {number}, {cabinet.name}")
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
    await expect(page.get_by_test_id("files")).to_be_attached()
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
        (tmp_path / name).write_text(f"second {name}, {cabinet.name}")
    await page.goto(cabinet.url)
    await page.get_by_test_id("files").set_input_files(
        [tmp_path / n for n in ("a.txt", "b.txt", "c.txt")]
    )
    skip = upload(page, "c.txt").get_by_role("button", name="Skip")
    await skip.hover()
    place = await skip.bounding_box()
    await upload(page, "a.txt").get_by_role("button", name="New version").click()
    await upload(page, "b.txt").get_by_role("button", name="Keep both").click()
    for name in ("a.txt", "b.txt"):
        await expect(upload(page, name)).to_contain_text("Searchable")
    # What becomes of the others does not move it away under the pointer.
    assert await skip.bounding_box() == place
    await skip.click()
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
        file.write_text(f"second {file.name}, {cabinet.name}")
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
    (tmp_path / "good.txt").write_text(f"harmless, {cabinet.name}")
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
    (tmp_path / "slow.txt").write_text(f"slow, {cabinet.name}")
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await page.route(UPLOADS, hold)
    await page.goto(cabinet.url)
    await page.get_by_test_id("files").set_input_files(tmp_path / "slow.txt")
    await expect(upload(page, "slow.txt")).to_be_visible()
    await page.get_by_role("link", name="Trash", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Trash")).to_be_visible()
    await upload(page, "slow.txt").get_by_role("button", name="Cancel slow.txt").click()
    await expect(upload(page, "slow.txt")).to_contain_text("Cancelled")
    assert names_in(service, cabinet.id) == []

    await page.unroute(UPLOADS)
    await upload(page, "slow.txt").get_by_role("button", name="Try slow.txt again").click()
    await expect(queue(page)).to_contain_text("1 upload stored")
    assert names_in(service, cabinet.id) == ["slow.txt"]


async def test_three_thousand_files_do_not_melt_the_queue(page: Page, cabinet: Cabinet) -> None:
    await page.goto(cabinet.url)
    # Not before what may be done here is known.
    await expect(page.get_by_text("Drop files or whole folders here")).to_be_visible()
    await page.evaluate(
        """() => {
            const main = document.getElementById("content").lastElementChild;
            const data = new DataTransfer();
            for (let n = 0; n < 3000; n += 1) {
                data.items.add(new File([`${n} ${crypto.randomUUID()}`], `letter ${n}.txt`));
            }
            const init = { dataTransfer: data, bubbles: true, cancelable: true };
            main.dispatchEvent(new DragEvent("drop", init));
        }"""
    )
    await expect(queue(page)).to_contain_text("of 3,000")
    # Of all these only the rows in sight are drawn, and the page answers while files are sent.
    assert await queue(page).get_by_role("listitem").count() < 40
    await queue(page).get_by_role("button", name="Pause", exact=True).click()
    await expect(queue(page).get_by_role("button", name="Resume")).to_be_visible()
    await queue(page).get_by_role("button", name="Cancel all").click()
    await expect(queue(page)).to_contain_text(re.compile("uploads? stored"))


async def test_more_files_than_the_queue_shows_arrive_once(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    files = [tmp_path / f"letter {number}.txt" for number in range(120)]
    for file in files:
        file.write_text(f"{file.name}, {cabinet.name}")
    await page.goto(cabinet.url)
    await page.get_by_test_id("files").set_input_files(files)
    await expect(queue(page)).to_contain_text("120 uploads stored", timeout=240_000)
    folder = service.login().get(f"/folders/{cabinet.id}").json()
    assert folder["document_count"] == 120


async def test_bytes_that_are_filed_already_are_told_of_before_they_are_sent(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    client = service.login()
    there = client.post(
        f"/folders/{cabinet.id}/documents",
        params={"name": "lease.txt"},
        content=f"the lease of {cabinet.name}".encode(),
    ).json()
    older = client.post(
        f"/folders/{cabinet.id}/documents",
        params={"name": "plan.txt"},
        content=f"the plan of {cabinet.name}".encode(),
    ).json()
    client.post(f"/documents/{older['id']}/versions", content=cabinet.name.encode())
    folder = client.post("/folders", json={"name": "New", "parent_id": cabinet.id}).json()["id"]
    for name in ("use.txt", "keep.txt"):
        (tmp_path / name).write_text(f"the lease of {cabinet.name}")
    (tmp_path / "version.txt").write_text(f"the plan of {cabinet.name}")
    sent: list[str] = []
    page.on(
        "request", lambda one: sent.append(one.method) if one.url.endswith("/uploads") else None
    )

    await page.goto(f"{service.url}/library/{folder}")
    await page.get_by_test_id("files").set_input_files(
        [tmp_path / name for name in ("use.txt", "keep.txt", "version.txt")]
    )
    asked = upload(page, "use.txt")
    await expect(asked).to_contain_text(f"Filed already: {cabinet.name} / lease.txt")
    assert "POST" not in sent
    await asked.get_by_role("button", name="Use existing").click()
    await expect(asked).to_contain_text("Not uploaded")
    assert await asked.get_by_role("link").get_attribute("href") == f"/documents/{there['id']}"
    await upload(page, "keep.txt").get_by_role("button", name="Keep both").click()
    await upload(page, "version.txt").get_by_role("button", name="New version").click()
    await page.get_by_role("menuitem", name="Of “plan.txt”").click()
    await expect(queue(page)).to_contain_text("3 uploads stored")

    assert names_in(service, folder) == ["keep.txt"]
    versions = client.get(f"/documents/{older['id']}/versions").json()
    assert [one["number"] for one in versions] == [3, 2, 1]
    await page.goto(f"{service.url}/documents/{there['id']}")
    related = page.get_by_role("region", name="Related")
    await expect(related).to_contain_text("Same content")
    await expect(related.get_by_role("link", name="keep.txt")).to_be_visible()


async def throttle(page: Page, bytes_per_second: int) -> None:
    """Make the line to the service so slow; -1 for as fast as it is."""
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Network.enable")
    await cdp.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )


def offsets_sent(page: Page) -> list[int]:
    """Where the parts begin that the page sends from now on."""
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return offsets


@pytest.fixture
def large(tmp_path: Path) -> Path:
    file = tmp_path / "large.bin"
    file.write_bytes(secrets.token_bytes(12 * 2**20))
    return file


def is_stored_once(service: Service, cabinet: Cabinet, file: Path) -> None:
    [document] = service.login().get(f"/folders/{cabinet.id}/children").json()["documents"]
    assert document["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


NOTHING_KEPT = """() => new Promise((resolve, reject) => {
    const opening = indexedDB.open("dms-uploads");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
        const counting = opening.result.transaction("uploads").objectStore("uploads").count();
        counting.onsuccess = () => { opening.result.close(); resolve(counting.result === 0); };
    };
})"""


async def test_a_service_that_is_killed_goes_on_with_the_upload_where_it_was(
    page: Page, service: Service, cabinet: Cabinet, large: Path
) -> None:
    await page.goto(cabinet.url)
    await throttle(page, 2**20)
    offsets = offsets_sent(page)
    await page.get_by_test_id("files").set_input_files(large)
    await expect(upload(page, "large.bin")).to_contain_text(re.compile(r"[4-9](\.\d)? MB of 12 MB"))
    for backend in service.backends():
        backend.kill()
    await expect(upload(page, "large.bin")).to_contain_text("Trying again")
    await throttle(page, -1)
    await expect(queue(page)).to_contain_text("1 upload stored", timeout=120_000)
    is_stored_once(service, cabinet, large)
    assert offsets[0] == 0
    assert max(offsets) > 0


async def test_an_upload_goes_on_after_the_page_was_loaded_again(
    page: Page, service: Service, cabinet: Cabinet, large: Path
) -> None:
    await page.goto(cabinet.url)
    await throttle(page, 2**20)
    await page.get_by_test_id("files").set_input_files(large)
    await expect(upload(page, "large.bin")).to_contain_text(re.compile(r"[4-9](\.\d)? MB of 12 MB"))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    await expect(queue(page)).to_contain_text("1 upload stopped when the page was closed")
    await expect(upload(page, "large.bin")).to_contain_text(re.compile(r"stopped at .* of 12 MB"))
    await throttle(page, -1)
    offsets = offsets_sent(page)
    await page.get_by_test_id("again-files").set_input_files(large)
    await expect(queue(page)).to_contain_text("1 upload stored", timeout=120_000)
    is_stored_once(service, cabinet, large)
    assert min(offsets) > 0

    # What is over is forgotten a moment later; a page that was left before shows it as stored.
    await page.wait_for_function(NOTHING_KEPT)
    await page.reload()
    await expect(row(page, "large.bin")).to_be_visible()
    await expect(queue(page)).to_have_count(0)


# Files of the page's own stand in for the person's disk: the browser's question about that cannot be answered here.
DROP_WITH_HANDLE = """async ([name, size]) => {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle(name, { create: true });
    const writable = await handle.createWritable();
    for (let n = 0; n < size; n += 65536) {
        await writable.write(crypto.getRandomValues(new Uint8Array(65536)));
    }
    await writable.close();
    const data = new DataTransfer();
    data.items.add(await handle.getFile());
    DataTransferItem.prototype.getAsFileSystemHandle = () => Promise.resolve(handle);
    const main = document.getElementById("content").lastElementChild;
    const init = { dataTransfer: data, bubbles: true, cancelable: true };
    main.dispatchEvent(new DragEvent("drop", init));
}"""


async def test_what_the_browser_can_open_again_goes_on_with_one_click(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(cabinet.url)
    await expect(page.get_by_text("Drop files or whole folders here")).to_be_visible()
    await throttle(page, 2**20)
    await page.evaluate(DROP_WITH_HANDLE, ["dropped.bin", 12 * 2**20])
    await expect(upload(page, "dropped.bin")).to_contain_text(
        re.compile(r"[4-9](\.\d)? MB of 12 MB")
    )
    await page.reload()
    await expect(upload(page, "dropped.bin")).to_contain_text("stopped at")
    await throttle(page, -1)
    await queue(page).get_by_role("button", name="Resume", exact=True).click()
    await expect(queue(page)).to_contain_text("1 upload stored", timeout=120_000)
    [document] = service.login().get(f"/folders/{cabinet.id}/children").json()["documents"]
    assert document["size"] == 12 * 2**20


async def test_an_upload_is_paused_resumed_and_given_up(
    page: Page, service: Service, cabinet: Cabinet, large: Path
) -> None:
    await page.goto(cabinet.url)
    await throttle(page, 2**20)
    await page.get_by_test_id("files").set_input_files(large)
    shown = upload(page, "large.bin")
    await expect(shown).to_contain_text(re.compile(r"[2-9](\.\d)? MB of 12 MB"))
    await shown.get_by_role("button", name="Pause large.bin").click()
    await expect(shown).to_contain_text("Paused")
    await shown.get_by_role("button", name="Resume large.bin").click()
    await expect(shown).to_contain_text("Uploading")
    await shown.get_by_role("button", name="Cancel large.bin").click()
    await expect(shown).to_contain_text("Cancelled")
    client = service.login()
    ours = [one for one in client.get("/uploads").json() if one["folder_id"] == cabinet.id]
    assert ours == []
    assert names_in(service, cabinet.id) == []
