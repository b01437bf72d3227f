"""Text extraction against the libraries called bare, and OCR against the engine called bare.

Run ``python benchmarks/extraction.py [CORPUS]``; the corpus is ``../shared/corpus`` beside this repository. The bare
side opens the same file with the same library in this process and does nothing else: no type detection, no cleaning, no
language, no limits. Ours is measured twice: ``extract`` in this process, in processor time, and ``run_bounded``, which
adds the reader process, in wall time. Of the rounds the wall time's best counts: the rest is what else ran here.
"""

import argparse
import email
import email.policy
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import numpy as np
import olefile
import pypdfium2
import python_calamine
from _ratio import cost_of, judge, line, median_cost, report_busyness
from lxml import html
from PIL import Image, ImageDraw, ImageFont

from worker.extraction import OCR_LIMITS, Limits, extract, run_bounded, shut_down
from worker.extraction.ocr import local_engine

ROUNDS = 7
TOLERANCE = 1.5
CONSTANT = 0.005
OCR_PAGES = 5
SENTENCE = (
    "the supplier delivers forty machines within thirty days after receipt of the order and the "
    "invoice is due on delivery of the goods to the address named in this contract"
)


def bare_pdf(path: Path) -> None:
    document = pypdfium2.PdfDocument(path)
    for page in document:
        text = page.get_textpage()
        text.get_text_bounded()
        text.close()
        page.close()
    document.close()


def bare_zip_xml(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".xml") and data:
                parser = expat.ParserCreate()
                parser.buffer_text = True
                parser.CharacterDataHandler = lambda _text: None
                parser.Parse(data, True)  # noqa: FBT003


def bare_sheet(path: Path) -> None:
    workbook = python_calamine.CalamineWorkbook.from_path(str(path))
    for name in workbook.sheet_names:
        for _row in workbook.get_sheet_by_name(name).iter_rows():
            pass


def bare_html(path: Path) -> None:
    html.document_fromstring(path.read_bytes()).text_content()


def bare_mail(path: Path) -> None:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.compat32)
    for part in message.walk():
        part.get_payload(decode=True)


def bare_text(path: Path) -> None:
    path.read_bytes().decode("utf-8", "replace")


def bare_ole(path: Path) -> None:
    with olefile.OleFileIO(path) as container:
        for name in container.listdir():
            container.openstream(name).read()


def bare_picture(path: Path) -> None:
    with Image.open(path) as image:
        image.getexif().get_ifd(0x8769)


BARE: dict[str, Callable[[Path], None]] = {
    ".pdf": bare_pdf,
    ".docx": bare_zip_xml,
    ".pptx": bare_zip_xml,
    ".odt": bare_zip_xml,
    ".odp": bare_zip_xml,
    ".xlsx": bare_sheet,
    ".xls": bare_sheet,
    ".ods": bare_sheet,
    ".html": bare_html,
    ".eml": bare_mail,
    ".doc": bare_ole,
    ".ppt": bare_ole,
    ".msg": bare_ole,
    ".rtf": bare_text,
    ".jpg": bare_picture,
    ".png": bare_picture,
    ".txt": bare_text,
    ".csv": bare_text,
}


def rounds(work: Callable[[], object]) -> tuple[float, float]:
    """Median processor seconds of this process, and best wall seconds."""
    cpu, wall = [], []
    for _ in range(ROUNDS):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    return statistics.median(cpu), min(wall)


@dataclass(frozen=True)
class Row:
    """What one file took, in seconds."""

    name: str
    bare_cpu: float
    bare_wall: float
    extract_cpu: float
    bounded_wall: float

    @property
    def is_over(self) -> bool:
        """Whether reading in this process costs more processor time than the target."""
        return self.extract_cpu > self.bare_cpu * TOLERANCE + CONSTANT

    @property
    def is_over_bounded(self) -> bool:
        """Whether reading in the sandbox takes longer than the target."""
        return self.bounded_wall > self.bare_wall * TOLERANCE + CONSTANT


def measure(path: Path, bare: Callable[[Path], None]) -> Row:
    limits = Limits()
    bare_cpu, bare_wall = rounds(lambda: bare(path))
    extract_cpu, _ = rounds(lambda: extract(path, name=path.name, limits=limits, ocr=False))
    _, bounded_wall = rounds(lambda: run_bounded(path, name=path.name, limits=limits, ocr=False))
    return Row(path.name, bare_cpu, bare_wall, extract_cpu, bounded_wall)


def list_corpus(corpus: Path) -> None:
    """Print what becomes of each file."""
    print(f"{'file':58} {'status':12} {'chars':>8} {'meta':>5} {'s':>7}  why")
    for path in sorted(corpus.iterdir()):
        begin = time.perf_counter()
        result = run_bounded(path, name=path.name, limits=Limits(), ocr=False)
        taken = time.perf_counter() - begin
        known = len(result.metadata.to_json()) + max(len(result.metadata.extra) - 1, 0)
        facts = f"{len(result.text):8} {known:5} {taken:7.3f}  {result.detail}"
        print(f"{path.name[:58]:58} {result.status:12} {facts}")


def measure_corpus(corpus: Path) -> None:
    by_kind: dict[str, list[Row]] = {}
    for path in sorted(corpus.iterdir()):
        bare = BARE.get(path.suffix)
        result = extract(path, name=path.name, limits=Limits(), ocr=False)
        if bare is not None and result.status in {"indexed", "no_text", "needs_ocr"}:
            by_kind.setdefault(path.suffix, []).append(measure(path, bare))
    print("\nMedian ms per file: CPU of bare, of extract; wall of bare, of run_bounded")
    for kind, rows in by_kind.items():
        medians = [
            1e3 * statistics.median(getattr(row, field) for row in rows)
            for field in ("bare_cpu", "extract_cpu", "bare_wall", "bounded_wall")
        ]
        line(f"{kind} ({len(rows)} files)", "  ".join(f"{value:.1f}" for value in medians))
    report([row for rows in by_kind.values() for row in rows])


def report(rows: list[Row]) -> None:
    over = [row.name for row in rows if row.is_over]
    over_bounded = [row.name for row in rows if row.is_over_bounded]
    line(
        f"extract over 1.5 x bare + 5 ms, of {len(rows)} files",
        str(len(over)),
        judge(len(over), at_most=0),
    )
    line(
        "run_bounded over 1.5 x bare + 5 ms",
        str(len(over_bounded)),
        judge(len(over_bounded), at_most=0),
    )
    added = 1e3 * statistics.median(row.bounded_wall - row.bare_wall * TOLERANCE for row in rows)
    line(
        "run_bounded beyond 1.5 x bare, median ms",
        f"{added:.1f}",
        judge(added, at_most=CONSTANT * 1e3),
    )
    for name in over:
        print(f"    extract over: {name}")


def drawn_page(number: int) -> Image.Image:
    """Draw an A4 page at 150 dpi, 45 lines of text, each page different."""
    page = Image.new("RGB", (1240, 1754), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(23)
    vocabulary = SENTENCE.split()
    for row in range(45):
        steps = (row * 7 + column * (number + 3) for column in range(11))
        words = [vocabulary[step % len(vocabulary)] for step in steps]
        pen.text((90, 70 + row * 36), " ".join(words), "black", font)
    return page


def measure_ocr(folder: Path) -> None:
    engine = local_engine()
    bare = engine._engine  # noqa: SLF001 - the very engine, without what we add
    pages = [drawn_page(number) for number in range(OCR_PAGES)]
    arrays = [np.ascontiguousarray(np.asarray(page)[:, :, ::-1]) for page in pages]
    paths = []
    for number, page in enumerate(pages):
        paths.append(folder / f"page{number}.png")
        page.save(paths[-1])
    bare(arrays[0])
    engine.read(pages[0])
    run_bounded(paths[0], name="page.png", limits=OCR_LIMITS, ocr=True)
    pairs = [
        (cost_of(lambda a=array: bare(a)), cost_of(lambda p=page: engine.read(p)))
        for array, page in zip(arrays, pages, strict=True)
    ]
    bare_cost, ours = (median_cost([pair[at] for pair in pairs]) for at in range(2))
    bounded = min(
        wall_of(lambda path=path: run_bounded(path, name="page.png", limits=OCR_LIMITS, ocr=True))
        for path in paths
    )
    print("\nOCR of an A4 page at 150 dpi, 45 lines, one thread")
    line("bare engine, CPU s a page", f"{bare_cost.cpu:.2f}")
    ratio = ours.cpu / bare_cost.cpu
    line(
        "ours in this process, CPU s a page (ratio)",
        f"{ours.cpu:.2f} ({ratio:.2f})",
        judge(ratio, at_most=1.10),
    )
    line("ours through the sandbox, wall s a page", f"{bounded:.2f} (bare {bare_cost.wall:.2f})")


def wall_of(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "corpus", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "corpus"
    )

    parser.add_argument("--list", action="store_true", help="only tell what becomes of each file")
    options = parser.parse_args()
    if options.list:
        list_corpus(options.corpus)
        shut_down()
        return
    with report_busyness():
        if options.corpus.is_dir():
            measure_corpus(options.corpus)
        else:
            print(f"no corpus at {options.corpus}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as scratch:
            measure_ocr(Path(scratch))
    shut_down()


if __name__ == "__main__":
    main()
