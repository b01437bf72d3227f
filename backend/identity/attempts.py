"""Attempts that may fail only so often: passwords, one-time codes.

Unlike services these take the database and not a session: a counted failure must be committed although the request
fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

from backend.core.clock import now
from backend.core.db import Database
from backend.identity import queries
from backend.identity.errors import TooManyAttemptsError
from backend.identity.throttle import Allowance, seconds_to_wait

T = TypeVar("T")

# A guess is counted after it was checked. Guesses sent all at once would pass before the first is counted, were they
# not let in a few at a time.
_SLOTS = asyncio.Semaphore(4)


async def attempt(
    database: Database,
    allowances: Mapping[bytes, Allowance],
    check: Callable[[], Awaitable[T | None]],
    *,
    forgiven: Collection[bytes],
    slots: asyncio.Semaphore = _SLOTS,
) -> T | None:
    """Return what `check` returns, and count a failure under every key where that is None.

    Success forgives the failures under the keys `forgiven`. Only so many are checked at once as there are `slots`: what
    may take long has its own.

    Raises:
        TooManyAttemptsError: too many failures came before, with the seconds to wait; nothing was checked.
    """
    keys = sorted(allowances)
    async with slots:
        async with database.transaction() as session:
            counters = await queries.counters(session, keys)
        wait = seconds_to_wait(counters, allowances, now())
        if wait > 0:
            raise TooManyAttemptsError(
                f"Too many attempts failed. Try again in {wait} seconds.", retry_after=wait
            )
        found = await check()
        if found is not None and counters.keys().isdisjoint(forgiven):
            return found
        async with database.transaction() as session:
            if found is not None:
                for key in sorted(forgiven):
                    await queries.forget_failures(session, key)
            else:
                # In everyone's order, so that two never wait for each other.
                for key in keys:
                    await queries.count_failure(session, key, now())
                await queries.sweep_failures(session, now())
    return found
