"""Wire shapes of signing in."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backend.identity.passkeys.schemas import Credential
from backend.identity.passkeys.schemas import Ticket as PasskeyTicket
from backend.identity.schemas import TokenOut
from backend.identity.second_factor.schemas import Code

Ticket = Annotated[str, Field(max_length=4_000, description="The ticket of the step before.")]

_CREDENTIAL_EXAMPLE: dict[str, Any] = {
    "id": "dGVzdA",
    "rawId": "dGVzdA",
    "type": "public-key",
    "response": {},
}


class SecondStepIn(BaseModel):
    """The second factor, after the password."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ticket": "eyJ…", "code": "492039"}}
    )

    ticket: Ticket
    code: Code


class EnrolmentIn(BaseModel):
    """The ticket that allows for setting up a second factor."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"ticket": "eyJ…"}})

    ticket: Ticket


class EnrolledOut(TokenOut):
    """A session, and the recovery codes of the factor that was just set up, shown once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.x5o",
                "token_type": "bearer",
                "expires_in": 900,
                "recovery_codes": ["7k2m-9qxe-4t0v-h8zn"],
            }
        }
    )

    recovery_codes: list[str]


class PasskeyBegin(BaseModel):
    """Which passkeys may answer: those of whoever gave the password, or any."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"ticket": None}})

    ticket: Ticket | None = None


class PasskeySignIn(BaseModel):
    """What a passkey answered, by itself or after a password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "passkey_ticket": "eyJ…",
                "credential": _CREDENTIAL_EXAMPLE,
                "ticket": None,
            }
        },
    )

    passkey_ticket: PasskeyTicket
    credential: Credential
    ticket: Ticket | None = None
