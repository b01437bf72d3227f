"""Archives: the names of what is in them, then the text of the documents among it that are small and few.

Pictures in archives are not recognised and recordings not looked into: of these people pack thousands at once.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from backend.content.media_types import HEAD_BYTES, ZIP, media_type_of
from worker.extraction.archive import Archive, open_archive
from worker.extraction.errors import Damaged, Encrypted
from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import codec_of

_PROGRAM = "application/java-archive"
MEDIA_TYPES = (ZIP, _PROGRAM)

_UTF8_NAMES = 0x800
"""The flag of an entry whose name is UTF-8 (APPNOTE 4.4.4, bit 11); without it the name is in any code page."""
_MOST_READ = 500
_LARGEST_READ = 8 << 20
_LARGEST_SUM = 256 << 20
"""Bytes, of one file and of all of them, that are unpacked to be read."""
_NOT_READ = ("image/", "audio/", "video/")


def read(source: Source, context: Context, content: Content) -> None:
    """Append the names of the entries, then what the documents among them say."""
    with open_archive(source.stream, context) as archive:
        content.read_by("zip")
        names = _names(archive.entries)
        for name in names:
            content.add(name)
        if source.media_type != _PROGRAM:
            _read_entries(archive, names, context, content)


def _names(entries: list[zipfile.ZipInfo]) -> list[str]:
    old = [
        entry.filename.encode("cp437", "replace")
        for entry in entries
        if not entry.flag_bits & _UTF8_NAMES
    ]
    codec = codec_of(b"\n".join(old)) if old else "utf-8"
    return [
        entry.filename
        if entry.flag_bits & _UTF8_NAMES
        else entry.filename.encode("cp437", "replace").decode(codec, "replace")
        for entry in entries
    ]


def _read_entries(archive: Archive, names: list[str], context: Context, content: Content) -> None:
    left = _LARGEST_SUM
    for count, (entry, name) in enumerate(_files(archive, names)):
        context.check_time(content)
        left -= entry.file_size
        if count >= _MOST_READ or left < 0:
            content.cut(f"Of the files in it, the first {count:,} were read.")
            return
        try:
            data = archive.read(entry.filename)
        except (Damaged, Encrypted) as problem:
            content.note(f"Inside: {name}: {problem}")
            continue
        if not media_type_of(data[:HEAD_BYTES], name).startswith(_NOT_READ):
            context.read_attachment(data, name, None, content)


def _files(archive: Archive, names: list[str]) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    for entry, name in zip(archive.entries, names, strict=True):
        is_file = entry.filename and not entry.is_dir()
        if is_file and 0 < entry.file_size <= _LARGEST_READ:
            yield entry, name
