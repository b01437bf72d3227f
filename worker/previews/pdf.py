"""Pages of a PDF, by pdfium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from PIL import Image

from worker.extraction.errors import Damaged, Encrypted
from worker.previews.model import MOST_PAGES, TALLEST, DrawLimits

_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD
_A4 = 595, 842
_SMALLEST = 1e-3
"""Points; a page with less is drawn as an empty one."""


@contextmanager
def opened(stream: BinaryIO, limits: DrawLimits) -> Iterator[PdfPages]:
    """Open a PDF; Encrypted or Damaged if it cannot be."""
    del limits  # a page is drawn in the pixels that are asked for, whatever it measures
    stream.seek(0)
    try:
        document = pypdfium2.PdfDocument(stream)
    except pypdfium2.PdfiumError as problem:
        if problem.err_code == _PASSWORD_ERROR:
            raise Encrypted("The PDF is protected with a password.") from problem
        raise Damaged("The PDF is broken.") from problem
    try:
        if document.get_formtype() != pdfium.FORMTYPE_NONE:
            document.init_forms()
        if len(document) == 0:
            raise Damaged("The PDF has no pages.")
        yield PdfPages(document)
    finally:
        document.close()


class PdfPages:
    """The pages of a PDF."""

    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._document = document
        count = min(len(document), MOST_PAGES)
        self.sizes: Sequence[tuple[int, int]] = [_size(document, page) for page in range(count)]

    def draw(self, page: int, width: int) -> Image.Image:
        """Give a page on white, with its annotations and what its form fields hold."""
        try:
            opened_page = self._document[page - 1]
        except pypdfium2.PdfiumError as problem:
            raise Damaged(f"Page {page} is damaged.") from problem
        try:
            across, down = (max(side, _SMALLEST) for side in opened_page.get_size())
            # A trifle less: pdfium rounds up to the next pixel.
            scale = min(width / across, TALLEST * width / down) * (1 - 1e-6)
            bitmap = opened_page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
            try:
                picture: Image.Image = bitmap.to_pil()
                return picture.convert("RGB")
            finally:
                bitmap.close()
        except pypdfium2.PdfiumError as problem:
            raise Damaged(f"Page {page} could not be drawn.") from problem
        finally:
            opened_page.close()


def _size(document: pypdfium2.PdfDocument, index: int) -> tuple[int, int]:
    try:
        across, down = document.get_page_size(index)
    except pypdfium2.PdfiumError:
        return _A4
    return max(1, round(across)), max(1, round(down))
