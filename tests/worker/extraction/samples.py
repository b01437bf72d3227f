"""Documents made for the tests: real files out of real libraries, scans drawn with a real font, and hostile ones."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from pathlib import Path

import docx
import pillow_heif
import pptx
import reportlab
from PIL import Image, ImageDraw, ImageFont
from pptx.util import Inches
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

pillow_heif.register_heif_opener()

_FONT = Path(reportlab.__file__).with_name("fonts") / "Vera.ttf"
"""A real font with umlauts that comes with a package; Pillow's own has none."""

CONTRACT = [
    "This agreement is made between the parties",
    "named below and begins on the first of March.",
    "The supplier delivers forty machines within",
    "thirty days after the order was confirmed.",
    "Payment is due on receipt of the invoice 20417.",
    "Any dispute shall be settled by arbitration.",
    "Signed in two copies, one for each party.",
]
GERMAN = [
    "Die Übergabe der Schlüssel erfolgt am Montag.",
    "Größere Mängel müssen schriftlich gerügt werden.",
    "Der Käufer trägt die Kosten der Prüfung.",
    "Gerichtsstand ist München, Änderungen bedürfen",
    "der Schriftform und beider Unterschriften.",
]


def scan(
    lines: Sequence[str] = CONTRACT, *, dpi: int = 150, points: float = 12, noise: float = 0.0
) -> Image.Image:
    """Draw a page of A5 as a scanner would see it."""
    width, height = round(5.83 * dpi), round(8.27 * dpi)
    page = Image.new("RGB", (width, height), (250, 250, 247))
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(_FONT, points * dpi / 72)
    for number, line in enumerate(lines):
        pen.text((0.6 * dpi, (0.7 + number * 0.32) * dpi), line, (25, 25, 30), font)
    if noise:
        dice = random.Random(7)  # noqa: S311 - the same specks every time
        for _ in range(round(width * height * noise)):
            page.putpixel((dice.randrange(width), dice.randrange(height)), (120, 120, 120))
    return page


def png(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pdf(pages: Sequence[Callable[[Canvas], None]], *, password: str | None = None) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption(password) if password else None)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def text_page(lines: Sequence[str]) -> Callable[[Canvas], None]:
    def draw(canvas: Canvas) -> None:
        for number, line in enumerate(lines):
            canvas.drawString(72, 760 - 20 * number, line)

    return draw


def picture_page(image: Image.Image) -> Callable[[Canvas], None]:
    return lambda canvas: canvas.drawImage(ImageReader(image), 0, 0, 595, 842)


def word_document(picture: Image.Image | None = None) -> bytes:
    document = docx.Document()
    document.core_properties.title = "Rahmenvertrag"
    document.add_heading("Lieferung", 1)
    document.add_paragraph("Forty machines\twithin thirty days.")
    table = document.add_table(2, 2)
    for row, cells in enumerate((("Item", "Price"), ("Lathe", "9500"))):
        for column, value in enumerate(cells):
            table.cell(row, column).text = value
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.sections[0].footer.paragraphs[0].text = "Page footer"
    if picture is not None:
        document.add_picture(io.BytesIO(png(picture)))
    return _saved(document.save)


def presentation(picture: Image.Image | None = None) -> bytes:
    deck = pptx.Presentation()
    for title in ("Quarterly figures", "Outlook"):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
        slide.notes_slide.notes_text_frame.text = f"Say more about {title.lower()}"
    if picture is not None:
        slide.shapes.add_picture(io.BytesIO(png(picture)), Inches(1), Inches(2))
    return _saved(deck.save)


def workbook(rows: Sequence[Sequence[object]], picture: Image.Image | None = None) -> bytes:
    """Write an XLSX by hand: inline strings, numbers, and perhaps a picture."""

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    body = "".join("<row>" + "".join(map(cell, row)) + "</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'spreadsheetml.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    files: dict[str, bytes] = {name: text.encode() for name, text in parts.items()}
    if picture is not None:
        files["xl/media/image1.png"] = png(picture)
    return archive(files)


def open_document(paragraphs: Sequence[str], *, kind: str = "text") -> bytes:
    office, text = (
        "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    )
    body = "".join(f"<t:p>{paragraph}</t:p>" for paragraph in paragraphs)
    content = (
        f'<o:document-content xmlns:o="{office}" xmlns:t="{text}">'
        f"<o:body><o:text>{body}</o:text></o:body></o:document-content>"
    )
    mimetype = f"application/vnd.oasis.opendocument.{kind}"
    return archive({"mimetype": mimetype.encode(), "content.xml": content.encode()})


def mail(*attachments: tuple[str, str, bytes], html: str | None = None) -> bytes:
    message = EmailMessage()
    message["From"] = "Jürgen Groß <jg@example.org>"
    message["To"] = "office@example.org"
    message["Subject"] = "Rechnung für März"
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0100"
    message.set_content("Please find the invoice attached.")
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, media_type, data in attachments:
        kind, _, subtype = media_type.partition("/")
        message.add_attachment(data, kind, subtype, filename=name)
    return message.as_bytes()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            # OpenDocument and EPUB want this one stored, to be told by a file's first bytes
            target.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return buffer.getvalue()


def zip_bomb(size: int) -> bytes:
    """Give a Word document whose body is `size` spaces: a thousandth of that on disk."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
        target.open("word/document.xml", "w", force_zip64=True) as body,
    ):
        body.write(
            b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        )
        chunk = b"<w:p><w:r><w:t>" + b" " * (1 << 20) + b"</w:t></w:r></w:p>"
        for _ in range(size // len(chunk)):
            body.write(chunk)
        body.write(b"</w:body></w:document>")
    return buffer.getvalue()


def billion_laughs() -> bytes:
    """Give a Word document whose body is 10⁹ words long once its entities are expanded."""
    entities = '<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10)
    )
    body = (
        f"<!DOCTYPE w:document [{entities}]>"
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:body><w:p><w:r><w:t>&a9;</w:t></w:r></w:p></w:body></w:document>"
    )
    return archive({"word/document.xml": body.encode()})


def huge_png(width: int, height: int) -> bytes:
    """Give a PNG of one colour without ever holding it: a bit a pixel, compressed to nearly nothing."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    packed = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    )


def many_pages(count: int) -> bytes:
    """Give a PDF of `count` pages that all show the same text."""
    text = b"BT /F1 12 Tf 72 700 Td (the same page again and again) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>"
        % (count, b" ".join(b"%d 0 R" % (5 + number) for number in range(count))),
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R/Resources<</Font<</F1 4 0 R>>>>>>"
    objects += [page] * count
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table)
    return bytes(out)


def ole_file(*streams: str) -> bytes:
    """Give an OLE compound file with empty streams of these names."""
    # [MS-CFB]: header, one FAT sector, one directory sector of four entries
    free, end, fat = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6, bytes(6),
        0, 1, 1, 0, 4096, end, 0, end, 0,
    )  # fmt: skip
    header += struct.pack("<109I", 0, *[free] * 108)
    table = struct.pack("<128I", fat, end, *[free] * 126)

    def entry(name: str, kind: int, child: int, right: int) -> bytes:
        raw = name.encode("utf-16-le") + b"\0\0"
        return (
            struct.pack("<64sHBBIII", raw, len(raw), kind, 1, free, right, child)
            + bytes(36)
            + struct.pack("<IQ", end, 0)
        )

    entries = [entry("Root Entry", 5, 1, free)]
    for number, name in enumerate(streams, 1):
        entries.append(entry(name, 2, free, number + 1 if number < len(streams) else free))
    entries += [bytes(128)] * (4 - len(entries))
    return header + table + b"".join(entries)


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()
