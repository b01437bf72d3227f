"""Who is asking: the value every service takes beside the session, and what it is found by."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

ADMINISTER = "dms:organisation:Administer"
"""The action that a limited credential must extend to before it administers anything."""
READ_TRAIL = "dms:organisation:Audit"
"""The action that a limited credential must extend to before it reads the audit trail."""
KEY_SESSION = "key:"
"""How `Actor.session_id` begins where an API key stands behind the request: `key:7`."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the caller presented, unverified."""

    bearer: str | None = None
    api_key: str | None = None


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
    """The session the actor signed in with, or the API key in its place (`key:7`); none where neither is there."""
    scopes: frozenset[str] | None = None
    """Patterns of the actions that the credentials are limited to (`dms:*:Read`); None: not limited."""

    @property
    def is_administrator(self) -> bool:
        """Whether the actor administers the organisation, and the credentials extend to that."""
        return self.role is Role.ADMINISTRATOR and self.in_scope(ADMINISTER)

    @property
    def is_auditor(self) -> bool:
        """Whether the actor reads the organisation's trail and nothing else."""
        return self.role is Role.AUDITOR

    @property
    def reads_trail(self) -> bool:
        """Whether the actor may read the organisation's audit trail."""
        return self.role in {Role.AUDITOR, Role.ADMINISTRATOR} and self.in_scope(READ_TRAIL)

    @property
    def is_signed_in(self) -> bool:
        """Whether a person's session is behind the request, and not a key."""
        return self.session_id is not None and not self.session_id.startswith(KEY_SESSION)

    def in_scope(self, action: str) -> bool:
        """Whether the credentials extend to an action; what the user may do is another question."""
        return self.scopes is None or any(fnmatchcase(action, scope) for scope in self.scopes)
