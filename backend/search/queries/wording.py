"""SQL that makes the words of a query ready to be compared, and tells what is known of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, select, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from backend.search.models import SearchLanguage, SearchLexeme, SearchStatistics
from backend.search.queries.values import SIMILARITY, as_tsquery
from backend.search.routing import Known
from backend.search.syntax import ParsedQuery, Term

_SHORTEST_FUZZY = 3


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a query, ready to be compared: folded, stemmed, and spelled for trigrams."""

    tsquery: str = ""
    ranking: str = ""
    """`tsquery` without what it excludes: ts_rank takes an excluded word for one that is missing."""
    certain: str = ""
    """The part of `tsquery` that holds for merely similar names too."""
    similar: tuple[str, ...] = ()
    """Keys of the words that a name may merely resemble."""

    def __bool__(self) -> bool:
        return self.tsquery != ""


async def compile_words(session: AsyncSession, org_id: int, parsed: ParsedQuery) -> Words:
    """Return the words of a query, stemmed in the languages the organisation has documents in.

    They are false where the query has nothing but punctuation.
    """
    if not parsed.terms:
        return Words()
    fuzzy = _fuzzy(parsed)
    certain = [term for term in parsed.terms if term not in fuzzy]
    wanted = [[term for term in terms if not term.is_excluded] for terms in parsed.alternatives]
    row = (
        await session.execute(
            select(
                cast(_any(org_id, parsed.alternatives), Text),
                cast(_any(org_id, wanted), Text),
                cast(_all(org_id, certain), Text),
                *(func.dms_search_name_key(term.words) for term in fuzzy),
                func.set_config("pg_trgm.word_similarity_threshold", SIMILARITY, true()),
            )
        )
    ).one()
    return Words(row[0], row[1], row[2], tuple(key for key in row[3 : 3 + len(fuzzy)] if key))


def _fuzzy(parsed: ParsedQuery) -> list[Term]:
    """Return the terms that a name may merely resemble: plain words of a query without alternatives."""
    if len(parsed.alternatives) != 1:
        return []
    return [
        term
        for term in parsed.alternatives[0]
        if not (term.is_excluded or term.is_phrase) and len(term.words) >= _SHORTEST_FUZZY
    ]


def _any(org_id: int, alternatives: Sequence[Sequence[Term]]) -> ColumnElement[Any]:
    queries = [_all(org_id, terms) for terms in alternatives]
    return reduce(lambda left, right: left.op("||")(right), queries, as_tsquery(""))


def _all(org_id: int, terms: Sequence[Term]) -> ColumnElement[Any]:
    queries = [_term(org_id, term) for term in terms]
    return reduce(lambda left, right: left.op("&&")(right), queries, as_tsquery(""))


def _term(org_id: int, term: Term) -> ColumnElement[Any]:
    languages = (
        select(func.array_agg(SearchLanguage.configuration))
        .where(SearchLanguage.org_id == org_id)
        .scalar_subquery()
    )
    words: ColumnElement[Any] = func.dms_search_query(
        term.words, languages, term.is_prefix, type_=TSQUERY
    )
    return func.tsquery_not(words, type_=TSQUERY) if term.is_excluded else words


async def known(session: AsyncSession, org_id: int, lexemes: Collection[str]) -> Known | None:
    """Return what was counted of an organisation and of lexemes; None of one that has too little to count."""
    of_these = (SearchLexeme.org_id == SearchStatistics.org_id) & SearchLexeme.lexeme.in_(lexemes)
    rows = await session.execute(
        select(
            SearchStatistics.documents.label("all_documents"),
            SearchStatistics.folders,
            SearchLexeme.lexeme,
            SearchLexeme.documents,
            SearchLexeme.is_listed,
        )
        .join_from(SearchStatistics, SearchLexeme, of_these, isouter=True)
        .where(SearchStatistics.org_id == org_id)
    )
    found = rows.all()
    if not found:
        return None
    return Known(
        documents=found[0].all_documents,
        sample=found[0].folders,
        counts={row.lexeme: row.documents for row in found if row.lexeme is not None},
        listed={row.lexeme for row in found if row.is_listed},
    )
