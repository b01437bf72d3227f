"""Who a cabinet is shared with. The full access model replaces this table, not the functions in `service`."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, EnumText, created_at_column, org_id_column


class ShareRole(StrEnum):
    """What a member may do in a cabinet."""

    READER = "reader"
    EDITOR = "editor"


class CabinetMember(Base):
    """A user with whom a cabinet, and so all below it, is shared."""

    __tablename__ = "cabinet_members"
    __table_args__ = (CheckConstraint("role IN ('reader', 'editor')", name="role"),)

    folder_id: Mapped[int] = mapped_column(
        ForeignKey("folders.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    org_id: Mapped[int] = org_id_column()
    role: Mapped[ShareRole] = mapped_column(EnumText(ShareRole))
    created_at: Mapped[datetime] = created_at_column()
