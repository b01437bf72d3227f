"""Values as the statements of search take them."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Text, cast, literal
from sqlalchemy.dialects.postgresql import TSQUERY

SIMILARITY = "0.5"
"""How alike a word and a part of a name must be, of 0 to 1, as the setting of pg_trgm takes it."""


def as_tsquery(value: str) -> ColumnElement[Any]:
    """Return the text of a query that is compiled already, as a tsquery."""
    return cast(literal(value, Text), TSQUERY)


def as_array(ids: Collection[int]) -> ColumnElement[Any]:
    """Return ids as one array: a statement has the same text for any number of them."""
    return literal(list(ids), ARRAY(BigInteger))
