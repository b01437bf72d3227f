"""Tables of text layers."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.core.db import Base, EnumText, created_at_column, org_id_column
from backend.identity.models import User
from backend.texts.pages import PageSource, PageStatus


class LayerKind(StrEnum):
    """How a layer came about."""

    READING = "reading"
    """A machine read the file or pictures of its pages."""
    CORRECTION = "correction"
    """A person wrote what stands on some pages."""
    RESTORATION = "restoration"
    """Pages went back to what an earlier layer says of them."""


class TextLayer(Base):
    """What was read or corrected in one go, of some or all pages of a version."""

    __tablename__ = "text_layers"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """From 1."""
    org_id: Mapped[int] = org_id_column()
    kind: Mapped[LayerKind] = mapped_column(EnumText(LayerKind))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who corrected, restored, or asked for the reading; null for what is read by itself."""
    created_at: Mapped[datetime] = created_at_column()
    comment: Mapped[str | None] = mapped_column(Text)
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """ISO 639-1 codes of what recognition was to expect."""
    engine: Mapped[str] = mapped_column(Text, server_default=text("''"))
    """The engine that was asked for; empty where it was chosen page by page."""
    is_forced: Mapped[bool] = mapped_column(server_default=false())
    """Whether pages are recognised in place of the text they have in the file."""
    restored_from: Mapped[int | None] = mapped_column(Integer)
    is_whole: Mapped[bool] = mapped_column(server_default=false())
    """Whether the whole document was read; what follows is said by such layers only."""
    beyond: Mapped[str] = mapped_column(Text, server_default=text("''"))
    """Text that is on no page: values of a form, notes."""
    page_count: Mapped[int | None] = mapped_column(Integer)
    language: Mapped[str | None] = mapped_column(Text)
    truncated: Mapped[bool] = mapped_column(server_default=false())
    detail: Mapped[str] = mapped_column(Text, server_default=text("''"))
    """What was left out; empty where nothing was."""

    creator: Mapped[User | None] = relationship(foreign_keys=created_by, lazy="raise")


class TextPage(Base):
    """What a layer says of one page. It waits, then it is read or failed, and does not change any more."""

    __tablename__ = "text_pages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["version_id", "layer"],
            ["text_layers.version_id", "text_layers.number"],
            ondelete="CASCADE",
        ),
        Index(
            "ix_text_pages_waiting",
            "version_id",
            "layer",
            "page",
            postgresql_where=text("status = 'waiting'"),
        ),
    )

    version_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    page: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    layer: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    org_id: Mapped[int] = org_id_column()
    status: Mapped[PageStatus] = mapped_column(EnumText(PageStatus))
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"))
    source: Mapped[PageSource] = mapped_column(EnumText(PageSource))
    engine: Mapped[str] = mapped_column(Text, server_default=text("''"))
    width: Mapped[float | None] = mapped_column(Double)
    height: Mapped[float | None] = mapped_column(Double)
    rotation: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    confidence: Mapped[float | None] = mapped_column(Double)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """How often reading it ended the process that read it."""
    read_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    text: Mapped[str] = mapped_column(Text)
    words: Mapped[bytes] = mapped_column(LargeBinary)
    """As `pages.pack` gives them."""


class ShownPage(Base):
    """What stands on a page as it is looked at, where the file has no pages of its own: it was converted for that."""

    __tablename__ = "shown_pages"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    page: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    org_id: Mapped[int] = org_id_column()
    width: Mapped[float | None] = mapped_column(Double)
    height: Mapped[float | None] = mapped_column(Double)
    text: Mapped[str] = mapped_column(Text)
    words: Mapped[bytes] = mapped_column(LargeBinary)
    """As `pages.pack` gives them."""

    # What else is said of pages: it is the same of all of these.
    layer: ClassVar[int] = 0
    status: ClassVar[PageStatus] = PageStatus.READ
    reason: ClassVar[str] = ""
    source: ClassVar[PageSource] = PageSource.FILE
    engine: ClassVar[str] = ""
    rotation: ClassVar[int] = 0
    confidence: ClassVar[float | None] = None


class TextSettings(Base):
    """What an organisation says of its documents' texts."""

    __tablename__ = "text_settings"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """ISO 639-1 codes of what its scans are written in, the most frequent first."""
