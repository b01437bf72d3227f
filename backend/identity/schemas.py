"""Wire shapes of identity."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from backend.core.actor import Role
from backend.identity.models import UserKind

_USER_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "email": "grace@example.org",
    "name": "Grace Hopper",
    "role": "member",
    "is_active": True,
    "created_at": "2026-03-02T09:14:00Z",
}


def _is_address(email: str) -> str:
    """Check the form, loosely: only mail that arrives proves an address, and intranets use any domain."""
    local, at, domain = email.rpartition("@")
    if not (at and local and domain) or "@" in local or not email.isprintable() or " " in email:
        raise ValueError("must be an e-mail address")
    return email


Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    AfterValidator(_is_address),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Password = Annotated[str, StringConstraints(max_length=1_000)]
NewPassword = Annotated[
    str,
    StringConstraints(min_length=8, max_length=1_000),
    Field(description="Length is what counts; any characters, of any script."),
]


class LoginIn(BaseModel):
    """Who signs in, and the proof."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"email": "grace@example.org", "password": "correct horse battery"}
        }
    )

    email: Annotated[str, StringConstraints(strip_whitespace=True, max_length=254)]
    password: Password
    otp: str | None = Field(
        default=None,
        max_length=64,
        description="A code of the authenticator app, or a recovery code, where there is one.",
    )


class TokenOut(BaseModel):
    """An access token, and for how many seconds it is good."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.x5o",
                "token_type": "bearer",
                "expires_in": 900,
            }
        }
    )

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the name of a scheme (RFC 6750)
    expires_in: int


class UserRef(BaseModel):
    """A user, as others are shown one."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {"id": 7, "email": "grace@example.org", "name": "Grace Hopper"}
        },
    )

    id: int
    email: str
    name: str


class OrganisationRef(BaseModel):
    """An organisation by name."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"example": {"id": 1, "name": "Example Ltd"}}
    )

    id: int
    name: str


class MeOut(BaseModel):
    """Who is signed in."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "user": {"id": 7, "email": "grace@example.org", "name": "Grace Hopper"},
                "organisation": {"id": 1, "name": "Example Ltd"},
                "role": "member",
            }
        }
    )

    user: UserRef
    organisation: OrganisationRef
    role: Role


class PasswordChange(BaseModel):
    """A new password, and the proof that its owner asks."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "current_password": "correct horse battery",
                "new_password": "staple and a few more",
            }
        },
    )

    current_password: Password
    new_password: NewPassword


class UserOut(BaseModel):
    """A user of the organisation."""

    model_config = ConfigDict(json_schema_extra={"example": _USER_EXAMPLE})

    id: int
    email: str
    name: str
    role: Role
    is_active: bool
    created_at: datetime


class UserListed(UserOut):
    """A user in the list that administrators work with."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {**_USER_EXAMPLE, "kind": "person", "has_second_factor": True}
        }
    )

    kind: UserKind = Field(description="A person, or a program: a service account.")
    has_second_factor: bool = Field(description="An authenticator app or a passkey was set up.")


class UserCreate(BaseModel):
    """A new user of the organisation."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "email": "grace@example.org",
                "name": "Grace Hopper",
                "password": "correct horse battery",
                "role": "member",
            }
        },
    )

    email: Email
    name: Name
    password: NewPassword
    role: Role = Role.MEMBER


class UserUpdate(BaseModel):
    """What is to change of a user; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"is_active": False}})

    name: Name | None = None
    role: Role | None = None
    is_active: bool | None = None
    password: NewPassword | None = None
