"""Wire shapes of API keys."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from backend.identity.models import UserKind
from backend.identity.schemas import Name, UserRef

READ_ONLY = ("dms:*:List", "dms:*:Read")

Scope = Annotated[
    str, StringConstraints(pattern=r"^dms:(\*|[a-z]{1,40}):(\*|[A-Z][A-Za-z]{0,39})$")
]
Scopes = Annotated[
    list[Scope] | None,
    Field(
        min_length=1,
        max_length=50,
        description=(
            "Actions the key is limited to, such as `dms:document:Read`; `*` stands for any noun or any verb."
            f" For reading only: `{list(READ_ONLY)}`. Without, the key may do whatever its user may."
        ),
    ),
]

_KEY_EXAMPLE: dict[str, Any] = {
    "id": 12,
    "name": "Nightly export",
    "hint": "9fQx",
    "scopes": list(READ_ONLY),
    "created_at": "2026-03-02T09:14:00Z",
    "expires_at": "2027-03-02T00:00:00Z",
    "last_used_at": None,
}


class KeyState(StrEnum):
    """What keys to list."""

    USED = "used"
    """Good, and used within the last ninety days; or not older than that."""
    IDLE = "idle"
    """Good, and not used for ninety days."""
    EXPIRED = "expired"


class ApiKeyCreate(BaseModel):
    """A new key."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Nightly export",
                "scopes": list(READ_ONLY),
                "expires_at": "2027-03-02T00:00:00Z",
            }
        },
    )

    name: Name
    scopes: Scopes = None
    expires_at: AwareDatetime | None = None


class ApiKeyOut(BaseModel):
    """A key, without what it takes to use it."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _KEY_EXAMPLE})

    id: int
    name: str
    hint: str = Field(description="The last characters of the key.")
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class ApiKeyCreated(ApiKeyOut):
    """A new key, and the only time that it is shown whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_KEY_EXAMPLE,
                "key": "dmsk_00000000001b2yXq0Xl6cCkZf0GmH0s5Fh3v9nVb8R1tUoPwEaQxY2dM9fQx",
            }
        }
    )

    key: str


class ApiKeyRotate(BaseModel):
    """How long a key goes on beside its successor."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"overlap_seconds": 86_400}}
    )

    overlap_seconds: int = Field(
        ge=0, le=30 * 86_400, description="0: the former key is refused from now on."
    )


class ApiKeyOfUserOut(ApiKeyOut):
    """A key, and whose it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_KEY_EXAMPLE,
                "user": {"id": 7, "email": "grace@example.org", "name": "Grace Hopper"},
                "kind": "person",
                "is_active": True,
            }
        }
    )

    user: UserRef
    kind: UserKind = Field(description="Whether it acts for a person or for a service account.")
    is_active: bool = Field(description="Whether its user is; the key is refused otherwise.")
