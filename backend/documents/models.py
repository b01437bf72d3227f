"""Tables of documents, their versions and the blobs these refer to."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.core.db import Base, EnumText, created_at_column, name_order_column, org_id_column
from backend.identity.models import User


class ScanStatus(StrEnum):
    """What the virus scanner said of a version."""

    CLEAN = "clean"
    UNSCANNED = "unscanned"


class IndexStatus(StrEnum):
    """How far the text of a version is on its way to the search."""

    PENDING = "pending"
    EXTRACTING = "extracting"
    INDEXED = "indexed"
    NO_TEXT = "no_text"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


class Blob(Base):
    """Bytes in the store that a version may refer to.

    The row is the lock of its bytes: who publishes or destroys them holds it meanwhile (docs/adr/0010-collection.md).
    """

    __tablename__ = "blobs"
    __table_args__ = (
        UniqueConstraint("org_id", "digest"),
        CheckConstraint("octet_length(digest) = 32", name="digest_is_sha256"),
        Index(
            "ix_blobs_marked",
            "org_id",
            "marked_at",
            "id",
            postgresql_where=text("marked_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    stored_size: Mapped[int]
    created_at: Mapped[datetime] = created_at_column()
    # Since when a collection has known that no version refers to it; null where one does, or none has looked yet.
    marked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The level that a compaction last compressed it at, or tried to; null where none did.
    compacted_level: Mapped[int | None] = mapped_column(SmallInteger)


class Document(Base):
    """A name in a folder, its properties, its current version."""

    __tablename__ = "documents"
    __table_args__ = (
        Index(
            "uq_documents_live_name",
            "folder_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_documents_by_name", "folder_id", "name_order", "id"),
        Index("ix_documents_org_newest", "org_id", text("created_at DESC"), text("id DESC")),
        Index("ix_documents_folder_newest", "folder_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_documents_trashed",
            "org_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    folder_id: Mapped[int] = mapped_column(ForeignKey("folders.id"))
    name: Mapped[str] = mapped_column(Text)
    name_order: Mapped[str] = name_order_column()
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    properties: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # Null only between the two inserts of the transaction that creates the document.
    current_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("versions.id", use_alter=True, deferrable=True, initially="DEFERRED")
    )
    revision: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = created_at_column()
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    owner: Mapped[User] = relationship(foreign_keys=owner_id, lazy="raise")
    current_version: Mapped["Version"] = relationship(
        foreign_keys=current_version_id, lazy="raise", post_update=True
    )


class Version(Base):
    """One immutable content of a document."""

    __tablename__ = "versions"
    __table_args__ = (
        UniqueConstraint("document_id", "number"),
        Index(
            "ix_versions_unread",
            "org_id",
            "index_queued_at",
            postgresql_where=text("index_status IN ('pending', 'extracting')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    blob_id: Mapped[int] = mapped_column(ForeignKey("blobs.id"), index=True)
    media_type: Mapped[str] = mapped_column(Text)
    scan_status: Mapped[ScanStatus] = mapped_column(EnumText(ScanStatus))
    index_status: Mapped[IndexStatus] = mapped_column(
        EnumText(IndexStatus), server_default=text("'pending'")
    )
    index_detail: Mapped[str | None] = mapped_column(Text)
    # When it was last handed to a queue; who reads it holds the lease, and how often that was begun.
    index_queued_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    index_lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    index_attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    page_count: Mapped[int | None] = mapped_column(Integer)
    comment: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_at_column()

    blob: Mapped[Blob] = relationship(lazy="raise")
    creator: Mapped[User] = relationship(foreign_keys=created_by, lazy="raise")


class UploadLimits(Base):
    """What an organisation takes in. Without a row, everything the installation takes."""

    __tablename__ = "upload_limits"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    # Bytes: of all content together, and of one file.
    quota: Mapped[int | None]
    largest: Mapped[int | None]
    # `.exe` is an extension, `video/*` and `image/png` are media types.
    allowed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    refused: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    # Bytes of the blobs up to this one; what came later is added when it is asked for. Uploads never write here.
    counted: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    counted_upto: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
