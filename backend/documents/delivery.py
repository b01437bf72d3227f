"""How content is handed out: ranges, conditions, names in any script, and never as our own page."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from backend.documents.errors import RangeNotSatisfiableError
from backend.documents.schemas import Disposition

# What a browser shows without running anything of it.
_INLINE = re.compile(
    r"application/pdf|text/plain|image/(png|jpeg|gif|webp|avif|bmp)|(audio|video)/(mpeg|mp4|ogg|webm|wav|flac|x-wav)"
)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of content: `length` bytes from `offset` on."""

    offset: int
    length: int


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the one range a Range header asks for; None where the whole is to be sent (RFC 9110, 14.2).

    A header that is malformed, or asks for several ranges, is ignored, as the RFC allows.

    Raises:
        RangeNotSatisfiableError: it begins beyond the end.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        start, end = size - length, size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
    if start >= size or end < start:
        raise RangeNotSatisfiableError(f"The content has {size} bytes.", size=size)
    return ByteRange(start, end - start + 1)


def matches_none(if_none_match: str | None, etag: str) -> bool:
    """Tell whether If-None-Match lets the content be sent (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return True
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" not in tags and etag not in tags


def content_disposition(disposition: Disposition, name: str, media_type: str) -> str:
    """Return the Content-Disposition of a name in any script (RFC 6266); unsafe types are always saved."""
    shown = disposition == Disposition.INLINE and _INLINE.fullmatch(media_type)
    fallback = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"{'inline' if shown else 'attachment'}; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"


def content_headers(
    *, name: str, media_type: str, etag: str, disposition: Disposition
) -> dict[str, str]:
    """Return the headers every answer with content has."""
    return {
        "Content-Type": media_type,
        "Content-Disposition": content_disposition(disposition, name, media_type),
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
