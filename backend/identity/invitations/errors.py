"""Errors of invitations."""

from backend.core.errors import ConflictError, ForbiddenError, NotFoundError


class InvitationNotFoundError(NotFoundError):
    """There is no such invitation, or it was used, withdrawn or has expired."""

    code = "invitation_not_found"
    title = "The invitation is not valid"


class AlreadyInvitedError(ConflictError):
    """The address was invited and has not answered yet."""

    code = "already_invited"
    title = "Invited already"


class AlreadyMemberError(ConflictError):
    """The user with this address belongs to the organisation, active or deactivated."""

    code = "already_member"
    title = "A user already"


class AccountExistsError(ConflictError):
    """The invited has an account: signing in with it accepts the invitation."""

    code = "account_exists"
    title = "Sign in to accept"


class InvitationForAnotherError(ForbiddenError):
    """The invitation was sent to another address than that of the account signed in with."""

    code = "invitation_for_another"
    title = "The invitation is for another address"
