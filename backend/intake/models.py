"""Tables of the ways in: sources, their journal, the rules."""

from datetime import datetime
from enum import StrEnum
from typing import Any

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
    UniqueConstraint,
    false,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, EnumText, created_at_column, org_id_column


class SourceKind(StrEnum):
    """What kind of way in a source is."""

    FOLDER = "folder"
    """A watched directory on the server."""
    MAILBOX = "mailbox"
    """A mailbox that is looked into by IMAP."""
    SMTP = "smtp"
    """Letters that other servers deliver to an address of ours."""


class Keeps(StrEnum):
    """What is kept of a letter."""

    MESSAGE = "message"
    ATTACHMENTS = "attachments"
    BOTH = "both"


class ItemState(StrEnum):
    """What became of an item."""

    FILED = "filed"
    REFUSED = "refused"
    """It is not tried again by itself: nothing would be different."""
    FAILED = "failed"
    """It is tried again, as long as `retry_at` says when."""


class Source(Base):
    """A way in."""

    __tablename__ = "intake_sources"
    __table_args__ = (
        Index("ix_intake_sources_due", "due_at", postgresql_where=text("enabled")),
        # Of all organisations: an address leads to one place.
        Index(
            "uq_intake_sources_address",
            text("lower(settings ->> 'address')"),
            unique=True,
            postgresql_where=text("kind = 'smtp'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[SourceKind] = mapped_column(EnumText(SourceKind))
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=true())
    # Null where it was deleted for good.
    folder_id: Mapped[int | None] = mapped_column(ForeignKey("folders.id", ondelete="SET NULL"))
    acts_as: Mapped[int] = mapped_column(ForeignKey("users.id"))
    keeps: Mapped[Keeps | None] = mapped_column(EnumText(Keeps))
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """By the names of the schemas of its kind."""
    sealed_password: Mapped[bytes | None] = mapped_column(LargeBinary)
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it is to be looked at next; null for what comes by itself."""
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Until when whoever looks at it may be silent."""
    lease: Mapped[str | None] = mapped_column(Text)
    """What whoever looks at it is known by."""
    reached: Mapped[str | None] = mapped_column(Text)
    """The place up to which it was looked at, where there was no time for the rest."""
    last_run_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_error: Mapped[str | None] = mapped_column(Text)
    """Why the last look at it failed, for a person."""
    filed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    refused: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    revision: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = created_at_column()
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))


class Item(Base):
    """What a source brought, and what became of it."""

    __tablename__ = "intake_items"
    __table_args__ = (
        UniqueConstraint("source_id", "key"),
        Index("ix_intake_items_newest", "org_id", text("id DESC")),
        Index("ix_intake_items_by_state", "org_id", "state", text("id DESC")),
        Index("ix_intake_items_by_source", "source_id", text("id DESC")),
        Index(
            "ix_intake_items_due",
            "source_id",
            "retry_at",
            postgresql_where=text("retry_at IS NOT NULL"),
        ),
        # Places may be longer than an index takes.
        Index("ix_intake_items_place", "source_id", text("hashtext(place)")),
        Index("ix_intake_items_version_id", "version_id"),
        Index("ix_intake_items_document_id", "document_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    source_id: Mapped[int] = mapped_column(ForeignKey("intake_sources.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Text)
    """What it is known again by."""
    place: Mapped[str] = mapped_column(Text)
    """Where the source has it: a path below the directory, or UIDVALIDITY:UID in the mailbox."""
    parts: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    """How many items came in that place together: as many as a letter has parts that are filed."""
    name: Mapped[str] = mapped_column(Text)
    sender: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    size: Mapped[int | None]
    state: Mapped[ItemState] = mapped_column(EnumText(ItemState))
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was not filed, for a person."""
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    retry_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it may be tried again; null: not by itself."""
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id", ondelete="SET NULL"))
    version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id", ondelete="SET NULL"))
    document_revision: Mapped[int | None] = mapped_column(Integer)
    """The document's revision when it was filed: at another one, somebody has touched it since."""
    rules: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """The names of the rules that applied."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """What rules go by, for their second pass."""
    awaits_text: Mapped[bool] = mapped_column(Boolean, server_default=false())
    """Whether rules are to be applied once its text was read."""
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When it last became what it is."""


class RuleList(Base):
    """The rules of an organisation, in their order. Without a row there are none."""

    __tablename__ = "intake_rules"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    last_id: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """The highest id that a rule ever had."""
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """By the names of `schemas.Rule`."""
