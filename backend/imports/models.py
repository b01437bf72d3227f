"""Tables of imports: which directory goes where, and the journal of what was filed."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, created_at_column, org_id_column


class Import(Base):
    """A directory that is brought into a folder: at once, or again and again."""

    __tablename__ = "imports"
    __table_args__ = (UniqueConstraint("folder_id", "source_digest"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    folder_id: Mapped[int] = mapped_column(ForeignKey("folders.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(Text)
    """What the directory is known by, for a person: its path, unless something else was said."""
    source_digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of it as bytes: paths may be longer than an index takes, and be no text."""
    created_at: Mapped[datetime] = created_at_column()


class ImportedFile(Base):
    """A file that was filed, as it was then."""

    __tablename__ = "imported_files"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    path_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the path below the directory, as the bytes it is on disk."""
    org_id: Mapped[int] = org_id_column()
    path: Mapped[str] = mapped_column(Text)
    """The same for a person."""
    size: Mapped[int]
    mtime_ns: Mapped[int]
    """When it was last written, in nanoseconds since 1970. With `size`: whether it has changed."""
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of its content; null for a directory in which nothing was."""
    # Null for such a directory, and where the document was deleted for good.
    document_id: Mapped[int | None] = mapped_column(
        ForeignKey("documents.id", ondelete="SET NULL"), index=True
    )
    filed_at: Mapped[datetime] = created_at_column()
