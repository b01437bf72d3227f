"""Errors of presence."""

from backend.core.errors import NotFoundError


class SessionNotFoundError(NotFoundError):
    """The user has no such session, or it has ended."""

    code = "session_not_found"
    title = "No such session"


class OrganisationNotFoundError(NotFoundError):
    """The user does not belong to such an organisation."""

    code = "organisation_not_found"
    title = "No such organisation"
