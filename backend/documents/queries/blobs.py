"""SQL of blobs: recorded, held, counted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, cast, exists, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backend.documents.models import Blob, Version

_insert = insert(Blob.__table__)
# Built once: every upload puts one.
_PUT = _insert.on_conflict_do_update(
    index_elements=[Blob.org_id, Blob.digest],
    set_={
        "size": _insert.excluded.size,
        "marked_at": None,
        # Without a try it is scanned soon, for the version that is recorded says that it was not.
        "scan_tried_at": _insert.excluded.scan_tried_at,
        "scanned_with": func.coalesce(_insert.excluded.scanned_with, Blob.scanned_with),
    },
).returning(Blob.id, Blob.stored_size, Blob.quarantined_as)


async def put_blob(
    session: AsyncSession,
    *,
    org_id: int,
    digest: bytes,
    size: int,
    stored_size: int,
    scan_tried_at: datetime | None,
    scanned_with: int | None,
) -> Row[int, int, str | None]:
    """Return (id, stored size, signature) of the row of a blob about to be published, made or revived if need be.

    With a signature it is in quarantine. The row is locked until the transaction ends: a collection that has it is
    waited for, a later one passes it by.
    """
    values = {
        "org_id": org_id,
        "digest": digest,
        "size": size,
        "stored_size": stored_size,
        "scan_tried_at": scan_tried_at,
        "scanned_with": scanned_with,
    }
    # An upsert always has a row to return.
    return (await session.execute(_PUT, values)).one()


async def hold_blob(session: AsyncSession, blob_id: int) -> str | None:
    """Keep a blob from being quarantined or deleted until the transaction ends; return what it is in quarantine for."""
    return await session.scalar(
        select(Blob.quarantined_as)
        .where(Blob.id == blob_id)
        .with_for_update(read=True, key_share=True)
    )


async def set_stored_size(session: AsyncSession, blob_id: int, stored_size: int) -> None:
    """Say how many bytes the store needs for a blob that was just written."""
    values = {"stored_size": stored_size, "compacted_level": None}
    await session.execute(update(Blob).where(Blob.id == blob_id).values(values))


_STORED = (Blob.id, Blob.digest, Blob.size, Blob.stored_size)


async def blobs_after(
    session: AsyncSession, digest: bytes, *, limit: int
) -> Sequence[Row[int, bytes, int, int]]:
    """Return (id, digest, size, stored size) of blobs in the order of their digests, from after one on."""
    statement = select(*_STORED).where(Blob.digest > digest).order_by(Blob.digest).limit(limit)
    return (await session.execute(statement)).all()


async def hold_blobs(
    session: AsyncSession, blob_ids: Sequence[int]
) -> Sequence[Row[int, bytes, int, int]]:
    """Return the same of the blobs with these ids, none of which can be deleted before the transaction ends."""
    statement = (
        select(*_STORED)
        .where(Blob.id.in_(blob_ids))
        .order_by(Blob.id)
        .with_for_update(read=True, key_share=True)
    )
    return (await session.execute(statement)).all()


async def recorded_digests(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
    """Return those of the digests that the database has a row for."""
    return set(await session.scalars(select(Blob.digest).where(Blob.digest.in_(digests))))


async def reserve_digests(
    session: AsyncSession, org_id: int, digests: Sequence[bytes]
) -> set[bytes]:
    """Give digests that have no row an empty one, in the order given; return them."""
    if not digests:
        return set()
    rows = [{"org_id": org_id, "digest": one, "size": 0, "stored_size": 0} for one in digests]
    statement = insert(Blob).on_conflict_do_nothing().returning(Blob.digest)
    return set(await session.scalars(statement, rows))


async def documents_with_blobs(
    session: AsyncSession, digests: Sequence[bytes], *, limit: int
) -> Sequence[Row[bytes, int]]:
    """Return (digest, document id) of the documents that have, or had, this content: a few of each."""
    documents = (
        select(Version.document_id)
        .where(Version.blob_id == Blob.id)
        .distinct()
        .order_by(Version.document_id)
        .limit(limit)
        .lateral()
    )
    statement = (
        select(Blob.digest, documents.c.document_id)
        .join(documents, true())
        .where(Blob.digest.in_(digests))
        .order_by(Blob.digest, documents.c.document_id)
    )
    return (await session.execute(statement)).all()


async def set_sizes(session: AsyncSession, blob_id: int, *, size: int, stored_size: int) -> None:
    """Change what is recorded of a blob's sizes."""
    await session.execute(
        update(Blob).where(Blob.id == blob_id).values(size=size, stored_size=stored_size)
    )


async def stored_totals(
    session: AsyncSession, unreferenced_by: Sequence[InstrumentedAttribute[Any]]
) -> Row[int, int, int]:
    """Return (blobs, their bytes, their stored bytes) of those that none of the columns names."""
    totals = select(func.count(), total_of(Blob.size), total_of(Blob.stored_size)).select_from(Blob)
    for column in unreferenced_by:
        totals = totals.where(~exists().where(column == Blob.id))
    return (await session.execute(totals)).one()


async def lock_blob(session: AsyncSession, *, blob_id: int) -> Blob | None:
    """Return a blob; no version can refer to it anew until the transaction ends."""
    return await session.get(Blob, blob_id, with_for_update=True, populate_existing=True)


async def lock_blob_of(session: AsyncSession, *, digest: bytes) -> Blob | None:
    """Return the same by its digest."""
    return await session.scalar(
        select(Blob)
        .where(Blob.digest == digest)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def total_of(column: InstrumentedAttribute[int]) -> ColumnElement[int]:
    """Return the expression of the sum of a column of bytes, 0 where there are no rows."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
