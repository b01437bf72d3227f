"""Spreadsheets: cells by calamine (XLSX, XLSB, XLS, ODS); text boxes, comments, pictures, files by our own readers."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from itertools import islice

import python_calamine as calamine

from backend.content.media_types import ODS, XLS, XLSB, XLSX
from worker.extraction.archive import open_archive
from worker.extraction.biff import texts_and_pictures
from worker.extraction.errors import Damaged, Encrypted
from worker.extraction.formats.odf import read_embedded_objects, refuse_encrypted
from worker.extraction.ole import open_container, read_summaries
from worker.extraction.ole_objects import read_objects
from worker.extraction.ooxml import Pictures, drawing_text, read_embedded_files
from worker.extraction.pictures import read_each
from worker.extraction.properties import read_office_properties, read_open_document_properties
from worker.extraction.reading import Content, Context, Source

MEDIA_TYPES = (XLSX, XLSB, XLS, ODS)

_MAX_BYTES = 512 << 20
_ROWS_AT_ONCE = 500
_BESIDE_THE_CELLS = (
    "xl/drawings/drawing",
    "xl/charts/chart",
    "xl/comments",
    "xl/threadedComments/",
)
_EMBEDDED = "xl/embeddings/"

Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def read(source: Source, context: Context, content: Content) -> None:
    """Append the sheets' names and rows, cells separated by tabs."""
    content.read_by("calamine")
    if source.media_type != XLS:
        _check_expansion(source, context)
    workbook = _open(source.read(_MAX_BYTES))
    content.page_count = len(workbook.sheet_names)
    for name in workbook.sheet_names[: context.limits.pages]:
        content.begin_page()
        content.add(name)
        _read_sheet(workbook, name, context, content)
    content.end_page()
    if source.media_type == XLS:
        _read_beside_old_cells(source, context, content)
    elif source.media_type == ODS:
        _read_beside_open_cells(source, context, content)
    else:
        _read_beside_cells(source, context, content)


def _check_expansion(source: Source, context: Context) -> None:
    """Refuse an archive that promises more than is allowed; calamine would take its word and the memory."""
    with open_archive(source.stream, context) as archive:
        if source.media_type == ODS:
            refuse_encrypted(archive)
        context.expand(
            sum(
                entry.file_size
                for entry in archive.entries
                if entry.filename.endswith((".xml", ".bin"))
                and not entry.filename.startswith(_EMBEDDED)
            )
        )


def _open(data: bytes) -> calamine.CalamineWorkbook:
    try:
        return calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    except calamine.PasswordError as problem:
        raise Encrypted("The workbook is protected with a password.") from problem
    except (calamine.CalamineError, OSError, ValueError) as problem:
        raise Damaged(f"The workbook is broken ({problem}).") from problem


def _read_sheet(
    workbook: calamine.CalamineWorkbook, name: str, context: Context, content: Content
) -> None:
    try:
        rows = workbook.get_sheet_by_name(name).iter_rows()
    except (calamine.CalamineError, OSError, ValueError) as problem:
        content.note(f"The sheet {name} could not be read ({problem}).")
        return
    while lines := list(islice(_lines(rows), _ROWS_AT_ONCE)):
        context.check_time(content)
        content.add("\n".join(lines))


def _lines(rows: Iterator[list[Cell]]) -> Iterator[str]:
    for row in rows:
        # most cells are text: it goes by without a call
        yield "\t".join([cell if type(cell) is str else _shown(cell) for cell in row if cell != ""])


def _shown(cell: Cell) -> str:
    """Give a cell as people would write it: whole numbers without a fraction, dates as ISO 8601."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ", "minutes")
    return str(cell)


def _read_beside_cells(source: Source, context: Context, content: Content) -> None:
    with open_archive(source.stream, context) as archive:
        read_office_properties(archive, content.metadata)
        for folder in _BESIDE_THE_CELLS:
            for name in archive.matching(folder, ".xml"):
                context.check_time(content)
                for paragraph in drawing_text(archive, name):
                    content.add(paragraph)
        Pictures(archive, "xl/media/", context, content).read_rest()
        read_embedded_files(archive, archive.matching(_EMBEDDED), context, content)


def _read_beside_open_cells(source: Source, context: Context, content: Content) -> None:
    with open_archive(source.stream, context) as archive:
        read_open_document_properties(archive, content.metadata)
        Pictures(archive, "Pictures/", context, content).read_rest()
        read_embedded_objects(archive, context, content)


def _read_beside_old_cells(source: Source, context: Context, content: Content) -> None:
    """Read what else is in the container; a workbook may also be a bare stream, which has nothing else."""
    try:
        with open_container(source.stream, context) as container:
            read_summaries(container, content.metadata)
            texts, pictures = texts_and_pictures(container.read("Workbook"), context)
            for text in texts:
                content.add(text)
            read_each(pictures, context, content)
            read_objects(container, context, content)
    except Damaged:
        return
