"""Wire shapes of recovery."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from backend.identity.schemas import NewPassword
from backend.notifications.mail import Language


class ResetRequest(BaseModel):
    """Who forgot a password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"email": "grace@example.org", "language": "en"}},
    )

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)]
    language: Language = Language.ENGLISH


class ResetRedeem(BaseModel):
    """What the link carries, and the new password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "token": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4",
                "password": "staple and a few more",
            }
        },
    )

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: NewPassword
