"""Errors of identity."""

from backend.core.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
)


class InvalidCredentialsError(UnauthenticatedError):
    """No active user has this e-mail address and password."""

    code = "invalid_credentials"
    title = "Wrong e-mail address or password"


class SessionEndedError(UnauthenticatedError):
    """The session was ended, has expired, or never was."""

    code = "session_ended"
    title = "The session has ended"


class InvalidTicketError(UnauthenticatedError):
    """A ticket is forged, has expired, or was made for another purpose."""

    code = "invalid_ticket"
    title = "The ticket is not valid"


class TooManyAttemptsError(DomainError):
    """Too many failed sign-ins from one address; `retry_after` says for how many seconds to wait."""

    status = 429
    code = "too_many_attempts"
    title = "Too many attempts"


class WrongPasswordError(ForbiddenError):
    """The current password given with a new one is wrong."""

    code = "wrong_password"
    title = "Wrong password"


class ForeignOriginError(ForbiddenError):
    """A page of another site sent the request."""

    code = "foreign_origin"
    title = "Not from this site"


class UserNotFoundError(NotFoundError):
    """The organisation has no such user."""

    code = "user_not_found"
    title = "No such user"


class EmailTakenError(ConflictError):
    """Another user has this e-mail address."""

    code = "email_taken"
    title = "E-mail address taken"


class LastAdministratorError(ConflictError):
    """The organisation would be left without an active administrator."""

    code = "last_administrator"
    title = "The last administrator"


class SharedUserError(ConflictError):
    """The user belongs to another organisation too, so name and password are not this one's to set."""

    code = "shared_user"
    title = "User of several organisations"
