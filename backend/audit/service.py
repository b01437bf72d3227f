"""Recording what was done, in the transaction that did it: an event is there if and only if its deed is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.models import AuditEvent
from backend.core.logging import current_request_id


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, to what: `blob.shredded` to `blob:<sha256>`, with facts that are not content."""

    action: str
    object: str
    data: Mapping[str, Any] = field(default_factory=dict)


async def record(
    session: AsyncSession, deeds: Sequence[Deed], *, org_id: int, actor_id: int | None
) -> None:
    """Add events to an organisation's trail; `actor_id` is None where the service acted by itself."""
    if not deeds:
        return
    rows = [
        {
            "org_id": org_id,
            "actor_id": actor_id,
            "action": deed.action,
            "object": deed.object,
            "request_id": current_request_id(),
            "data": dict(deed.data),
        }
        for deed in deeds
    ]
    await session.execute(insert(AuditEvent), rows)
