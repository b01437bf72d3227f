"""The main job from end to end: a scan goes in, its words find it, and the same bytes come out."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.pages import Cabinet, sign_in
from tests.support.service import Service

OCR_MAY_TAKE_MS = 180_000


def scan(path: Path, *lines: str) -> bytes:
    """Write a PDF that holds nothing but a picture of these lines, and return its bytes."""
    sheet = Image.new("L", (1240, 800), 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=56)
    for number, line in enumerate(lines):
        draw.text((90, 90 + 110 * number), line, fill=20, font=font)
    sheet.save(path, resolution=150)
    return path.read_bytes()


def read(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_scan_is_filed_found_by_its_words_and_comes_back_unchanged(
    context: BrowserContext, service: Service, tmp_path: Path
) -> None:
    content = scan(tmp_path / "IMG_0815.pdf", "Lighthouse inspection", "The lantern was replaced")
    await sign_in(context, service)
    page = await context.new_page()
    await page.goto(service.url)
    await page.get_by_role("link", name="Library", exact=True).click()
    await page.get_by_role("button", name="New cabinet").first.click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("Harbour office")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("grid").get_by_role("link", name="Harbour office").click()
    await page.get_by_test_id("files").set_input_files(tmp_path / "IMG_0815.pdf")

    uploads = page.get_by_role("region", name="Uploads")
    await expect(uploads.get_by_text("Stored · reading text…")).to_be_visible()
    await expect(uploads.get_by_text("Searchable")).to_be_visible(timeout=OCR_MAY_TAKE_MS)

    await page.get_by_role("link", name="Search", exact=True).click()
    await page.get_by_role("searchbox", name="Search").fill("lantern replaced")
    results = page.get_by_role("region", name="Results")
    hit = results.get_by_role("listitem").filter(has_text="IMG_0815.pdf")
    await expect(hit.locator("mark").first).to_have_text("lantern")
    await hit.get_by_role("link").click()

    await expect(page.get_by_role("heading", level=1, name="IMG_0815.pdf")).to_be_visible()
    await expect(page.get_by_role("img", name="Page 1", exact=True)).to_be_visible()
    marked = page.locator("[data-page] [data-hit]")
    await expect(marked).to_have_text(["lantern ", "replaced "])
    sheet = await page.locator("[data-page='1']").bounding_box()
    word = await marked.first.bounding_box()
    assert sheet
    assert word
    # Where the scan has it: the second line, after "The".
    assert 0.12 < (word["x"] - sheet["x"]) / sheet["width"] < 0.25
    assert 0.2 < (word["y"] - sheet["y"]) / sheet["height"] < 0.33
    await page.get_by_role("tab", name="Text").click()
    await expect(page.get_by_role("tabpanel")).to_contain_text("Lighthouse inspection")

    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="Download").click()
    download = await downloading.value
    assert download.suggested_filename == "IMG_0815.pdf"
    await download.save_as(tmp_path / "saved.pdf")
    assert read(tmp_path / "saved.pdf") == content


async def test_every_kind_of_preview_shows_its_document(
    page: Page, service: Service, cabinet: Cabinet, tmp_path: Path
) -> None:
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "plan.png")
    client = service.login()
    made = {}
    for name, content in {
        "plan.png": (tmp_path / "plan.png").read_bytes(),
        "notes.txt": "Grüße aus dem Hafen".encode("cp1252"),
        "page.html": b"<h1>Tide table</h1><script>document.title = 'run'</script>",
        "firmware.bin": bytes(range(256)),
    }.items():
        answer = client.post(
            f"/folders/{cabinet.id}/documents", params={"name": name}, content=content
        )
        assert answer.status_code == 201, answer.text
        made[name] = f"{service.url}/documents/{answer.json()['id']}"

    preview = page.get_by_role("region", name="Preview", exact=True)
    await page.goto(made["plan.png"])
    await expect(preview.get_by_role("img", name="Page 1", exact=True)).to_have_js_property(
        "naturalWidth", 300
    )
    await page.goto(made["notes.txt"])
    await expect(preview).to_contain_text("Grüße aus dem Hafen")
    await page.goto(made["page.html"])
    await expect(preview).to_contain_text("Tide table")
    await expect(page).to_have_title("page.html · DMS Enterprise")
    await page.goto(made["firmware.bin"])
    await expect(preview).to_contain_text("No preview for this kind of file")


async def test_an_address_is_kept_through_signing_in(
    context: BrowserContext, service: Service, cabinet: Cabinet
) -> None:
    page = await context.new_page()
    await page.goto(f"{cabinet.url}?sort=size&order=desc")
    await page.get_by_label("E-mail address").fill(service.admin_email)
    await page.get_by_label("Password", exact=True).fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("password is wrong")
    await page.get_by_label("Password", exact=True).fill(service.admin_password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1, name=cabinet.name)).to_be_visible()
    assert page.url == f"{cabinet.url}?sort=size&order=desc"

    # The session outlives the page: only the refresh cookie is left after loading it again.
    await page.reload()
    await expect(page.get_by_role("heading", level=1, name=cabinet.name)).to_be_visible()

    await page.get_by_role("button", name="Account of").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await page.goto(cabinet.url)
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
