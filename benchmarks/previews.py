"""Pages drawn against the libraries called bare: pdfium renders, Pillow writes WebP, and nothing else.

Run ``python benchmarks/previews.py``. The bare side opens the file once and draws every page in this process, without
sandbox, limits or handing over. Ours is measured twice: ``draw_stream`` in this process, in processor time, and
``draw_bounded``, which adds the reader process and the pictures' way back, in wall time. Of the rounds the median
counts. With LibreOffice installed, a conversion is timed as well; it has no peer.
"""

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import docx
import numpy as np
import pypdfium2
from _ratio import Cost, cost_of, judge, line, median_cost, report_busyness
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from backend.content.media_types import DOCX
from worker.extraction import shut_down
from worker.previews import DrawLimits, Wanted, convert, draw_bounded, soffice
from worker.previews.drawing import QUALITY_OPTIONS, draw_stream

PAGES = 40
ROUNDS = 5
TOLERANCE = 1.25
PDF = "application/pdf"
WIDTHS = (320, 1_000, 2_000)
SENTENCE = "the supplier delivers forty machines within thirty days after receipt of the order and "


def text_pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out)
    for page in range(PAGES):
        for row in range(50):
            canvas.drawString(50, 790 - 15 * row, f"{page} {SENTENCE}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def scanned_pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out)
    dice = np.random.default_rng(7)
    noise = dice.normal(235, 8, (1754, 1240)).clip(0, 255).astype(np.uint8)
    sheet = io.BytesIO()
    Image.fromarray(noise).save(sheet, "JPEG", quality=60)
    for _ in range(PAGES):
        canvas.drawImage(ImageReader(io.BytesIO(sheet.getvalue())), 0, 0, 595, 842)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def bare(path: Path, width: int) -> None:
    document = pypdfium2.PdfDocument(path)
    for page in document:
        bitmap = page.render(scale=width / page.get_size()[0], rev_byteorder=True)
        bitmap.to_pil().convert("RGB").save(io.BytesIO(), "WEBP", **QUALITY_OPTIONS)
        bitmap.close()
        page.close()
    document.close()


def check(drawn: Sequence[object]) -> None:
    if len(drawn) != PAGES:
        raise RuntimeError(f"{len(drawn)} of {PAGES} pages were drawn")


def ours(path: Path, width: int) -> None:
    drawn: list[object] = []
    with path.open("rb") as stream:
        draw_stream(
            stream,
            media_type=PDF,
            wanted=[Wanted(page, width) for page in range(1, PAGES + 1)],
            limits=DrawLimits(),
            on_sizes=lambda _: None,
            on_picture=drawn.append,
            on_broken=lambda _page, _why: None,
        )
    check(drawn)


def in_sandbox(path: Path, width: int) -> None:
    wanted = [Wanted(page, width) for page in range(1, PAGES + 1)]
    drawing = draw_bounded(path, media_type=PDF, wanted=wanted, limits=DrawLimits(cpu_seconds=300))
    check(drawing.pictures)


def compare(name: str, path: Path, width: int) -> None:
    def median(work: Callable[[Path, int], None]) -> Cost:
        return median_cost([cost_of(lambda: work(path, width)) for _ in range(ROUNDS)])

    alone, here, bounded = (median(work) for work in (bare, ours, in_sandbox))
    ratio, wall = here.cpu / alone.cpu, bounded.wall / alone.wall
    line(f"{name}, {width} px: bare", f"{PAGES / alone.cpu:.1f} pages/s of processor time")
    line("  ours / bare, processor time", f"{ratio:.2f}", judge(ratio, at_most=TOLERANCE))
    line("  in the sandbox / bare, wall time", f"{wall:.2f}", f"{PAGES / bounded.wall:.1f} pages/s")


def time_conversion(folder: Path) -> None:
    if soffice() is None:
        print("  LibreOffice is not installed: no conversion was timed")
        return
    document = docx.Document()
    for _ in range(300):
        document.add_paragraph(SENTENCE)
    path = folder / "document.docx"
    document.save(str(path))
    for which in ("first", "next"):
        start = time.perf_counter()
        status = convert(path, media_type=DOCX).status
        seconds = time.perf_counter() - start
        line(f"LibreOffice, 10 pages, {which} conversion", f"{seconds:.1f} s, {status}")


def main() -> None:
    print("Pages drawn, against pdfium and Pillow called bare")
    with report_busyness(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, data in (("text", text_pdf()), ("scan", scanned_pdf())):
            path = folder / f"{kind}.pdf"
            path.write_bytes(data)
            for width in WIDTHS:
                compare(kind, path, width)
        time_conversion(folder)
    shut_down()


if __name__ == "__main__":
    main()
