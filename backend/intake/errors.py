"""What can go wrong with ways in."""

from backend.core.errors import ConflictError, DomainError, InvalidError, NotFoundError


class SourceNotFoundError(NotFoundError):
    """The organisation has no such source."""

    code = "source_not_found"
    title = "No such way in"


class ItemNotFoundError(NotFoundError):
    """The organisation's journal has no such item."""

    code = "item_not_found"
    title = "No such item"


class ItemFiledError(ConflictError):
    """The item has been filed; there is nothing to try again."""

    code = "item_filed"
    title = "It has been filed"


class SourcePausedError(ConflictError):
    """The source is switched off: nothing looks at it."""

    code = "source_paused"
    title = "The way in is switched off"


class NotOfThisKindError(ConflictError):
    """A source of this kind cannot do that."""

    code = "not_of_this_kind"
    title = "Not with this kind of way in"


class AddressTakenError(ConflictError):
    """Letters to this address go elsewhere already."""

    code = "address_taken"
    title = "The address is taken"


class SettingsRefusedError(InvalidError):
    """The installation does not let a source do this: a directory or an address it may not have."""

    code = "settings_refused"
    title = "Not allowed in this installation"


class RuleInvalidError(InvalidError):
    """A rule says something that cannot be; `rule` is its place in the list, from 0."""

    code = "rule_invalid"
    title = "The rule is not valid"


class UnforeseenError(DomainError):
    """Something went wrong that nobody thought of; the log has all of it."""

    status = 500
    code = "unforeseen"
    title = "Something went wrong"


class SourceUnreachableError(Exception):
    """The directory or the mail server cannot be had now; the message says why, to a person."""
