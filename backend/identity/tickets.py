"""Tickets that are good once: what carries a sign-in from one step to the next.

A ticket is signed, so that nothing is kept of a sign-in that was merely begun; only its use is, until it would have
expired anyway.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.identity import queries
from backend.identity.errors import InvalidTicketError
from backend.identity.tokens import TokenSigner

TTL = 300
"""Seconds that a person has for one step."""


def issue(signer: TokenSigner, purpose: str, data: Mapping[str, Any]) -> str:
    """Return a ticket that carries `data`, readable by its bearer."""
    return signer.ticket(purpose, {**data, "jti": secrets.token_urlsafe(16)}, ttl=TTL)


async def spend(session: AsyncSession, data: Mapping[str, Any]) -> None:
    """Use up the ticket whose data this is.

    Raises:
        InvalidTicketError: it was used before.
    """
    digest = hashlib.sha256(data["jti"].encode()).digest()
    at = now()
    if not await queries.spend_ticket(session, digest, expires_at=at + timedelta(seconds=TTL)):
        raise InvalidTicketError("The ticket was used already; begin again.")
    await queries.sweep_tickets(session, at)
