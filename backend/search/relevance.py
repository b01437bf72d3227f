"""A search by relevance, on the route that suits it. The cursor of a page keeps the next ones on its route."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from backend.search import routing
from backend.search.queries import outcomes, wording
from backend.search.queries import searching as queries
from backend.search.queries.outcomes import Outcome
from backend.search.queries.searching import Criteria
from backend.search.routing import Asked, Known, Route

MOST_SHOWN = 150
"""So many documents at most are shown from the lists of champions: the cursor names them, so that none comes twice."""
COMMON = 5_000
"""A phrase in more documents, as a sample says, is looked for in the lists of its words."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands between two pages."""

    route: Route
    after: tuple[float, int] | None = None
    """Score and id of the last one, where all matches are ranked."""
    shown: Sequence[int] = ()
    """What came from the lists of champions. They change; what was shown does not."""


async def page(
    session: AsyncSession, criteria: Criteria, progress: Progress | None, *, limit: int
) -> tuple[Outcome, Progress]:
    """Return the page after some progress and the progress it makes; of a first page, totals and facets too.

    One hit more than `limit` tells that there are further ones. Where the lists of champions cannot fill a page, or
    have shown enough, all matches they have not shown are ranked from there on.
    """
    if progress is None:
        progress = Progress(await choose_route(session, criteria, limit=limit))
    if progress.route is Route.CHAMPIONS:
        outcome = await from_champions(session, criteria, progress.shown, limit=limit)
        if outcome is not None:
            now_shown = [hit.document_id for hit in outcome.hits[:limit]]
            return outcome, replace(progress, shown=(*progress.shown, *now_shown))
        progress = Progress(await choose_for_all(session, criteria), shown=progress.shown)
    outcome = await queries.by_relevance(
        session,
        criteria,
        after=progress.after,
        shown=progress.shown,
        by_folder=progress.route is Route.FOLDERS,
        limit=limit + 1,
    )
    last = outcome.hits[:limit][-1:]
    after = (last[0].score, last[0].document_id) if last else progress.after
    return outcome, replace(progress, after=after)


async def choose_route(session: AsyncSession, criteria: Criteria, *, limit: int) -> Route:
    """Return the route for a search that begins with a page of so many."""
    asked = Asked.of(criteria.words.tsquery)
    known = await _known(session, criteria, asked)
    if known is None:
        return Route.EXACT
    return routing.choose(asked, known, criteria.candidates, wanted=limit)


async def choose_for_all(session: AsyncSession, criteria: Criteria) -> Route:
    """Return the route to all matches: to count them, or to have them in another order."""
    asked = Asked.of(criteria.words.tsquery)
    known = await _known(session, criteria, asked)
    if known is None:
        return Route.EXACT
    return routing.choose_for_all(asked, known, criteria.candidates)


async def _known(session: AsyncSession, criteria: Criteria, asked: Asked) -> Known | None:
    """Return what is known of the words; None where there is no choice."""
    if not asked.is_anchored:
        return None
    return await wording.known(session, criteria.org_id, asked.lexemes)


async def from_champions(
    session: AsyncSession, criteria: Criteria, shown: Sequence[int], *, limit: int
) -> Outcome | None:
    """Return a full page from the lists of champions, None where there is none; what few match is counted exactly.

    Lists of words are of use for a phrase that a sample shows to be common; there may be none of another in them.
    """
    if len(shown) + limit > MOST_SHOWN:
        return None
    sample = None
    if not shown and Asked.of(criteria.words.tsquery).has_phrase:
        sample = await queries.sampled(session, criteria, queries.SPARSE)
        if sample.total <= COMMON:
            return None
    hits = await queries.by_champions(session, criteria, shown=shown, limit=limit + 1)
    if len(hits) <= limit:
        return None
    if shown:
        return Outcome(hits)
    summary = await queries.estimate_all(session, criteria, sparse=sample)
    if summary.total <= outcomes.EXACT_COUNT:
        is_narrow = await choose_for_all(session, criteria) is Route.FOLDERS
        summary = await queries.count_all(session, criteria, by_folder=is_narrow)
    return replace(summary, hits=hits)
