"""The extraction itself: choose the format, read, and turn whatever happened into a result.

It runs in the calling process; what bounds it is in `sandbox`.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import olefile

from backend.content.media_types import (
    HEAD_BYTES,
    OLE,
    UNKNOWN,
    ZIP,
    media_type_of,
    ole_media_type,
    zip_media_type,
)
from backend.texts.pages import PageText
from worker.extraction import registry
from worker.extraction.archive import BROKEN
from worker.extraction.errors import (
    Damaged,
    Encrypted,
    ExtractionError,
    OcrEnded,
    OcrUnavailable,
    Unsupported,
)
from worker.extraction.model import WHOLE, ExtractionResult, Limits, Recognition, Status
from worker.extraction.ocr import OcrEngine, local_engine
from worker.extraction.reading import Content, Context, Enough, Source, source_of
from worker.extraction.text import language_of

_LONGEST_MEDIA_TYPE = 128
_ENCRYPTED_STREAMS = {"encryptedpackage", "encryptioninfo"}


def extract(
    path: Path,
    *,
    name: str,
    media_type: str | None = None,
    limits: Limits,
    ocr: bool,
    recognition: Recognition = WHOLE,
) -> ExtractionResult:
    """Read the text of a file in this process. For files nobody vouches for use `run_bounded`.

    Args:
        path: the file.
        name: what people call it; its ending helps where the content does not tell the type.
        media_type: what it is said to be; used only where neither content nor name tell.
        limits: what it may cost; memory and time are hard limits in the sandbox only.
        ocr: whether pictures of text are read; if not, a document that has any ends as `needs_ocr`.
        recognition: how they are read, and on which pages.

    Never raises for what is in the file; OSError if the file cannot be opened.
    """
    pages: list[PageText] = []
    with path.open("rb") as stream:
        result = extract_stream(
            stream,
            name=name,
            media_type=media_type,
            limits=limits,
            engine=local_engine() if ocr else None,
            recognition=recognition,
            on_page=pages.append,
        )
    return dataclasses.replace(result, pages=tuple(pages))


def extract_stream(
    stream: BinaryIO,
    *,
    name: str,
    media_type: str | None,
    limits: Limits,
    engine: OcrEngine | None,
    recognition: Recognition = WHOLE,
    on_page: Callable[[PageText], None] | None = None,
    on_beyond: Callable[[str], None] | None = None,
) -> ExtractionResult:
    """Like `extract`, for an open seekable stream and an OCR engine of the caller's.

    Pages go to `on_page`; what is on none goes to `on_beyond` too, if documents inside this one are read after it.
    """
    content = Content(limits.text_characters, on_page, on_beyond)
    context = Context(limits, engine, _read_nested, recognition)
    detected = _media_type(stream, name, media_type)
    try:
        _read(Source(stream, name, detected), context, content)
    except Enough:
        pass
    except ExtractionError as problem:
        return _ended_early(problem.status, str(problem), detected, content)
    except OcrUnavailable as problem:
        if isinstance(problem, OcrEnded):
            content.drop_page()  # it may be read when there is another engine
        return _ended_early("failed", f"Text recognition stopped: {problem}.", detected, content)
    except MemoryError:
        return _ended_early(
            "failed", "Reading it needs more memory than is allowed.", detected, content
        )
    except Exception as problem:  # noqa: BLE001 - parsers of broken files raise anything; it costs this document only
        sentence = f"Reading it failed unexpectedly ({type(problem).__name__}: {problem})."
        return _ended_early("failed", sentence, detected, content)
    return _result(_status(content), detected, content)


def _media_type(stream: BinaryIO, name: str, declared: str | None) -> str:
    stream.seek(0)
    detected = media_type_of(stream.read(HEAD_BYTES), name)
    if detected == ZIP:
        return _inside_zip(stream) or ZIP
    if detected == UNKNOWN and declared:
        return declared.partition(";")[0].strip().lower() or UNKNOWN
    return detected


def _inside_zip(stream: BinaryIO) -> str | None:
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            declared = b""
            if "mimetype" in names:
                with archive.open("mimetype") as entry:
                    declared = entry.read(_LONGEST_MEDIA_TYPE)
            return zip_media_type(names, declared)
    except (*BROKEN, RuntimeError):
        return None


def _read(source: Source, context: Context, content: Content) -> None:
    source.stream.seek(0)
    if source.stream.read(len(olefile.MAGIC)) == olefile.MAGIC:
        source = _look_into_ole(source)
    found = registry.format_for(source.media_type)
    if found is None:
        raise Unsupported(
            f"Files of this kind ({source.media_type}) have no text that can be read."
        )
    source.stream.seek(0)
    found.read(source, context, content)


def _look_into_ole(source: Source) -> Source:
    """Tell old Office files apart, and from new ones under a password, which are wrapped in the same container."""
    source.stream.seek(0)
    try:
        with olefile.OleFileIO(io.BytesIO(source.stream.read())) as container:
            streams = [entry[0] for entry in container.listdir()]
    except (OSError, ValueError, IndexError, RecursionError) as problem:
        raise Damaged(f"The file's directory is broken ({problem}).") from problem
    if _ENCRYPTED_STREAMS & {stream.lower() for stream in streams}:
        raise Encrypted("The document is protected with a password.")
    return Source(source.stream, source.name, ole_media_type(streams) or OLE)


def _read_nested(
    data: bytes, name: str, media_type: str | None, context: Context, content: Content
) -> None:
    source = source_of(data, name, UNKNOWN)
    detected = _media_type(source.stream, name, media_type)
    try:
        _read(Source(source.stream, name, detected), context, content)
    except (Enough, ExtractionError, OcrUnavailable, MemoryError):
        raise
    except Exception as problem:  # as above: it costs the inner document, not the one around it
        raise Damaged(f"Reading it failed ({type(problem).__name__}).") from problem


def _status(content: Content) -> Status:
    if content.wants_ocr:
        return "needs_ocr"
    return "no_text" if content.is_empty else "indexed"


def _ended_early(
    status: Status, sentence: str, media_type: str, content: Content
) -> ExtractionResult:
    """Keep what was read before reading broke off: a document found by half its text beats one not found at all."""
    content.fail_page(sentence)
    if content.is_empty:
        content.notes.insert(0, sentence)
        return _result(status, media_type, content)
    content.cut(sentence)
    return _result(_status(content), media_type, content)


def _result(status: Status, media_type: str, content: Content) -> ExtractionResult:
    content.end_page()
    text, offsets = content.text_and_offsets()
    notes = content.notes
    if status == "no_text" and not notes:
        notes = ["There is no text in it."]
    return ExtractionResult(
        status=status,
        detail=" ".join(notes),
        media_type=media_type,
        text=text,
        language=language_of(text),
        page_count=content.page_count,
        page_offsets=offsets,
        engine="+".join(content.engines),
        truncated=content.truncated,
        metadata=content.metadata.finish(),
        beyond=content.beyond,
    )
