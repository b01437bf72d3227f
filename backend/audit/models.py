"""Tables of the audit trail. The application may add events and checkpoints and read all of it, and no more."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, EnumText, created_at_column, org_id_column


class AuditEvent(Base):
    """One thing that was done."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_at", "org_id", "at", "id"),
        Index("ix_audit_events_actor", "org_id", "actor_id", "at", "id"),
        Index("ix_audit_events_action", "org_id", "action", "at", "id"),
        Index("ix_audit_events_object", "org_id", "object", "at", "id"),
        Index("ix_audit_events_address", "org_id", "address", "at", "id"),
        Index(
            "ix_audit_events_folder",
            "org_id",
            "folder_id",
            "at",
            "id",
            postgresql_where=text("folder_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    at: Mapped[datetime] = created_at_column()
    # Null where the service acted by itself. No foreign key: the trail outlives whom it speaks of.
    actor_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(Text)
    object: Mapped[str] = mapped_column(Text)
    # Where the object was at that time.
    folder_id: Mapped[int | None]
    address: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    session_id: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class AuditTail(Base):
    """An event that has no seal yet. Written by a trigger, taken away by the sealing."""

    __tablename__ = "audit_tail"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class AuditSeal(Base):
    """The place of an event in the chain of its organisation: numbers without gaps, from 1.

    `hash` is SHA-256 of the hash before (32 zero bytes before the first) and the event's encoding (`encoding.py`).
    """

    __tablename__ = "audit_seals"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.statement_timestamp()
    )


class Purpose(StrEnum):
    """What a signed statement says of the chain up to a number."""

    CHECKPOINT = "checkpoint"
    """So it stood."""
    ANCHOR = "anchor"
    """So it stood, and all of it was removed, as the retention of the trail asks for."""


class AuditCheckpoint(Base):
    """A signed statement of how an organisation's chain stood (`statements.py` has what is signed)."""

    __tablename__ = "audit_checkpoints"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    purpose: Mapped[Purpose] = mapped_column(EnumText(Purpose), primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    # How many events the trail held up to there.
    count: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
