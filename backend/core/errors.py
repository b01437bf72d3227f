"""Domain errors: classes with a status, a stable code and data, rendered once as problem+json (RFC 9457).

Domains subclass these in their own `errors.py`. How they become a response is `problems.py`.
"""

from typing import ClassVar


class DomainError(Exception):
    """Something the caller can be told: what was wrong and what to do about it.

    Keyword arguments become members of the problem document beside `detail`. The media type differs only where another
    standard prescribes it.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "The request cannot be served"
    retry_after: ClassVar[int | None] = None
    media_type: ClassVar[str] = "application/problem+json"

    def __init__(self, detail: str, **data: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.data = data

    @property
    def headers(self) -> dict[str, str]:
        """Headers the response carries beside the body."""
        seconds = self.data.get("retry_after", self.retry_after)
        return {} if seconds is None else {"Retry-After": str(seconds)}


class NotFoundError(DomainError):
    """It does not exist, or the actor may not know that it does."""

    status = 404
    code = "not_found"
    title = "Not found"


class ForbiddenError(DomainError):
    """The actor may see it but not do this to it."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class UnauthenticatedError(DomainError):
    """Nobody, or nobody still welcome, is signed in."""

    status = 401
    code = "unauthenticated"
    title = "Sign in first"

    @property
    def headers(self) -> dict[str, str]:
        """Name the scheme (RFC 9110, 11.6.1)."""
        return {"WWW-Authenticate": "Bearer"}


class SessionRequiredError(ForbiddenError):
    """Only the person may do it, signed in; an API key may not, whatever its scopes."""

    code = "session_required"
    title = "Not with an API key"


class ConflictError(DomainError):
    """The request contradicts the state of things."""

    status = 409
    code = "conflict"
    title = "Conflict"


class StaleError(DomainError):
    """Somebody else changed it since the caller read it (If-Match failed)."""

    status = 412
    code = "stale"
    title = "Changed by someone else"


class InvalidError(DomainError):
    """A value the schema lets through but the domain does not."""

    status = 422
    code = "invalid"
    title = "Invalid value"


class UnavailableError(DomainError):
    """Something the service depends on does not answer; trying again later helps."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"
    retry_after = 5
