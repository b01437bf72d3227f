"""Which way a media type is drawn."""

from __future__ import annotations

from enum import StrEnum

from backend.content.media_types import (
    DOC,
    DOCX,
    EML,
    EPUB,
    MSG,
    ODP,
    ODS,
    ODT,
    PPT,
    PPTX,
    XLS,
    XLSB,
    XLSX,
)


class Kind(StrEnum):
    """A way of drawing."""

    PDF = "pdf"
    IMAGE = "image"
    OFFICE = "office"
    """Converted to PDF first."""
    TEXT = "text"
    """Has no pages: its text is set on some."""


_IMAGES = {
    "image/png", "image/jpeg", "image/tiff", "image/webp", "image/gif", "image/bmp",
    "image/heic", "image/avif", "image/jp2",
}  # fmt: skip
_TEXTS = {
    "application/json", "application/xml", "application/yaml", "application/sql", "application/xhtml+xml",
    EML, EPUB, MSG,
}  # fmt: skip
_OFFICE = {DOC, DOCX, XLS, XLSX, XLSB, PPT, PPTX, ODT, ODS, ODP, "application/rtf"}


def kind_of(media_type: str) -> Kind | None:
    """Give the way a media type is drawn; None if it is not."""
    if media_type == "application/pdf":
        return Kind.PDF
    if media_type in _IMAGES:
        return Kind.IMAGE
    if media_type in _OFFICE:
        return Kind.OFFICE
    return Kind.TEXT if media_type.startswith("text/") or media_type in _TEXTS else None
