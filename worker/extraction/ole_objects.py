"""Files in OLE objects, in which Office programs wrap what people put into a document ([MS-OLEDS])."""

from __future__ import annotations

import io
import struct
from functools import partial

import olefile

from backend.content.media_types import HEAD_BYTES, UNKNOWN, media_type_of
from worker.extraction.embedded import EmbeddedFile, EmbeddedFiles, refuse_large
from worker.extraction.errors import Damaged, Unsupported
from worker.extraction.ole import Container, open_container
from worker.extraction.reading import Content, Context
from worker.extraction.text import decode

_NATIVE = "\x01Ole10Native"
_WHOLE = ("Package", "EmbeddedOdf", "CONTENTS")
"""Streams that are a file as it is: of Office, of OpenOffice, of Acrobat and others."""
_OF_PACKAGER = b"\x02\x00"
_LONGEST_LABEL = 1 << 15


_EMBEDDED = 2
"""The FormatID of an object that is there with its data (2.2.4)."""


def file_of_object(data: bytes, context: Context) -> EmbeddedFile:
    """Give the file that an object holds as OLE 1.0 writes it (2.2.5), in Rich Text too: a header, then its data.

    Raises Unsupported if it holds none, Damaged or LimitReached if it cannot be read.
    """
    try:
        (form,) = struct.unpack_from("<I", data, 4)
        at = 8
        for _ in range(3):  # class, topic, item
            (length,) = struct.unpack_from("<I", data, at)
            at += 4 + length
        (size,) = struct.unpack_from("<I", data, at)
    except struct.error as problem:
        raise Damaged("The object that holds it is broken.") from problem
    native = data[at + 4 : at + 4 + size]
    if form != _EMBEDDED or not native:
        raise Unsupported("The object holds no file.")
    refuse_large(len(native))
    if native.startswith(olefile.MAGIC):
        return unwrapped(EmbeddedFile("", native), context)
    return _of_packager(native)


def unwrapped(file: EmbeddedFile, context: Context) -> EmbeddedFile:
    """Give the file that an OLE object holds; a file that is no such object as it is.

    Raises Damaged or LimitReached if it cannot be read.
    """
    if not file.data.startswith(olefile.MAGIC):
        return file
    with open_container(io.BytesIO(file.data), context) as container:
        return _file_of(container, ()) or file


def read_objects(container: Container, context: Context, content: Content) -> None:
    """Append what the files say that are in the objects of a container, which is a document itself."""
    known = {_NATIVE, *_WHOLE}
    storages = dict.fromkeys(
        tuple(at) for *at, stream in container.names() if at and stream in known
    )
    files = EmbeddedFiles(context, content)
    for storage in storages:
        files.read("", partial(file_at, container, storage))
    content.metadata.put("attachments", files.names)


def file_at(container: Container, storage: tuple[str, ...]) -> EmbeddedFile:
    """Give the file that the object in a storage holds; Unsupported if it holds none."""
    found = _file_of(container, storage)
    if found is None:
        raise Unsupported("The object holds no file.")
    return found


def _file_of(container: Container, storage: tuple[str, ...]) -> EmbeddedFile | None:
    native = container.read(*storage, _NATIVE)
    if native:
        return _native(native)
    for stream in _WHOLE:
        data = container.read(*storage, stream)
        # controls keep their state in streams of these names too
        if media_type_of(data[:HEAD_BYTES], "") not in {UNKNOWN, "text/plain"}:
            refuse_large(len(data))
            return EmbeddedFile("", data)
    return None


def _native(stream: bytes) -> EmbeddedFile:
    """Read a stream that begins with its length (2.3.6)."""
    return _of_packager(stream[4:])


def _of_packager(data: bytes) -> EmbeddedFile:
    """Read what the Object Packager put there, else data as it is."""
    if not data.startswith(_OF_PACKAGER):
        return EmbeddedFile("", data)
    try:
        return _packaged(data)
    except (struct.error, ValueError) as problem:
        raise Damaged("The object that holds it is broken.") from problem


def _packaged(data: bytes) -> EmbeddedFile:
    """Read label, path, path of a temporary copy and the file; the names once more in UTF-16 where they are newer."""
    label, at = _string(data, len(_OF_PACKAGER))
    path, at = _string(data, at)
    (length,) = struct.unpack_from("<I", data, at + 4)
    at += 8 + length
    (size,) = struct.unpack_from("<I", data, at)
    start, end = at + 4, at + 4 + size
    name = _wide_label(data, end) or decode(label) or decode(path.rpartition(b"\\")[2])
    refuse_large(min(size, len(data)))
    return EmbeddedFile(name, data[start:end])


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """Give a string that ends with a zero, and where the next thing begins."""
    end = data.index(b"\0", at)
    return data[at : min(end, at + _LONGEST_LABEL)], end + 1


def _wide_label(data: bytes, at: int) -> str:
    """Give the second of the names in UTF-16, each after its length; empty where there are none."""
    for skipped in (True, False):
        if at + 4 > len(data):
            break
        (length,) = struct.unpack_from("<I", data, at)
        if length > _LONGEST_LABEL:
            break
        start, at = at + 4, at + 4 + 2 * length
        if not skipped:
            return data[start:at].decode("utf-16-le", "ignore").rstrip("\0")
    return ""
