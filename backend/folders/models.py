"""The table of the tree."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from backend.core.db import Base, EnumText, created_at_column, name_order_column, org_id_column


class FolderKind(StrEnum):
    """What a row of the tree is called; each stands only where its kind allows."""

    CABINET = "cabinet"
    DRAWER = "drawer"
    FOLDER = "folder"


class Ltree(UserDefinedType[str]):
    """PostgreSQL's `ltree`: the ids from the root down to the folder itself, joined by dots."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "ltree"


class Folder(Base):
    """A cabinet, drawer or folder."""

    __tablename__ = "folders"
    __table_args__ = (
        CheckConstraint("kind IN ('cabinet', 'drawer', 'folder')", name="kind"),
        CheckConstraint("(kind = 'cabinet') = (parent_id IS NULL)", name="cabinets_are_roots"),
        Index("ix_folders_path", "path", postgresql_using="gist"),
        Index(
            "uq_folders_live_name",
            "org_id",
            text("coalesce(parent_id, 0)"),
            text("lower(name)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_folders_by_name", "parent_id", "name_order", "id"),
        Index(
            "ix_folders_trashed",
            "org_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("folders.id"), index=True)
    kind: Mapped[FolderKind] = mapped_column(EnumText(FolderKind))
    name: Mapped[str] = mapped_column(Text)
    name_order: Mapped[str] = name_order_column()
    path: Mapped[str] = mapped_column(Ltree)
    revision: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = created_at_column()
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
