"""Where the request being served comes from: what the edge knows and others ask, without being handed through."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

_MOST_OF_AGENT = 400


@dataclass(frozen=True, slots=True)
class Origin:
    """The other end of a request; nothing of it is known outside of one."""

    address: str | None = None
    """The caller's network address."""
    user_agent: str | None = None
    """What the caller's program calls itself."""
    session_id: str | None = None
    """The session that the caller presented."""


_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 - frozen


def current_origin() -> Origin:
    """Return where the request being served comes from."""
    return _origin.get()


def bind_caller(address: str | None, user_agent: str | None = None) -> None:
    """Begin a request from a network address; whose it is, is not known yet.

    What the caller says of itself is cut to a length and to what can be printed.
    """
    said = None
    if user_agent:
        said = "".join(one for one in user_agent[:_MOST_OF_AGENT] if one.isprintable())
    _origin.set(Origin(address=address, user_agent=said))


@contextmanager
def on_behalf_of(session_id: str) -> Iterator[None]:
    """Say of what the block does where it comes from, outside of any request."""
    token = _origin.set(Origin(session_id=session_id))
    try:
        yield
    finally:
        _origin.reset(token)


def bind_session(session_id: str | None) -> None:
    """Say which session the request belongs to, once that is verified."""
    _origin.set(replace(_origin.get(), session_id=session_id))
