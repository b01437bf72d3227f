"""SQL of who has the same content."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    LargeBinary,
    Select,
    any_,
    bindparam,
    func,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.service import Readable
from backend.documents.models import Blob, Document, Version


async def names_of_content(session: AsyncSession, digest: bytes, owner_id: int) -> Sequence[str]:
    """Return the names of an owner's documents that have, or had, this content."""
    has_it = (
        select(Version.id)
        .join(Blob, Blob.id == Version.blob_id)
        .where(Version.document_id == Document.id, Blob.digest == digest)
    )
    statement = select(Document.name).where(Document.owner_id == owner_id, has_it.exists())
    return (await session.scalars(statement.order_by(Document.name_order))).all()


async def documents_of(session: AsyncSession, version_ids: Collection[int]) -> dict[int, int]:
    """Return the documents of versions, by these."""
    statement = select(Version.id, Version.document_id).where(Version.id.in_(version_ids))
    return {row[0]: row[1] for row in await session.execute(statement)}


class Holder(NamedTuple):
    """A document with the newest of its versions that has some content."""

    document_id: int
    name: str
    folder_id: int
    version: int
    is_current: bool


class HolderOf(NamedTuple):
    """A document that has the content of a digest."""

    digest: bytes
    holder: Holder


async def holders(
    session: AsyncSession,
    readable: Readable,
    digests: Collection[bytes],
    *,
    but: int | None,
    limit: int,
) -> list[HolderOf]:
    """Return the first `limit` readable documents of each digest, those whose current version it is first."""
    parameters = {"digests": list(digests), "but": but, "limit": limit}
    rows = await session.execute(_holders(readable), parameters)
    return [HolderOf(row[0], Holder(*row[1:])) for row in rows]


@lru_cache(maxsize=64)
def _holders(readable: Readable) -> Select[*tuple[Any, ...]]:
    """Return the statement for those who may read the same: each upload asks it, and building it takes longer."""
    is_current = func.bool_or(Version.id == Document.current_version_id)
    documents = (
        select(
            Document.id,
            Document.name,
            Document.folder_id,
            func.max(Version.number).label("version"),
            is_current.label("is_current"),
        )
        .select_from(Version)
        .join(Document, Document.id == Version.document_id)
        .where(
            Version.blob_id == Blob.id,
            Document.deleted_at.is_(None),
            Document.id.is_distinct_from(bindparam("but", type_=BigInteger)),
            readable.documents(Document.id, Document.folder_id),
        )
        .group_by(Document.id)
        .order_by(is_current.desc(), Document.id)
        .limit(bindparam("limit", type_=Integer))
    )
    found = documents.correlate(Blob).lateral("found")
    return (
        select(Blob.digest, found)
        .join(found, true())
        .where(
            Blob.digest == any_(bindparam("digests", type_=ARRAY(LargeBinary))),
            Blob.size > 0,
        )
        .order_by(Blob.digest, found.c.is_current.desc(), found.c.id)
    )
