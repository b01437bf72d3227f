"""Wire shapes of invitations."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.core.actor import Role
from backend.identity.schemas import Email, Name, NewPassword, OrganisationRef, Password, UserRef
from backend.notifications.mail import Language

LinkSecret = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class InvitationState(StrEnum):
    """What has become of an invitation."""

    OPEN = "open"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    REVOKED = "revoked"


class InvitationCreate(BaseModel):
    """Whom to invite, and as what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "email": "grace@example.org",
                "role": "member",
                "group_ids": [3],
                "language": "en",
            }
        },
    )

    email: Email
    role: Role = Role.MEMBER
    group_ids: list[int] = Field(default_factory=list, max_length=100)
    language: Language = Language.ENGLISH


class InvitedGroup(BaseModel):
    """A group the invited will be in."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str


class InvitationOut(BaseModel):
    """An invitation."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 5,
                "email": "grace@example.org",
                "role": "member",
                "groups": [{"id": 3, "name": "Accounting"}],
                "language": "en",
                "state": "open",
                "invited_by": {"id": 1, "email": "ada@example.org", "name": "Ada Lovelace"},
                "created_at": "2026-03-02T09:14:00Z",
                "expires_at": "2026-03-09T09:14:00Z",
                "sent_at": "2026-03-02T09:14:02Z",
                "link": None,
            }
        }
    )

    id: int
    email: str
    role: Role
    groups: list[InvitedGroup]
    language: Language
    state: InvitationState
    invited_by: UserRef
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None = Field(description="When a mail server took it, if one did.")
    link: str | None = Field(
        default=None,
        description="The link to hand over, from the path on. Shown this once, and only where no mail server is set.",
    )


class InvitationLink(BaseModel):
    """What the link of an invitation carries."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"token": "1.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"}},
    )

    token: LinkSecret


class InvitationOpened(BaseModel):
    """What the invited is shown."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "organisation": {"id": 1, "name": "Example Ltd"},
                "email": "grace@example.org",
                "invited_by": "Ada Lovelace",
                "has_account": False,
            }
        }
    )

    organisation: OrganisationRef
    email: str
    invited_by: str
    has_account: bool = Field(description="Whether to sign in, instead of choosing a password.")


class InvitationAccept(BaseModel):
    """Who accepts: the name to be known by, and a password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "token": "1.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4",
                "name": "Grace Hopper",
                "password": "correct horse battery",
            }
        },
    )

    token: LinkSecret
    name: Name
    password: NewPassword


class InvitationJoin(BaseModel):
    """Who accepts with the account there is: its password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "token": "1.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4",
                "password": "correct horse battery",
            }
        },
    )

    token: LinkSecret
    password: Password
