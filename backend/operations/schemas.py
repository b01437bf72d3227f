"""Wire shapes of operations."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from backend.content.scanner import ScannerStatus
from backend.core.queues import Queue
from backend.core.settings import ScanMode
from backend.jobs.models import Failure, JobState


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class DependencyStatus(StrEnum):
    """How something the service needs is doing."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class ReadyStatus(StrEnum):
    """Whether the service can do its work."""

    READY = "ready"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class Dependency(BaseModel):
    """One thing the service needs."""

    status: DependencyStatus
    detail: str


class Readiness(BaseModel):
    """Every dependency, named."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "degraded",
                "dependencies": {
                    "database": {"status": "ok", "detail": "PostgreSQL 18.1"},
                    "scanner": {"status": "degraded", "detail": "No virus scanner answers."},
                },
            }
        }
    )

    status: ReadyStatus
    dependencies: dict[str, Dependency]


class ScanInfo(BaseModel):
    """Whether uploads are scanned for viruses."""

    mode: ScanMode
    state: ScannerStatus
    detail: str


class Limits(BaseModel):
    """What the service takes."""

    max_upload_size: int


class SystemInfo(BaseModel):
    """What a signed-in user's application should know of the service."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "version": "0.1.0",
                "scan": {"mode": "auto", "state": "scanning", "detail": "ClamAV 1.4.3"},
                "limits": {"max_upload_size": 68719476736},
            }
        }
    )

    version: str
    scan: ScanInfo
    limits: Limits


class JobDocument(BaseModel):
    """The document a job is about."""

    id: int
    name: str
    folder_id: int
    is_trashed: bool


class RunningJobOut(BaseModel):
    """What a worker is at: for the caller's organisation, or for the installation."""

    task: str
    since: datetime
    document: JobDocument | None


class QueueOut(BaseModel):
    """One queue, with the jobs of all organisations."""

    name: Queue
    waiting: int
    running: int
    oldest_seconds: float | None = Field(description="For how long the oldest has waited.")
    done_per_minute: float = Field(description="In the last ten minutes.")
    estimated_seconds: float | None = Field(
        description="Until what waits now is done, at that rate; null where nothing was done."
    )
    jobs: list[RunningJobOut]


class JobsOverview(BaseModel):
    """What there is to be done in the background."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "queues": [
                    {
                        "name": "heavy",
                        "waiting": 1000,
                        "running": 2,
                        "oldest_seconds": 12.5,
                        "done_per_minute": 44.0,
                        "estimated_seconds": 1364.0,
                        "jobs": [],
                    }
                ],
                "unread": 1002,
                "failed": 1,
            }
        }
    )

    queues: list[QueueOut] | None = Field(description="Null where Redis does not answer.")
    unread: int = Field(description="Versions of the organisation whose text is not read yet.")
    failed: int = Field(description="Jobs that wait for a decision.")


_FAILED: dict[str, Any] = {
    "id": 4,
    "task": "indexing.process",
    "queue": "fast",
    "arguments": {"org_id": 1, "version_id": 981},
    "is_global": False,
    "failure": "given_up",
    "reason": "Reading it was broken off 3 times; it is not tried again by itself.",
    "tries": 3,
    "state": "failed",
    "first_failed_at": "2026-03-02T04:05:06Z",
    "last_failed_at": "2026-03-02T04:15:06Z",
    "decided_at": None,
    "decided_by": None,
    "document": {"id": 7, "name": "Plan.dwg", "folder_id": 4, "is_trashed": False},
}


class Decision(BaseModel):
    """The administrator who decided."""

    id: int
    name: str


class FailedJobOut(BaseModel):
    """A job that was tried as often as it may be."""

    model_config = ConfigDict(json_schema_extra={"example": _FAILED})

    id: int
    task: str
    queue: str
    arguments: dict[str, JsonValue]
    is_global: bool = Field(description="Whether it is the installation's, and no organisation's.")
    failure: Failure
    reason: str
    tries: int
    state: JobState
    first_failed_at: datetime
    last_failed_at: datetime
    decided_at: datetime | None
    decided_by: Decision | None
    document: JobDocument | None


class FailedState(StrEnum):
    """Which jobs that failed."""

    WAITING = "waiting"
    """Those that wait for a decision, and those that run again."""
    SETTLED = "settled"
    """Those that are done after all, or were dismissed."""
