"""Wire shapes of the quarantine."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.scanning.models import QuarantineState

_ENTRY: dict[str, Any] = {
    "id": 3,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "size": 48213,
    "signature": "Win.Trojan.Agent-1234",
    "scanned_with": 27432,
    "state": "held",
    "found_at": "2026-03-02T04:05:06Z",
    "decided_at": None,
    "decided_by": None,
    "reason": None,
    "documents": [{"id": 7, "name": "Invoice.doc", "folder_id": 4, "is_trashed": False}],
}


class HeldDocument(BaseModel):
    """A document with a version that has the content."""

    id: int
    name: str
    folder_id: int
    is_trashed: bool


class Decider(BaseModel):
    """The administrator who decided."""

    id: int
    name: str


class QuarantineOut(BaseModel):
    """Content in which malware was found after it was stored."""

    model_config = ConfigDict(json_schema_extra={"example": _ENTRY})

    id: int
    sha256: str
    size: int = Field(description="Bytes.")
    signature: str
    scanned_with: int | None = Field(
        description="The version of the signatures that found it, where the scanner tells."
    )
    state: QuarantineState
    found_at: datetime
    decided_at: datetime | None
    decided_by: Decider | None
    reason: str | None
    documents: list[HeldDocument] = Field(
        description="The first ten, and of these those the caller may see."
    )


class ReleaseIn(BaseModel):
    """Why content is no malware."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"reason": "False positive, confirmed by the vendor."}},
    )

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
