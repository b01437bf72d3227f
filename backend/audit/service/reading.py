"""Searching the trail. Who may is for the callers to say: they know the people and the documents."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import queries
from backend.audit.queries import Filters, FoundEvent
from backend.core.db import Database, Tenant
from backend.core.pagination import decode_cursor, encode_cursor

EXPORTED_AT_ONCE = 1_000
"""Events in one transaction of an export."""

TrailEvent = FoundEvent


async def list_events(
    session: AsyncSession, org_id: int, filters: Filters, *, cursor: str | None, limit: int
) -> tuple[list[TrailEvent], str | None]:
    """Return a page of an organisation's events, the newest first, and the cursor of the next."""
    after = None
    if cursor is not None:
        at, event_id = decode_cursor(cursor, str, int)
        after = (datetime.fromisoformat(at), event_id)
    found = await queries.events(
        session, org_id, filters, after=after, newest_first=True, limit=limit + 1
    )
    page = found[:limit]
    if len(found) <= limit:
        return page, None
    last = page[-1].event
    return page, encode_cursor(last.at.isoformat(), last.id)


async def read_events(
    database: Database, org_id: int, filters: Filters
) -> AsyncIterator[Sequence[TrailEvent]]:
    """Yield all events asked for, the oldest first, in pages: each a transaction, none in memory twice."""
    after: tuple[datetime, int] | None = None
    while True:
        async with database.transaction(Tenant(org_id)) as session:
            page = await queries.events(
                session,
                org_id,
                filters,
                after=after,
                newest_first=False,
                limit=EXPORTED_AT_ONCE,
            )
        if page:
            yield page
            after = (page[-1].event.at, page[-1].event.id)
        if len(page) < EXPORTED_AT_ONCE:
            return


async def list_actions(session: AsyncSession, org_id: int) -> list[str]:
    """Return the different actions an organisation's trail has, in order."""
    return await queries.actions(session, org_id)
