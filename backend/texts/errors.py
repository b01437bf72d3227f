"""What can be wrong with a page's text, or with what is asked of it."""

from backend.core.errors import ConflictError, InvalidError, NotFoundError


class PageNotFoundError(NotFoundError):
    """The version has no such page, or none was read yet."""

    code = "page_not_found"
    title = "No such page"


class LayerNotFoundError(NotFoundError):
    """The version has no text layer of this number."""

    code = "layer_not_found"
    title = "No such text layer"


class NotRecognisableError(ConflictError):
    """The document has no pages that could be recognised as pictures, or those asked for are none."""

    code = "not_recognisable"
    title = "There is nothing to recognise"


class StillReadingError(ConflictError):
    """The text is being read; what is asked for has to wait until it was."""

    code = "still_reading"
    title = "The text is being read"


class UnknownLanguageError(InvalidError):
    """A language that no engine reads."""

    code = "unknown_language"
    title = "Unknown language"


class NoTextError(NotFoundError):
    """The version has no text, or not yet."""

    code = "no_text"
    title = "No text"
