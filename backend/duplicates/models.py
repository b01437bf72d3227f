"""Tables of texts that are nearly the same: what is due, signatures, their bands, pairs."""

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, org_id_column

cluster_numbers = Sequence("text_clusters", data_type=BigInteger)
"""Numbers of clusters: they go out in cursors, so that no id of a document may be one."""


class DueText(Base):
    """A text that was written since it was last compared. Kept by a trigger of `version_texts`."""

    __tablename__ = "due_texts"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    org_id: Mapped[int] = org_id_column()


class TextSignature(Base):
    """What a document's text was when it was last compared.

    It holds while `version_id` is the document's current version.
    """

    __tablename__ = "text_signatures"
    __table_args__ = (
        Index(
            "ix_text_signatures_cluster",
            "org_id",
            "cluster",
            "document_id",
            postgresql_where=text("cluster IS NOT NULL"),
        ),
    )

    document_id: Mapped[int] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    org_id: Mapped[int] = org_id_column()
    version_id: Mapped[int]
    shingles: Mapped[int] = mapped_column(Integer)
    """How many different ones the text has."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """Equal where the shingles are."""
    cluster: Mapped[int | None]


class TextBand(Base):
    """One band of a document's signature."""

    __tablename__ = "text_bands"
    __table_args__ = (Index("ix_text_bands_band", "band", "document_id"),)

    document_id: Mapped[int] = mapped_column(
        ForeignKey("text_signatures.document_id", ondelete="CASCADE"), primary_key=True
    )
    band: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    org_id: Mapped[int] = org_id_column()


class NearPair(Base):
    """Two documents whose texts are nearly the same, as last compared; the one with the lower id first."""

    __tablename__ = "near_pairs"
    __table_args__ = (CheckConstraint("document_id < other_id", name="in_order"),)

    document_id: Mapped[int] = mapped_column(
        ForeignKey("text_signatures.document_id", ondelete="CASCADE"), primary_key=True
    )
    other_id: Mapped[int] = mapped_column(
        ForeignKey("text_signatures.document_id", ondelete="CASCADE"), primary_key=True, index=True
    )
    org_id: Mapped[int] = org_id_column()
    similarity: Mapped[float] = mapped_column(REAL)
    """From 0 to 1."""
