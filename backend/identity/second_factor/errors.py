"""Errors of the second factor."""

from backend.core.errors import ConflictError, ForbiddenError, UnauthenticatedError


class WrongCodeError(ForbiddenError):
    """The code is wrong, too old, or was used before."""

    code = "wrong_code"
    title = "Wrong code"


class WrongSignInCodeError(UnauthenticatedError):
    """The code given to sign in with is wrong, too old, or was used before."""

    code = "wrong_code"
    title = "Wrong code"


class AuthenticatorExistsError(ConflictError):
    """The user has an authenticator app already."""

    code = "authenticator_exists"
    title = "There is an authenticator app already"


class NoAuthenticatorError(ConflictError):
    """The user has no authenticator app, or has not begun to set one up."""

    code = "no_authenticator"
    title = "There is no authenticator app"
