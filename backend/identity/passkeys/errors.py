"""Errors of passkeys."""

from backend.core.errors import ConflictError, InvalidError, NotFoundError, UnauthenticatedError


class PasskeyRefusedError(UnauthenticatedError):
    """What the authenticator answered does not prove who signs in."""

    code = "passkey_refused"
    title = "The passkey was not accepted"

    def __init__(self, detail: str, *, user_id: int | None = None) -> None:
        # For the trail, not for the answer.
        super().__init__(detail)
        self.user_id = user_id


class PasskeyInvalidError(InvalidError):
    """What the authenticator answered is no new passkey for this user and these pages."""

    code = "passkey_invalid"
    title = "The passkey cannot be added"


class PasskeyExistsError(ConflictError):
    """The passkey is registered already."""

    code = "passkey_exists"
    title = "The passkey is there already"


class PasskeyNotFoundError(NotFoundError):
    """There is no such passkey, or it is somebody else's."""

    code = "passkey_not_found"
    title = "No such passkey"


class TooManyPasskeysError(ConflictError):
    """The user has as many passkeys as one may have."""

    code = "too_many_passkeys"
    title = "Too many passkeys"
