"""Ending sessions: no token of theirs is good any more, and whoever holds a socket open with one hears of it."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.outbox import emit
from backend.identity import queries
from backend.notifications.service import SESSION_ENDED


async def end_sessions(
    session: AsyncSession,
    org_id: int,
    user_id: int,
    *,
    only: str | None = None,
    but: str | None = None,
) -> Sequence[str]:
    """End a user's sessions in the organisation the transaction is bound to; return the ids of those that stood.

    All of them, `only` one, or all `but` one.
    """
    ended = await queries.revoke_sessions(session, user_id, now(), only=only, but=but)
    if ended:
        data = {"user_id": user_id, "session_ids": list(ended)}
        await emit(session, SESSION_ENDED, org_id=org_id, data=data)
    return ended
