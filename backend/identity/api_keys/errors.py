"""Errors of API keys."""

from backend.core.errors import ConflictError, NotFoundError, UnauthenticatedError


class InvalidApiKeyError(UnauthenticatedError):
    """The key is unknown, has expired or was revoked, or its user is not active any more."""

    code = "invalid_api_key"
    title = "The API key is not valid"


class ApiKeyNotFoundError(NotFoundError):
    """There is no such key, or it is somebody else's."""

    code = "api_key_not_found"
    title = "No such API key"


class TooManyApiKeysError(ConflictError):
    """The user has as many keys as one may have."""

    code = "too_many_api_keys"
    title = "Too many API keys"
