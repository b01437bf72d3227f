"""Tables of verification: the checks that were run, and the faults they found."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, Identity, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, EnumText, created_at_column, org_id_column


class CheckMode(StrEnum):
    """How closely a check looks at a blob."""

    QUICK = "quick"
    """It is there, has the recorded size, and its header, trailer and index open."""
    FULL = "full"
    """Every byte of it is read, and its digest is the one it is named by."""


class Trigger(StrEnum):
    """What started a check."""

    COMMAND = "command"
    """Somebody called `dms fsck`."""
    SCRUB = "scrub"
    """The schedule."""


class Fault(StrEnum):
    """What can be wrong with a blob."""

    MISSING = "missing"
    """A version refers to it and the store does not have it."""
    DAMAGED = "damaged"
    """It does not read back as what was written."""
    UNREADABLE = "unreadable"
    """It cannot be opened here: the keyring lacks its key, its format is newer, or the medium refuses."""
    SIZE = "size"
    """Its content is whole, the database records another size."""
    ORPHAN = "orphan"
    """The store has it and the database does not know it: space to be collected."""

    @property
    def is_damage(self) -> bool:
        """Whether content that was acknowledged cannot be read."""
        return self in {Fault.MISSING, Fault.DAMAGED, Fault.UNREADABLE}


class StoreCheck(Base):
    """One check of the whole store. Global: it goes through every organisation, and belongs to the operator."""

    __tablename__ = "store_checks"
    __table_args__ = (Index("ix_store_checks_trigger", "trigger", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    trigger: Mapped[Trigger] = mapped_column(EnumText(Trigger))
    mode: Mapped[CheckMode] = mapped_column(EnumText(CheckMode))
    sample_ppm: Mapped[int | None] = mapped_column(Integer)
    """How many blobs in a million are opened; null: all."""
    sample_seed: Mapped[int | None]
    planned_bytes: Mapped[int | None]
    """Stored bytes there were to read when it started; kept for the scrub, whose pace follows from them."""
    started_at: Mapped[datetime] = created_at_column()
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    lease_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """Until when whoever works on it may be silent."""
    cursor_org_id: Mapped[int | None]
    cursor_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Everything up to here is done: organisations before this one, and in it digests up to this one."""
    blobs: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Rows that were compared with the store."""
    opened: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    read_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Stored bytes, as recorded, of the blobs whose content was looked at."""
    damaged: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Blobs whose content cannot be read; repaired ones not counted."""
    repaired: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    wrong_sizes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    orphans: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    orphan_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class StoreFault(Base):
    """What was found wrong with one blob: open until it is seen to be right again.

    Orphans are counted by the check and kept nowhere: collection takes them without being told.
    """

    __tablename__ = "store_faults"
    __table_args__ = (
        Index(
            "uq_store_faults_open",
            "org_id",
            "digest",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index("ix_store_faults_newest", "org_id", text("id DESC")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    fault: Mapped[Fault] = mapped_column(EnumText(Fault))
    detail: Mapped[str] = mapped_column(Text)
    found_at: Mapped[datetime] = created_at_column()
    last_seen_at: Mapped[datetime] = created_at_column()
    resolved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
