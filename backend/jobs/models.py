"""The table of jobs that failed."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, EnumText, created_at_column


class JobState(StrEnum):
    """What has become of a job that failed."""

    FAILED = "failed"
    """It waits for somebody to decide."""
    RUNNING_AGAIN = "running_again"
    """Somebody had it run again, and it has not ended yet."""
    DONE = "done"
    """It succeeded after all."""
    DISMISSED = "dismissed"
    """Somebody decided that it need not be done."""


class Failure(StrEnum):
    """How a job failed."""

    ERROR = "error"
    """It raised, and was tried as often as it may be."""
    TIME_LIMIT = "time_limit"
    """It took longer than it may."""
    WORKER_LOST = "worker_lost"
    """The process that ran it died, each time."""
    GIVEN_UP = "given_up"
    """Whoever hands it out has done so too often."""


class FailedJob(Base):
    """A job that failed, once for all the times it did.

    Those of an organisation are its own; those of the installation, which have none, are every administrator's.
    """

    __tablename__ = "failed_jobs"
    __table_args__ = (
        Index(
            "uq_failed_jobs_open",
            "task",
            "fingerprint",
            unique=True,
            postgresql_where=text("state IN ('failed', 'running_again')"),
        ),
        Index("ix_failed_jobs_newest", "org_id", "state", text("id DESC")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    task: Mapped[str] = mapped_column(Text)
    queue: Mapped[str] = mapped_column(Text)
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What it is called with, by name: ids and small facts."""
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the arguments, so that the same job is the same row."""
    failure: Mapped[Failure] = mapped_column(EnumText(Failure))
    reason: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(Integer)
    """How often it was begun, as far as is known, since it first failed."""
    state: Mapped[JobState] = mapped_column(EnumText(JobState))
    first_failed_at: Mapped[datetime] = created_at_column()
    last_failed_at: Mapped[datetime] = created_at_column()
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
