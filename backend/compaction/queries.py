"""SQL of compaction. Used by `service` alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Blob


@dataclass(frozen=True, slots=True)
class Cold:
    """A blob that may be stored in less."""

    id: int
    digest: bytes
    size: int
    stored_size: int


def _is_cold(before: datetime, level: int) -> ColumnElement[bool]:
    """Return the condition of blobs stored before a time and not yet compressed at this level.

    What did not compress at all will not at any level; what nobody refers to is about to be collected.
    """
    untried = or_(Blob.compacted_level.is_(None), Blob.compacted_level < level)
    compresses = Blob.stored_size < Blob.size
    return (Blob.created_at < before) & untried & compresses & Blob.marked_at.is_(None)


async def cold_blobs(
    session: AsyncSession, after: int, *, before: datetime, level: int, limit: int
) -> Sequence[Cold]:
    """Return cold blobs in the order of their ids, from after one on."""
    columns = (Blob.id, Blob.digest, Blob.size, Blob.stored_size)
    statement = select(*columns).where(Blob.id > after, _is_cold(before, level))
    rows = await session.execute(statement.order_by(Blob.id).limit(limit))
    return [Cold(*row) for row in rows]


async def cold_totals(session: AsyncSession, *, before: datetime, level: int) -> tuple[int, int]:
    """Return how many blobs are cold, and the bytes they take in the store."""
    totals = select(func.count(), func.coalesce(func.sum(Blob.stored_size), 0))
    row = (await session.execute(totals.where(_is_cold(before, level)))).one()
    return int(row[0]), int(row[1])


async def lock(session: AsyncSession, blob_id: int) -> bool:
    """Take a blob's row, which a collection that removes it would hold; return whether it is there."""
    statement = select(Blob.id).where(Blob.id == blob_id).with_for_update()
    return await session.scalar(statement) is not None


async def set_compacted(
    session: AsyncSession, blob_id: int, *, level: int, stored_size: int
) -> None:
    """Record the level a blob was last compressed at, or tried to be, and the bytes it takes."""
    values = {"compacted_level": level, "stored_size": stored_size}
    await session.execute(update(Blob).where(Blob.id == blob_id).values(values))
