"""Errors of access."""

from backend.core.errors import NotFoundError


class UserNotFoundError(NotFoundError):
    """There is no such active user in the organisation to share something with."""

    code = "user_not_found"
    title = "No such user"
