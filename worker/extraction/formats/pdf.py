"""PDF: text by pdfium, pages without usable text by OCR (ADR 0003).

pypdf reads form fields and attachments, and whole files that pdfium refuses.
"""

from __future__ import annotations

import io
import logging
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pypdf
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from PIL import Image
from pypdf.errors import PyPdfError

from backend.texts.pages import Placed
from worker.extraction.errors import Damaged, Encrypted, LimitReached
from worker.extraction.pdf_attachments import (
    may_have_attachments,
    read_attachments,
    read_attachments_of,
)
from worker.extraction.pdf_metadata import read_pdf_metadata
from worker.extraction.pdf_words import words_on
from worker.extraction.pictures import is_affordable, read_picture
from worker.extraction.reading import Content, Context, Enough, Source

MEDIA_TYPES = ("application/pdf",)

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it comments on every broken file

_LOCKED = {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
_RENDER_SIDE = 2000
"""Pixels of a rendered page's longer side: 171 dpi on A4, where recognition stops getting better."""
_RENDER_SCALE_MAX = 4.0
_RENDER_SCALE_MIN = 150 / 72
_SCAN_COVERAGE = 0.5
"""Share of the page that pictures cover on a scan."""
_PICTURE_COVERAGE = 0.1
_SCAN_TEXT = 200
"""Characters on a scan that may be a stamp or a page number put over it; more is a text layer."""
_OBJECTS_LOOKED_AT = 5_000
_LEGIBLE = 0.7
_NO_COMMENTS = {pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_POPUP}
_COMMENT_LENGTH = 10_000
_PAGES_ONLY = "Pictures in its attachments are not recognised, as its own pages are pictures too."
# A hyphen at a line's end, as pdfium marks it (U+0002, formerly U+FFFE): the word goes on in the next line.
_BROKEN_WORD = re.compile("[\x02\ufffe](?:\r?\n)?")


def read(source: Source, context: Context, content: Content) -> None:
    """Append page by page what a PDF says."""
    with _opened(source, context, content) as document:
        if document is None:
            return
        content.read_by("pdfium")
        content.page_count = len(document)
        if content.page_count > context.limits.pages:
            content.cut(
                f"Only the first {context.limits.pages:,} of {content.page_count:,} pages were read."
            )
        read_pdf_metadata(document, source.stream, content.metadata)
        pinned_to = []
        for number in range(min(content.page_count, context.limits.pages)):
            if context.wants_page(number + 1):
                context.check_time(content)
                if _read_page(document, number, context, content):
                    pinned_to.append(number)
        content.end_page()
        if context.wants_whole:
            _read_beyond(document, source, pinned_to, context, content)


def _read_beyond(
    document: pypdfium2.PdfDocument,
    source: Source,
    pinned_to: Sequence[int],
    context: Context,
    content: Content,
) -> None:
    """Append what is on no page; `pinned_to` are the pages, from 0, to which files are pinned."""
    if document.get_formtype() != pdfium.FORMTYPE_NONE:
        _read_form_fields(source, content)
    if (
        pinned_to
        or pdfium.FPDFDoc_GetAttachmentCount(document) > 0
        or may_have_attachments(source.stream)
    ):
        with _telling_what_stays_unread(context, content):
            read_attachments(source.stream, pinned_to, context, content)


@contextmanager
def _telling_what_stays_unread(context: Context, content: Content) -> Iterator[None]:
    """Note pictures in attachments where pages wait: these are read page by page, and the document not once more."""
    pages_wait, content.wants_ocr = content.wants_ocr, False
    try:
        yield
    finally:
        if pages_wait and content.wants_ocr and context.depth == 0:
            content.note(_PAGES_ONLY)
        content.wants_ocr = content.wants_ocr or pages_wait


@contextmanager
def _opened(
    source: Source, context: Context, content: Content
) -> Iterator[pypdfium2.PdfDocument | None]:
    """Open with pdfium; None if only pypdf could read it, and then did."""
    source.stream.seek(0)
    try:
        document = pypdfium2.PdfDocument(source.stream)
    except pypdfium2.PdfiumError as problem:
        _read_by_pypdf(source, context, content, encrypted=problem.err_code in _LOCKED)
        yield None
        return
    try:
        yield document
    finally:
        document.close()


def _read_page(
    document: pypdfium2.PdfDocument, number: int, context: Context, content: Content
) -> bool:
    """Append what a page says; return whether a file is pinned to it."""
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        content.begin_page(number + 1)
        content.note(f"Page {number + 1} is damaged.")
        return False
    try:
        content.begin_page(number + 1, page.get_size())
        return _read_opened(page, context, content)
    except (LimitReached, pypdfium2.PdfiumError) as problem:
        content.note(f"Page {number + 1} could not be read.")
        content.fail_page(str(problem))
        return False
    finally:
        page.close()


def _read_opened(page: pypdfium2.PdfPage, context: Context, content: Content) -> bool:
    """Append what it says; return whether a file is pinned to it."""
    text, words = ("", []) if context.is_forced else _text_of(page)
    comments = list(_comments(page))
    if text:
        content.read_by("pdfium")
    content.place(words)
    if context.is_forced or _needs_ocr(page, text):
        read_picture(lambda: _render(page, context), context, content, otherwise=text)
    else:
        content.add(text)
    for comment in comments:
        content.add(comment.text)
    return any(comment.pins_file for comment in comments)


def _text_of(page: pypdfium2.PdfPage) -> tuple[str, list[Placed]]:
    """Return the text that is written on a page, and where its words stand."""
    text_page = page.get_textpage()
    try:
        text = text_page.get_text_bounded()
        return _BROKEN_WORD.sub("", text), list(words_on(page, text_page)) if text else []
    finally:
        text_page.close()


def _needs_ocr(page: pypdfium2.PdfPage, text: str) -> bool:
    """Tell whether a page shows more than its text layer says."""
    letters = "".join(text.split())
    if len(letters) >= _SCAN_TEXT:
        return not _is_legible(letters)
    coverage, has_marks = _pictures_on(page)
    if not letters:
        return has_marks or coverage > 0
    return (
        coverage >= _SCAN_COVERAGE
        or not _is_legible(letters)
        or (len(letters) < 20 and coverage >= _PICTURE_COVERAGE)
    )


def _is_legible(letters: str) -> bool:
    """Tell text from the numbers of glyphs that a font without a Unicode map gives."""
    legible = sum(unicodedata.category(character)[0] in "LNPSM" for character in letters)
    return legible >= len(letters) * _LEGIBLE


def _pictures_on(page: pypdfium2.PdfPage) -> tuple[float, bool]:
    """Give the share of the page covered by pictures, and whether anything else but text is drawn on it."""
    width, height = page.get_size()
    covered, marks = 0.0, False
    for count, item in enumerate(page.get_objects(max_depth=3)):
        if count >= _OBJECTS_LOOKED_AT:
            break
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = item.get_bounds()
            covered += max(0.0, min(right, width) - max(left, 0)) * max(
                0.0, min(top, height) - max(bottom, 0)
            )
        elif item.type != pdfium.FPDF_PAGEOBJ_TEXT:
            marks = True
    return covered / max(width * height, 1.0), marks


class _Comment(NamedTuple):
    text: str
    pins_file: bool


def _comments(page: pypdfium2.PdfPage) -> Iterator[_Comment]:
    """Yield what people wrote into notes, stamps and text fields on the page."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if kind not in _NO_COMMENTS:
                pins_file = kind == pdfium.FPDF_ANNOT_FILEATTACHMENT
                yield _Comment(_annotation_text(annotation), pins_file)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _annotation_text(annotation: pdfium.FPDF_ANNOTATION) -> str:
    size = min(
        pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", None, 0), 2 * _COMMENT_LENGTH
    )
    buffer = (pdfium.FPDF_WCHAR * (size // 2))()
    pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size)
    return bytes(buffer).decode("utf-16-le", "ignore").rstrip("\0")


def _render(page: pypdfium2.PdfPage, context: Context) -> Image.Image:
    width, height = page.get_size()
    scale = min(max(_RENDER_SIDE / max(width, height, 1.0), _RENDER_SCALE_MIN), _RENDER_SCALE_MAX)
    is_affordable(int(width * scale), int(height * scale), context)
    bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
    try:
        picture: Image.Image = bitmap.to_pil()
        return picture.convert("RGB")
    finally:
        bitmap.close()


def _read_form_fields(source: Source, content: Content) -> None:
    """Append the values of form fields; pdfium shows them only to a program that runs the form."""
    source.stream.seek(0)
    try:
        fields = pypdf.PdfReader(source.stream).get_fields() or {}
        values = [field.value for field in fields.values()]
    except Enough:
        raise
    except Exception:  # noqa: BLE001 - pypdf raises anything on odd forms, and the pages' text is what counts
        content.note("Its form fields could not be read.")
        return
    for value in values:
        if isinstance(value, str) and not value.startswith("/"):
            content.add(value)


def _read_by_pypdf(source: Source, context: Context, content: Content, *, encrypted: bool) -> None:
    """Read what pdfium refused: broken cross references, ciphers it does not know."""
    source.stream.seek(0)
    try:
        reader = pypdf.PdfReader(io.BytesIO(source.stream.read()))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Encrypted("The PDF is protected with a password.")
        content.page_count = len(reader.pages)
        pages = reader.pages[: context.limits.pages]
        for page in pages:
            context.check_time(content)
            content.begin_page()
            content.add(page.extract_text())
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        NotImplementedError,
    ) as problem:
        if encrypted:
            raise Encrypted("The PDF is protected with a password.") from problem
        raise Damaged("The PDF is broken and could not be repaired.") from problem
    content.read_by("pypdf")
    content.end_page()
    read_attachments_of(reader, range(len(pages)), context, content)
