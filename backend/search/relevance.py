"""A search by relevance, on the route that suits it. The cursor of a page keeps the next ones on its route."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from backend.search.queries import searching as queries
from backend.search.queries import wording
from backend.search.queries.searching import Criteria, Outcome
from backend.search.routing import Asked, Route, choose

MOST_SHOWN = 150
"""So many documents at most are shown from the lists of champions: the cursor names them, so that none comes twice."""


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
        progress = Progress(await choose_route(session, criteria))
    if progress.route is Route.CHAMPIONS:
        outcome = await from_champions(session, criteria, progress.shown, limit=limit)
        if outcome is not None:
            now_shown = [hit.document_id for hit in outcome.hits[:limit]]
            return outcome, replace(progress, shown=(*progress.shown, *now_shown))
        progress = Progress(Route.EXACT, shown=progress.shown)
    outcome = await queries.by_relevance(
        session,
        criteria,
        after=progress.after,
        shown=progress.shown,
        folders=criteria.candidates if progress.route is Route.FOLDERS else None,
        limit=limit + 1,
    )
    last = outcome.hits[:limit][-1:]
    after = (last[0].score, last[0].document_id) if last else progress.after
    return outcome, replace(progress, after=after)


async def choose_route(session: AsyncSession, criteria: Criteria) -> Route:
    """Return the route for a search that begins."""
    asked = Asked.of(criteria.words.tsquery)
    known = await wording.known(session, criteria.org_id, asked.lexemes)
    return Route.EXACT if known is None else choose(asked, known, criteria.candidates)


async def from_champions(
    session: AsyncSession, criteria: Criteria, shown: Sequence[int], *, limit: int
) -> Outcome | None:
    """Return a full page from the lists of champions, None where there is none; what few match is counted exactly."""
    if len(shown) + limit > MOST_SHOWN:
        return None
    hits = await queries.by_champions(session, criteria, shown=shown, limit=limit + 1)
    if len(hits) <= limit:
        return None
    if shown:
        return Outcome(hits)
    summary = await queries.estimate_all(session, criteria)
    if summary.total <= queries.EXACT_COUNT:
        summary = await queries.count_all(session, criteria)
    return replace(summary, hits=hits)
