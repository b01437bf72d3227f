"""Tables of scanning: what was put into quarantine, and the runs that looked for it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, EnumText, created_at_column, org_id_column


class QuarantineState(StrEnum):
    """What became of content in which malware was found."""

    HELD = "held"
    """Nobody can read it."""
    RELEASED = "released"
    """An administrator has decided that it is no malware; it is not taken again for the same signature."""
    DELETED = "deleted"
    """An administrator has deleted every version with it."""
    REVOKED = "revoked"
    """It was released, and an administrator has taken that back."""


class QuarantinedContent(Base):
    """Content in which malware was found after it was stored; one row for each time."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index(
            "uq_quarantine_held",
            "org_id",
            "digest",
            unique=True,
            postgresql_where=text("state = 'held'"),
        ),
        Index("ix_quarantine_newest", "org_id", "state", text("id DESC")),
        Index("ix_quarantine_exceptions", "org_id", "digest", "signature"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    signature: Mapped[str] = mapped_column(Text)
    scanned_with: Mapped[int | None] = mapped_column(Integer)
    """The version of the signatures that found it, where clamd tells."""
    state: Mapped[QuarantineState] = mapped_column(EnumText(QuarantineState))
    found_at: Mapped[datetime] = created_at_column()
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was released, for a person."""


class Trigger(StrEnum):
    """What started a run."""

    COMMAND = "command"
    """Somebody called `dms scan`."""
    SCHEDULE = "schedule"
    """The rescan, which has one row for ever: its lease, and what it has counted so far."""


class ScanRun(Base):
    """One run over what is stored. Global: it goes through every organisation, and belongs to the operator."""

    __tablename__ = "scan_runs"
    __table_args__ = (Index("ix_scan_runs_trigger", "trigger", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    trigger: Mapped[Trigger] = mapped_column(EnumText(Trigger))
    unscanned_only: Mapped[bool] = mapped_column(Boolean, server_default=false())
    stored_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """What was tried since then is done with: so a run that was interrupted goes on where it was."""
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    lease_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """Until when whoever works on it may be silent."""
    scanned: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Blobs that the scanner has looked at in full."""
    scanned_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    infected: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    unscannable: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Blobs that it did not look at in full, or could not be given."""
