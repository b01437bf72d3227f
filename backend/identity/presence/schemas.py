"""Wire shapes of sessions and of the organisations one belongs to."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.core.actor import Role
from backend.identity.schemas import OrganisationRef

_SESSION_EXAMPLE: dict[str, Any] = {
    "id": "kX0bq3Yw6nD1mS8vTz2RfLpa",
    "current": True,
    "organisation": {"id": 1, "name": "Example Ltd"},
    "address": "192.0.2.7",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "started_at": "2026-03-02T09:14:00Z",
    "last_used_at": "2026-03-04T16:02:00Z",
    "expires_at": "2026-04-03T16:02:00Z",
}


class SessionOut(BaseModel):
    """A session: one sign-in, on one device."""

    model_config = ConfigDict(json_schema_extra={"example": _SESSION_EXAMPLE})

    id: str
    current: bool = Field(description="Whether it is the one that asks.")
    organisation: OrganisationRef
    address: str | None = Field(description="The network address it was last carried on from.")
    user_agent: str | None = Field(
        description="What its program calls itself; anyone can claim anything."
    )
    started_at: datetime
    last_used_at: datetime = Field(
        description="When it was last carried on: as exact as access tokens are short-lived."
    )
    expires_at: datetime = Field(
        description="When it ends by itself unless it is carried on before."
    )


class SessionsEnded(BaseModel):
    """How many sessions were ended."""

    model_config = ConfigDict(json_schema_extra={"example": {"ended": 2}})

    ended: int


class OrganisationChoice(BaseModel):
    """An organisation one belongs to, and what one is there."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "organisation": {"id": 1, "name": "Example Ltd"},
                "role": "member",
                "current": True,
            }
        }
    )

    organisation: OrganisationRef
    role: Role
    current: bool


class SwitchIn(BaseModel):
    """The organisation to go on in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"organisation_id": 2}})

    organisation_id: int
