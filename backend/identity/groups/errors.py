"""Errors of groups."""

from backend.core.errors import ConflictError, InvalidError, NotFoundError


class GroupNotFoundError(NotFoundError):
    """The organisation has no such group."""

    code = "group_not_found"
    title = "No such group"


class GroupNameTakenError(ConflictError):
    """Another group of the organisation has this name."""

    code = "group_name_taken"
    title = "Group name taken"


class GroupCycleError(ConflictError):
    """The group would be inside itself. `path` names the groups from the one to be added down to the one it is for."""

    code = "group_cycle"
    title = "A group cannot be inside itself"


class GroupInUseError(ConflictError):
    """Something refers to the group; `dependents` says how many rows of what."""

    code = "group_in_use"
    title = "The group is in use"


class InvalidPrincipalError(InvalidError):
    """Not `user:<id>` or `group:<id>`."""

    code = "invalid_principal"
    title = "Neither a user nor a group"
