"""Tables of previews: how far the pages of a version are on their way to being seen, and each picture of one."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.core.db import Base, EnumText, org_id_column
from backend.documents.models import Blob, Version


class PreviewStatus(StrEnum):
    """How far a version is on its way to being seen."""

    PENDING = "pending"
    DRAWING = "drawing"
    READY = "ready"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


class PictureStatus(StrEnum):
    """How far one picture of a page is."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class Size(StrEnum):
    """How large a page is drawn."""

    THUMBNAIL = "thumbnail"
    MEDIUM = "medium"
    LARGE = "large"

    @property
    def width(self) -> int:
        """The pixels it may be wide."""
        return _WIDTHS[self]


_WIDTHS = {Size.THUMBNAIL: 320, Size.MEDIUM: 1_000, Size.LARGE: 2_000}


class Preview(Base):
    """The pages of a version. There is one for each version that anything was tried for."""

    __tablename__ = "previews"
    __table_args__ = (
        Index(
            "ix_previews_waiting",
            "org_id",
            "queued_at",
            postgresql_where=text("status IN ('pending', 'drawing')"),
        ),
    )

    version_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True
    )
    org_id: Mapped[int] = org_id_column()
    status: Mapped[PreviewStatus] = mapped_column(
        EnumText(PreviewStatus), server_default=text("'pending'")
    )
    detail: Mapped[str | None] = mapped_column(Text)
    page_count: Mapped[int | None] = mapped_column(Integer)
    # Width and height of each page, one after the other, in units of the document's own.
    sheet_sizes: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    # What an office document was converted to; its pages are drawn from it.
    pdf_blob_id: Mapped[int | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    # When it was last handed to a queue; who draws it holds the lease, and how often that was begun.
    queued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

    pdf: Mapped[Blob | None] = relationship(foreign_keys=pdf_blob_id, lazy="raise")


class PagePicture(Base):
    """One page of a version in one size: asked for, drawn, or found impossible to draw."""

    __tablename__ = "page_pictures"
    __table_args__ = (
        Index(
            "ix_page_pictures_waiting",
            "org_id",
            "queued_at",
            postgresql_where=text("status = 'pending'"),
        ),
    )

    version_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("previews.version_id", ondelete="CASCADE"), primary_key=True
    )
    page: Mapped[int] = mapped_column(Integer, primary_key=True)
    size: Mapped[Size] = mapped_column(EnumText(Size), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    status: Mapped[PictureStatus] = mapped_column(
        EnumText(PictureStatus), server_default=text("'pending'")
    )
    detail: Mapped[str | None] = mapped_column(Text)
    blob_id: Mapped[int | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    queued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

    blob: Mapped[Blob | None] = relationship(lazy="raise")


BLOB_REFERENCES = (Version.blob_id, Preview.pdf_blob_id, PagePicture.blob_id)
"""Every column that refers to a blob: one that none of them names is collected (docs/adr/0010-collection.md)."""
