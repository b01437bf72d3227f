"""SQL that tells which words of a page are hits: the same folding, stemming and comparing as in the search itself.

The work is done once for each word that differs from the others, however often it stands on the pages.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Text, cast, func, literal, select, true
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from backend.search.models import SearchLanguage
from backend.search.syntax import Term


async def term_parts(session: AsyncSession, terms: Sequence[Term]) -> list[list[str]]:
    """Return the words of each term, folded as those of a text are."""
    term = _numbered([term.words for term in terms], "term")
    rows = await session.execute(select(_parts(term.c.value)).order_by(term.c.number))
    return [list(row[0]) for row in rows]


async def queries_of(
    session: AsyncSession, org_id: int, words: Sequence[tuple[str, bool]]
) -> list[str]:
    """Return the query for each of some words, or phrases, of which some (True) are beginnings."""
    languages = (
        select(func.array_agg(SearchLanguage.configuration))
        .where(SearchLanguage.org_id == org_id)
        .scalar_subquery()
    )
    compiled = [
        cast(func.dms_search_query(value, languages, is_prefix, type_=TSQUERY), Text)
        for value, is_prefix in words
    ]
    return list((await session.execute(select(*compiled))).one()) if compiled else []


async def words_matching(
    session: AsyncSession, language: str | None, words: Sequence[str], queries: Sequence[str]
) -> dict[str, list[tuple[str, frozenset[int]]]]:
    """Return the parts of each word as the index has them, each with the numbers of the queries it matches.

    Most words are one part; `AB-1234` is two, and Chinese has one for each character.
    """
    word = _numbered(words, "word")
    part = (
        func.unnest(_parts(word.c.value))
        .table_valued("value", with_ordinality="place", name="part")
        .render_derived()
        .lateral()
    )
    matching = _matching(language, part.c.value, queries)
    rows = await session.execute(
        select(word.c.number, part.c.value, matching)
        .select_from(word.join(part, true()))
        .order_by(word.c.number, part.c.place)
    )
    found: dict[str, list[tuple[str, frozenset[int]]]] = {}
    for number, value, numbers in rows:
        found.setdefault(words[number - 1], []).append((value, frozenset(n - 1 for n in numbers)))
    return found


async def runs_matching(
    session: AsyncSession, language: str | None, runs: Sequence[str], query: str
) -> set[str]:
    """Return those of some runs of words that are what a phrase is looked for."""
    run = _numbered(runs, "run")
    rows = await session.scalars(
        select(run.c.value).where(_vector(language, run.c.value).bool_op("@@")(_tsquery(query)))
    )
    return set(rows)


def _numbered(values: Sequence[str], name: str) -> Any:
    return (
        func.unnest(literal(list(values), ARRAY(Text)))
        .table_valued("value", with_ordinality="number", name=name)
        .render_derived()
    )


def _parts(value: ColumnElement[str]) -> ColumnElement[Any]:
    """Return the words the index makes of a text, in an array."""
    folded = func.lower(func.unaccent(func.dms_search_fold(value)))
    return func.array_remove(func.string_to_array(folded, " "), "", type_=ARRAY(Text))


def _matching(
    language: str | None, value: ColumnElement[str], queries: Sequence[str]
) -> ColumnElement[Any]:
    query = _numbered(queries, "query")
    numbers = select(query.c.number).where(
        _vector(language, value).bool_op("@@")(cast(query.c.value, TSQUERY))
    )
    return func.array(numbers.scalar_subquery(), type_=ARRAY(BigInteger))


def _vector(language: str | None, value: ColumnElement[str]) -> ColumnElement[Any]:
    """Return what `dms_search_vector` puts into the index for a text: stems with their places, and exact forms."""
    configuration = cast(func.dms_search_configuration(language), REGCONFIG)
    exact = func.array_to_tsvector(_parts(value))
    return func.to_tsvector(configuration, func.dms_search_fold(value)).op("||")(exact)


def _tsquery(value: str) -> ColumnElement[Any]:
    return cast(literal(value, Text), TSQUERY)
