"""Where the request being served comes from: what the edge knows and the trail records, without handing it through."""

from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Origin:
    """A caller's network address, and the session that the caller presented; both unknown outside of a request."""

    address: str | None = None
    session_id: str | None = None


_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 - frozen


def current_origin() -> Origin:
    """Return where the request being served comes from."""
    return _origin.get()


def bind_address(address: str | None) -> None:
    """Begin a request from a network address; whose it is, is not known yet."""
    _origin.set(Origin(address=address))


def bind_session(session_id: str | None) -> None:
    """Say which session the request belongs to, once that is verified."""
    _origin.set(replace(_origin.get(), session_id=session_id))
