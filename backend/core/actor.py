"""Who is asking: the value every service takes beside the session."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a user is in an organisation."""

    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    AUDITOR = "auditor"
    """Reads the trail and nothing else."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in user acting within one organisation."""

    user_id: int
    org_id: int
    role: Role
    name: str
    session_id: str | None = None
    """The session the actor signed in with; none where no session is behind the request."""

    @property
    def is_administrator(self) -> bool:
        """Whether the actor administers the organisation."""
        return self.role is Role.ADMINISTRATOR

    @property
    def is_auditor(self) -> bool:
        """Whether the actor reads the organisation's trail and nothing else."""
        return self.role is Role.AUDITOR

    @property
    def reads_trail(self) -> bool:
        """Whether the actor may read the organisation's audit trail."""
        return self.is_auditor or self.is_administrator
