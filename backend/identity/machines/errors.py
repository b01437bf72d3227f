"""Errors of service accounts, and those that OAuth 2 prescribes for its token endpoint (RFC 6749, 5.2)."""

from backend.core.errors import DomainError, NotFoundError


class ServiceAccountNotFoundError(NotFoundError):
    """The organisation has no such service account."""

    code = "service_account_not_found"
    title = "No such service account"


class TokenRequestError(DomainError):
    """A token was asked for in the wrong way. The answer has the members `error` and `error_description` of OAuth 2."""

    media_type = "application/json"
    code = "invalid_request"
    title = "The token request is not valid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error=self.code, error_description=detail)

    @property
    def headers(self) -> dict[str, str]:
        """Keep answers out of caches (RFC 6749, 5.1)."""
        return {"Cache-Control": "no-store", "Pragma": "no-cache"}


class UnsupportedGrantError(TokenRequestError):
    """A grant other than that of client credentials."""

    code = "unsupported_grant_type"


class InvalidScopeError(TokenRequestError):
    """More is asked for than the key extends to, or what is asked for is no scope."""

    code = "invalid_scope"


class InvalidClientError(TokenRequestError):
    """The client is not known, its secret is wrong, or it did not say who it is."""

    status = 401
    code = "invalid_client"
    title = "Unknown client"

    @property
    def headers(self) -> dict[str, str]:
        """Name the scheme that a client may use (RFC 6749, 5.2)."""
        return {**super().headers, "WWW-Authenticate": 'Basic realm="token"'}
