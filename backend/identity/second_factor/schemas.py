"""Wire shapes of the second factor."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.identity.models import RequiredOf

Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    Field(description="Six digits of the authenticator app, or a recovery code."),
]

_CODES_EXAMPLE: list[Any] = ["7k2m-9qxe-4t0v-h8zn", "c3wd-51rb-yj6p-0fga"]


class SecondFactorOut(BaseModel):
    """What one can sign in with beside the password."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "authenticator_since": "2026-03-02T09:14:00Z",
                "recovery_codes": 9,
                "required": True,
            }
        }
    )

    authenticator_since: datetime | None = Field(description="Null: no app was set up.")
    recovery_codes: int = Field(description="How many are left.")
    required: bool = Field(description="Whether the organisation asks for a second factor.")


class EnrolmentOut(BaseModel):
    """What an authenticator app is set up with; shown once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                "uri": "otpauth://totp/DMS:grace%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=DMS",
                "qr_svg": "<svg></svg>",
            }
        }
    )

    secret: str = Field(description="To be typed where no camera is at hand.")
    uri: str
    qr_svg: str = Field(description="The URI as a QR code, an SVG document.")


class CodeIn(BaseModel):
    """A code."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "492039"}})

    code: Code


class RecoveryCodesOut(BaseModel):
    """New recovery codes, and the only time that they are shown. Former ones are good no more."""

    model_config = ConfigDict(json_schema_extra={"example": {"recovery_codes": _CODES_EXAMPLE}})

    recovery_codes: list[str]


class SignInPolicy(BaseModel):
    """What the organisation asks of those who sign in."""

    model_config = ConfigDict(
        from_attributes=True,
        extra="forbid",
        json_schema_extra={"example": {"second_factor": "administrators"}},
    )

    second_factor: RequiredOf = Field(description="Of whom a second factor is required.")


class Coverage(BaseModel):
    """How far second factors have come among the active people of an organisation."""

    people: int
    without: int = Field(description="How many of them have set up none.")


class SignInPolicyOut(SignInPolicy):
    """What the organisation asks, and whom a change would concern."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "second_factor": "administrators",
                "everybody": {"people": 40, "without": 31},
                "administrators": {"people": 2, "without": 0},
            }
        }
    )

    everybody: Coverage
    administrators: Coverage
