"""What the trail says, for tests that did something to be recorded."""

from collections import Counter
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from backend.audit.models import AuditEvent
from backend.audit.service import Attempts
from backend.core.db import Database, Tenant
from backend.denials import is_hidden


async def recorded(database: Database, org_id: int, *actions: str) -> list[AuditEvent]:
    """Return the events of these actions in an organisation, the oldest first."""
    async with database.transaction(Tenant(org_id)) as session:
        statement = (
            select(AuditEvent)
            .where(AuditEvent.org_id == org_id, AuditEvent.action.in_(actions))
            .order_by(AuditEvent.id)
        )
        return list(await session.scalars(statement))


async def data_of(database: Database, org_id: int, *actions: str) -> list[dict[str, Any]]:
    """Return what these events say."""
    return [event.data for event in await recorded(database, org_id, *actions)]


async def refusals(app: FastAPI, database: Database, org_id: int) -> Counter[tuple[str, str]]:
    """Return how often which way of signing in was refused, and why, to users of an organisation."""
    attempts: Attempts = app.state.attempts
    await attempts.write(database, is_hidden, everything=True)
    counted: Counter[tuple[str, str]] = Counter()
    for event in await recorded(database, org_id, "user.sign_in_refused"):
        assert event.object == f"user:{event.actor_id}"
        counted[event.data["method"], event.data["reason"]] += event.data["count"]
    return counted
