"""Wire shapes of access: principals, grants."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.access.roles import GrantRole
from backend.access.rules import Effect

_PRINCIPAL_EXAMPLE: dict[str, Any] = {
    "principal": "user:7",
    "name": "Grace Hopper",
    "email": "grace@example.org",
}
PrincipalName = Annotated[
    str,
    StringConstraints(max_length=40),
    Field(description="A user or a group.", examples=["user:7", "group:3"]),
]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


class PrincipalOut(BaseModel):
    """A user or a group, by name."""

    model_config = ConfigDict(json_schema_extra={"example": _PRINCIPAL_EXAMPLE})

    principal: str
    name: str
    email: str | None = Field(description="Of a user.")


class GrantIn(BaseModel):
    """What a principal is to be allowed or denied: a role, or actions by name or pattern."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"principal": "group:3", "role": "editor"}},
    )

    principal: PrincipalName
    effect: Effect = Effect.ALLOW
    role: GrantRole | None = None
    actions: list[Annotated[str, StringConstraints(max_length=100)]] | None = Field(
        default=None, min_length=1, max_length=50, description="In place of a role."
    )
    reason: Reason | None = Field(
        default=None,
        description="Required of administrators who take access for themselves to what they were not given.",
    )


class GrantOut(BaseModel):
    """What a principal is allowed or denied on a folder and all below it, or on a document."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 31,
                "principal": _PRINCIPAL_EXAMPLE,
                "effect": "allow",
                "role": "reader",
                "actions": ["dms:document:Read", "dms:folder:List"],
                "resource": "dms:folder:12",
                "resource_name": "Contracts 2026",
                "inherited": False,
                "reason": None,
                "created_at": "2026-03-02T09:14:00Z",
                "created_by": "Ada Lovelace",
            }
        }
    )

    id: int
    principal: PrincipalOut
    effect: Effect
    role: GrantRole | None
    actions: list[str]
    resource: str
    resource_name: str
    inherited: bool = Field(description="Whether it stands on a folder above.")
    reason: str | None
    created_at: datetime
    created_by: str
