"""Attempts that failed: recorded beside the request, whose own transaction is rolled back.

They are noted in memory and written by a task of the process a moment later. So a refusal takes no longer where there
is something to record than where there is nothing: what one may not see is not told by time either. And so a client
that probes cannot flood the trail: the same attempt is recorded at once and then once per window with a count, and of
many different ones only so many by name.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import queries
from backend.core.actor import Actor
from backend.core.db import Database, Tenant
from backend.core.logging import current_request_id
from backend.core.origin import current_origin

WINDOW = 300.0
"""Seconds in which the same attempt is recorded twice at most: at its first time, and with a count at the end."""
NAMED = 20
"""Different attempts of one caller in a window that are recorded by name; the rest share an event."""
_CALLERS = 10_000
"""Callers that are told apart by their addresses at a time."""
_MANY = "many:different"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was refused to whom.

    With `hidden_from` it counts only if the object is there and hidden from this actor: nothing was refused to those
    who asked for what there is not.
    """

    action: str
    object: str
    org_id: int
    actor_id: int
    hidden_from: Actor | None = None
    data: tuple[tuple[str, str | int], ...] = ()


IsHidden = Callable[[AsyncSession, Actor, str], Awaitable[bool]]
"""Tells whether an object (`document:7`) is there, in the transaction's organisation, and hidden from an actor."""


@dataclass(slots=True)
class _Tally:
    attempt: Attempt
    origin: tuple[str | None, str | None, str | None]
    count: int = 0
    last_written: float | None = None


@dataclass(slots=True)
class _Caller:
    begun: float
    tallies: dict[Attempt, _Tally] = field(default_factory=dict)


class Attempts:
    """What was refused in this process and is not recorded yet."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._callers: dict[tuple[int, int, str | None], _Caller] = {}
        self._writing = asyncio.Lock()

    def note(self, attempt: Attempt) -> None:
        """Take note of an attempt of the request being served. Never waits, never fails."""
        origin = current_origin()
        key = (attempt.org_id, attempt.actor_id, origin.address)
        if key not in self._callers and len(self._callers) >= _CALLERS:
            # Addresses are cheap: whoever has so many is told by the account alone.
            key = (attempt.org_id, attempt.actor_id, None)
        caller = self._callers.setdefault(key, _Caller(self._clock()))
        if attempt not in caller.tallies and len(caller.tallies) >= NAMED:
            attempt = Attempt(attempt.action, _MANY, attempt.org_id, attempt.actor_id)
        tally = caller.tallies.get(attempt)
        if tally is None:
            whence = (origin.address, current_request_id(), origin.session_id)
            tally = caller.tallies[attempt] = _Tally(attempt, whence)
        tally.count += 1

    async def write(
        self, database: Database, is_hidden: IsHidden, *, everything: bool = False
    ) -> int:
        """Record what is due, or everything where the process ends; return how many events that made."""
        written = 0
        # Two at once would both record what neither has taken off the tallies yet.
        async with self._writing:
            for key, caller in list(self._callers.items()):
                tallies = caller.tallies.values()
                if due := [tally for tally in tallies if self._is_due(tally, everything)]:
                    written += await self._write(database, is_hidden, key[0], due)
                is_over = self._clock() - caller.begun >= WINDOW
                if is_over and not any(tally.count for tally in tallies):
                    del self._callers[key]
        return written

    def _is_due(self, tally: _Tally, everything: bool) -> bool:  # noqa: FBT001
        if not tally.count:
            return False
        last = tally.last_written
        return everything or last is None or self._clock() - last >= WINDOW

    async def _write(
        self, database: Database, is_hidden: IsHidden, org_id: int, due: list[_Tally]
    ) -> int:
        counts = [tally.count for tally in due]
        async with database.transaction(Tenant(org_id)) as session:
            rows = [
                _row(tally, count)
                for tally, count in zip(due, counts, strict=True)
                if await _counts(session, tally.attempt, is_hidden)
            ]
            if rows:
                await queries.insert_events(session, rows)
        for tally, count in zip(due, counts, strict=True):
            # Meanwhile others may have been noted.
            tally.count -= count
            tally.last_written = self._clock()
        return len(rows)


async def _counts(session: AsyncSession, attempt: Attempt, is_hidden: IsHidden) -> bool:
    actor = attempt.hidden_from
    return actor is None or await is_hidden(session, actor, attempt.object)


def _row(tally: _Tally, count: int) -> dict[str, Any]:
    attempt = tally.attempt
    address, request_id, session_id = tally.origin
    return {
        "org_id": attempt.org_id,
        "actor_id": attempt.actor_id,
        "action": attempt.action,
        "object": attempt.object,
        "folder_id": None,
        "address": address,
        "request_id": request_id,
        "session_id": session_id,
        "data": {**dict(attempt.data), "count": count},
    }
