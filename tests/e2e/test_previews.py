"""Documents seen: thumbnails in the library, pages in the viewer, sound that is streamed."""

import io
import wave

import docx
import pytest
from playwright.async_api import Locator, Page, expect
from reportlab.pdfgen.canvas import Canvas

from tests.e2e.pages import Cabinet
from tests.support.service import Service, wait_until
from tests.worker.extraction.embedded_samples import pdf_with

CONVERSION_MAY_TAKE_MS = 120_000
READING_MAY_TAKE = 60.0


def pdf(pages: int) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(420, 595))
    for number in range(1, pages + 1):
        canvas.setFont("Helvetica", 30)
        canvas.drawString(60, 480, f"Chapter {number}")
        canvas.setFont("Helvetica", 14)
        canvas.drawString(60, 440, "A harbour is where ships wait.")
        if number in {2, 5}:
            canvas.drawString(60, 400, "Its lighthouse was painted red.")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def letter() -> bytes:
    document = docx.Document()
    document.add_heading("Tariffs of the harbour", 0)
    document.add_paragraph("Every ship pays by its length.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def sound(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(int(seconds * 16_000)))
    return out.getvalue()


def filed(service: Service, cabinet: Cabinet, name: str, content: bytes) -> str:
    """Upload a document; return the address of its page."""
    answer = service.login().post(
        f"/folders/{cabinet.id}/documents", params={"name": name}, content=content
    )
    assert answer.status_code == 201, answer.text
    return f"{service.url}/documents/{answer.json()['id']}"


def filed_and_read(service: Service, cabinet: Cabinet, name: str, content: bytes) -> str:
    """Upload a document and wait until its text is searchable; return the address of its page."""
    address = filed(service, cabinet, name, content)
    client = service.login()
    path = f"/documents/{address.rpartition('/')[2]}"
    wait_until(
        lambda: client.get(path).json()["current_version"]["index_status"] == "indexed",
        seconds=READING_MAY_TAKE,
        what="its text is read",
    )
    return address


def drawn(place: Page | Locator, number: int) -> Locator:
    return place.get_by_role("img", name=f"Page {number}", exact=True).last


async def test_a_thumbnail_appears_where_the_icon_was(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(f"{cabinet.url}?view=grid")
    await expect(page.get_by_role("heading", level=1, name=cabinet.name)).to_be_visible()
    filed(service, cabinet, "book.pdf", pdf(1))
    filed(service, cabinet, "notes.txt", b"words")
    filed(service, cabinet, "firmware.bin", bytes(range(256)))
    cards = page.get_by_role("grid")
    for name in ("book.pdf", "notes.txt"):
        picture = cards.get_by_role("gridcell").filter(has_text=name).locator("img")
        await expect(picture).to_have_js_property("naturalWidth", 320)
    plain = cards.get_by_role("gridcell").filter(has_text="firmware.bin")
    await expect(plain).to_be_visible()
    await expect(plain.locator("img")).to_have_count(0)


async def test_rows_of_a_list_have_small_thumbnails_and_do_not_move(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    filed(service, cabinet, "book.pdf", pdf(1))
    filed(service, cabinet, "firmware.bin", bytes(range(256)))
    await page.goto(cabinet.url)
    rows = page.get_by_role("grid").get_by_role("row")
    book, plain = rows.filter(has_text="book.pdf"), rows.filter(has_text="firmware.bin")
    link = book.get_by_role("link", name="book.pdf")
    await expect(link).to_be_visible()
    before = await link.bounding_box()
    picture = book.locator("img")
    await expect(picture).to_have_js_property("naturalWidth", 320)
    # It says nothing that the name beside it does not.
    await expect(picture).to_have_attribute("alt", "")
    assert await link.bounding_box() == before
    await expect(plain.locator("img")).to_have_count(0)
    other = await plain.get_by_role("link", name="firmware.bin").bounding_box()
    assert before
    assert other
    assert before["x"] == other["x"]


async def test_pages_are_turned_zoomed_and_gone_through(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(filed(service, cabinet, "book.pdf", pdf(12)))
    tools = page.get_by_role("toolbar", name="Preview tools")
    number = tools.get_by_label("Page", exact=True)
    await expect(drawn(page, 1)).to_have_js_property("naturalWidth", 1_000)
    await expect(tools).to_contain_text("/ 12")

    await number.fill("9")
    await expect(drawn(page, 9)).to_be_in_viewport()
    await expect(drawn(page, 9)).to_have_js_property("complete", value=True)
    await tools.get_by_role("button", name="Next page").click()
    await expect(number).to_have_value("10")

    sheet = page.locator("[data-page='10']")
    before = await sheet.bounding_box()
    region = page.get_by_role("region", name="Pages")
    await region.focus()
    await page.keyboard.press("r")
    await expect(tools.get_by_label("Page", exact=True)).to_have_value("10")
    turned = await sheet.bounding_box()
    assert before
    assert turned
    assert (before["width"] < before["height"], turned["width"] < turned["height"]) == (True, False)
    await page.keyboard.press("+")
    await expect(tools).to_contain_text("125%")
    await page.keyboard.press("0")
    await expect(tools).to_contain_text("100%")
    await page.keyboard.press("Home")
    await expect(number).to_have_value("1")

    await tools.get_by_role("button", name="Thumbnails of the pages").click()
    strip = page.get_by_role("navigation", name="Thumbnails of the pages")
    await strip.get_by_role("button", name="Go to page 4", exact=True).click()
    await expect(number).to_have_value("4")
    await expect(strip.locator("[aria-current=page] img")).to_have_js_property("naturalWidth", 320)


@pytest.mark.parametrize("width", [1_000, 1_280, 1_600])
async def test_thumbnails_lie_beside_the_pages_or_above_them_and_stay_there(
    page: Page, service: Service, cabinet: Cabinet, width: int
) -> None:
    address = filed_and_read(service, cabinet, "book.pdf", pdf(3))
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(address)
    await expect(drawn(page, 1)).to_have_js_property("complete", value=True)
    await page.get_by_role("button", name="Thumbnails of the pages").click()
    strip = page.get_by_role("navigation", name="Thumbnails of the pages")
    await expect(strip.get_by_role("button", name="Go to page 3", exact=True)).to_be_visible()
    # What is measured to place them must not depend on where they are: they would come and go with each frame.
    seen = await page.evaluate(
        """async () => {
            const region = document.querySelector("[role=region][aria-label=Pages]");
            const widths = new Set();
            for (let frame = 0; frame < 40; frame += 1) {
                await new Promise(requestAnimationFrame);
                if (frame >= 20) widths.add(`${region.clientWidth} ${region.scrollWidth}`);
            }
            return [...widths];
        }"""
    )
    assert len(seen) == 1
    inside, scrolled = map(int, seen[0].split())
    assert scrolled == inside


async def test_hits_are_marked_and_gone_through(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    address = filed_and_read(service, cabinet, "book.pdf", pdf(6))
    await page.goto(f"{address}?q=lighthouse")
    status = page.get_by_role("toolbar", name="Preview tools").get_by_role("status")
    await expect(status).to_have_text("1 of 2")
    number = page.get_by_label("Page", exact=True)
    await expect(number).to_have_value("2")
    marked = page.locator("[data-hit=current]")
    await expect(marked).to_have_text("lighthouse ")
    await page.get_by_role("button", name="Next hit").click()
    await expect(status).to_have_text("2 of 2")
    await expect(number).to_have_value("5")
    await expect(page.locator("[data-page='5'] [data-hit=current]")).to_be_in_viewport()

    find = page.get_by_label("Find in this document")
    await find.fill("chapter")
    await expect(status).to_have_text("1 of 6")
    await find.press("Shift+Enter")
    await expect(status).to_have_text("6 of 6")
    await expect(page.locator("[data-page='6'] [data-hit=current]")).to_be_in_viewport()
    await find.fill("submarine")
    await expect(status).to_have_text("Not found")


async def test_a_hit_in_a_file_inside_is_named(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    content = pdf_with(("notes.txt", b"The submarine is yellow."), whole=pdf(2))
    address = filed_and_read(service, cabinet, "book.pdf", content)
    await page.goto(f"{address}?q=submarine")
    status = page.get_by_role("toolbar", name="Preview tools").get_by_role("status")
    await expect(status).to_have_text("In a file inside it: notes.txt")
    await page.get_by_label("Find in this document").fill("lighthouse")
    await expect(status).to_have_text("1 of 1")


async def test_an_office_document_is_shown_page_by_page(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(filed(service, cabinet, "tariffs.docx", letter()))
    await expect(drawn(page, 1)).to_have_js_property(
        "naturalWidth", 1_000, timeout=CONVERSION_MAY_TAKE_MS
    )
    tools = page.get_by_role("toolbar", name="Preview tools")
    await expect(tools).to_contain_text("/ 1")
    await tools.get_by_label("Find in this document").fill('"every ship"')
    await expect(tools.get_by_role("status")).to_have_text("1 of 1")
    await expect(page.locator("[data-hit=current]").first).to_have_text("Every ")


async def test_what_cannot_be_shown_says_so(page: Page, service: Service, cabinet: Cabinet) -> None:
    await page.goto(filed(service, cabinet, "broken.pdf", b"%PDF-1.7\nnothing more"))
    preview = page.get_by_role("region", name="Preview", exact=True)
    await expect(preview).to_contain_text("This file cannot be shown")
    await expect(preview.get_by_role("button", name="Try once more")).to_be_visible()


async def test_sound_is_streamed_from_where_one_listens(
    page: Page, service: Service, cabinet: Cabinet
) -> None:
    await page.goto(filed(service, cabinet, "bell.wav", sound(120)))
    player = page.locator("audio")
    await expect(player).to_have_js_property("duration", 120)
    await player.evaluate("player => { player.currentTime = 100; }")
    await expect(player).to_have_js_property("seeking", value=False)
    await expect(player).to_have_js_property("currentTime", 100)
