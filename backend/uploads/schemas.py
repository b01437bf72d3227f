"""Wire shapes of uploads, and what their metadata says."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.documents.schemas import OnConflict, UploadedDocument
from backend.uploads.models import UploadKind, UploadStatus

_UPLOAD_EXAMPLE: dict[str, Any] = {
    "id": "0f8fad5bd9cb469fa16570867728950e",
    "status": "receiving",
    "kind": "whole",
    "filename": "Plans.zip",
    "folder_id": 12,
    "target_document_id": None,
    "length": 5368709120,
    "offset": 1073741824,
    "created_at": "2026-03-02T09:14:00Z",
    "expires_at": "2026-03-09T09:14:00Z",
    "document_id": None,
    "document": None,
    "problem": None,
}


class UploadTarget(BaseModel):
    """What `Upload-Metadata` says an upload is to become. Keys that are not here are given back and mean nothing."""

    model_config = ConfigDict(extra="ignore")

    filename: str | None = Field(default=None, max_length=1_000)
    folder_id: int | None = None
    document_id: int | None = None
    comment: str | None = Field(default=None, max_length=2_000)
    on_conflict: OnConflict = OnConflict.ERROR
    if_match: str | None = Field(default=None, max_length=200)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Begun(BaseModel):
    """The upload that a creation began, for when it is sent again."""

    id: str


class UploadProblem(BaseModel):
    """Why an upload was refused for good: the code of the error, and its words."""

    code: str
    detail: str


class UploadOut(BaseModel):
    """An upload, and what it became."""

    model_config = ConfigDict(json_schema_extra={"example": _UPLOAD_EXAMPLE})

    id: str
    status: UploadStatus
    kind: UploadKind
    filename: str | None
    folder_id: int | None
    target_document_id: int | None = Field(description="Whose new version it is to be.")
    length: int | None = Field(description="Bytes; null until they are known.")
    offset: int = Field(description="Bytes that are there, durably.")
    created_at: datetime
    expires_at: datetime = Field(description="When it is removed unless more bytes come.")
    document_id: int | None
    document: UploadedDocument | None = Field(
        description="What it became, if that is still there and the caller may read it."
    )
    problem: UploadProblem | None


_CHECK_EXAMPLE: dict[str, Any] = {
    "folder_id": 12,
    "files": [{"name": "Lease.pdf", "size": 48213}, {"name": "setup.exe", "size": 9000000}],
}


class FileIn(BaseModel):
    """A file that is to be uploaded."""

    name: str = Field(max_length=1_000)
    size: int = Field(ge=0, le=2**62, description="Bytes.")


class UploadCheckIn(BaseModel):
    """Files that are to be uploaded into a folder."""

    model_config = ConfigDict(json_schema_extra={"example": _CHECK_EXAMPLE})

    folder_id: int
    on_conflict: OnConflict = OnConflict.ERROR
    files: list[FileIn] = Field(min_length=1, max_length=1_000)


class FileProblem(UploadProblem):
    """Why a file would be refused."""

    document_id: int | None = Field(
        default=None, description="Which document has the name, if the caller may read it."
    )


class FileCheck(BaseModel):
    """What is known of a file before its first byte."""

    name: str
    ok: bool
    problem: FileProblem | None


class UploadCheckOut(BaseModel):
    """The files, in their order."""

    files: list[FileCheck]
