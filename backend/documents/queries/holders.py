"""SQL of who has the same content."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

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
    visible: ColumnElement[bool],
    digests: Collection[bytes],
    *,
    but: int | None,
    limit: int,
) -> list[HolderOf]:
    """Return the first `limit` readable documents of each digest, those whose current version it is first."""
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
        .where(Version.blob_id == Blob.id, Document.deleted_at.is_(None), visible)
        .group_by(Document.id)
        .order_by(is_current.desc(), Document.id)
        .limit(limit)
    )
    if but is not None:
        documents = documents.where(Document.id != but)
    found = documents.correlate(Blob).lateral("found")
    statement = (
        select(Blob.digest, found)
        .join(found, true())
        .where(Blob.digest.in_(digests), Blob.size > 0)
        .order_by(Blob.digest, found.c.is_current.desc(), found.c.id)
    )
    rows = await session.execute(statement)
    return [HolderOf(row[0], Holder(*row[1:])) for row in rows]
