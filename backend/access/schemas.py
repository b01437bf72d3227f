"""Wire shapes of sharing. The routes stand with folders."""

from pydantic import BaseModel, ConfigDict

from backend.access.models import ShareRole
from backend.identity.schemas import UserRef


class MemberIn(BaseModel):
    """How a cabinet is to be shared with a user."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"role": "editor"}})

    role: ShareRole


class MemberOut(BaseModel):
    """A user with whom a cabinet is shared."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "user": {"id": 7, "email": "grace@example.org", "name": "Grace Hopper"},
                "role": "editor",
            }
        }
    )

    user: UserRef
    role: ShareRole
