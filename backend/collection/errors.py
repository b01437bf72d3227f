"""What can go wrong with what holds collection off."""

from backend.core.errors import ConflictError


class PinExpiredError(ConflictError):
    """The pin was not renewed in time: blobs may have been collected since."""

    code = "pin_expired"
    title = "The store is no longer held"
