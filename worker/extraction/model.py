"""What goes into an extraction and what comes out: limits and result. No reading of files here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from backend.texts.pages import PageText
from worker.extraction.metadata import Metadata

Status = Literal[
    "indexed",  # there is text
    "no_text",  # read to the end, and there is none
    "needs_ocr",  # pictures remain that only OCR can read; `text` holds what was found without it
    "encrypted",  # a password is needed
    "damaged",  # not what it claims to be, or broken
    "unsupported",  # no format of ours reads it
    "failed",  # a limit was reached before there was any text, or the reader crashed
]
_STATUSES: frozenset[str] = frozenset(get_args(Status))


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one document may cost. What a limit cuts off is told in the result, never silently lost."""

    wall_seconds: float = 120.0
    cpu_seconds: int = 90
    memory_bytes: int = 1 << 30
    """Address space of the reading process on top of what it starts with."""
    pages: int = 2_000
    ocr_pages: int = 300
    """Pages and pictures that are handed to the OCR engine."""
    expanded_bytes: int = 1 << 30
    """Sum of all that is decompressed out of one document and the documents inside it."""
    depth: int = 3
    """Documents inside documents (an attachment of an attachment)."""
    text_characters: int = 2_000_000
    pixels_per_image: int = 120_000_000


OCR_LIMITS = Limits(wall_seconds=1_800.0, cpu_seconds=600)
"""For documents that wait for recognition, which takes seconds a page."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """How pictures of text are read, and which of them."""

    languages: tuple[str, ...] = ()
    """ISO 639-1 codes of what may stand in them; empty where nobody said."""
    engine: str = ""
    """The name of the engine to read with; empty to choose one for each page."""
    pages: tuple[int, ...] | None = None
    """The pages to read, from 1; None for the whole document."""
    is_forced: bool = False
    """Whether pages are recognised that have text of their own, instead of it."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Recognition:
        """Read what `dataclasses.asdict` gave and JSON made of it."""
        pages = value["pages"]
        return cls(
            languages=tuple(value["languages"]),
            engine=value["engine"],
            pages=None if pages is None else tuple(pages),
            is_forced=value["is_forced"],
        )


WHOLE = Recognition()
"""The whole document, in any language."""


@dataclass(frozen=True, slots=True)
class ExtractionResult:
    """What is known about a document's text. Every field is plain JSON but the pages, which come one by one."""

    status: Status
    detail: str
    """One sentence for a person: why there is no text, or what was left out; empty if all is well."""
    media_type: str
    text: str = ""
    language: str | None = None
    """ISO 639-1 code, None if the text is too short or too mixed to tell."""
    page_count: int | None = None
    """Pages, slides or sheets the document has; None where it has none."""
    page_offsets: tuple[int, ...] = ()
    """Where each read page begins in `text`, in characters; empty where there are no pages."""
    engine: str = ""
    """Names of what read it, such as `pdfium` or `pdfium+rapidocr`."""
    truncated: bool = False
    metadata: Metadata = field(default_factory=Metadata)
    """What the file says about itself; nothing of what is in the files inside it."""
    beyond: str = ""
    """The end of `text` that is on no page: values of a form, notes; all of it where there are no pages."""
    pages: tuple[PageText, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the result as JSON values, without its pages."""
        values = {
            one.name: getattr(self, one.name)
            for one in dataclasses.fields(self)
            if one.name != "pages"
        }
        return values | {"metadata": self.metadata.to_json()}

    @classmethod
    def from_json(cls, value: object) -> ExtractionResult:
        """Read what `to_json` gave. The other side may be hostile: ValueError unless every field has its type."""
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - one error for all that is wrong with a message
        offsets = value.get("page_offsets", ())
        language, page_count = value.get("language"), value.get("page_count")
        well_typed = (
            value.get("status") in _STATUSES
            and all(
                isinstance(value.get(key), str)
                for key in ("detail", "media_type", "text", "engine", "beyond")
            )
            and isinstance(language, str | None)
            and _is_count(page_count, optional=True)
            and isinstance(offsets, list | tuple)
            and all(_is_count(offset) for offset in offsets)
            and isinstance(value.get("truncated"), bool)
        )
        if not well_typed:
            raise ValueError("a field is missing or has the wrong type")
        return cls(
            status=cast("Status", value["status"]),
            detail=value["detail"],
            media_type=value["media_type"],
            text=value["text"],
            language=language,
            page_count=page_count,
            page_offsets=tuple(offsets),
            engine=value["engine"],
            truncated=value["truncated"],
            metadata=Metadata.from_json(value.get("metadata", {})),
            beyond=value["beyond"],
        )


def _is_count(value: object, *, optional: bool = False) -> bool:
    if value is None:
        return optional
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
