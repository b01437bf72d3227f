"""Archives: the names of what is in them. Their content is not read: people file archives as one thing."""

from __future__ import annotations

from backend.content.media_types import ZIP
from worker.extraction.archive import open_archive
from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import codec_of

MEDIA_TYPES = (ZIP, "application/java-archive")

_UTF8_NAMES = 0x800
"""The flag of an entry whose name is UTF-8 (APPNOTE 4.4.4, bit 11); without it the name is in any code page."""


def read(source: Source, context: Context, content: Content) -> None:
    """Append the names of the entries."""
    with open_archive(source.stream, context) as archive:
        content.read_by("zip")
        old = [
            entry.filename.encode("cp437", "replace")
            for entry in archive.entries
            if not entry.flag_bits & _UTF8_NAMES
        ]
        codec = codec_of(b"\n".join(old)) if old else "utf-8"
        for entry in archive.entries:
            name = entry.filename
            if not entry.flag_bits & _UTF8_NAMES:
                name = name.encode("cp437", "replace").decode(codec, "replace")
            content.add(name)
