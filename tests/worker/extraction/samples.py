"""Documents made for the tests: real files out of real libraries, scans drawn with a real font, and hostile ones."""

from __future__ import annotations

import io
import random
import struct
import wave
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


def pdf(
    pages: Sequence[Callable[[Canvas], None]],
    *,
    password: str | None = None,
    title: str = "",
    author: str = "",
) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption(password) if password else None)
    canvas.setTitle(title)
    canvas.setAuthor(author)
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


def archive_of(data: bytes) -> dict[str, bytes]:
    """Give what is in an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return {name: source.read(name) for name in source.namelist()}


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
    return compound_file(dict.fromkeys(streams, b""))


_SECTOR, _SMALL_SECTOR, _SMALL = 512, 64, 4096
_FREE, _END, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound_file(streams: dict[str, bytes]) -> bytes:
    """Give an OLE compound file ([MS-CFB]) with these streams; a path such as `a/b` puts one into a storage."""
    nodes = _nodes(streams)
    small, small_table = bytearray(), list[int]()
    sectors, table = bytearray(), list[int]()

    def append(data: bytes) -> int:
        return _append(sectors, table, data, _SECTOR)

    starts = {}
    for path, data in streams.items():
        if not data:
            starts[path] = _END
        elif len(data) < _SMALL:
            starts[path] = _append(small, small_table, data, _SMALL_SECTOR)
        else:
            starts[path] = append(data)
    small_start = append(bytes(small)) if small else _END
    packed = struct.pack(f"<{len(small_table)}I", *small_table)
    small_table_start = (
        append(packed.ljust(-(-len(packed) // _SECTOR) * _SECTOR, b"\xff")) if packed else _END
    )
    entries = b"".join(
        _entry(node, nodes, starts, streams, small_start, len(small)) for node in range(len(nodes))
    )
    directory = append(entries.ljust(-(-len(entries) // _SECTOR) * _SECTOR, b"\0"))
    tables = 1
    while (len(table) + tables) * 4 > tables * _SECTOR:
        tables += 1
    first = len(table)
    table += [_TABLE] * tables + [_FREE] * (tables * _SECTOR // 4 - len(table) - tables)
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6, bytes(6),
        0, tables, directory, 0, _SMALL, small_table_start, len(packed) and -(-len(packed) // _SECTOR), _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", *range(first, first + tables), *[_FREE] * (109 - tables))
    return header + bytes(sectors) + struct.pack(f"<{len(table)}I", *table)


def _nodes(streams: dict[str, bytes]) -> list[str]:
    """Give the root, the storages and the streams, by their paths."""
    storages = {
        "/".join(path.split("/")[:depth])
        for path in streams
        for depth in range(1, path.count("/") + 1)
    }
    return ["", *sorted(storages), *streams]


def _append(sectors: bytearray, table: list[int], data: bytes, size: int) -> int:
    start, count = len(table), -(-len(data) // size)
    sectors += data.ljust(count * size, b"\0")
    table += [*range(start + 1, start + count), _END]
    return start


def _entry(
    node: int,
    nodes: list[str],
    starts: dict[str, int],
    streams: dict[str, bytes],
    small_start: int,
    small_size: int,
) -> bytes:
    path = nodes[node]
    folder = path.rpartition("/")[0]
    siblings = [
        at for at in range(1, len(nodes)) if nodes[at].rpartition("/")[0] == folder and at > node
    ]
    children = [
        at for at in range(1, len(nodes)) if at != node and nodes[at].rpartition("/")[0] == path
    ]
    raw = (path.rpartition("/")[2] or "Root Entry").encode("utf-16-le") + b"\0\0"
    kind = 5 if not node else 2 if path in streams else 1
    start, size = (
        (small_start, small_size)
        if not node
        else (starts.get(path, 0), len(streams.get(path, b"")))
    )
    right = siblings[0] if siblings and node else _FREE
    child = children[0] if children and kind != 2 else _FREE
    return (
        struct.pack("<64sHBBIII", raw, len(raw), kind, 1, _FREE, right, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )


def outlook_message(
    texts: dict[int, str],
    *,
    recipients: Sequence[tuple[int, str, str]] = (),
    attachments: Sequence[tuple[str, bytes]] = (),
    binaries: dict[int, bytes] | None = None,
    inner: dict[str, bytes] | None = None,
    sent: int = 0,
) -> dict[str, bytes]:
    """Give the streams of an Outlook message ([MS-OXMSG]) by their paths, for `compound_file`.

    `recipients` are (kind, name, address), `attachments` (name, content), `inner` the streams of a message within,
    `sent` a time in FILETIME's ticks.
    """
    times = struct.pack("<HHIQ", 0x40, 0x0039, 2, sent) if sent else b""
    streams = {"__properties_version1.0": bytes(32) + times}
    streams |= {
        f"__substg1.0_{key:04X}001F": text.encode("utf-16-le") for key, text in texts.items()
    }
    streams |= {f"__substg1.0_{key:04X}0102": data for key, data in (binaries or {}).items()}
    for number, (kind, name, address) in enumerate(recipients):
        folder = f"__recip_version1.0_#{number:08X}"
        streams[f"{folder}/__properties_version1.0"] = bytes(8) + struct.pack(
            "<HHIQ", 3, 0x0C15, 2, kind
        )
        streams[f"{folder}/__substg1.0_3001001F"] = name.encode("utf-16-le")
        streams[f"{folder}/__substg1.0_39FE001F"] = address.encode("utf-16-le")
    for number, (name, data) in enumerate(attachments):
        folder = f"__attach_version1.0_#{number:08X}"
        streams[f"{folder}/__properties_version1.0"] = bytes(8)
        streams[f"{folder}/__substg1.0_3707001F"] = name.encode("utf-16-le")
        streams[f"{folder}/__substg1.0_37010102"] = data
    if inner is not None:
        folder = f"__attach_version1.0_#{len(attachments):08X}"
        streams[f"{folder}/__properties_version1.0"] = bytes(8)
        streams |= {f"{folder}/__substg1.0_3701000D/{path}": data for path, data in inner.items()}
        properties = f"{folder}/__substg1.0_3701000D/__properties_version1.0"
        streams[properties] = bytes(24) + streams[properties][32:]
    return streams


def summary(properties: dict[int, object], named: dict[str, str] | None = None) -> bytes:
    """Give a set of properties ([MS-OLEPS]) in cp1252: numbers, texts, and those that an author named."""
    sections = [_section({1: 1252, **properties})]
    if named is not None:
        numbered = dict(enumerate(named, 2))
        dictionary = struct.pack("<I", len(numbered)) + b"".join(
            struct.pack("<II", key, len(name) + 1) + name.encode("cp1252") + b"\0"
            for key, name in numbered.items()
        )
        values = {key: named[name] for key, name in numbered.items()}
        sections.append(_section({1: 1252, **values}, dictionary))
    head = struct.pack("<HHI16sI", 0xFFFE, 0, 0, bytes(16), len(sections))
    start = len(head) + 20 * len(sections)
    for section in sections:
        head += struct.pack("<16sI", bytes(16), start)
        start += len(section)
    return head + b"".join(sections)


def _section(properties: dict[int, object], dictionary: bytes = b"") -> bytes:
    values = {key: _typed(value) for key, value in properties.items()}
    if dictionary:
        values = {0: dictionary.ljust(-(-len(dictionary) // 4) * 4, b"\0"), **values}
    table, body = b"", b""
    start = 8 + 8 * len(values)
    for key, value in values.items():
        table += struct.pack("<II", key, start + len(body))
        body += value
    return struct.pack("<II", start + len(body), len(values)) + table + body


def _typed(value: object) -> bytes:
    if isinstance(value, int):
        return (
            struct.pack("<II", 64, 0)[:4] + struct.pack("<Q", value)
            if value > 2**32
            else struct.pack("<Ihxx", 2, value)
        )
    data = str(value).encode("cp1252") + b"\0"
    return struct.pack("<II", 30, len(data)) + data.ljust(-(-len(data) // 4) * 4, b"\0")


def old_word_document(
    pieces: Sequence[str],
    *,
    notes: str = "",
    picture: bytes = b"",
    streams: dict[str, bytes] | None = None,
) -> bytes:
    """Give a Word 97 document ([MS-DOC]): pieces in one byte a character where that is enough, in two elsewhere."""
    main, ends, places = bytearray(1024), [0], list[int]()
    for piece in [*pieces, notes]:
        try:
            data, place = piece.encode("cp1252"), len(main) * 2 | 1 << 30
        except UnicodeEncodeError:
            data, place = piece.encode("utf-16-le"), len(main)
        main += data
        ends.append(ends[-1] + len(piece))
        places.append(place)
    table = struct.pack(f"<{len(ends)}I", *ends) + b"".join(
        struct.pack("<HIH", 0, place, 0) for place in places
    )
    table = b"\1\2\0\0\0" + b"\2" + struct.pack("<I", len(table)) + table
    struct.pack_into("<HH", main, 0, 0xA5EC, 0x00C1)
    struct.pack_into("<H", main, 10, 0x0200)
    struct.pack_into("<II", main, 0x4C, ends[-1] - len(notes), len(notes))
    struct.pack_into("<II", main, 0x1A2, 0, len(table))
    return compound_file(
        {"WordDocument": bytes(main), "1Table": table, "Data": drawn(picture)} | (streams or {})
    )


def drawn(picture: bytes) -> bytes:
    """Give a picture as OfficeArt has it, between other bytes; nothing for none."""
    if not picture:
        return b""
    return (
        bytes(50)
        + struct.pack("<HHI", 0x6E00, 0xF01E, len(picture) + 17)
        + bytes(17)
        + picture
        + bytes(50)
    )


def old_presentation(
    slides: Sequence[tuple[str, str]],
    *,
    picture: bytes = b"",
    comment: str = "",
    objects: Sequence[bytes] = (),
) -> bytes:
    """Give a PowerPoint 97 file ([MS-PPT]): slides of (title, text), of which an earlier edit had another first one.

    Of the objects each is in it packed; those of earlier edits are not packed.
    """

    def atom(kind: int, data: bytes, instance: int = 0) -> bytes:
        return struct.pack("<HHI", instance << 4, kind, len(data)) + data

    def container(kind: int, *parts: bytes, instance: int = 0) -> bytes:
        body = b"".join(parts)
        return struct.pack("<HHI", instance << 4 | 15, kind, len(body)) + body

    def text(value: str) -> bytes:
        if value.isascii():
            return atom(4008, value.encode())
        return atom(4000, value.encode("utf-16-le"))

    stream, places = bytearray(), list[int]()

    def put(record: bytes) -> int:
        stream.extend(record)
        return len(stream) - len(record)

    put(container(1006, container(61453, text("deleted in an earlier edit"))))
    put(atom(4113, compound_file({"\x01Ole10Native": b"\0\0\0\0deleted too"})))
    for number, (_, body) in enumerate(slides):
        said = container(
            12000, atom(4026, "Ada".encode("utf-16-le")), atom(4026, comment.encode("utf-16-le"), 1)
        )
        tags = container(
            5000, container(5002, atom(4026, "___PPT10".encode("utf-16-le")), atom(5003, said))
        )
        tags = container(
            5000, container(5002, atom(4026, "___PPT10".encode("utf-16-le")), atom(5003, said))
        )
        places.append(
            put(
                container(
                    1006, container(61453, text(body)), tags if comment and not number else b""
                )
            )
        )
    kept = [put(atom(4113, struct.pack("<I", len(one)) + zlib.compress(one), 1)) for one in objects]
    outline = b"".join(
        atom(1011, struct.pack("<IIIII", number, 0, 0, number, 0))
        + atom(3999, bytes(4))
        + text(title)
        for number, (title, _) in enumerate(slides, 2)
    )
    masters = container(4080, text("Click to edit"), instance=1)
    document = put(container(1000, masters, container(4080, outline)))
    stored = [document, *places, *kept]
    entries = struct.pack(f"<{len(stored) + 1}I", 1 | len(stored) << 20, *stored)
    directory = put(atom(6002, entries))
    edit = put(atom(4085, struct.pack("<IHBBIIIIHH", 0, 0, 0, 3, 0, directory, 1, 9, 0, 0)))
    user = atom(4086, struct.pack("<III", 0x14, 0xE391C05F, edit) + bytes(12))
    return compound_file(
        {"PowerPoint Document": bytes(stream), "Current User": user, "Pictures": drawn(picture)}
    )


def old_workbook(
    rows: Sequence[Sequence[str | float]],
    *,
    box: str = "",
    header: str = "",
    picture: bytes = b"",
    streams: dict[str, bytes] | None = None,
) -> bytes:
    """Give an Excel 97 workbook ([MS-XLS]) of one sheet with a text box."""

    def record(kind: int, data: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def text(value: str, length: str = "<H") -> bytes:
        return struct.pack(length, len(value)) + b"\1" + value.encode("utf-16-le")

    begin = struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 6)
    art = drawn(picture)
    drawings = b"".join(
        record(0x003C if at else 0x00EB, art[at : at + 8_000]) for at in range(0, len(art), 8_000)
    )
    sheet = record(0x0809, begin[:2] + b"\x10\0" + begin[4:])
    sheet += record(0x0014, text(header)) if header else b""
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            at = struct.pack("<HHH", row, column, 0)
            sheet += (
                record(0x0204, at + text(value))
                if isinstance(value, str)
                else record(0x0203, at + struct.pack("<d", value))
            )
    if box:
        sheet += record(0x01B6, struct.pack("<HH6xHHI", 0, 0, len(box), 16, 0))
        sheet += record(0x003C, b"\1" + box.encode("utf-16-le")) + record(0x003C, bytes(16))
    sheet += record(0x000A)
    head = record(0x0809, begin) + record(0x0042, struct.pack("<H", 1200)) + drawings
    named = text("Orders", "<B")
    bound = len(head) + 4 + 6 + len(named) + 4
    head += record(0x0085, struct.pack("<IBB", bound, 0, 0) + named) + record(0x000A)
    return compound_file({"Workbook": head + sheet} | (streams or {}))


def wave_sound(seconds: float, *, title: str = "", artist: str = "") -> bytes:
    """Give a WAV of one channel at 8 kHz with tags."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(round(seconds * 8_000) * 2))
    tags = b"INFO"
    for name, value in ((b"INAM", title), (b"IART", artist)):
        data = value.encode() + b"\0"
        tags += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    whole = buffer.getvalue() + b"LIST" + struct.pack("<I", len(tags)) + tags
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def mp3(seconds: float, *, title: str, artist: str) -> bytes:
    """Give an MP3 of silence at 32 kbit/s with an ID3 tag (v2.3)."""
    frames = b""
    for name, value in ((b"TIT2", title), (b"TPE1", artist), (b"TYER", "2019")):
        data = b"\1" + value.encode("utf-16")
        frames += name + struct.pack(">IH", len(data), 0) + data
    size = bytes(len(frames) >> shift & 127 for shift in (21, 14, 7, 0))
    frame = b"\xff\xfb\x10\xc4" + bytes(100)  # MPEG-1 layer III, 32 kbit/s, 44.1 kHz, one channel
    return b"ID3\3\0\0" + size + frames + frame * round(seconds * 44_100 / 1_152)


def mp4(seconds: int, *, title: str = "", width: int = 640, height: int = 360) -> bytes:
    """Give the boxes of an MP4 (ISO/IEC 14496-12) that describe a film, without its pictures."""

    def box(kind: bytes, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return struct.pack(">I4s", len(body) + 8, kind) + body

    unity = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    made = 3_855_200_400  # 1 March 2026, 09:00:00 UTC, in seconds since 1904
    header = struct.pack(">IIIIIIH10x", 0, made, made, 1_000, seconds * 1_000, 0x10000, 0x100)
    track = struct.pack(">IIIIII8xHHHH", 7, made, made, 1, 0, seconds * 1_000, 0, 0, 0, 0)
    sample = struct.pack(">6xH16xHHII4xH32xHh", 1, width, height, 0x480000, 0x480000, 1, 24, -1)
    avcc = box(b"avcC", bytes.fromhex("0142c01effe10004674200 1e01000468ce3c80".replace(" ", "")))
    table = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), box(b"avc1", sample, avcc)),
        *(box(kind, bytes(8)) for kind in (b"stts", b"stsc", b"stco")),
        box(b"stsz", bytes(12)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", struct.pack(">IIIIIHH", 0, made, made, 1_000, seconds * 1_000, 0x55C4, 0)),
        box(b"hdlr", struct.pack(">II4s12xx", 0, 0, b"vide")),
        box(b"minf", box(b"vmhd", bytes(12)), table),
    )
    name = box(b"\xa9nam", box(b"data", struct.pack(">II", 1, 0), title.encode()))
    tags = box(
        b"meta", bytes(4), box(b"hdlr", struct.pack(">II4s12xx", 0, 0, b"mdir")), box(b"ilst", name)
    )
    return box(b"ftyp", b"isom\0\0\2\0isomavc1") + box(
        b"moov",
        box(b"mvhd", header, unity, bytes(24), struct.pack(">I", 2)),
        box(
            b"trak",
            box(b"tkhd", track, unity, struct.pack(">II", width << 16, height << 16)),
            media,
        ),
        box(b"udta", tags),
    )


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()
