"""Recognition: errors and cost on generated scans, ours against the engine called bare and against tesseract.

Run ``python benchmarks/ocr.py [SCENE...]``. Every scene is one A4 page, drawn with a real font and then spoilt as
scanners do: coarse, noisy, skewed, turned. Errors are the Levenshtein distance over the length of what was drawn,
blanks and line ends taken for the same. The bare side is RapidOCR with the same models and settings, given the same
pixels, and nothing else; tesseract finds out by itself which way up a page is (``--psm 1``) and is told its language.
Ours chooses the engine by the languages, as a document's page does. Costs are processor seconds, children included;
scenes in a language tesseract has no data of are left out.
"""

import argparse
import io
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _ratio import Cost, cost_of, judge, line, report_busyness
from PIL import Image, ImageDraw, ImageFont

from backend.texts.languages import READABLE
from worker.extraction.ocr import OcrEngine, local_engine, tesseract
from worker.extraction.ocr.choice import ChoosingEngine, engines_for

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"
A4 = (8.27, 11.69)
LINES = 30
WORDS_A_LINE = 9
TEXTS = {
    "en": "the supplier delivers forty machines within thirty days after receipt of the order and the invoice is due "
    "on delivery of the goods to the address named in this contract which begins on the first of March 2026",
    "de": "Der Käufer trägt die Kosten der Prüfung und Größere Mängel müssen schriftlich gerügt werden während die "
    "Übergabe der Schlüssel am Montag gemäß § 14 erfolgt und Änderungen der Schriftform bedürfen",
    "fr": "La présente société s'engage à livrer les pièces à l'adresse indiquée où le reçu sera signé dès réception "
    "par le gérant français même en été malgré les délais prévus à l'article 12",
    "ru": "Поставщик поставляет сорок станков в течение тридцати дней после подтверждения заказа и оплата "
    "производится по получении счёта стороны договорились решать споры путём переговоров в городе",
}


@dataclass(frozen=True)
class Scene:
    """A page and what happens to it on the scanner."""

    name: str
    language: str = "en"
    expected: tuple[str, ...] = ()
    dpi: int = 150
    noise: float = 0.0
    skew: float = 0.0
    turned: int = 0


SCENES = (
    Scene("en-150"),
    Scene("en-300", dpi=300),
    Scene("en-noise", noise=0.02),
    Scene("en-skew-3", skew=3.0),
    Scene("en-turned-90", turned=90),
    Scene("en-turned-180", turned=180),
    Scene("de-150", "de"),
    Scene("fr-150", "fr"),
    Scene("ru-150", "ru"),
    Scene("ru-of-en-and-ru", "ru", ("en", "ru")),
    Scene("en-of-en-and-ru", "en", ("en", "ru")),
)


def lines_of(language: str) -> list[str]:
    """Return the lines of a page, each different."""
    vocabulary = TEXTS[language].split()
    return [
        " ".join(vocabulary[(row * 7 + column) % len(vocabulary)] for column in range(WORDS_A_LINE))
        for row in range(LINES)
    ]


def drawn(scene: Scene) -> Image.Image:
    """Draw a scene's page."""
    size = round(A4[0] * scene.dpi), round(A4[1] * scene.dpi)
    page = Image.new("L", size, 248)
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(FONT, 10.5 * scene.dpi / 72)
    for number, text in enumerate(lines_of(scene.language)):
        pen.text((0.8 * scene.dpi, (0.9 + number * 0.32) * scene.dpi), text, 30, font)
    if scene.skew:
        page = page.rotate(scene.skew, Image.Resampling.BICUBIC, expand=True, fillcolor=248)
    if scene.noise:
        dice = np.random.default_rng(7)
        pixels = np.asarray(page).copy()
        pixels[dice.random(pixels.shape) < scene.noise] = 110
        page = Image.fromarray(pixels)
    return page.rotate(scene.turned, expand=True).convert("RGB")


def error_rate(expected: str, found: str) -> float:
    """Return the Levenshtein distance in shares of what was expected, row by row of its matrix."""
    wanted, got = " ".join(expected.split()), " ".join(found.split())
    letters = np.frombuffer(got.encode("utf-32-le"), dtype=np.uint32)
    steps = np.arange(len(got) + 1)
    row = steps.copy()
    for number, letter in enumerate(wanted, 1):
        above = np.minimum(row[1:] + 1, row[:-1] + (letters != ord(letter)))
        row = np.concatenate(([number], above))
        row = np.minimum.accumulate(row - steps) + steps
    return float(row[-1]) / len(wanted)


def by_tesseract(page: Image.Image, language: str) -> str:
    """Read a page with tesseract as a person would call it."""
    pixels = io.BytesIO()
    page.convert("L").save(pixels, "PPM")
    command = ["tesseract", "-", "-", "-l", READABLE[language], "--psm", "1"]
    done = subprocess.run(command, input=pixels.getvalue(), capture_output=True, check=True)
    return done.stdout.decode()


def by_bare(engine: Any, page: Image.Image) -> str:
    """Read a page with RapidOCR alone; its lines are in the order in which it found them."""
    found = engine(np.ascontiguousarray(np.asarray(page)[:, :, ::-1]))
    return "\n".join(found.txts or ())


def measured(work: Callable[[], str], expected: str) -> tuple[float, Cost]:
    """Return the errors and the cost of a reading."""
    texts: list[str] = []
    cost = cost_of(lambda: texts.append(work()))
    return error_rate(expected, texts[0]), cost


def choosing(languages: tuple[str, ...]) -> OcrEngine:
    """Return what reads a document's pages in some languages."""
    names = engines_for(languages, "", "rapidocr")
    return ChoosingEngine({name: local_engine(name) for name in names}, languages)


def run(scenes: list[Scene]) -> None:
    """Measure scenes one after the other and judge them together."""
    rapid = local_engine()
    bare = rapid._engine  # type: ignore[attr-defined]  # noqa: SLF001 - the very engine, without what we add
    rapid.read(drawn(SCENES[0]))
    ratios: list[float] = []
    better = 0
    print("Errors % (CPU s a page): ours, the engine bare, tesseract")
    for scene in scenes:
        page, expected = drawn(scene), "\n".join(lines_of(scene.language))
        engine = choosing(scene.expected or (scene.language,))
        ours, our_cost = measured(lambda p=page, e=engine: e.read(p).text, expected)
        alone, bare_cost = measured(lambda p=page: by_bare(bare, p), expected)
        theirs, their_cost = measured(lambda p=page, s=scene: by_tesseract(p, s.language), expected)
        # Of scripts it does not know the bare engine reads next to nothing, at no cost worth comparing with.
        if scene.language != "ru" and not scene.turned:
            ratios.append(our_cost.cpu / bare_cost.cpu)
        better += ours <= theirs
        line(
            scene.name,
            f"{ours:6.2%} ({our_cost.cpu:4.1f})  {alone:6.2%} ({bare_cost.cpu:4.1f})  "
            f"{theirs:6.2%} ({their_cost.cpu:4.1f})",
        )
    line("scenes in which ours errs no more than tesseract", f"{better} of {len(scenes)}")
    if ratios:
        ratio = statistics.median(ratios)
        line(
            "CPU of ours over the bare engine, upright pages",
            f"{ratio:.2f}",
            judge(ratio, at_most=1.10),
        )


def main() -> None:
    """Run the scenes named, or all for which tesseract has the language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", choices=[[], *(scene.name for scene in SCENES)])
    names = parser.parse_args().scenes or [scene.name for scene in SCENES]
    chosen = [scene for scene in SCENES if scene.name in names]
    known = [scene for scene in chosen if READABLE[scene.language] in tesseract.installed()]
    for scene in chosen:
        if scene not in known:
            print(f"{scene.name}: left out, tesseract has no data of {READABLE[scene.language]!r}")
    with report_busyness():
        run(known)


if __name__ == "__main__":
    main()
