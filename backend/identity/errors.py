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


class SecondFactorRequiredError(UnauthenticatedError):
    """The password was right, and a second factor is asked for.

    The problem holds `ticket`, to be sent with it within `expires_in` seconds, and `methods`.
    """

    code = "second_factor_required"
    title = "One more step"

    @property
    def headers(self) -> dict[str, str]:
        """Keep the ticket out of caches."""
        return {**super().headers, "Cache-Control": "no-store"}


class EnrolmentRequiredError(SecondFactorRequiredError):
    """The password was right, and the organisation asks for a second factor, which the user is to set up first.

    The problem holds `ticket`, to be sent with `POST /auth/enrolment` within `expires_in` seconds.
    """

    code = "enrolment_required"
    title = "Set up a second factor"


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


class OwnCredentialsError(ForbiddenError):
    """An administrator may not set anew what the administrator signs in with: that takes a proof, as of anybody."""

    code = "own_credentials"
    title = "Your own credentials"


class NoPasswordError(ConflictError):
    """The user is a program, which has keys and no password."""

    code = "no_password"
    title = "Programs have no password"


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
