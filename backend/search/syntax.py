"""The query language: what a person types into the search box becomes terms and filters. Pure; knows no database.

Words next to each other must all match; `or` separates alternatives; `"…"` is a phrase; a leading `-` excludes; a
trailing `*` matches every word that begins so. `type:` `tag:` `in:` `owner:` `before:` `after:` `size>` `size<` filter
the whole query. What looks like a filter but names no field is words.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from backend.search.errors import InvalidQueryError

MAX_TERMS = 32
_LARGEST = 2**62

_TOKEN = re.compile(
    r"""
    (?P<minus>-?)
    (?:
        (?P<field>type|tag|in|owner|before|after):(?: "(?P<quoted>[^"]*)"? | (?P<value>[^\s"]*) )
      | size(?P<comparison>[<>]=?)(?P<size>\S*)
      | "(?P<phrase>[^"]*)"?
      | (?P<word>[^\s"]+)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}


class Family(StrEnum):
    """What kind of thing a document is, by its media type (`dms_media_family` tells which)."""

    PDF = "pdf"
    DOCUMENT = "document"
    SPREADSHEET = "spreadsheet"
    PRESENTATION = "presentation"
    IMAGE = "image"
    TEXT = "text"
    EMAIL = "email"
    ARCHIVE = "archive"
    AUDIO = "audio"
    VIDEO = "video"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand next to each other; most often one."""

    words: str
    is_excluded: bool = False
    is_phrase: bool = False
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Values of a field: one of `of`, where there are any, and none of `but`."""

    of: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """What the query asks of a document besides its words."""

    family: Choice = Choice()
    folder: Choice = Choice()
    owner: Choice = Choice()
    tags: tuple[str, ...] = ()
    """All of these, unlike the others: a document has many tags."""
    without_tags: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_before: datetime | None = None
    size_from: int | None = None
    size_to: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """Alternatives, each of terms that must all match, and filters for all of them."""

    alternatives: tuple[tuple[Term, ...], ...] = ()
    filters: Filters = Filters()

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every term of every alternative."""
        return tuple(term for terms in self.alternatives for term in terms)


def parse(query: str) -> ParsedQuery:
    """Return what a query means.

    Raises:
        InvalidQueryError: a filter has no value or one it cannot take, `or` stands beside a filter, or there are more
            than 32 terms.
    """
    return _Parser(query).parse()


@dataclass(slots=True)
class _Parser:
    query: str
    alternatives: list[list[Term]] = field(default_factory=lambda: [[]])
    choices: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    created_from: list[datetime] = field(default_factory=list)
    created_before: list[datetime] = field(default_factory=list)
    size_from: list[int] = field(default_factory=list)
    size_to: list[int] = field(default_factory=list)

    def parse(self) -> ParsedQuery:
        tokens = list(_TOKEN.finditer(self.query))
        for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
            if _is_or(token):
                self._alternative(before, token, after)
            elif token["field"] or token["comparison"]:
                self._filter(token)
            else:
                self._term(token)
        return ParsedQuery(
            alternatives=tuple(tuple(terms) for terms in self.alternatives if terms),
            filters=self._filters(),
        )

    def _filters(self) -> Filters:
        tags = self._choice("tag")
        return Filters(
            family=self._choice("type"),
            folder=self._choice("in"),
            owner=self._choice("owner"),
            tags=tags.of,
            without_tags=tags.but,
            created_from=max(self.created_from, default=None),
            created_before=min(self.created_before, default=None),
            size_from=max(self.size_from, default=None),
            size_to=min(self.size_to, default=None),
        )

    def _choice(self, name: str) -> Choice:
        of, but = self.choices.get(name, ([], []))
        return Choice(of=tuple(of), but=tuple(but))

    def _alternative(
        self, before: re.Match[str] | None, token: re.Match[str], after: re.Match[str] | None
    ) -> None:
        if before is None or after is None:
            return
        if any(match["field"] or match["comparison"] for match in (before, after)):
            raise _error("`or` stands between words; a filter holds for the whole query.", token)
        self.alternatives.append([])

    def _term(self, token: re.Match[str]) -> None:
        phrase, word = token["phrase"], token["word"] or ""
        is_prefix = phrase is None and len(word) > 2 and word.endswith("*")
        words = (word if phrase is None else phrase).strip()
        if not any(character.isalnum() for character in words):
            return
        if sum(map(len, self.alternatives)) >= MAX_TERMS:
            raise _error(f"A query may have {MAX_TERMS} terms at most.", token)
        self.alternatives[-1].append(
            Term(words, bool(token["minus"]), phrase is not None, is_prefix)
        )

    def _filter(self, token: re.Match[str]) -> None:
        if token["comparison"]:
            self._size(token)
            return
        name = token["field"].lower()
        value = (token["quoted"] if token["quoted"] is not None else token["value"]).strip()
        if not value:
            raise _error(f"`{name}:` needs a value.", token)
        if name in {"before", "after"}:
            self._day(name, value, token)
            return
        if name == "type":
            value = value.lower()
            if value not in list(Family):
                raise _error(f"There is no type `{value}`; there are {', '.join(Family)}.", token)
        of, but = self.choices.setdefault(name, ([], []))
        (but if token["minus"] else of).append(value)

    def _day(self, name: str, value: str, token: re.Match[str]) -> None:
        parts = _DAY.fullmatch(value)
        if token["minus"] or parts is None:
            raise _error(f"`{name}:` takes a date such as 2026-03-31, 2026-03 or 2026.", token)
        try:
            day = date(int(parts[1]), int(parts[2] or 1), int(parts[3] or 1))
        except ValueError as error:
            raise _error(f"There is no day {value}.", token) from error
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        (self.created_before if name == "before" else self.created_from).append(moment)

    def _size(self, token: re.Match[str]) -> None:
        parts = _SIZE.fullmatch(token["size"])
        unit = None if parts is None else _UNITS.get(parts[2].lower())
        if token["minus"] or parts is None or unit is None or len(parts[1]) > 15:
            raise _error(
                "`size` takes a number of bytes, kB, MB, GB, KiB, MiB or GiB, as in size>10MB.",
                token,
            )
        size = min(int(float(parts[1]) * unit), _LARGEST)
        comparison = token["comparison"]
        if comparison.startswith(">"):
            self.size_from.append(size if comparison == ">=" else size + 1)
        else:
            self.size_to.append(size if comparison == "<=" else size - 1)


def _is_or(token: re.Match[str]) -> bool:
    return not token["minus"] and (token["word"] or "").lower() == "or"


def _error(detail: str, token: re.Match[str]) -> InvalidQueryError:
    return InvalidQueryError(detail, position=token.start(), length=token.end() - token.start())
