"""Wire shapes of service accounts and of the token endpoint."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.core.actor import Role
from backend.identity.schemas import Name

_ACCOUNT_EXAMPLE: dict[str, Any] = {
    "id": 31,
    "name": "Invoice scanner",
    "role": "member",
    "client_id": "machine-1-31",
    "is_active": True,
    "created_at": "2026-03-02T09:14:00Z",
}


class ServiceAccountCreate(BaseModel):
    """A new service account."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Invoice scanner"}}
    )

    name: Name


class ServiceAccountOut(BaseModel):
    """A service account. To policies and grants it is a user like any other."""

    model_config = ConfigDict(json_schema_extra={"example": _ACCOUNT_EXAMPLE})

    id: int
    name: str
    role: Role
    client_id: str = Field(description="The client of OAuth 2; each of its API keys is a secret.")
    is_active: bool
    created_at: datetime


class ServiceAccountListed(ServiceAccountOut):
    """A service account in the list that administrators work with."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {**_ACCOUNT_EXAMPLE, "keys": 1, "last_used_at": "2026-03-09T02:00:00Z"}
        }
    )

    keys: int = Field(description="How many of its keys are good.")
    last_used_at: datetime | None = Field(description="When one of its keys was used last.")


class ClientToken(BaseModel):
    """An access token for a program (RFC 6749, 5.1)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.x5o",
                "token_type": "Bearer",
                "expires_in": 900,
                "scope": "dms:*:List dms:*:Read",
            }
        }
    )

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the name of a scheme (RFC 6750)
    expires_in: int
    scope: str | None = Field(description="Actions the token is limited to; null: not limited.")
