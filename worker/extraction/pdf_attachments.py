"""Files in a PDF: attached to it, associated with it, pinned to its pages (ISO 32000-2, 7.11, 14.13 and 12.5.6.15).

pypdf reads them, for it unpacks no more than it is allowed to. Nothing of them is on a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import BinaryIO, NamedTuple

import pypdf
from pypdf.errors import LimitReachedError
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    PdfObject,
    StreamObject,
)

from worker.extraction.embedded import (
    LARGEST_FILE,
    MOST_FILES,
    EmbeddedFile,
    EmbeddedFiles,
    refuse_large,
    shown_name,
)
from worker.extraction.errors import Damaged, ExtractionError
from worker.extraction.pdf_metadata import mentions
from worker.extraction.reading import Content, Context
from worker.extraction.text import decode

_MARK = b"/EmbeddedFile"
_FILES = ("/UF", "/F", "/DOS", "/Mac", "/Unix")
"""Entries of a file specification, and of what it embeds: the first is today's, the others are of older systems."""
_MOST_LOOKED_AT = 10_000
_SLOWLY_UNPACKED = 8 << 20
"""Bytes of a stream in an old way of packing, which pypdf unpacks one by one."""
_REPAIRED = 1 << 16
"""Bytes of a broken stream that are tried one by one."""


class _Attachment(NamedTuple):
    name: str
    at: IndirectObject
    """Where its stream is."""


def may_have_attachments(stream: BinaryIO) -> bool:
    """Tell whether a PDF says that it has files; it need not say so of those in the tree of names."""
    return mentions(stream, _MARK)


def read_attachments(
    stream: BinaryIO, pinned_to: Iterable[int], context: Context, content: Content
) -> None:
    """Append what the files in a PDF say; `pinned_to` are the pages, from 0, to which there are some."""
    stream.seek(0)
    try:
        reader = pypdf.PdfReader(stream)
    except Exception:  # noqa: BLE001 - pypdf raises anything on odd files, and the pages' text is what counts
        content.note("Its attachments could not be read.")
        return
    read_attachments_of(reader, pinned_to, context, content)


def read_attachments_of(
    reader: pypdf.PdfReader, pinned_to: Iterable[int], context: Context, content: Content
) -> None:
    """Like `read_attachments`, of a PDF that is open already."""
    found: dict[tuple[int, int], _Attachment] = {}
    try:
        for one in _attachments(reader, pinned_to):
            found.setdefault((one.at.idnum, one.at.generation), one)
            if len(found) > MOST_FILES:
                break
    except Exception:  # noqa: BLE001 - as above
        content.note("Not all of its attachments could be read.")
    content.metadata.put("attachments", [shown_name(one.name) for one in found.values()])
    files = EmbeddedFiles(context, content)
    for one in found.values():
        files.read(one.name, partial(_unpacked, reader, one))


def _attachments(reader: pypdf.PdfReader, pinned_to: Iterable[int]) -> Iterator[_Attachment]:
    for key, specification in islice(_specifications(reader, pinned_to), _MOST_LOOKED_AT):
        embedded = _dictionary(specification.get("/EF"))
        streams = (embedded.get(name) for name in _FILES)
        at = next((one for one in streams if isinstance(one, IndirectObject)), None)
        if at is not None:
            names = (_text(specification.get(name)) for name in _FILES)
            yield _Attachment(next(filter(None, names), key), at)


def _specifications(
    reader: pypdf.PdfReader, pinned_to: Iterable[int]
) -> Iterator[tuple[str, DictionaryObject]]:
    """Yield file specifications, each with its key in the tree of names, if it is in it."""
    root = reader.root_object
    yield from _named(_dictionary(root.get("/Names")).get("/EmbeddedFiles"))
    for associated in _array(root.get("/AF")):
        yield "", _dictionary(associated)
    for number in pinned_to:
        for annotation in map(_dictionary, _array(reader.pages[number].get("/Annots"))):
            if annotation.get("/Subtype") == "/FileAttachment":
                yield "", _dictionary(annotation.get("/FS"))


def _named(tree: object) -> Iterator[tuple[str, DictionaryObject]]:
    """Yield what is in a tree of names (7.9.6), which may have loops, and branches that are in it often."""
    pending, seen = [tree], set[tuple[int, int]]()
    for _ in range(_MOST_LOOKED_AT):
        if not pending:
            return
        node = pending.pop()
        if isinstance(node, IndirectObject):
            if (node.idnum, node.generation) in seen:
                continue
            seen.add((node.idnum, node.generation))
        branch = _dictionary(node)
        entries = _array(branch.get("/Names"))
        for key, value in zip(entries[::2], entries[1::2], strict=False):
            yield _text(key), _dictionary(value)
        if len(pending) < _MOST_LOOKED_AT:
            pending.extend(reversed(_array(branch.get("/Kids"))[:_MOST_LOOKED_AT]))


def _unpacked(reader: pypdf.PdfReader, attachment: _Attachment) -> EmbeddedFile:
    at = attachment.at
    try:
        stream = at.get_object()
        data = _data(stream) if isinstance(stream, StreamObject) else b""
        media_type = _text(_dictionary(stream).get("/Subtype")).removeprefix("/")
    except LimitReachedError as problem:
        raise ExtractionError(
            "It unpacks to more than is read of a file inside another."
        ) from problem
    except MemoryError:
        raise
    except Exception as problem:
        raise Damaged(f"It is broken ({type(problem).__name__}).") from problem
    finally:
        # the reader keeps all it ever read
        reader.resolved_objects.pop((at.generation, at.idnum), None)
    refuse_large(len(data))
    return EmbeddedFile(attachment.name, data, media_type or None)


def _data(stream: StreamObject) -> bytes:
    """Unpack a stream, without the program pypdf would start for pictures, and the time it takes for broken ones."""
    with pypdf.apply_configuration(
        zlib_maximum_output_length=LARGEST_FILE,
        zlib_maximum_recovery_input_length=_REPAIRED,
        lzw_maximum_output_length=_SLOWLY_UNPACKED,
        run_length_maximum_output_length=_SLOWLY_UNPACKED,
        jbig2dec_binary=None,
    ):
        return stream.get_data()


def _resolved(value: object) -> object:
    return value.get_object() if isinstance(value, PdfObject) else value


def _dictionary(value: object) -> DictionaryObject:
    found = _resolved(value)
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _array(value: object) -> list[object]:
    found = _resolved(value)
    return list(found) if isinstance(found, ArrayObject) else []


def _text(value: object) -> str:
    found = _resolved(value)
    if isinstance(found, bytes):
        return decode(found)
    return found if isinstance(found, str) else ""
