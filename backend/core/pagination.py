"""Keyset pagination: an opaque cursor holds the sort key of the last row shown."""

import base64
import binascii
import json
from collections.abc import Collection
from itertools import accumulate, pairwise
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, Field

from backend.core.errors import InvalidError

T = TypeVar("T")
MAX_LIMIT = 200

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many items at most.")]
Cursor = Annotated[
    str | None, Field(max_length=2_000, description="`next_cursor` of the page before.")
]


class InvalidCursorError(InvalidError):
    """The cursor is not one this list gave out."""

    code = "invalid_cursor"
    title = "Invalid cursor"


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(*key: Any) -> str:
    """Return the cursor that stands for a sort key of JSON values."""
    return (
        base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":"), default=str).encode())
        .decode()
        .rstrip("=")
    )


def decode_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """Return the sort key a cursor stands for.

    Raises:
        InvalidCursorError: it was not made by `encode_cursor` for values of these types.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise InvalidCursorError(
            "This cursor was not given out by this list; start without one."
        ) from error
    valid = isinstance(key, list) and len(key) == len(types)
    if not valid or not all(
        isinstance(value, kind) for value, kind in zip(key, types, strict=True)
    ):
        raise InvalidCursorError("This cursor was not given out by this list; start without one.")
    return tuple(key)


def encode_ids(ids: Collection[int]) -> str:
    """Return a set of ids, for a cursor: each as what is added to the one before, in hexadecimal."""
    ordered = sorted(ids)
    steps = [after - before for before, after in pairwise([0, *ordered])]
    return ".".join(f"{step:x}" for step in steps)


def decode_ids(encoded: str) -> tuple[int, ...]:
    """Return the ids of a cursor, in ascending order.

    Raises:
        ValueError: it was not made by `encode_ids`, or a sum is no id.
    """
    ids = tuple(accumulate(int(step, 16) for step in encoded.split(".") if encoded))
    if any(not 0 <= one < 2**63 for one in ids):
        raise ValueError("no ids")
    return ids
