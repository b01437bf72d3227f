"""SQL of searching, and, with `upkeep` beside it, the only door to `document_search`.

That table has no row-level-security policy (ADR 0004). Every statement here that reads it therefore filters by
organisation and by the keys the actor may read, through `_readable`; `tests/backend/search/test_isolation.py` tries to
get round it.
"""

import operator
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Double,
    Row,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import REGCONFIG
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.service import Keys
from backend.search.models import DocumentSearch, VersionText, search_champions
from backend.search.queries import outcomes
from backend.search.queries.outcomes import Hit, Outcome, as_hits
from backend.search.queries.values import SIMILARITY, as_array, as_tsquery
from backend.search.queries.wording import Words
from backend.search.routing import Asked

MERGE_NAMES = 20
"""Names that are merely similar are looked for where the words themselves found no more than this."""
SIMILAR_NAMES = 100
"""So many of them at most, the most similar ones."""
WALK = 20_000
"""So many of the newest documents are looked at one by one before the index is asked for all matches."""
SPARSE, DENSE = 256, 16
"""One of so many documents has a lexeme that makes it one of an unbiased sample."""
ENOUGH = 100
"""Matches in a sample that an estimate may rest on."""
SNIPPET_SOURCE = 20_000
"""Characters of a text that snippets are cut from."""
_RANK_BY_LENGTH = 1  # ts_rank: divide by 1 + the logarithm of the document's length
_HEADLINE = (
    "StartSel=\u0002, StopSel=\u0003, FragmentDelimiter= … , "
    "MaxFragments=2, MinWords=8, MaxWords=24, ShortWord=0"
)

_doc = DocumentSearch.__table__.c


@dataclass(frozen=True, slots=True)
class Criteria:
    """A search ready to be run: whose, among what, for which words. None sets no condition, an empty set no match."""

    org_id: int
    keys: Keys
    """What the actor may read, narrowed to the folders asked for."""
    folders: Sequence[int] | None = None
    """The folders asked for, in which there may be something to read."""
    words: Words = field(default_factory=Words)
    families: AbstractSet[str] | None = None
    not_families: AbstractSet[str] = frozenset()
    owners: AbstractSet[int] | None = None
    not_owners: AbstractSet[int] = frozenset()
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_before: datetime | None = None
    size_from: int | None = None
    size_to: int | None = None

    @property
    def candidates(self) -> set[int]:
        """The folders in which there may be something to find."""
        return self.keys.places if self.folders is None else set(self.folders)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Where in a document the words are."""

    snippet: str
    is_in_name: bool


async def by_relevance(
    session: AsyncSession,
    criteria: Criteria,
    *,
    after: tuple[float, int] | None,
    shown: Collection[int] = (),
    by_folder: bool = False,
    limit: int,
) -> Outcome:
    """Return a page of matches by score and id, from `after` on, without those `shown`.

    A first page comes with totals and facets. With `by_folder`, each folder in which there may be something is looked
    into on its own.
    """
    rank = func.ts_rank(_doc.search_vector, as_tsquery(criteria.words.ranking), _RANK_BY_LENGTH)
    score = cast(1 + rank, Double) if criteria.words else literal(1.0, Double)
    found = _found(criteria, _all_hits(criteria, score, by_folder=by_folder).cte("hits"))
    key = tuple_(found.c.score, found.c.document_id)
    page = select(found.c.document_id, found.c.created_at, found.c.score)
    if after is not None:
        page = page.where(key < tuple_(literal(after[0], Double), literal(after[1], BigInteger)))
    if shown:
        page = page.where(found.c.document_id != func.all(as_array(shown)))
    page = page.order_by(found.c.score.desc(), found.c.document_id.desc()).limit(limit)
    return await outcomes.run(session, found, page, is_first=after is None and not shown)


def _all_hits(criteria: Criteria, score: ColumnElement[Any], *, by_folder: bool) -> Select[Any]:
    """Return the hits; `by_folder` with one lookup in the index for each folder: `OFFSET 0` keeps it so."""
    hits = _hits(criteria, score, by_folder=by_folder)
    if not by_folder:
        return hits
    folder = select(func.unnest(as_array(criteria.candidates)).label("id")).subquery("folder")
    inside = hits.where(_doc.acl_key == folder.c.id).offset(literal_column("0")).lateral("inside")
    return select(inside).select_from(folder.join(inside, true()))


async def by_champions(
    session: AsyncSession, criteria: Criteria, *, shown: Collection[int], limit: int
) -> list[Hit]:
    """Return the best matches among the champions of the words, best first, without those `shown`.

    They are taken in the order of what they weigh, and matched and filtered one by one until there are enough. Of the
    forms of a word the best counts; one whose list a document is not in counts nothing.
    """
    terms = Asked.of(criteria.words.ranking).terms
    weighed = _weighed(criteria.org_id, terms, shown)
    chosen = weighed.selected_columns
    best = weighed.order_by(chosen.score.desc(), chosen.document_id.desc()).subquery("best")
    match = (
        _hits(criteria, literal(0.0, Double))
        .where(_doc.document_id == best.c.document_id)
        .offset(literal_column("0"))
        .lateral("match")
    )
    score = cast(1 + best.c.score, Double).label("score")
    page: Select[Any] = select(match.c.document_id, match.c.created_at, score)
    page = page.select_from(best.join(match, true()))
    page = page.order_by(best.c.score.desc(), best.c.document_id.desc()).limit(limit)
    unique: dict[int, Hit] = {}
    for hit in as_hits((await session.execute(page)).all()):
        # A list may name a document twice.
        unique.setdefault(hit.document_id, hit)
    return list(unique.values())


def _weighed(org_id: int, terms: Sequence[AbstractSet[str]], shown: Collection[int]) -> Select[Any]:
    """Return the champions of the terms, but for those `shown`, with what they weigh together.

    One list is in its order already and read no further than needed.
    """
    listed = search_champions.c
    own = [listed.org_id == org_id]
    if shown:
        own.append(listed.document_id != func.all(as_array(shown)))
    numbered = [(lexeme, number) for number, term in enumerate(terms) for lexeme in term]
    if len(numbered) == 1:
        return select(listed.document_id, listed.weight.label("score")).where(
            *own, listed.lexeme == numbered[0][0]
        )
    word = (
        func.unnest(
            literal([lexeme for lexeme, _ in numbered], ARRAY(Text)),
            as_array([number for _, number in numbered]),
        )
        .table_valued("lexeme", "term", name="word")
        .render_derived()
    )
    once = (
        select(listed.document_id, func.max(listed.weight).label("weight"))
        .join_from(word, search_champions, listed.lexeme == word.c.lexeme)
        .where(*own)
        .group_by(word.c.term, listed.document_id)
        .subquery("once")
    )
    score = (func.sum(once.c.weight) / len(terms)).label("score")
    return select(once.c.document_id, score).group_by(once.c.document_id)


async def by_date(
    session: AsyncSession,
    criteria: Criteria,
    *,
    after: tuple[datetime, int] | None,
    total: int | None,
    by_folder: bool = False,
    limit: int,
) -> Outcome:
    """Return a page of matches, newest first, from `after` on; without `after`, with totals and facets.

    `total` is what the first page said. Few matches are all collected; of many, the newest are soon met on
    a walk through the documents by date.
    """
    if total is None or total <= outcomes.EXACT_COUNT:
        outcome = await _collected(session, criteria, after=after, by_folder=by_folder, limit=limit)
        if after is not None or outcome.total <= outcomes.EXACT_COUNT:
            return outcome
        estimate = await estimate_all(session, criteria)
        # More than were collected, whatever the sample says.
        estimate = replace(estimate, total=max(estimate.total, outcomes.EXACT_COUNT + 1))
    else:
        estimate = Outcome([])
    hits = await _walk(session, criteria, after=after, limit=limit)
    if len(hits) < limit:
        hits = await _sorted(session, criteria, after=after, by_folder=by_folder, limit=limit)
    return replace(estimate, hits=hits)


async def _collected(
    session: AsyncSession,
    criteria: Criteria,
    *,
    after: tuple[datetime, int] | None,
    by_folder: bool,
    limit: int,
) -> Outcome:
    hits = _all_hits(criteria, literal(1.0, Double), by_folder=by_folder)
    collected = hits.limit(outcomes.EXACT_COUNT + 1).cte("hits")
    found = _found(criteria, collected)
    page = select(found.c.document_id, found.c.created_at, found.c.score)
    return await outcomes.run(
        session, found, _by_date(page, found.c, after, limit), is_first=after is None
    )


async def _walk(
    session: AsyncSession, criteria: Criteria, *, after: tuple[datetime, int] | None, limit: int
) -> list[Hit]:
    newest = _by_date(
        select(DocumentSearch.__table__).where(_doc.org_id == criteria.org_id), _doc, after, WALK
    ).subquery("document_search")
    page = _hits(criteria, literal(1.0, Double), newest.c)
    # The walk is in this order already; a join is free to lose it.
    page = page.order_by(newest.c.created_at.desc(), newest.c.document_id.desc()).limit(limit)
    return as_hits((await session.execute(page)).all())


async def _sorted(
    session: AsyncSession,
    criteria: Criteria,
    *,
    after: tuple[datetime, int] | None,
    by_folder: bool,
    limit: int,
) -> list[Hit]:
    hits = _all_hits(criteria, literal(1.0, Double), by_folder=by_folder)
    found = hits.cte("hits").prefix_with("MATERIALIZED")
    page = select(found.c.document_id, found.c.created_at, found.c.score)
    return as_hits((await session.execute(_by_date(page, found.c, after, limit))).all())


async def count_all(
    session: AsyncSession, criteria: Criteria, *, by_folder: bool = False
) -> Outcome:
    """Return totals and facets of all matches of the words; nothing is ranked."""
    hits = _all_hits(criteria, literal(1.0, Double), by_folder=by_folder).cte("hits")
    return await outcomes.run(session, hits, None, is_first=True)


async def estimate_all(
    session: AsyncSession, criteria: Criteria, *, sparse: Outcome | None = None
) -> Outcome:
    """Return totals and facets from an unbiased sample: the sparse one, or where that has too few, the dense one."""
    sparse = sparse or await sampled(session, criteria, SPARSE)
    if sparse.total >= ENOUGH * SPARSE:
        return sparse
    return await sampled(session, criteria, DENSE)


async def sampled(session: AsyncSession, criteria: Criteria, share: int) -> Outcome:
    """Return totals and facets as one of so many documents has them: `DENSE` or `SPARSE`."""
    sample = as_tsquery(f"'sample={share}'")
    hits = _hits(criteria, literal(1.0, Double)).where(_doc.search_vector.bool_op("@@")(sample))
    outcome = await outcomes.run(session, hits.cte("hits"), None, is_first=True, is_sample=True)
    return replace(
        outcome,
        total=outcome.total * share,
        total_is_estimate=True,
        families={value: count * share for value, count in outcome.families.items()},
        tags={value: count * share for value, count in outcome.tags.items()},
        facets_are_estimates=True,
    )


def _hits(
    criteria: Criteria, score: ColumnElement[Any], of: Any = _doc, *, by_folder: bool = False
) -> Select[Any]:
    """Return the select of what matches the words and the filters."""
    statement = select(
        of.document_id, of.created_at, score.label("score"), of.family, of.tags
    ).where(*_readable(criteria, of, by_folder=by_folder), *_filtered(criteria, of))
    if criteria.words:
        statement = statement.where(
            of.search_vector.bool_op("@@")(as_tsquery(criteria.words.tsquery))
        )
    return statement


def _found(criteria: Criteria, hits: CTE) -> CTE:
    """Return the hits and, unless they are many, documents whose names resemble the words."""
    if not criteria.words.similar:
        return hits
    keys = criteria.words.similar
    similarity: list[ColumnElement[Any]] = [
        func.word_similarity(key, _doc.name_key) for key in keys
    ]
    score = cast(reduce(operator.add, similarity) / len(keys), Double)
    matches = _doc.search_vector.bool_op("@@")
    names = select(
        _doc.document_id, _doc.created_at, score.label("score"), _doc.family, _doc.tags
    ).where(
        *_readable(criteria),
        *_filtered(criteria),
        *(_doc.name_key.bool_op("%>")(key) for key in keys),
        ~matches(as_tsquery(criteria.words.tsquery)),
        select(func.count()).select_from(hits).scalar_subquery() <= MERGE_NAMES,
    )
    if criteria.words.certain:
        names = names.where(matches(as_tsquery(criteria.words.certain)))
    best = names.order_by(score.desc(), _doc.document_id.desc()).limit(SIMILAR_NAMES)
    return union_all(select(hits), select(best.subquery("names"))).cte("found")


def _readable(
    criteria: Criteria, of: Any = _doc, *, by_folder: bool = False
) -> list[ColumnElement[bool]]:
    """Return what stands in for row-level security: the organisation, and the keys the actor may read.

    Where the index is asked for one folder at a time, `by_folder`, it is not asked for the organisation as well: to
    look each document of a folder up in that long list takes three times as long as the rest (0.35 against 0.1 ms).
    """
    of_organisation = of.org_id == criteria.org_id
    conditions = [of_organisation.is_(true()) if by_folder else of_organisation, ~of.is_deleted]
    if criteria.folders is not None:
        # Hashed once, as the keys are.
        conditions.append(
            of.acl_key.in_(select(func.unnest(as_array(criteria.folders)))).is_(true())
        )
    return [*conditions, *criteria.keys.admits(of.document_id, of.acl_key)]


def _filtered(criteria: Criteria, of: Any = _doc) -> list[ColumnElement[bool]]:
    matches = of.search_vector.bool_op("@@")
    conditions = [matches(func.dms_search_tag_query(tag)) for tag in criteria.tags]
    conditions += [~matches(func.dms_search_tag_query(tag)) for tag in criteria.without_tags]
    if criteria.families is not None:
        conditions.append(of.family.in_(criteria.families))
    if criteria.not_families:
        conditions.append(of.family.not_in(criteria.not_families))
    if criteria.owners is not None:
        conditions.append(of.owner_id.in_(criteria.owners))
    if criteria.not_owners:
        conditions.append(of.owner_id.not_in(criteria.not_owners))
    if criteria.created_from is not None:
        conditions.append(of.created_at >= criteria.created_from)
    if criteria.created_before is not None:
        conditions.append(of.created_at < criteria.created_before)
    if criteria.size_from is not None:
        conditions.append(of.size >= criteria.size_from)
    if criteria.size_to is not None:
        conditions.append(of.size <= criteria.size_to)
    return conditions


def _by_date(
    statement: Select[Any], of: Any, after: tuple[datetime, int] | None, limit: int
) -> Select[Any]:
    if after is not None:
        statement = statement.where(
            tuple_(of.created_at, of.document_id)
            < tuple_(literal(after[0]), literal(after[1], BigInteger))
        )
    return statement.order_by(of.created_at.desc(), of.document_id.desc()).limit(limit)


async def excerpts(
    session: AsyncSession, criteria: Criteria, document_ids: Sequence[int]
) -> dict[int, Excerpt]:
    """Return, for each of the documents shown, where the words are.

    It is the text's beginning where only the name matches, and nothing where there is no text.
    """
    query = as_tsquery(criteria.words.ranking)
    configuration = cast(func.dms_search_configuration(VersionText.language), REGCONFIG)
    source = func.dms_search_excerptable(VersionText.text, SNIPPET_SOURCE)
    headline = func.ts_headline(configuration, source, query, _HEADLINE)
    in_name = func.ts_filter(_doc.search_vector, literal_column("'{a}'")).bool_op("@@")(query)
    rows = await session.execute(
        select(
            _doc.document_id,
            func.translate(func.coalesce(headline, ""), "\u0001", ""),
            or_(in_name, ~_doc.search_vector.bool_op("@@")(query)),
        )
        .join_from(
            DocumentSearch.__table__,
            VersionText,
            VersionText.version_id == _doc.version_id,
            isouter=True,
        )
        .where(*_readable(criteria), _doc.document_id.in_(document_ids))
    )
    return {row[0]: Excerpt(row[1], row[2]) for row in rows}


async def names_like(
    session: AsyncSession, org_id: int, keys: Keys, words: str, *, limit: int
) -> Sequence[Row[int, str, int]]:
    """Return id, name and folder of the documents whose names resemble the words best."""
    key = func.dms_search_name_key(words, type_=Text)
    statement = (
        select(_doc.document_id, _doc.name, _doc.acl_key)
        .where(*_readable(Criteria(org_id, keys)), _doc.name_key.bool_op("%>")(key))
        .order_by(
            func.word_similarity(key, _doc.name_key).desc(),
            _doc.created_at.desc(),
            _doc.document_id.desc(),
        )
        .limit(limit)
    )
    await session.execute(
        select(func.set_config("pg_trgm.word_similarity_threshold", SIMILARITY, true()))
    )
    return (await session.execute(statement)).all()


async def read_text(session: AsyncSession, version_id: int) -> Row[VersionText, bool | None] | None:
    """Return the text of a version and whether only part of it is searched; None where there is no text."""
    return (
        await session.execute(
            select(VersionText, _doc.is_partial)
            .join_from(
                VersionText,
                DocumentSearch.__table__,
                (_doc.version_id == VersionText.version_id) & (_doc.org_id == VersionText.org_id),
                isouter=True,
            )
            .where(VersionText.version_id == version_id)
        )
    ).one_or_none()
