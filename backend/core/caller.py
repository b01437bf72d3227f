"""Where the request being served comes from, as far as the network and the caller's own words tell."""

from contextvars import ContextVar
from dataclasses import dataclass

_MOST_OF_AGENT = 400


@dataclass(frozen=True, slots=True)
class Caller:
    """The other end of a request: its network address and what its program calls itself."""

    address: str | None = None
    user_agent: str | None = None


_caller: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039  # it is frozen


def current_caller() -> Caller:
    """Return where the request being served comes from; nothing is known outside of requests."""
    return _caller.get()


def bind_caller(address: str | None, user_agent: str | None) -> None:
    """Make this the current caller. What it says of itself is cut to a length and to what can be printed."""
    said = None
    if user_agent:
        said = "".join(one for one in user_agent[:_MOST_OF_AGENT] if one.isprintable())
    _caller.set(Caller(address, said))
