"""Searching, suggesting, taking in what extraction read.

What a query means is `syntax`, how it runs `queries`; by relevance, on which route `relevance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.service import Keys
from backend.core.actor import Actor
from backend.core.pagination import (
    InvalidCursorError,
    decode_cursor,
    decode_ids,
    encode_cursor,
    encode_ids,
)
from backend.documents import service as documents
from backend.folders import service as folders
from backend.search import relevance
from backend.search.queries import naming, stored_texts, wording
from backend.search.queries import searching as queries
from backend.search.queries.outcomes import Hit, Outcome
from backend.search.queries.searching import Criteria
from backend.search.relevance import Progress
from backend.search.routing import Route
from backend.search.schemas import (
    Facets,
    FacetValue,
    SearchItem,
    SearchResult,
    Sort,
    Suggestion,
)
from backend.search.syntax import Choice, Family, Filters, ParsedQuery, parse

T = TypeVar("T")
_SHORTEST_SUGGESTED = 2
_NO_CURSOR = "This cursor was not given out by this search; start without one."


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is asked: the query as typed, and filters chosen beside it."""

    q: str = ""
    folder_id: int | None = None
    families: Sequence[Family] = ()
    tags: Sequence[str] = ()
    owner_id: int | None = None
    created_after: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""
    sort: Sort = Sort.RELEVANCE
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class KnownText:
    """The text of a version as it is searched."""

    text: str
    language: str | None
    """ISO 639-1."""
    engine: str
    page_count: int | None
    truncated: bool
    """Whether there is more in the document than was read or can be searched."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the page before ended, and what was said of all the matches."""

    score: float
    created_at: datetime
    document_id: int
    total: int
    total_is_estimate: bool
    progress: Progress
    """Where a search by relevance stands."""


async def search(session: AsyncSession, actor: Actor, query: SearchQuery) -> SearchResult:
    """Return a page of the documents that match and that the actor may read.

    Raises:
        InvalidQueryError: a filter in the query has a value it cannot take.
        InvalidCursorError: the cursor belongs to another search.
    """
    parsed = parse(_storable(query.q))
    # Without words all scores are the same.
    sort = query.sort if parsed.terms else Sort.NEWEST
    place = _place(query.cursor, sort)
    criteria = await _criteria(session, actor, query, parsed)
    if criteria is None:
        return _result(Outcome([]), [], None)
    outcome, progress = await _run(session, criteria, sort, place, limit=query.limit)
    if place is not None:
        outcome = replace(outcome, total=place.total, total_is_estimate=place.total_is_estimate)
    page = outcome.hits[: query.limit]
    more = len(outcome.hits) > query.limit
    items = await _items(session, actor, criteria, page)
    return _result(outcome, items, _cursor(sort, page[-1], outcome, progress) if more else None)


async def suggest(
    session: AsyncSession, actor: Actor, text: str, *, limit: int = 10
) -> list[Suggestion]:
    """Return the documents whose names resemble what is being typed, best first; none below two characters."""
    words = _storable(text).strip()
    keys = await access.visible_keys(session, await access.view(session, actor))
    if len(words) < _SHORTEST_SUGGESTED or not keys:
        return []
    rows = await queries.names_like(session, actor.org_id, keys, words, limit=limit)
    trails = await folders.ancestors_of(session, list({row.acl_key for row in rows}))
    return [
        Suggestion(
            document_id=row.document_id,
            name=row.name,
            folder_id=row.acl_key,
            ancestors=trails[row.acl_key],
        )
        for row in rows
    ]


async def index_text(
    session: AsyncSession,
    *,
    org_id: int,
    version_id: int,
    text: str,
    language: str | None,
    engine: str,
    page_count: int | None = None,
    truncated: bool = False,
) -> None:
    """Take in the text of a version, in place of what was there; it is searchable when the transaction commits.

    `language` is an ISO 639-1 code; `truncated` says that extraction stopped at one of its bounds. A text too long
    for the index is kept whole and searched as far as it fits.
    """
    await stored_texts.write_text(
        session,
        {
            "org_id": org_id,
            "version_id": version_id,
            "text": _storable(text),
            "language": language,
            "engine": engine,
            "page_count": page_count,
            "truncated": truncated,
        },
    )


async def get_text(session: AsyncSession, version_id: int) -> KnownText | None:
    """Return the text of a version, None where there is none. Who may read it is for the caller to have asked."""
    row = await queries.read_text(session, version_id)
    if row is None:
        return None
    found, is_partial = row
    return KnownText(
        text=found.text,
        language=found.language,
        engine=found.engine,
        page_count=found.page_count,
        truncated=found.truncated or bool(is_partial),
    )


async def texts(session: AsyncSession, version_ids: Sequence[int]) -> dict[int, str]:
    """Return what was read out of versions, for those who compare texts: whoever may read them is not asked here."""
    return await stored_texts.texts(session, version_ids)


def _storable(text: str) -> str:
    """Return a text without what PostgreSQL's cannot hold: U+0000, and halves of surrogate pairs."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()


async def _criteria(
    session: AsyncSession, actor: Actor, query: SearchQuery, parsed: ParsedQuery
) -> Criteria | None:
    """Return what to search for; None where nothing can match."""
    filters = parsed.filters
    keys, places = await _keys(session, actor, query, filters.folder)
    owner = None if query.owner_id is None else {query.owner_id}
    owners = _narrowed(await _owners(session, actor, filters.owner.of), owner)
    families = _narrowed(
        set(filters.family.of) or None, {str(one) for one in query.families} or None
    )
    compiled = await wording.compile_words(session, actor.org_id, parsed)
    # Words that are nothing but punctuation are in no document.
    is_empty = not compiled and (parsed.terms or (query.q.strip() and filters == Filters()))
    if not keys or set() in (owners, families) or is_empty:
        return None
    return Criteria(
        org_id=actor.org_id,
        keys=keys,
        folders=places,
        words=compiled,
        families=families,
        not_families=set(filters.family.but),
        owners=owners,
        not_owners=await _owners(session, actor, filters.owner.but) or set(),
        tags=(*map(_storable, query.tags), *filters.tags),
        without_tags=filters.without_tags,
        created_from=max(filter(None, (query.created_after, filters.created_from)), default=None),
        created_before=min(
            filter(None, (query.created_before, filters.created_before)), default=None
        ),
        size_from=filters.size_from,
        size_to=filters.size_to,
    )


async def _keys(
    session: AsyncSession, actor: Actor, query: SearchQuery, named: Choice
) -> tuple[Keys, list[int] | None]:
    """Return the keys the actor may read, narrowed to the folders asked for, and these where there are any."""
    seen = await access.view(session, actor)
    keys = await access.visible_keys(session, seen)
    if query.folder_id is None and not named.of and not named.but:
        return keys, None
    places = list(keys.places)
    # A folder that is seen by its name alone can be named too.
    nameable = [*places, *await seen.names(session)] if named.of or named.but else []
    if query.folder_id is not None:
        places = await naming.folders_below(session, places, [query.folder_id])
    if named.of:
        tops = await naming.folders_named(session, nameable, named.of)
        places = await naming.folders_below(session, places, tops)
    if named.but:
        tops = await naming.folders_named(session, nameable, named.but)
        places = list(set(places) - set(await naming.folders_below(session, places, tops)))
    return keys.within(places), places


async def _owners(session: AsyncSession, actor: Actor, names: Sequence[str]) -> set[int] | None:
    """Return the users of these names; `me` is the actor. None for no names."""
    if not names:
        return None
    others = [name for name in names if name.lower() != "me"]
    found = set(await naming.users_named(session, actor.org_id, others)) if others else set()
    return found | ({actor.user_id} if len(others) < len(names) else set())


def _narrowed(one: set[T] | None, other: set[T] | None) -> set[T] | None:
    """Return what both allow; None allows anything."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


async def _run(
    session: AsyncSession, criteria: Criteria, sort: Sort, place: _Place | None, *, limit: int
) -> tuple[Outcome, Progress]:
    """Return a page, with one hit more if there is a next one."""
    progress = None if place is None else place.progress
    if sort is Sort.RELEVANCE:
        return await relevance.page(session, criteria, progress, limit=limit)
    if progress is None:
        progress = Progress(await relevance.choose_for_all(session, criteria))
    outcome = await queries.by_date(
        session,
        criteria,
        after=None if place is None else (place.created_at, place.document_id),
        total=None if place is None else place.total,
        by_folder=progress.route is Route.FOLDERS,
        limit=limit + 1,
    )
    return outcome, progress


def _cursor(sort: Sort, last: Hit, outcome: Outcome, progress: Progress) -> str:
    return encode_cursor(
        sort,
        last.score,
        last.created_at.isoformat(),
        last.document_id,
        outcome.total,
        outcome.total_is_estimate,
        progress.route,
        encode_ids(progress.shown),
    )


def _place(cursor: str | None, sort: Sort) -> _Place | None:
    if cursor is None:
        return None
    given, score, moment, document_id, total, is_estimate, route, shown = decode_cursor(
        cursor, str, float, str, int, int, bool, str, str
    )
    try:
        created_at = datetime.fromisoformat(moment)
        progress = Progress(Route(route), shown=decode_ids(shown))
    except ValueError as error:
        raise InvalidCursorError(_NO_CURSOR) from error
    if given != sort or created_at.tzinfo is None or not 0 <= document_id < 2**63:
        raise InvalidCursorError(_NO_CURSOR)
    if progress.route is not Route.CHAMPIONS:
        progress = replace(progress, after=(score, document_id))
    return _Place(score, created_at, document_id, total, is_estimate, progress)


async def _items(
    session: AsyncSession, actor: Actor, criteria: Criteria, page: Sequence[Hit]
) -> list[SearchItem]:
    if not page:
        return []
    ids = [hit.document_id for hit in page]
    loaded = {
        document.id: document for document in await documents.load_documents(session, actor, ids)
    }
    excerpts = await queries.excerpts(session, criteria, ids)
    return [
        SearchItem(
            document=loaded[hit.document_id],
            snippet=excerpts[hit.document_id].snippet,
            score=hit.score,
            matched="name" if excerpts[hit.document_id].is_in_name else "text",
        )
        for hit in page
        # Between two statements a right may have been taken away.
        if hit.document_id in loaded and hit.document_id in excerpts
    ]


def _result(outcome: Outcome, items: list[SearchItem], next_cursor: str | None) -> SearchResult:
    return SearchResult(
        items=items,
        total=outcome.total,
        total_is_estimate=outcome.total_is_estimate,
        facets=Facets(type=_facet(outcome.families), tag=_facet(outcome.tags)),
        facets_are_estimates=outcome.facets_are_estimates,
        next_cursor=next_cursor,
    )


def _facet(counts: dict[str, int]) -> list[FacetValue]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [FacetValue(value=value, count=count) for value, count in ordered]
