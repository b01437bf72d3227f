"""Table of uploads."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, EnumText, created_at_column, org_id_column


class UploadKind(StrEnum):
    """What an upload is to others."""

    WHOLE = "whole"
    PARTIAL = "partial"
    """A part of a final one."""
    FINAL = "final"
    """Joined of parts."""


class UploadStatus(StrEnum):
    """How far an upload is."""

    RECEIVING = "receiving"
    COMPLETE = "complete"
    REFUSED = "refused"


class Upload(Base):
    """Content on its way. Where it is to go was said when it was created, and is asked again in the end."""

    __tablename__ = "uploads"
    __table_args__ = (Index("ix_uploads_expires_at", "org_id", "expires_at"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    org_id: Mapped[int] = org_id_column()
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[UploadKind] = mapped_column(EnumText(UploadKind))
    status: Mapped[UploadStatus] = mapped_column(
        EnumText(UploadStatus), server_default=UploadStatus.RECEIVING
    )
    # Null until it is known (Upload-Defer-Length).
    length: Mapped[int | None]
    # Bytes that were acknowledged last; the draft may have more.
    received: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # As it was sent, to be given back; what it says is in `target`.
    metadata_header: Mapped[str | None] = mapped_column(Text)
    target: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    parts: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    # Which request is writing; another one takes over by writing its own name here.
    writer: Mapped[str | None] = mapped_column(Text)
    # What it became; or why nothing, as the code and the words of the error.
    document_id: Mapped[int | None] = mapped_column(
        ForeignKey("documents.id", ondelete="SET NULL"), index=True
    )
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = created_at_column()
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
