"""What can be wrong with a search."""

from backend.core.errors import InvalidError


class InvalidQueryError(InvalidError):
    """A field filter in the query has a value it cannot take.

    `position` and `length` say where in the query, in characters from 0.
    """

    code = "invalid_query"
    title = "Invalid query"
