"""What a file says about itself, under one set of names whatever its format calls them.

The names are Dublin Core's as far as they go (`creators` is dc:creator, `created` dcterms:created). What has no name
there goes into `extra` under one of these, where it has one of these meanings, else under the format's own:

    to, cc, reply_to, message_id                                   of a message
    attachments                                                    of a message or a PDF: their names
    width, height (pixels), camera, lens, exposure_seconds, f_number, iso, focal_length_mm       of a picture
    latitude, longitude (degrees, WGS 84), altitude_m              of the place where it was taken
    duration_seconds, container, audio_codec, video_codec, bit_rate (bit/s), sample_rate (Hz), channels,
    frame_rate, album, genre, track                                of sound and film
    pages, words, company, manager, category, status, revision, template, producer, pdf_version, conformance,
    identifier                                                     of documents
    custom:NAME                                                    what an author called NAME

A place is personal data. It is kept, for whoever may read it may have the file it came from, but it is no word that
a search finds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.extraction.text import clean

Value = str | int | float | bool | tuple[str, ...]

LONGEST_TEXT = 2_000
LONGEST_ITEM = 500
MOST_ITEMS = 100
MOST_EXTRA = 100
_LONGEST_NAME = 120
_LARGEST_NUMBER = 2**53
"""What a JSON number holds exactly."""

_TEXTS = ("title", "subject", "description", "publisher", "rights", "language", "software")
_MOMENTS = ("created", "modified")
_LISTS = ("creators", "contributors", "keywords")
_NOT_SEARCHED = {
    "message_id", "container", "audio_codec", "video_codec", "status", "template", "pdf_version", "conformance",
}  # fmt: skip
_OF_SEVERAL_LINES = {"description", "rights"}
_COUNTS = {"pages", "words", "revision", "track"}
# What office programs keep among the properties that authors name
_OF_MACHINES = {
    f"custom:{name}"
    for name in (
        "AppVersion", "DocSecurity", "HyperlinksChanged", "LinksUpToDate", "ScaleCrop", "ShareDoc", "ICV",
        "KSOProductBuildVer", "ContentTypeId",
    )
}  # fmt: skip
_SEPARATORS = {"keywords": re.compile("[;,\n]"), "creators": re.compile("[;\n]")}
_SEPARATORS["contributors"] = _SEPARATORS["creators"]

_MOMENT = re.compile(
    r"\s*(?:D:|(?P<utc>UTC\s))?\s*(\d{4})"
    r"(?:[-:/.]?(\d\d)(?:[-:/.]?(\d\d)(?:[T ]?\s*(\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?"
    r"\s*(Z|UTC|[+-]\d\d(?:'?:?\d\d)?)?)?)?)?"
)
_WRITTEN_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d([+-]\d\d:\d\d)?)?)?)?", re.ASCII)
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says about itself. Texts, dates and numbers are its author's claims, not facts of ours."""

    title: str | None = None
    creators: tuple[str, ...] = ()
    contributors: tuple[str, ...] = ()
    subject: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    publisher: str | None = None
    rights: str | None = None
    language: str | None = None
    """As declared (BCP 47); what the text is in is told by `ExtractionResult.language`."""
    software: str | None = None
    """What made the file."""
    created: str | None = None
    """ISO 8601, as precise as the file is; without an offset where it gives none."""
    modified: str | None = None
    extra: dict[str, Value] = field(default_factory=dict)

    def words(self) -> str:
        """Give what a search shall find the document by."""
        extra = (value for name, value in self.extra.items() if name not in _NOT_SEARCHED)
        said: list[Value | None] = [
            self.title, self.creators, self.contributors, self.subject, self.description, self.keywords,
            self.publisher, *extra,
        ]  # fmt: skip
        lines: dict[str, None] = {}
        for value in said:
            if isinstance(value, str | tuple):
                lines |= dict.fromkeys((value,) if isinstance(value, str) else value)
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Give what is known as JSON values, without what is not."""
        names = (*_TEXTS, *_MOMENTS, *_LISTS, "extra")
        return {name: value for name in names if (value := getattr(self, name))}

    @classmethod
    def from_json(cls, value: object) -> Metadata:
        """Read what `to_json` gave. ValueError unless every field has its type and is no longer than it may be."""
        if not isinstance(value, dict):
            raise ValueError("metadata is not an object")  # noqa: TRY004 - one error for all that is wrong
        known: dict[str, Any] = {}
        for name in _TEXTS:
            known[name] = _checked_text(value.get(name), LONGEST_TEXT, optional=True)
        for name in _MOMENTS:
            known[name] = _checked_moment(value.get(name))
        for name in _LISTS:
            known[name] = _checked_list(value.get(name, ()))
        return cls(**known, extra=_checked_extra(value.get("extra", {})))


class Collector:
    """Gathers metadata while a file is read. What cannot be kept is left out, what is too long is cut."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._lists: dict[str, list[str]] = {name: [] for name in _LISTS}
        self._extra: dict[str, Value] = {}

    def put(self, name: str, value: object) -> None:
        """Take a value for a name of `Metadata` or, where it has none of that name, for one of `extra`.

        The first value of a name stays; of `creators`, `contributors` and `keywords` each one does. Times are given as
        datetime or as text in any notation `moment_of` knows.
        """
        if name in _LISTS:
            self._add(name, value)
        elif name in _MOMENTS:
            self._put_text(name, moment_of(value) or "")
        elif name in _TEXTS:
            text = _cleaned(value, LONGEST_TEXT)
            self._put_text(name, text if name in _OF_SEVERAL_LINES else " ".join(text.split()))
        elif name not in self._extra and name not in _OF_MACHINES and len(self._extra) < MOST_EXTRA:
            kept = _count(value) if name in _COUNTS else _extra_value(value)
            key = _cleaned(name, _LONGEST_NAME)
            if key and kept not in ("", ()) and kept is not None:
                self._extra[key] = kept

    def finish(self) -> Metadata:
        """Give what was gathered."""
        known: dict[str, Any] = dict(self._texts)
        known |= {name: tuple(values) for name, values in self._lists.items()}
        return Metadata(**known, extra=dict(self._extra))

    def _put_text(self, name: str, text: str) -> None:
        if text:
            self._texts.setdefault(name, text)

    def _add(self, name: str, value: object) -> None:
        values = self._lists[name]
        given = value if isinstance(value, list | tuple) else (value,)
        for one in given:
            for part in _SEPARATORS[name].split(_text_of(one)):
                item = _cleaned(part, LONGEST_ITEM)
                if item and item not in values and len(values) < MOST_ITEMS:
                    values.append(item)


def moment_of(value: object) -> str | None:
    """Give a time in ISO 8601; None if it is none.

    It reads ISO 8601 as cut off as XMP allows, PDF's `D:20260302090000+01'00'` (ISO 32000-1, 7.9.4), Exif's
    `2026:03:02 09:00:00`, and what MediaInfo writes.
    """
    if isinstance(value, datetime):
        return _written(value)
    match = _MOMENT.match(_text_of(value))
    if match is None:
        return None
    utc, year, month, day, hour, minute, second, offset = match.groups()
    try:
        at = datetime(  # noqa: DTZ001 - the offset, where there is one, is put on below
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0)
        )  # fmt: skip
        if hour is not None:
            return _written(at) + _offset("UTC" if utc else offset)
    except ValueError:
        return None
    return at.date().isoformat()[: 4 if month is None else 7 if day is None else 10]


def moment_of_filetime(ticks: int) -> datetime | None:
    """Give the time that many 100 ns after 1601 ([MS-DTYP] 2.3.3); None for none and for impossible ones."""
    try:
        return _FILETIME_EPOCH + timedelta(microseconds=ticks // 10) if ticks > 0 else None
    except OverflowError:
        return None


def _written(at: datetime) -> str:
    return at.replace(microsecond=0).isoformat()


def _offset(written: str | None) -> str:
    if written is None:
        return ""
    if written in {"Z", "UTC"}:
        return "+00:00"
    digits = re.sub(r"\D", "", written).ljust(4, "0")
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        return ""
    return f"{written[0]}{digits[:2]}:{digits[2:]}"


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _cleaned(value: object, longest: int) -> str:
    return clean(_text_of(value)[: longest * 4])[:longest].strip()


def _count(value: object) -> int | None:
    """Give how many there are; None for none, which programs write that did not count."""
    text = _text_of(value).strip()
    number = int(text[:15]) if text.isascii() and text.isdigit() else 0
    return number or None


def _extra_value(value: object) -> Value | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) and abs(value) <= _LARGEST_NUMBER else None
    if isinstance(value, list | tuple):
        items = (_cleaned(item, LONGEST_ITEM) for item in value[:MOST_ITEMS])
        return tuple(dict.fromkeys(item for item in items if item))
    return _cleaned(value, LONGEST_TEXT)


def _checked_text(value: object, longest: int, *, optional: bool = False) -> str | None:
    if value is None and optional:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\0" in value:
        raise ValueError("a text is missing, too long or none")
    value.encode()  # a lone half of a surrogate pair is a UnicodeEncodeError, which is a ValueError
    return value


def _checked_moment(value: object) -> str | None:
    text = _checked_text(value, 32, optional=True)
    if text is not None:
        if not _WRITTEN_MOMENT.fullmatch(text):
            raise ValueError("not a time in ISO 8601")
        datetime.fromisoformat(text + "-01-01"[len(text) - 4 :])
    return text


def _checked_list(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_ITEMS:
        raise ValueError("not a list, or one too long")
    return tuple(text for item in value if (text := _checked_text(item, LONGEST_ITEM)))


def _checked_extra(value: object) -> dict[str, Value]:
    if not isinstance(value, dict) or len(value) > MOST_EXTRA:
        raise ValueError("not an object, or one too large")
    for name in value:
        _checked_text(name, _LONGEST_NAME)
    return {name: _checked_value(one) for name, one in value.items()}


def _checked_value(value: object) -> Value:
    if isinstance(value, list | tuple):
        return _checked_list(value)
    if isinstance(value, str):
        return _checked_text(value, LONGEST_TEXT) or ""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _LARGEST_NUMBER:
        return value
    raise ValueError("neither text nor number nor list")


def first_of(values: Iterable[object]) -> str:
    """Give the first of some values that says anything; empty if none does."""
    return next((text for value in values if (text := _text_of(value).strip())), "")
