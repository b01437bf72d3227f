"""Wire shapes of passkeys. What browsers make and take is theirs to define (Web Authentication, level 3, 5.1.8-10)."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backend.identity.schemas import Name

Ticket = Annotated[str, Field(max_length=4_000)]
Credential = Annotated[
    dict[str, Any],
    Field(description="`PublicKeyCredential.toJSON()` of what the browser returned."),
]

_CREDENTIAL_EXAMPLE: dict[str, Any] = {
    "id": "dGVzdA",
    "rawId": "dGVzdA",
    "type": "public-key",
    "response": {},
}


class PasskeyOut(BaseModel):
    """A passkey of one's own."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 3,
                "name": "Laptop",
                "is_backed_up": True,
                "created_at": "2026-03-02T09:14:00Z",
                "last_used_at": None,
            }
        },
    )

    id: int
    name: str
    is_backed_up: bool = Field(description="Whether it is kept in more than one device.")
    created_at: datetime
    last_used_at: datetime | None


class PasskeyAdded(BaseModel):
    """The new passkey; with it, once, recovery codes where it is the first second factor."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "passkey": {
                    "id": 3,
                    "name": "Laptop",
                    "is_backed_up": True,
                    "created_at": "2026-03-02T09:14:00Z",
                    "last_used_at": None,
                },
                "recovery_codes": None,
            }
        }
    )

    passkey: PasskeyOut
    recovery_codes: list[str] | None


class CeremonyOut(BaseModel):
    """What the browser is to be asked, and the ticket to send with its answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "options": {"challenge": "c2VjcmV0", "rpId": "dms.example.org"},
                "ticket": "eyJ…",
            }
        }
    )

    options: dict[str, Any] = Field(
        description="For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`."
    )
    ticket: str


class PasskeyCreate(BaseModel):
    """A passkey that was just made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"ticket": "eyJ…", "name": "Laptop", "credential": _CREDENTIAL_EXAMPLE}
        },
    )

    ticket: Ticket
    name: Name
    credential: Credential


class PasskeyRename(BaseModel):
    """Another name for a passkey."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Laptop"}})

    name: Name
