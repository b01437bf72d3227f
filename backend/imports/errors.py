"""What can be wrong with a directory, or with one file of it."""

from backend.core.errors import ConflictError, InvalidError


class UnreadableError(InvalidError):
    """The operating system does not let us read it."""

    code = "unreadable"
    title = "It cannot be read"


class SymbolicLinkError(InvalidError):
    """It is a link: what it leads to was not named by whoever asked for the import."""

    code = "symbolic_link"
    title = "It is a symbolic link"


class SpecialFileError(InvalidError):
    """It is a device, a socket or a pipe."""

    code = "special_file"
    title = "It is no file"


class ChangedWhileReadError(ConflictError):
    """Somebody wrote to it: what was read may be neither the former nor the new content."""

    code = "changed_while_read"
    title = "It was changed while it was read"


class DocumentGoneError(ConflictError):
    """The file has changed, and what it became was discarded since."""

    code = "document_gone"
    title = "Its document is gone"
