"""Errors of recovery."""

from backend.core.errors import DomainError, NotFoundError


class ResetLinkNotFoundError(NotFoundError):
    """The link was used, has expired, or never was."""

    code = "reset_link_not_found"
    title = "The link is not valid"


class NoMailServerError(DomainError):
    """Nothing can be sent: no mail server is set."""

    status = 503
    code = "no_mail_server"
    title = "Mail is not set up"
