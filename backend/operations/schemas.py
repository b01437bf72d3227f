"""Wire shapes of operations."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from backend.content.scanner import ScannerStatus
from backend.core.settings import ScanMode


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
