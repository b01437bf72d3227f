"""The outbox: events written in the transaction that made them true.

The relay (`backend.relay`) takes them from here to Celery and to the WebSockets. Nothing else leaves a transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, Index, Text, delete, insert, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, created_at_column
from backend.core.logging import current_request_id

CHANNEL = "dms_outbox"
"""What the relay LISTENs on."""


class OutboxEvent(Base):
    """One thing that became true. Global: the relay reads every organisation's."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = created_at_column()
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


async def emit(session: AsyncSession, name: str, *, org_id: int, data: Mapping[str, Any]) -> None:
    """Write an event that leaves if and only if the transaction commits.

    `data` holds ids and small facts, never content. A trigger notifies the relay, which wakes after the commit.
    """
    event = insert(OutboxEvent).values(
        org_id=org_id, name=name, data=dict(data), request_id=current_request_id()
    )
    await session.execute(event)


async def prune(session: AsyncSession, *, before: datetime) -> None:
    """Forget events that were sent before a time."""
    await session.execute(delete(OutboxEvent).where(OutboxEvent.sent_at < before))
