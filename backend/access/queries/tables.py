"""The tables above access, by the columns that matter here. A path is the `ltree` of ids from the cabinet down."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Text,
    any_,
    cast,
    column,
    exists,
    func,
    literal,
    table,
)
from sqlalchemy.dialects.postgresql import JSONB

folders = table(
    "folders",
    column("id", BigInteger),
    column("org_id", BigInteger),
    column("parent_id", BigInteger),
    column("name", Text),
    column("path"),
    column("deleted_at", DateTime(timezone=True)),
)
documents = table(
    "documents",
    column("id", BigInteger),
    column("org_id", BigInteger),
    column("folder_id", BigInteger),
    column("name", Text),
    column("tags", ARRAY(Text)),
    column("properties", JSONB),
    column("owner_id", BigInteger),
    column("current_version_id", BigInteger),
    column("created_at", DateTime(timezone=True)),
    column("updated_at", DateTime(timezone=True)),
    column("deleted_at", DateTime(timezone=True)),
)
versions = table(
    "versions",
    column("id", BigInteger),
    column("blob_id", BigInteger),
    column("media_type", Text),
)
blobs = table("blobs", column("id", BigInteger), column("size", BigInteger))


def array(ids: Iterable[int]) -> ColumnElement[Sequence[int]]:
    """Return ids as one parameter."""
    return literal(sorted(ids), ARRAY(BigInteger))


def trail(of: FromClause) -> ColumnElement[Sequence[int]]:
    """Return the ids in a folder's path as an array."""
    return cast(func.string_to_array(func.ltree2text(of.c.path), "."), ARRAY(BigInteger))


def trail_above(of: FromClause) -> ColumnElement[Sequence[int]]:
    """Return the ids in a folder's path, without its own."""
    return func.trim_array(trail(of), 1, type_=ARRAY(BigInteger))


def overlaps(left: ColumnElement[Any], ids: Iterable[int]) -> ColumnElement[bool]:
    """Tell whether an array has one of the ids."""
    return left.bool_op("&&")(array(ids))


def in_trash(of: FromClause) -> ColumnElement[bool]:
    """Tell whether a folder, or one it stands in, was put in the trash."""
    ancestor = folders.alias()
    return exists().where(ancestor.c.id == any_(trail(of)), ancestor.c.deleted_at.is_not(None))
