"""Which route a search by relevance takes, by what is known of its words and of what the actor may read. Pure.

Every route finds the same documents; they differ in what they cost (docs/adr/0016-search-routes.md).
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

RARE = 5_000
"""Where no more documents than this can match, all that do are ranked."""
NARROW = 0.06
"""For who may read no more than this share of the documents, folders may be searched one by one."""
FOLDER = 200
"""To look words up in one more folder costs what it costs to look at so many more matches,"""
VISIBLE = 2
"""and each document that may be read what it costs to look at so many."""
CHAMPIONS = 1_000
"""So many documents are gathered into the list of a word; more enter as they are written, to twice as many."""

_TOKEN = re.compile(r"'(?P<lexeme>(?:[^'\\]|''|\\.)*)'(?P<prefix>:\w*\*)?|<->|<\d+>|[!&|()]")


class Route(StrEnum):
    """A way of finding the best matches."""

    EXACT = "exact"
    """The words' matches, filtered by what may be read, all ranked."""
    FOLDERS = "folders"
    """The words' matches folder by folder, where few may be read, all ranked."""
    CHAMPIONS = "champions"
    """The best documents of each word, kept in lists."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was counted some time ago of an organisation's documents and of the words asked for."""

    documents: int
    sample: Sequence[int]
    """The folders of some documents, drawn without bias."""
    counts: Mapping[str, int]
    """How many documents each of the lexemes is in; those not named are in few."""
    listed: AbstractSet[str]
    """Those of the lexemes whose best documents are in lists."""

    def share(self, folders: AbstractSet[int]) -> float:
        """Return the share of the documents that are in these folders."""
        return sum(folder in folders for folder in self.sample) / max(len(self.sample), 1)


@dataclass(frozen=True, slots=True)
class Word:
    """A lexeme that must be there, or a beginning of lexemes."""

    lexeme: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Excluded:
    """What must not be there, whatever it is."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parts of a query that must all match, or one of which must."""

    parts: "tuple[Node, ...]"
    is_all: bool = False
    is_phrase: bool = False


Node = Word | Excluded | Group


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as PostgreSQL writes it."""

    tree: Node

    @classmethod
    def of(cls, tsquery: str) -> "Asked":
        """Read a `tsquery` as text; an empty one has no parts."""
        tokens = tuple(_TOKEN.finditer(tsquery))
        return cls(_Reader(tokens).any_of() if tokens else Group(()))

    @property
    def lexemes(self) -> frozenset[str]:
        """Every word asked for, as the index holds it; beginnings of words are not among them."""
        return frozenset(word.lexeme for word in _words(self.tree) if not word.is_prefix)

    @property
    def terms(self) -> tuple[frozenset[str], ...]:
        """The lexemes in groups, of which the best counts: forms of a word, or words any of which will do."""
        return tuple(_terms(self.tree))

    @property
    def is_of_words(self) -> bool:
        """Whether it is whole words alone, in phrases or not: no beginnings of words."""
        return not any(word.is_prefix for word in _words(self.tree))

    @property
    def has_phrase(self) -> bool:
        """Whether words must stand in a row somewhere in it: in how many documents they do, no count tells."""
        return _has_phrase(self.tree)

    @property
    def is_anchored(self) -> bool:
        """Whether there is a word in whatever matches: a query may be of exclusions alone."""
        return _is_anchored(self.tree)

    def matches(self, counts: Mapping[str, int], *, at_most: int) -> int:
        """Return how many documents may match: of what must all match, the rarest; of alternatives, the commonest."""
        return _matches(self.tree, counts, at_most)


@dataclass(slots=True)
class _Reader:
    """Reads a query from left to right. A phrase binds closer than `&`; where it stands matters to nobody here."""

    tokens: Sequence[re.Match[str]]
    at: int = 0

    def any_of(self) -> Node:
        parts = [self._all_of()]
        while self._next() == "|":
            self.at += 1
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Group(tuple(parts))

    def _all_of(self) -> Node:
        parts, is_phrase = [self._one()], False
        while self._next() == "&" or self._next().startswith("<"):
            is_phrase |= self._next() != "&"
            self.at += 1
            parts.append(self._one())
        return (
            parts[0] if len(parts) == 1 else Group(tuple(parts), is_all=True, is_phrase=is_phrase)
        )

    def _one(self) -> Node:
        token = self.tokens[self.at]
        self.at += 1
        if token[0] == "!":
            self._one()
            return Excluded()
        if token["lexeme"] is not None:
            return Word(token["lexeme"], token["prefix"] is not None)
        inside = self.any_of()
        self.at += 1
        return inside

    def _next(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""


def _words(node: Node) -> Iterator[Word]:
    if isinstance(node, Word):
        yield node
    elif isinstance(node, Group):
        for part in node.parts:
            yield from _words(part)


def _has_phrase(node: Node) -> bool:
    return isinstance(node, Group) and (node.is_phrase or any(map(_has_phrase, node.parts)))


def _terms(node: Node) -> Iterator[frozenset[str]]:
    if isinstance(node, Group) and (node.is_all or any(map(_has_all, node.parts))):
        for part in node.parts:
            yield from _terms(part)
    elif words := frozenset(word.lexeme for word in _words(node) if not word.is_prefix):
        yield words


def _has_all(node: Node) -> bool:
    return isinstance(node, Group) and (node.is_all or any(map(_has_all, node.parts)))


def _is_anchored(node: Node) -> bool:
    if isinstance(node, Group):
        anchored = map(_is_anchored, node.parts)
        return bool(node.parts) and (any(anchored) if node.is_all else all(anchored))
    return isinstance(node, Word)


def _matches(node: Node, counts: Mapping[str, int], most: int) -> int:
    if isinstance(node, Excluded):
        return most
    if isinstance(node, Word):
        return most if node.is_prefix else min(counts.get(node.lexeme, 0), most)
    parts = [_matches(part, counts, most) for part in node.parts]
    return (min if node.is_all else max)(parts, default=most)


def choose(asked: Asked, known: Known, folders: AbstractSet[int], *, wanted: int) -> Route:
    """Return the route to the best matches, so many, for somebody who may find something in these folders."""
    route = choose_for_all(asked, known, folders)
    if not (_are_many(asked, known) and asked.is_of_words and asked.lexemes & known.listed):
        return route
    # To find the lists short costs a tenth of what the folders cost.
    if route is Route.FOLDERS and _expected(asked, known, folders) < wanted:
        return route
    return Route.CHAMPIONS


def choose_for_all(asked: Asked, known: Known, folders: AbstractSet[int]) -> Route:
    """Return the route to all matches for somebody who may find something in these folders."""
    if not _are_many(asked, known):
        return Route.EXACT
    matches = asked.matches(known.counts, at_most=known.documents)
    share = known.share(folders)
    cost = len(folders) * FOLDER + share * known.documents * VISIBLE
    return Route.FOLDERS if share <= NARROW and cost <= matches else Route.EXACT


def _are_many(asked: Asked, known: Known) -> bool:
    """Return whether there may be too many matches to rank them all; where no word is asked for, no index is of use."""
    return asked.is_anchored and asked.matches(known.counts, at_most=known.documents) > RARE


def _expected(asked: Asked, known: Known, folders: AbstractSet[int]) -> float:
    """Return how many documents of the lists match and may be read, were words and folders independent."""
    counts = {term: max(known.counts.get(word, 0) for word in term) for term in asked.terms}
    every = math.prod(count / known.documents for count in counts.values())
    listed = [count for term, count in counts.items() if count and term & known.listed]
    matching = sum(CHAMPIONS * every * known.documents / count for count in listed)
    return matching * known.share(folders)
