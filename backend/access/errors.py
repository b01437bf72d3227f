"""Errors of access."""

from backend.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError


class PrincipalNotFoundError(NotFoundError):
    """The organisation has no such active user, or no such group."""

    code = "principal_not_found"
    title = "No such user or group"


class GrantNotFoundError(NotFoundError):
    """There is no such grant on the folder or document."""

    code = "grant_not_found"
    title = "No such grant"


class PolicyNotFoundError(NotFoundError):
    """The organisation has no such policy, or the policy no such version."""

    code = "policy_not_found"
    title = "No such policy"


class PolicyNameTakenError(ConflictError):
    """Another policy has this name."""

    code = "policy_name_taken"
    title = "The name is taken"


class PolicyInvalidError(InvalidError):
    """The document is no policy; `errors` says where (a JSON pointer, RFC 6901) and why, each."""

    code = "policy_invalid"
    title = "Not a policy"


class NameInvalidError(InvalidError):
    """A principal, resource or action is not written as one."""

    code = "invalid_name"
    title = "Not a name"


class GrantExceedsError(ForbiddenError):
    """Nobody can give what they do not hold themselves; `actions` says what is lacking."""

    code = "grant_exceeds"
    title = "More than you hold"


class ReasonMissingError(InvalidError):
    """An administrator who takes access to what was not given says why."""

    code = "reason_missing"
    title = "Give a reason"
