"""The outbox: events written in the transaction that made them true.

The relay (`backend.relay`) takes them from here to Celery and to the WebSockets. Nothing else leaves a transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, Index, Text, delete, insert, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.clock import now
from backend.core.db import Base, created_at_column
from backend.core.logging import current_request_id

CHANNEL = "dms_outbox"
"""What the relay LISTENs on."""


class OutboxEvent(Base):
    """One thing that became true. Global: the relay reads every organisation's."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),
        Index(
            "ix_outbox_undone",
            "sent_at",
            postgresql_where=text("done_at IS NULL AND sent_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = created_at_column()
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the task it started had ended, for those that nothing else would miss; for others, when it was sent."""


_INSERT = insert(OutboxEvent.__table__)  # the table itself: nobody asks for the object


async def emit(session: AsyncSession, name: str, *, org_id: int, data: Mapping[str, Any]) -> None:
    """Write an event that leaves if and only if the transaction commits.

    `data` holds ids and small facts, never content. A trigger notifies the relay, which wakes after the commit.
    """
    event = {
        "org_id": org_id,
        "name": name,
        "data": dict(data),
        "request_id": current_request_id(),
    }
    await session.execute(_INSERT, event)


async def mark_done(session: AsyncSession, event_id: int) -> None:
    """Say that the task an event started has ended."""
    await session.execute(
        update(OutboxEvent).where(OutboxEvent.id == event_id).values(done_at=now())
    )


async def send_again(session: AsyncSession, *, sent_before: datetime) -> int:
    """Have events sent once more whose task was sent before a time and never ended; return how many."""
    found = await session.scalars(
        update(OutboxEvent)
        .where(OutboxEvent.done_at.is_(None), OutboxEvent.sent_at < sent_before)
        .values(sent_at=None)
        .returning(OutboxEvent.id)
    )
    return len(list(found))


async def prune(session: AsyncSession, *, before: datetime) -> None:
    """Forget events that were sent before a time."""
    await session.execute(delete(OutboxEvent).where(OutboxEvent.sent_at < before))
