"""Wire shapes of verification."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, JsonValue

from backend.verification.models import CheckMode, Fault, Trigger

_CHECK: dict[str, JsonValue] = {
    "id": 12,
    "trigger": "scrub",
    "mode": "full",
    "sample_percent": None,
    "started_at": "2026-03-01T02:00:00Z",
    "finished_at": None,
    "is_active": True,
    "progress": 0.42,
}


class StorageAmount(BaseModel):
    """A number of blobs, the bytes of their content, and what these take in the store."""

    blobs: int
    size: int
    stored_size: int


class CheckOut(BaseModel):
    """One check of the store, as far as it concerns the organisation."""

    model_config = ConfigDict(json_schema_extra={"example": _CHECK})

    id: int
    trigger: Trigger
    mode: CheckMode
    sample_percent: float | None
    """How many of a hundred blobs it opens; null for all."""
    started_at: datetime
    finished_at: datetime | None
    is_active: bool
    """Whether something works on it at this moment; false between two slices, and when it was interrupted."""
    progress: float
    """How much of the organisation's content it has come past, from 0 to 1."""


class StorageStatus(BaseModel):
    """What the organisation has in the store, and whether it is whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "stored": {"blobs": 51234, "size": 81604378624, "stored_size": 52613349376},
                "unreferenced": {"blobs": 12, "size": 4194304, "stored_size": 2097152},
                "faults": {"damaged": 1},
                "last_full_check": {**_CHECK, "finished_at": "2026-03-27T14:03:11Z"},
                "last_quick_check": None,
                "current_check": None,
                "scrub_days": 30,
                "next_check_at": "2026-03-31T02:00:00Z",
            }
        }
    )

    stored: StorageAmount
    unreferenced: StorageAmount
    """Content that nothing refers to any more: collection frees it."""
    faults: dict[Fault, int]
    """How many blobs have a fault, by kind; kinds without any are left out."""
    last_full_check: CheckOut | None
    """The check that ended last, of those that read everything."""
    last_quick_check: CheckOut | None
    current_check: CheckOut | None
    """The one that has not come to its end and was worked on last."""
    scrub_days: int
    """Within how many days everything is read by itself; 0: never."""
    next_check_at: datetime | None
    """When the next one begins by itself; null while one is under way, and where none ever does."""


class AffectedDocument(BaseModel):
    """A document with a version whose content has the fault."""

    id: int
    name: str
    folder_id: int
    is_trashed: bool


class FaultState(StrEnum):
    """Whether a fault still stands."""

    OPEN = "open"
    RESOLVED = "resolved"
    """A later check saw that it is gone."""


class FaultOut(BaseModel):
    """What is wrong with one blob."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 3,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "fault": "damaged",
                "detail": "blob damaged in its frame 2: its seal does not hold",
                "size": 1048576,
                "found_at": "2026-03-02T04:05:06Z",
                "last_seen_at": "2026-03-02T04:05:06Z",
                "resolved_at": None,
                "documents": [{"id": 7, "name": "Lease.pdf", "folder_id": 4, "is_trashed": False}],
            }
        }
    )

    id: int
    sha256: str
    fault: Fault
    detail: str
    size: int | None
    """Of the content, in bytes; null where it is no longer known."""
    found_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    documents: list[AffectedDocument]
    """The first ten of them."""
