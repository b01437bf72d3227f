"""The table of the audit trail."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, created_at_column, org_id_column


class AuditEvent(Base):
    """One thing that was done. The application may add rows and read them, and no more."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    at: Mapped[datetime] = created_at_column()
    # Null where the service acted by itself. No foreign key: the trail outlives whom it speaks of.
    actor_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(Text)
    object: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
