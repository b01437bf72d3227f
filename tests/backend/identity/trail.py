"""What the trail says, for tests that did something to be recorded."""

from typing import Any

from sqlalchemy import select

from backend.audit.models import AuditEvent
from backend.core.db import Database, Tenant


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
