"""Wire shapes of the tree."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.core.names import MAX_NAME_LENGTH
from backend.folders.models import FolderKind

_FOLDER_EXAMPLE: dict[str, Any] = {
    "id": 12,
    "parent_id": 5,
    "kind": "folder",
    "name": "Contracts 2026",
    "ancestors": [{"id": 5, "name": "Legal", "kind": "cabinet"}],
    "created_at": "2026-03-02T09:14:00Z",
    "updated_at": "2026-03-02T09:14:00Z",
    "etag": '"1"',
    "child_folder_count": 0,
    "document_count": 42,
    "permissions": ["read", "write", "delete"],
}


class FolderRef(BaseModel):
    """A folder by name, for breadcrumbs."""

    id: int
    name: str
    kind: FolderKind


class FolderOut(BaseModel):
    """A cabinet, drawer or folder."""

    model_config = ConfigDict(json_schema_extra={"example": _FOLDER_EXAMPLE})

    id: int
    parent_id: int | None
    kind: FolderKind
    name: str
    ancestors: list[FolderRef] = Field(description="From the cabinet down to the parent.")
    created_at: datetime
    updated_at: datetime
    etag: str
    child_folder_count: int
    document_count: int
    permissions: list[str] = Field(description="What the caller may do here.")


class FolderCreate(BaseModel):
    """A new folder; without `kind`, a cabinet at the root and a folder elsewhere."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Contracts 2026", "parent_id": 5}}
    )

    name: str = Field(max_length=MAX_NAME_LENGTH * 4)
    parent_id: int | None = None
    kind: FolderKind | None = None


class FolderUpdate(BaseModel):
    """What of a folder is to change: its name, its parent, or both."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Contracts"}})

    name: str | None = Field(default=None, max_length=MAX_NAME_LENGTH * 4)
    parent_id: int | None = None
