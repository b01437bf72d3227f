"""Errors of identities that others vouch for."""

from backend.core.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError


class ProviderNotFoundError(NotFoundError):
    """The settings name no such provider."""

    code = "provider_not_found"
    title = "No such provider"


class IdentityRefusedError(ForbiddenError):
    """Whoever signed in there is not let in here: e-mail address not verified, or of a domain that is not allowed."""

    code = "identity_refused"
    title = "Not allowed to sign in here"


class LinkNeededError(ConflictError):
    """Another account here has the e-mail address; only its owner can link the two."""

    code = "link_needed"
    title = "Sign in and link the accounts first"


class IdentityTakenError(ConflictError):
    """The identity is linked to another user."""

    code = "identity_taken"
    title = "Linked to another user"


class ProviderFailedError(UnauthenticatedError):
    """The provider refused, or what it answered cannot be trusted."""

    code = "provider_failed"
    title = "The provider did not confirm the sign-in"
