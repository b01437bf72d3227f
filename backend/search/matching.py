"""Which words on pages a query finds: phrases as phrases, words in every form that the search takes for the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.search.queries import matching as queries
from backend.search.syntax import Term, parse

MAX_HITS = 10_000
"""Hits on one page; nobody looks at more."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A word of the index, and the word on the page that it is, or is in."""

    value: str
    word: int
    matches: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A term ready to be looked for."""

    steps: tuple[int, ...]
    """The queries that its words, one after the other, must match."""
    whole: str
    """The query it is in the search."""


async def find_hits(
    session: AsyncSession,
    org_id: int,
    *,
    q: str,
    language: str | None,
    pages: Sequence[Sequence[str]],
) -> list[list[tuple[int, ...]]]:
    """Return for each page, given as its words, the hits: for each the words it consists of, by their places.

    `language` is that of the text, an ISO 639-1 code. What a query excludes and what it filters by is no hit.

    Raises:
        InvalidQueryError: a filter in the query has a value it cannot take.
    """
    terms = list(dict.fromkeys(term for term in parse(q).terms if not term.is_excluded))
    nothing: list[list[tuple[int, ...]]] = [[] for _ in pages]
    vocabulary = sorted({word for page in pages for word in page})
    if not terms or not vocabulary:
        return nothing
    asked, steps = await _ask(session, org_id, terms)
    if not asked:
        return nothing
    found = await queries.words_matching(session, language, vocabulary, steps)
    parted = [
        [
            _Part(value, place, matches)
            for place, word in enumerate(page)
            for value, matches in found.get(word, ())
        ]
        for page in pages
    ]
    hits: list[set[tuple[int, ...]]] = [set() for _ in pages]
    for one in asked:
        runs = [list(_runs(page, one.steps)) for page in parted]
        if len(one.steps) > 1:
            texts = sorted({_text(run) for page in runs for run in page})
            right = await queries.runs_matching(session, language, texts, one.whole)
            runs = [[run for run in page if _text(run) in right] for page in runs]
        for page_hits, page in zip(hits, runs, strict=True):
            page_hits.update(tuple(dict.fromkeys(part.word for part in run)) for run in page)
    return [sorted(page_hits)[:MAX_HITS] for page_hits in hits]


async def _ask(
    session: AsyncSession, org_id: int, terms: Sequence[Term]
) -> tuple[list[_Asked], list[str]]:
    """Return what to look for, and the queries its steps name by their places."""
    parts = await queries.term_parts(session, terms)
    words = [
        (word, term.is_prefix and place == len(of) - 1)
        for term, of in zip(terms, parts, strict=True)
        for place, word in enumerate(of)
    ]
    wholes = [(term.words, term.is_prefix) for term in terms]
    compiled = await queries.queries_of(session, org_id, [*words, *wholes])
    asked, first = [], 0
    for number, of in enumerate(parts):
        if of:
            asked.append(
                _Asked(tuple(range(first, first + len(of))), compiled[len(words) + number])
            )
        first += len(of)
    return asked, compiled[: len(words)]


def _runs(page: Sequence[_Part], steps: Sequence[int]) -> Iterator[Sequence[_Part]]:
    """Yield what stands next to each other on a page and matches the steps one by one."""
    for start in range(len(page) - len(steps) + 1):
        run = page[start : start + len(steps)]
        if all(step in part.matches for step, part in zip(steps, run, strict=True)):
            yield run


def _text(run: Sequence[_Part]) -> str:
    return " ".join(part.value for part in run)
