"""What keeps the routes of search good: words are counted, the champions of common ones gathered.

Run by the scheduler. Between two runs the triggers keep the lists: a document enters when it is written, and leaves
when it goes to the trash. What drifts is how many documents a word is in, and the weight that makes a champion; that
is corrected here. A run may be killed at any moment, and two may run at once.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.search.queries import upkeep as queries
from backend.search.routing import CHAMPIONS

COMMON = 5_000
"""What is in more documents has a list of champions."""
SAMPLED = 50_000
"""Of this many documents or more, every 16th is counted."""
DRIFT = 0.1
"""Words are counted anew when there are so many more or fewer documents, relatively,"""
COUNTED = timedelta(hours=1)
"""and after this time, for texts come later than documents, and words change in them."""
_ARMED = 50
_PATIENCE = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Tended:
    """What a run did for one organisation."""

    counted: bool = False
    gathered: int = 0


async def tend(database: Database, org_id: int, *, seconds: float) -> Tended:
    """Count the words of an organisation if that is due, and gather champions for so long."""
    until = time.monotonic() + seconds
    async with database.transaction(Tenant(org_id)) as session:
        documents = await queries.count_documents(session, org_id)
        last = await queries.last_count(session, org_id)
        # Too few for any word to be common, now and then.
        if last is None and documents <= COMMON:
            return Tended()
        is_due = (
            last is None
            or abs(documents - last.documents) > DRIFT * last.documents
            or now() - last.counted_at > COUNTED
        )
        if is_due:
            await queries.count_words(session, org_id, common=COMMON, sampled_from=SAMPLED)
            await queries.mark_drifted(session, org_id, size=CHAMPIONS)
    gathered = 0
    while time.monotonic() < until:
        done = await _gather_some(database, org_id)
        gathered += done
        if not done:
            break
    return Tended(is_due, gathered)


async def _gather_some(database: Database, org_id: int) -> int:
    """Gather the champions of some lexemes; return of how many, 0 when there are no more or they must wait.

    From the moment a lexeme is armed, whoever writes a document enters it. So the lexemes are armed, then everybody
    who began before is waited for, without a lock: a document is then either seen here or entered by its writer.
    """
    async with database.transaction(Tenant(org_id)) as session:
        lexemes = await queries.arm(session, org_id, limit=_ARMED)
    if not lexemes or not await _earlier_ones_have_ended(database):
        return 0
    gathered = 0
    for lexeme in lexemes:
        async with database.transaction(Tenant(org_id)) as session:
            gathered += await queries.gather(session, org_id, lexeme, size=CHAMPIONS)
    return gathered


async def _earlier_ones_have_ended(database: Database) -> bool:
    """Wait until every transaction that writes now has ended; tell whether that came to pass."""
    async with database.transaction() as session:
        boundary = (await queries.running(session)).following
    until = time.monotonic() + _PATIENCE
    while True:
        async with database.transaction() as session:
            if (await queries.running(session)).oldest >= boundary:
                return True
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.05)
