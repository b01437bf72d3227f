"""Wire shapes of the audit trail."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

_EVENT: dict[str, JsonValue] = {
    "id": 5120,
    "sequence": 4711,
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "at": "2026-03-01T09:30:00Z",
    "actor": {"id": 7, "name": "Ada Lovelace"},
    "action": "document.moved",
    "object": "document:45",
    "folder_id": 12,
    "address": "192.0.2.7",
    "request_id": "0f1e2d3c4b5a6978",
    "session_id": "Zk3vY0",
    "data": {"old": {"folder_id": 9}, "new": {"folder_id": 12}},
}
_CHECKPOINT: dict[str, JsonValue] = {
    "sequence": 4711,
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "count": 4711,
    "at": "2026-03-01T09:35:00Z",
    "signed": 'dms audit checkpoint v1\n{"count":4711}',
    "signature": "c2lnbmF0dXJl",
    "public_key": "cHVibGljIGtleQ==",
}


class ActorRef(BaseModel):
    """Who acted; without a name where the user is gone."""

    id: int
    name: str | None


class EventOut(BaseModel):
    """One event of the trail. `sequence` and `hash` are null until it is sealed, within a second or so."""

    model_config = ConfigDict(json_schema_extra={"example": _EVENT})

    id: int
    sequence: int | None
    hash: str | None
    at: datetime
    actor: ActorRef | None
    """Null where the service acted by itself, or an operator at its command line (`data.operator`)."""
    action: str
    object: str
    folder_id: int | None
    """Where the object was at that time."""
    address: str | None
    request_id: str | None
    session_id: str | None
    data: dict[str, Any]


class HistoryEntry(BaseModel):
    """One change of a document, as those who may read it are told."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {key: _EVENT[key] for key in ("id", "at", "actor", "action", "data")}
        }
    )

    id: int
    at: datetime
    actor: ActorRef | None
    action: str
    data: dict[str, Any]
    """Folders that the caller may not see are null."""


class CheckpointOut(BaseModel):
    """A signed statement of how the chain stood: `signed` is what the Ed25519 signature (Base64) is over."""

    model_config = ConfigDict(json_schema_extra={"example": _CHECKPOINT})

    sequence: int
    hash: str
    count: int
    at: datetime
    signed: str
    signature: str
    public_key: str


class ChainStateOut(BaseModel):
    """How far the trail is sealed and signed."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "sealed": 4711,
                "unsealed": 2,
                "unsealed_since": "2026-03-01T09:36:00Z",
                "begins_after": 0,
                "last_checkpoint": _CHECKPOINT,
                "public_key": "cHVibGljIGtleQ==",
                "retention_days": 0,
            }
        }
    )

    sealed: int
    """The number of the last sealed event."""
    unsealed: int
    unsealed_since: datetime | None
    begins_after: int
    """The number up to which the trail was cut; 0 where it is whole."""
    last_checkpoint: CheckpointOut | None
    public_key: str
    """With which checkpoints are verified; Base64 of an Ed25519 key's 32 bytes."""
    retention_days: int
    """0: for ever."""


class ExportFormat(StrEnum):
    """How the trail is written to a file."""

    CSV = "csv"
    JSONL = "jsonl"
