"""Wire shapes of documents."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.core.names import MAX_NAME_LENGTH
from backend.documents.models import IndexStatus, ScanStatus, Stage
from backend.folders.schemas import FolderOut, FolderRef

MAX_TAGS = 100
MAX_DIGESTS = 1_000
MAX_PROPERTIES = 200

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
PropertyName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)
]
Digest = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern="^[0-9a-fA-F]{64}$")
]
PropertyValue = Annotated[str, StringConstraints(max_length=4_000)] | bool | int | float | None

_VERSION_EXAMPLE: dict[str, Any] = {
    "id": 981,
    "number": 2,
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "media_type": "application/pdf",
    "scan_status": "clean",
    "scan_detail": None,
    "index_status": "indexed",
    "index_detail": None,
    "page_count": 3,
    "created_at": "2026-03-02T09:14:00Z",
    "created_by": {"id": 1, "name": "Ada"},
    "comment": "Signed",
}
_DOCUMENT_EXAMPLE: dict[str, Any] = {
    "id": 45,
    "folder_id": 12,
    "name": "Lease.pdf",
    "media_type": "application/pdf",
    "size": 48213,
    "sha256": _VERSION_EXAMPLE["sha256"],
    "created_at": "2026-02-11T15:00:00Z",
    "updated_at": "2026-03-02T09:14:00Z",
    "owner": {"id": 1, "name": "Ada"},
    "tags": ["lease"],
    "properties": {"counterparty": "Example Ltd"},
    "status": "active",
    "etag": '"3"',
    "current_version": _VERSION_EXAMPLE,
    "lock": None,
    "permissions": ["read", "write", "delete"],
    "ancestors": [{"id": 5, "name": "Legal", "kind": "cabinet"}],
}
_SAME_EXAMPLE: dict[str, Any] = {
    "document_id": 45,
    "name": "Lease.pdf",
    "folder_id": 12,
    "version": 2,
    "is_current": True,
    "permissions": ["read", "write"],
    "ancestors": [{"id": 5, "name": "Legal", "kind": "cabinet"}],
}


class OnConflict(StrEnum):
    """What becomes of an upload whose name is taken."""

    ERROR = "error"
    VERSION = "version"
    RENAME = "rename"


class SortBy(StrEnum):
    """What a folder's documents are sorted by."""

    NAME = "name"
    UPDATED_AT = "updated_at"
    CREATED_AT = "created_at"
    SIZE = "size"


class Order(StrEnum):
    """Which way a list is sorted."""

    ASC = "asc"
    DESC = "desc"


class Disposition(StrEnum):
    """Whether content is meant to be shown or saved."""

    INLINE = "inline"
    ATTACHMENT = "attachment"


class PersonRef(BaseModel):
    """A user by name."""

    id: int
    name: str


class VersionOut(BaseModel):
    """One immutable content of a document."""

    model_config = ConfigDict(json_schema_extra={"example": _VERSION_EXAMPLE})

    id: int
    number: int
    size: int = Field(description="Bytes.")
    sha256: str
    media_type: str
    scan_status: ScanStatus
    scan_detail: str | None = Field(
        description="The signature it is in quarantine or was released for, or why it was not scanned."
    )
    index_status: IndexStatus
    index_detail: str | None = Field(description="Why there is no text to search, for a person.")
    page_count: int | None
    created_at: datetime
    created_by: PersonRef
    comment: str | None


class StageProgress(BaseModel):
    """How far a stage has come that somebody is at."""

    stage: Stage
    done: int = Field(description="Pages, or what else it goes through one by one.")
    total: int | None
    updated_at: datetime


class ProgressOut(BaseModel):
    """How far the work on a document's current version has come."""

    version: int
    index_status: IndexStatus
    waiting_since: datetime = Field(description="When it was last put into a queue to be read.")
    stages: list[StageProgress]


class DocumentOut(BaseModel):
    """A document with its current version."""

    model_config = ConfigDict(json_schema_extra={"example": _DOCUMENT_EXAMPLE})

    id: int
    folder_id: int
    name: str
    media_type: str
    size: int = Field(description="Bytes of the current version.")
    sha256: str
    created_at: datetime
    updated_at: datetime
    owner: PersonRef
    tags: list[str]
    properties: dict[str, PropertyValue]
    status: Literal["active", "trashed"]
    etag: str
    current_version: VersionOut
    lock: None = Field(default=None, description="Who has checked it out; nobody can yet.")
    permissions: list[str] = Field(description="What the caller may do with it.")
    ancestors: list[FolderRef] = Field(description="From the cabinet down to its folder.")


class SameContent(BaseModel):
    """A document of which a version has certain bytes."""

    model_config = ConfigDict(json_schema_extra={"example": _SAME_EXAMPLE})

    document_id: int
    name: str
    folder_id: int
    version: int = Field(description="The newest of its versions that has them.")
    is_current: bool = Field(description="Whether that is its current version.")
    permissions: list[str] = Field(description="What the caller may do with it.")
    ancestors: list[FolderRef] = Field(description="From the cabinet down to its folder.")


class UploadedDocument(DocumentOut):
    """A document that was just uploaded."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**_DOCUMENT_EXAMPLE, "same_content": [_SAME_EXAMPLE]}}
    )

    same_content: list[SameContent] = Field(
        default=[], description="Other documents the caller may read that have the same bytes."
    )


class SameContentIn(BaseModel):
    """Which contents are asked about."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"sha256": [_VERSION_EXAMPLE["sha256"]]}},
    )

    sha256: list[Digest] = Field(
        min_length=1, max_length=MAX_DIGESTS, description="In hexadecimal."
    )


class SameContentOf(BaseModel):
    """Who has one content."""

    sha256: str
    documents: list[SameContent] = Field(
        description="The first of them, those whose current version it is before others."
    )


class SameContentOut(BaseModel):
    """Who has the contents asked about; those that nobody has are left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "items": [{"sha256": _VERSION_EXAMPLE["sha256"], "documents": [_SAME_EXAMPLE]}]
            }
        }
    )

    items: list[SameContentOf]


class DocumentUpdate(BaseModel):
    """What of a document is to change; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "Lease 2026.pdf", "tags": ["lease", "signed"]}},
    )

    name: str | None = Field(default=None, max_length=MAX_NAME_LENGTH * 4)
    folder_id: int | None = None
    tags: list[Tag] | None = Field(default=None, max_length=MAX_TAGS)
    properties: dict[PropertyName, PropertyValue] | None = Field(
        default=None, max_length=MAX_PROPERTIES
    )


class MetadataOut(BaseModel):
    """What a file says about itself: claims of its author, or of the device that made it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "version": 2,
                "title": "Lease of the workshop",
                "creators": ["Ada Lovelace"],
                "contributors": [],
                "subject": None,
                "description": None,
                "keywords": ["lease", "workshop"],
                "publisher": None,
                "rights": None,
                "language": "en-GB",
                "software": "LibreOffice 7.4",
                "created": "2026-02-11T15:00:00+01:00",
                "modified": "2026-03-02",
                "extra": {"pages": 3, "company": "Example Ltd"},
            }
        }
    )

    version: int = Field(description="The number of the version it is said of.")
    title: str | None = None
    creators: list[str] = []
    contributors: list[str] = Field(
        default=[], description="Who else had a part; who changed it last."
    )
    subject: str | None = None
    description: str | None = None
    keywords: list[str] = []
    publisher: str | None = None
    rights: str | None = None
    language: str | None = Field(default=None, description="As declared (BCP 47).")
    software: str | None = Field(default=None, description="What made the file.")
    created: str | None = Field(
        default=None,
        description="ISO 8601, as precise as the file is (a year, a day, a time); without an offset where it has none.",
    )
    modified: str | None = Field(default=None, description="Like `created`.")
    extra: dict[str, str | bool | int | float | list[str]] = Field(
        default={},
        description="What has no name of its own: dimensions, duration, codecs, camera, recipients, ...; "
        "`custom:NAME` is what an author called NAME.",
    )


class FolderContents(BaseModel):
    """One page of what is in a folder: its folders first, then its documents."""

    folders: list[FolderOut]
    documents: list[DocumentOut]
    next_cursor: str | None


class ContentTicketIn(BaseModel):
    """Which content a link is wanted for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"disposition": "attachment"}}
    )

    version: int | None = Field(
        default=None, description="A version's number; the current one if left out."
    )
    disposition: Disposition = Disposition.INLINE


class ContentTicket(BaseModel):
    """A link the browser itself can open."""

    url: str
    expires_at: datetime


class TrashItem(BaseModel):
    """Something in the trash."""

    type: Literal["document", "folder"]
    id: int
    name: str
    deleted_at: datetime
    deleted_by: PersonRef
    purge_at: datetime = Field(description="When it is deleted for good.")
    location: list[FolderRef] = Field(description="Where it was, from the cabinet down.")


_LIMITS_EXAMPLE: dict[str, Any] = {
    "quota": 107374182400,
    "largest": 5368709120,
    "allowed": [],
    "refused": [".exe", "application/vnd.microsoft.portable-executable", "video/*"],
}

FileType = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=100,
        pattern=r"^(\.[^\s./\\]{1,16}|[a-z0-9.+-]+/([a-z0-9.+-]+|\*))$",
    ),
]


class UploadLimitsIn(BaseModel):
    """What an organisation takes in, from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _LIMITS_EXAMPLE})

    quota: int | None = Field(
        default=None, ge=0, le=2**60, description="Bytes of all content; null: without limit."
    )
    largest: int | None = Field(
        default=None, ge=1, le=2**60, description="Bytes of one file; null: as the installation."
    )
    allowed: list[FileType] = Field(
        default=[],
        max_length=200,
        description="Extensions (`.pdf`) and media types (`image/*`). Where there are any, nothing else is taken.",
    )
    refused: list[FileType] = Field(
        default=[], max_length=200, description="The same, of what is never taken."
    )


class UploadLimitsOut(UploadLimitsIn):
    """What an organisation takes in, and how much it has."""

    model_config = ConfigDict(json_schema_extra={"example": {**_LIMITS_EXAMPLE, "used": 48213}})

    used: int = Field(
        description="Bytes of content, each once: versions and what is in the trash are counted until it is freed."
    )
