"""SQL of uploads. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.uploads.models import Upload, UploadKind, UploadStatus


async def own(
    session: AsyncSession, user_id: int, upload_id: str, *, locked: bool = False
) -> Upload | None:
    """Return an upload of a user's, as it is now."""
    statement = select(Upload).where(Upload.id == upload_id, Upload.user_id == user_id)
    if locked:
        statement = statement.with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def own_many(
    session: AsyncSession, user_id: int, upload_ids: Sequence[str]
) -> dict[str, Upload]:
    """Return those of the uploads that are a user's."""
    rows = await session.scalars(
        select(Upload).where(Upload.id.in_(upload_ids), Upload.user_id == user_id)
    )
    return {row.id: row for row in rows}


async def joined(session: AsyncSession, user_id: int, parts: Sequence[str]) -> Upload | None:
    """Return the complete upload of a user's that was joined of these parts."""
    return await session.scalar(
        select(Upload).where(
            Upload.user_id == user_id,
            Upload.kind == UploadKind.FINAL,
            Upload.status == UploadStatus.COMPLETE,
            Upload.parts == list(parts),
        )
    )


async def writer(session: AsyncSession, upload_id: str) -> str | None:
    """Return which request is the writer of an upload."""
    return await session.scalar(select(Upload.writer).where(Upload.id == upload_id))


async def set_received(
    session: AsyncSession, upload_id: str, received: int, *, expires_at: datetime
) -> None:
    """Note how much was acknowledged."""
    await session.execute(
        update(Upload)
        .where(Upload.id == upload_id)
        .values(received=received, expires_at=expires_at)
    )


async def remove(session: AsyncSession, upload_ids: Sequence[str]) -> None:
    """Forget uploads."""
    await session.execute(delete(Upload).where(Upload.id.in_(upload_ids)))


async def expired(session: AsyncSession, *, before: datetime, limit: int) -> Sequence[str]:
    """Return the ids of uploads that expired before a time."""
    return (
        await session.scalars(
            select(Upload.id)
            .where(Upload.expires_at < before)
            .order_by(Upload.expires_at)
            .limit(limit)
        )
    ).all()


async def with_status(
    session: AsyncSession, upload_ids: Sequence[str], status: UploadStatus
) -> set[str]:
    """Return those of the ids that are uploads in this state."""
    rows = await session.scalars(
        select(Upload.id).where(Upload.id.in_(upload_ids), Upload.status == status)
    )
    return set(rows.all())


async def acknowledged(session: AsyncSession, after: str, *, limit: int) -> Sequence[Row[str, int]]:
    """Return (id, bytes acknowledged) of unfinished uploads of which there are some, by id, from after one on."""
    statement = (
        select(Upload.id, Upload.received)
        .where(Upload.id > after, Upload.received > 0, Upload.status == UploadStatus.RECEIVING)
        .order_by(Upload.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def unfinished(session: AsyncSession, user_id: int, *, limit: int) -> Sequence[Upload]:
    """Return a user's uploads that receive bytes, the newest first.

    A final one does not: where its joining was broken off, it is asked for anew.
    """
    statement = (
        select(Upload)
        .where(
            Upload.user_id == user_id,
            Upload.status == UploadStatus.RECEIVING,
            Upload.kind != UploadKind.FINAL,
        )
        .order_by(Upload.created_at.desc(), Upload.id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()
