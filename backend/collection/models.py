"""The table of pins."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Identity, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, created_at_column


class StorePin(Base):
    """Something that needs the store to lose nothing for a while: a backup. Global: it holds in every organisation."""

    __tablename__ = "store_pins"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = created_at_column()
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
