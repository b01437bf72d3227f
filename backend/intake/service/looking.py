"""Who looks at a source, and when: one at a time, under a lease that is renewed, at the times it is due."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.errors import DomainError
from backend.core.outbox import emit
from backend.documents.errors import QuotaExceededError
from backend.intake import queries
from backend.intake.errors import SourceUnreachableError
from backend.intake.models import Source
from backend.intake.schemas import FolderSettings
from backend.intake.service.filing import Outcome, check_target
from backend.intake.service.sources import RUN_WANTED, announce

LEASE = timedelta(seconds=60)
"""How long whoever looks at a source may be silent; it renews three times as often."""
MOST_LOOKS = 3
"""So many looks are under way at once, of all organisations: one fewer than the smallest fast worker has tasks. What
a person waits for, a mail or the first page of a document, always finds one that is free."""
MOST_OF_AN_ORGANISATION = 2
"""So many of these are one organisation's: another's have a turn, however slow its servers are."""
_MOST_WITHOUT_ROOM = 10
_LOST_AFTER = timedelta(minutes=5)
_AFTER_FAILURE = timedelta(minutes=1)


@dataclass(slots=True)
class Hindrance:
    """What is against filing anything at all from a source."""

    told: str | None = None
    """It, for a person."""
    _without_room: int = 0

    def meet(self, outcome: Outcome) -> None:
        """Take note of an item that was not filed for such a reason.

        Raises:
            SourceUnreachableError: the next would not be either. A smaller one may find the room that this one did not.
        """
        self.told = outcome.reason
        self._without_room += 1
        is_room_wanted = outcome.code == QuotaExceededError.code
        if not is_room_wanted or self._without_room >= _MOST_WITHOUT_ROOM:
            raise SourceUnreachableError(self.told)


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look at a source."""

    filed: int = 0
    refused: int = 0
    error: str | None = None
    """Why not all of it could be looked at, for a person."""
    has_more: bool = False
    """Whether there is more than there was time for."""
    reached: str | None = None
    """Up to where it was looked at then, where the source has an order that stays."""


async def due_organisations(session: AsyncSession) -> Sequence[int]:
    """Return the ids of organisations with sources that are due; first whose has waited longest."""
    return await queries.due_organisations(session)


async def call_due(session: AsyncSession, *, org_id: int) -> int:
    """Have as many of the organisation's sources that are due looked at as may be now; return how many.

    One whose task is lost with the queue is called again some minutes later.
    """
    due = await queries.due_sources(session, now(), limit=await _room(session))
    for source in due:
        source.due_at = now() + _LOST_AFTER
        await emit(session, RUN_WANTED, org_id=org_id, data={"source_id": source.id})
    await session.flush()
    return len(due)


async def begin(session: AsyncSession, source_id: int) -> Source | None:
    """Take the lease on a source; None where somebody has it, or there is nothing to look at.

    None too where too many are looked at. Then it is due, and called when there is room.
    """
    await queries.lock_leases(session)
    source = await queries.source(session, source_id, lock=True)
    if source is None or not source.enabled:
        return None
    if source.lease_until is not None and source.lease_until > now():
        return None
    if await _room(session) == 0:
        source.due_at = now()
        await session.flush()
        return None
    source.lease = secrets.token_hex(8)
    source.lease_until = now() + LEASE
    # Whoever asks for a look meanwhile makes it another, and is not forgotten.
    source.due_at = now() + _LOST_AFTER
    await session.flush()
    return source


async def _room(session: AsyncSession) -> int:
    """Return how many more looks of the transaction's organisation may begin."""
    looks = await queries.looks(session, now())
    return max(0, min(MOST_LOOKS - looks.all, MOST_OF_AN_ORGANISATION - looks.own))


async def why_not(session: AsyncSession, source: Source) -> str | None:
    """Return why nothing of a source could be filed at all now; None where nothing is against it."""
    try:
        await check_target(session, source)
    except DomainError as error:
        return error.detail
    return None


async def renew(session: AsyncSession, begun: Source) -> None:
    """Keep a source that is still being looked at; what was taken over meanwhile is left to whoever did."""
    await queries.renew_lease(session, begun.id, begun.lease, now() + LEASE)


async def finish(session: AsyncSession, begun: Source, looked: Looked) -> None:
    """Give a source back, say how it went and when it is due again.

    One that was taken over meanwhile is left as it is; one that a look was asked for meanwhile stays due.
    """
    lease, due_at = begun.lease, begun.due_at
    source = await queries.source(session, begun.id, lock=True)
    if source is None or source.lease != lease:
        return
    is_news = source.last_error != looked.error or looked.filed or looked.refused
    is_first = source.last_run_at is None
    source.lease = source.lease_until = None
    source.last_run_at = now()
    source.last_error = looked.error
    source.reached = looked.reached
    if source.due_at == due_at:
        source.due_at = now() + _wait(source, looked)
    await session.flush()
    if is_news or is_first:
        await announce(session, org_id=source.org_id, source_id=source.id)


def _wait(source: Source, looked: Looked) -> timedelta:
    """Return how long until a source is due again; servers lock accounts that are tried all the time."""
    if looked.error is not None:
        return max(_AFTER_FAILURE, _interval(source))
    return timedelta(0) if looked.has_more else _interval(source)


def _interval(source: Source) -> timedelta:
    seconds = source.settings.get("every_seconds")
    if seconds is None:
        seconds = max(5, FolderSettings.model_validate(source.settings).stable_seconds)
    return timedelta(seconds=seconds)
