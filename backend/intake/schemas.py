"""Wire shapes of the ways in."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from backend.documents.schemas import MAX_PROPERTIES, MAX_TAGS, PropertyName, PropertyValue, Tag
from backend.intake.models import ItemState, Keeps, SourceKind

MAX_RULES = 200
MAX_SOURCES = 200
TEMPLATE_FIELDS = frozenset(
    {
        *("year", "month", "day"),
        *("name", "stem", "extension"),
        *("sender", "sender_domain", "subject", "source"),
    }
)
"""What may stand in braces in a template."""
_IN_BRACES = re.compile(r"\{([^{}]*)\}")

_FOLDER_SETTINGS: dict[str, Any] = {
    "kind": "folder",
    "directory": "/srv/scans",
    "after": "move",
    "stable_seconds": 10,
    "keeps_tree": True,
}
_SOURCE: dict[str, Any] = {
    "id": 4,
    "name": "Scanner on the first floor",
    "kind": "folder",
    "enabled": True,
    "folder": {"id": 12, "name": "Incoming", "path": "Accounting/Incoming"},
    "acts_as": {"id": 3, "name": "Ada"},
    "keeps": None,
    "settings": _FOLDER_SETTINGS,
    "state": "working",
    "last_run_at": "2026-03-02T09:14:00Z",
    "last_error": None,
    "filed": 1200,
    "refused": 3,
    "created_at": "2026-02-11T15:00:00Z",
    "revision": 2,
}
_RULE: dict[str, Any] = {
    "id": 1,
    "name": "Invoices by month",
    "enabled": True,
    "when": {"source_ids": [4], "name": "*invoice*", "media_type": "application/pdf"},
    "then": {
        "folder_id": 12,
        "subfolder": "{year}/{month}",
        "type": "invoice",
        "tags": ["incoming"],
        "properties": {"department": "Accounting"},
    },
    "stop": True,
}


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _check_braces(template: str) -> str:
    if any(name not in TEMPLATE_FIELDS for name in _IN_BRACES.findall(template)):
        allowed = ", ".join(f"{{{name}}}" for name in sorted(TEMPLATE_FIELDS))
        raise ValueError(f"in braces may stand {allowed}")
    if set("{}") & set(_IN_BRACES.sub("", template)):
        raise ValueError("a brace is not closed")
    return template


def _check_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_check_line),
]
Glob = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="`*` is any characters, `?` one; case does not matter."),
]
Template = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_check_braces),
    Field(description="Text with `{year}`, `{month}`, `{sender}` and the like in it."),
]


class AfterFile(StrEnum):
    """What becomes of a file once it is filed."""

    DELETE = "delete"
    MOVE = "move"
    KEEP = "keep"


class AfterLetter(StrEnum):
    """What becomes of a letter in its mailbox once it is filed."""

    SEEN = "seen"
    MOVE = "move"
    DELETE = "delete"


class Security(StrEnum):
    """How the connection to a mail server is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    PLAIN = "plain"
    """Not at all: the password can be read on the way."""


class FolderSettings(_Input):
    """A watched directory."""

    kind: Literal["folder"] = "folder"
    directory: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] = Field(
        description="An absolute path, below one that the installation allows."
    )
    after: AfterFile = Field(
        AfterFile.MOVE, description="`move` puts what was filed into `.filed` below the directory."
    )
    stable_seconds: int = Field(
        10, ge=0, le=3_600, description="How long a file must not have changed."
    )
    keeps_tree: bool = Field(
        default=True, description="Whether folders below the directory are made here too."
    )


class _Mailbox(_Input):
    kind: Literal["mailbox"] = "mailbox"
    host: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$"),
    ]
    port: int = Field(993, ge=1, le=65_535)
    security: Security = Security.TLS
    user: Text
    mailbox: Text = "INBOX"
    after: AfterLetter = AfterLetter.SEEN
    moved_to: Text | None = Field(None, description="The mailbox for what was filed.")
    every_seconds: int = Field(300, ge=10, le=86_400)

    @model_validator(mode="after")
    def _has_where_to(self) -> "_Mailbox":
        if (self.after is AfterLetter.MOVE) != (self.moved_to is not None):
            raise ValueError("moved_to belongs to after=move, and to nothing else")
        return self


class MailboxSettings(_Mailbox):
    """A mailbox that is looked into by IMAP."""

    password: SecretStr | None = Field(
        None, max_length=500, description="Never shown again; without one, the former stays."
    )

    @field_validator("password")
    @classmethod
    def _is_a_line(cls, password: SecretStr | None) -> SecretStr | None:
        if password is not None:
            _check_line(password.get_secret_value())
        return password


class MailboxSettingsOut(_Mailbox):
    """A mailbox that is looked into by IMAP."""

    has_password: bool


class SmtpSettings(_Input):
    """Letters that other servers deliver to an address of ours."""

    kind: Literal["smtp"] = "smtp"
    address: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True,
            to_lower=True,
            max_length=254,
            pattern=r"^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]+$",
        ),
    ]
    senders: list[Glob] = Field(
        default_factory=list, max_length=200, description="Who is let in; empty: everybody."
    )


SettingsIn = Annotated[FolderSettings | MailboxSettings | SmtpSettings, Field(discriminator="kind")]
SettingsOut = Annotated[
    FolderSettings | MailboxSettingsOut | SmtpSettings, Field(discriminator="kind")
]


class SourceState(StrEnum):
    """How a source fares."""

    NEW = "new"
    """Nobody has looked at it yet; what comes by letters needs no looking."""
    WORKING = "working"
    FAILING = "failing"
    """The last look at it failed; `last_error` says why."""
    PAUSED = "paused"


class FolderPlace(BaseModel):
    """Where a source files."""

    id: int
    name: str
    path: str = Field(description="The names from the cabinet down, with slashes between.")


class PersonRef(BaseModel):
    """A user by name."""

    id: int
    name: str


class SourceOut(BaseModel):
    """A way in."""

    model_config = ConfigDict(json_schema_extra={"example": _SOURCE})

    id: int
    name: str
    kind: SourceKind
    enabled: bool
    folder: FolderPlace | None = Field(description="Null: it is gone, or you may not see it.")
    acts_as: PersonRef = Field(description="Whose rights it has, and who owns what it files.")
    keeps: Keeps | None = Field(description="What of letters; null where there are none.")
    settings: SettingsOut
    state: SourceState
    last_run_at: datetime | None
    last_error: str | None
    filed: int
    refused: int
    created_at: datetime
    revision: int


class SourcesOut(BaseModel):
    """The ways in."""

    items: list[SourceOut]


class SourceIn(_Input):
    """A way in to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": _SOURCE["name"],
                "folder_id": 12,
                "acts_as": 3,
                "settings": _FOLDER_SETTINGS,
            }
        },
    )

    name: Text
    enabled: bool = True
    folder_id: int
    acts_as: int = Field(description="The id of an active user of the organisation.")
    keeps: Keeps | None = Field(None, description="Of letters; `both` unless it is said.")
    settings: SettingsIn


class SourceUpdate(_Input):
    """What to change of a way in; settings as a whole, of the same kind."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"enabled": False}})

    name: Text | None = None
    enabled: bool | None = None
    folder_id: int | None = None
    acts_as: int | None = None
    keeps: Keeps | None = None
    settings: SettingsIn | None = None


class SourceCheckOut(BaseModel):
    """Whether a source could be looked at now, and what there is to know of it."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"ok": True, "detail": "12 letters wait in INBOX."}}
    )

    ok: bool
    detail: str


class ItemSource(BaseModel):
    """The source of an item."""

    id: int
    name: str
    kind: SourceKind


class ItemDocument(BaseModel):
    """The document that an item became."""

    id: int
    name: str
    folder_id: int


class ItemOut(BaseModel):
    """What a source brought, and what became of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 71,
                "source": {"id": 4, "name": _SOURCE["name"], "kind": "folder"},
                "name": "scan0001.pdf",
                "sender": None,
                "subject": None,
                "size": 48213,
                "state": "filed",
                "reason": None,
                "tries": 1,
                "document": {"id": 45, "name": "scan0001.pdf", "folder_id": 12},
                "rules": ["Invoices by month"],
                "at": "2026-03-02T09:14:00Z",
            }
        }
    )

    id: int
    source: ItemSource
    name: str | None = Field(
        description="Null, like all that tells of the document, where that is gone or you may not see it."
    )
    sender: str | None
    subject: str | None
    size: int | None = Field(description="Bytes.")
    state: ItemState
    reason: str | None
    tries: int
    document: ItemDocument | None = Field(
        description="Null: there is none, it is gone, or you may not see it."
    )
    rules: list[str] = Field(description="The names of the rules that applied.")
    at: datetime


class OriginKind(StrEnum):
    """How a document came in."""

    FOLDER = "folder"
    MAILBOX = "mailbox"
    SMTP = "smtp"
    IMPORT = "import"


class Origin(BaseModel):
    """Where a document came from, as it was known when it was filed."""

    kind: OriginKind
    source: str | None = Field(
        description="The name of the way in. Of an import: the directory, for administrators; null for others."
    )
    name: str = Field(
        description="What it came as: a file, or a part of a letter. Of an import: the path below the directory."
    )
    sender: str | None = Field(description="Whom the letter says that it is from.")
    subject: str | None = Field(description="Of the letter.")
    at: datetime = Field(
        description="When it was filed. Of an import that brought it again: the last time."
    )


class OriginOut(BaseModel):
    """How a document came in."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "origin": {
                    "kind": "mailbox",
                    "source": "Invoices",
                    "name": "invoice 17.pdf",
                    "sender": "billing@example.org",
                    "subject": "Your invoice",
                    "at": "2026-03-02T09:14:00Z",
                }
            }
        }
    )

    origin: Origin | None = Field(
        description="Null: it was uploaded, or the way in was deleted with its journal."
    )


class When(_Input):
    """What must hold for a rule to apply: all that is given."""

    source_ids: list[int] = Field(default_factory=list, max_length=MAX_SOURCES)
    name: Glob | None = None
    sender: Glob | None = None
    subject: Glob | None = None
    media_type: Glob | None = None
    text: Text | None = Field(
        None, description="Stands in the text, in whatever case: applies once that was read."
    )


class Then(_Input):
    """What a rule does."""

    folder_id: int | None = None
    subfolder: Template | None = Field(None, description="Folders below it, made where they lack.")
    name: Template | None = None
    type: Text | None = Field(None, description="Becomes the property `type`.")
    tags: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS)
    properties: dict[PropertyName, PropertyValue] = Field(
        default_factory=dict, max_length=MAX_PROPERTIES
    )


class Rule(_Input):
    """Decides where an item goes and what is said of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _RULE})

    id: int | None = Field(None, description="None for a new one.")
    name: Text
    enabled: bool = True
    when: When = Field(default_factory=When)
    then: Then = Field(default_factory=Then)
    stop: bool = Field(default=False, description="Whether the rules after it are left out.")


class RulesIn(_Input):
    """All rules, in their order."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_RULE]}})

    items: list[Rule] = Field(max_length=MAX_RULES)


class RulesOut(BaseModel):
    """All rules, in their order."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [_RULE], "revision": 3}})

    items: list[Rule]
    revision: int


class TrialIn(_Input):
    """An item that there might be, and rules to try on it; without rules, those there are."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "invoice 17.pdf", "media_type": "application/pdf", "source_id": 4}
        },
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    sender: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    subject: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    media_type: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        None, description="Told by the name, unless it is said."
    )
    source_id: int | None = None
    text: Annotated[str, StringConstraints(max_length=100_000)] | None = Field(
        None, description="What would be read out of it; without one, rules on text do not apply."
    )
    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)] | None = None


class TrialOut(BaseModel):
    """What rules would do."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "applied": ["Invoices by month"],
                "folder": {"id": 12, "name": "Incoming", "path": "Accounting/Incoming"},
                "subfolder": "2026/03",
                "name": "invoice 17.pdf",
                "type": "invoice",
                "tags": ["incoming"],
                "properties": {"department": "Accounting"},
            }
        }
    )

    applied: list[str] = Field(description="The names of the rules that would apply.")
    folder: FolderPlace | None = Field(description="Null: there is none, or you may not see it.")
    subfolder: str | None = Field(description="Folders below it, with slashes between.")
    name: str
    type: str | None
    tags: list[str]
    properties: dict[str, PropertyValue]
