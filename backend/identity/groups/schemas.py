"""Wire shapes of groups."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.identity.schemas import Name

Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class GroupCreate(BaseModel):
    """A new group, empty at first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "Accounting", "description": "Invoices and statements"}
        },
    )

    name: Name
    description: Description = ""


class GroupUpdate(BaseModel):
    """What is to change of a group; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Book-keeping"}}
    )

    name: Name | None = None
    description: Description | None = None


class GroupOut(BaseModel):
    """A group of the organisation."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 3,
                "name": "Accounting",
                "description": "Invoices and statements",
                "members": 12,
                "created_at": "2026-03-02T09:14:00Z",
            }
        }
    )

    id: int
    name: str
    description: str
    members: int | None = Field(
        description="How many users and groups it has directly; told to administrators alone."
    )
    created_at: datetime


class MemberKind(StrEnum):
    """What a member of a group is."""

    GROUP = "group"
    USER = "user"


class GroupMemberOut(BaseModel):
    """A direct member of a group."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "principal": "user:7",
                "kind": "user",
                "id": 7,
                "name": "Grace Hopper",
                "email": "grace@example.org",
                "is_active": True,
            }
        }
    )

    principal: str
    kind: MemberKind
    id: int
    name: str
    email: str | None = None
    is_active: bool = Field(default=True, description="Whether a user may sign in; groups always.")


class GroupDependents(BaseModel):
    """What refers to a group: how many rows of which table."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"members": 12, "dependents": {"grants": 2, "groups": 1}}}
    )

    members: int = Field(description="Users and groups that are in it directly.")
    dependents: dict[str, int] = Field(
        description="What would go with it, by kind: groups it is in, grants to it, invitations into it."
    )
