"""Tables of search: the text of versions, the one row per document that is searched, what is known of words.

`service.index_text` writes `version_texts`; triggers keep the searched row (ADR 0004) and the champions, `upkeep` the
rest (ADR 0016).
"""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from backend.core.db import Base, created_at_column, org_id_column


class VersionText(Base):
    """What extraction read out of one version. Apart from the searched row, which must stay narrow."""

    __tablename__ = "version_texts"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    org_id: Mapped[int] = org_id_column()
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    """ISO 639-1; null where it could not be told."""
    engine: Mapped[str] = mapped_column(Text)
    page_count: Mapped[int | None] = mapped_column(Integer)
    truncated: Mapped[bool]
    """Whether extraction stopped at one of its bounds."""
    created_at: Mapped[datetime] = created_at_column()


class SearchLanguage(Base):
    """A language in which an organisation has text: its queries are stemmed in these and no others."""

    __tablename__ = "search_languages"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    configuration: Mapped[str] = mapped_column(Text, primary_key=True)
    """The text search configuration, such as `dms_german`."""


class DocumentSearch(Base):
    """A document as it is searched, by its current version. Kept by triggers, never written from Python.

    The table has no row-level-security policy: under one, `@@` may not use the index. Only `queries` reads it, and
    there every statement filters by organisation and by the folders the actor may read.
    """

    __tablename__ = "document_search"
    __table_args__ = (
        Index(
            "ix_document_search_vector",
            "org_id",
            "acl_key",
            "search_vector",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "on", "gin_pending_list_limit": "512"},
        ),
        Index(
            "ix_document_search_name_key",
            "org_id",
            "name_key",
            postgresql_using="gin",
            postgresql_ops={"name_key": "gin_trgm_ops"},
        ),
        Index(
            "ix_document_search_newest",
            "org_id",
            text("created_at DESC"),
            text("document_id DESC"),
        ),
    )

    document_id: Mapped[int] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    version_id: Mapped[int]
    org_id: Mapped[int] = org_id_column()
    acl_key: Mapped[int]
    """The folder the document is in: what the actor's readable keys are compared with."""
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text)
    """The name for trigrams: split into words, lower case, without accents, in Latin letters."""
    family: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[int]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    size: Mapped[int]
    is_deleted: Mapped[bool]
    is_partial: Mapped[bool]
    """Whether some of the text did not fit into the vector."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    search_vector: Mapped[str] = mapped_column(TSVECTOR)


class SearchStatistics(Base):
    """What was counted last of an organisation that has many documents."""

    __tablename__ = "search_statistics"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    documents: Mapped[int]
    """Those in the trash not among them."""
    folders: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    """The folders of some documents, drawn by the hash of their ids: a sample without bias."""
    counted_at: Mapped[datetime] = created_at_column()


class SearchLexeme(Base):
    """A lexeme that is in many of an organisation's documents."""

    __tablename__ = "search_lexemes"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    lexeme: Mapped[str] = mapped_column(Text, primary_key=True)
    documents: Mapped[int]
    """As counted last, or as estimated from a sample."""
    threshold: Mapped[float] = mapped_column(REAL, server_default=text("'Infinity'"))
    """A document of more weight becomes a champion when it is written."""
    is_listed: Mapped[bool] = mapped_column(server_default=false())
    """Whether its champions were gathered."""
    is_due: Mapped[bool] = mapped_column(server_default=true())
    """Whether they are to be gathered anew."""


search_champions = Table(
    "search_champions",
    Base.metadata,
    Column("org_id", BigInteger, ForeignKey("organisations.id"), nullable=False),
    Column("lexeme", Text, nullable=False),
    Column("weight", REAL, nullable=False),
    Column("document_id", BigInteger, nullable=False),
    Index(
        "ix_search_champions_best",
        "org_id",
        "lexeme",
        text("weight DESC"),
        text("document_id DESC"),
    ),
    Index("ix_search_champions_document_id", "document_id"),
)
"""The documents in which a lexeme weighs most. Candidates, no more: a search filters and matches them like any other.

No key and no reference to documents, so that nobody who writes to it waits for another: a document may be in a list
twice.
"""
