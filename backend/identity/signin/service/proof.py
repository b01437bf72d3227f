"""Who somebody has proven to be, and how; and the tickets that carry it from one step to the next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.identity import tickets
from backend.identity.sessions import SessionKeeper

SECOND_STEP = "second step"
ENROLMENT = "enrolment"
PASSWORD, PASSKEY, DIRECTORY = "password", "passkey", "directory"  # names of methods
INVITATION, SWITCH = "invitation", "switch"


@dataclass(frozen=True, slots=True)
class Proven:
    """Who somebody has proven to be so far, and how."""

    user_id: int
    method: str
    factor: str | None = None
    """What served as the second factor."""
    org_id: int | None = None
    """The organisation to sign in to; None for the one used last."""
    leaves: tuple[int, str] | None = None
    """The session that ends when this one begins: its organisation and id."""
    password: str | None = None
    """What the password that was given is known by; once it is changed, nothing was proven."""
    ends_at: datetime | None = None
    """When the session ends however often it is carried on: whoever vouched is to be asked again."""


def ticket_of(keeper: SessionKeeper, purpose: str, proven: Proven) -> str:
    """Return a ticket for the next step, to be brought by whoever has proven this."""
    data = {
        "user": proven.user_id,
        "method": proven.method,
        "org": proven.org_id,
        "leaves": proven.leaves,
        "password": proven.password,
        "ends_at": None if proven.ends_at is None else proven.ends_at.isoformat(),
    }
    return tickets.issue(keeper.signer, purpose, data)


def proven_by(data: Mapping[str, Any]) -> Proven:
    """Return what was proven by whoever brings a ticket, which was opened into this data."""
    leaves, ends_at = data["leaves"], data["ends_at"]
    return Proven(
        data["user"],
        data["method"],
        org_id=data["org"],
        leaves=None if leaves is None else (leaves[0], leaves[1]),
        password=data["password"],
        ends_at=None if ends_at is None else datetime.fromisoformat(ends_at),
    )


def known_by(keeper: SessionKeeper, password_hash: str) -> str:
    """Return what a password is known by until it is changed."""
    return keeper.signer.fingerprint("password", password_hash).hex()
