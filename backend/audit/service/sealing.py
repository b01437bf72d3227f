"""Giving recorded events their places in the chains. The database does it, in one transaction per batch."""

from backend.audit import queries
from backend.core.db import Database

SEALED_AT_ONCE = 2_000
"""Events of each organisation in one transaction."""


async def seal(database: Database, *, limit: int = SEALED_AT_ONCE) -> int:
    """Seal what was committed and has no seal, up to `limit` events of each organisation; return how many.

    Any number of processes may do it at once: who finds another one at an organisation's chain leaves it to that one.
    """
    async with database.transaction() as session:
        return await queries.seal(session, limit=limit)
