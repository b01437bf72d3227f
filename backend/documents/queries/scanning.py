"""SQL of what the virus scanner is to look at, and of what it found."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Blob, Document, ScanStatus, Version
from backend.documents.queries.blobs import total_of
from backend.documents.queries.documents import delete_documents


class Scope(NamedTuple):
    """Which blobs are to be scanned: those whose last try was before a time, and of these some."""

    tried_before: datetime
    since: datetime | None = None
    """Only what was stored since then."""
    unscanned: bool = False
    """Only what a version refers to as unscanned."""
    not_with: int | None = None
    """Only what was scanned with other signatures than this version of them."""


def _in_scope(scope: Scope) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Blob.quarantined_as.is_(None),
        Blob.scan_tried_at.is_(None) | (Blob.scan_tried_at < scope.tried_before),
    ]
    if scope.since is not None:
        conditions.append(Blob.created_at >= scope.since)
    if scope.not_with is not None:
        conditions.append(Blob.scanned_with.is_distinct_from(scope.not_with))
    referring = select(Version.id).where(Version.blob_id == Blob.id)
    if scope.unscanned:
        referring = referring.where(Version.scan_status == ScanStatus.UNSCANNED)
    return [*conditions, referring.exists()]


async def blobs_to_scan(
    session: AsyncSession, scope: Scope, *, limit: int
) -> Sequence[Row[int, bytes, int]]:
    """Return (id, digest, size) of blobs that are to be scanned; those first whose last try is longest ago."""
    statement = (
        select(Blob.id, Blob.digest, Blob.size)
        .where(*_in_scope(scope))
        .order_by(Blob.scan_tried_at.asc().nulls_first(), Blob.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def unquarantined_blobs(
    session: AsyncSession, digests: Sequence[bytes]
) -> Sequence[Row[int, bytes, int]]:
    """Return (id, digest, size) of those of the blobs that are not in quarantine."""
    statement = select(Blob.id, Blob.digest, Blob.size).where(
        Blob.digest.in_(digests), Blob.quarantined_as.is_(None)
    )
    return (await session.execute(statement)).all()


async def scan_backlog(session: AsyncSession, scope: Scope) -> Row[int, int]:
    """Return (number, bytes) of the blobs that are to be scanned."""
    statement = select(func.count(), total_of(Blob.size)).where(*_in_scope(scope))
    return (await session.execute(statement)).one()


class Reference(NamedTuple):
    """A version that refers to a blob, and its document."""

    version_id: int
    number: int
    document_id: int
    folder_id: int
    name: str
    owner_id: int


async def references(session: AsyncSession, blob_id: int) -> list[Reference]:
    """Return the versions that refer to a blob."""
    rows = await session.execute(
        select(
            Version.id,
            Version.number,
            Document.id,
            Document.folder_id,
            Document.name,
            Document.owner_id,
        )
        .join(Document, Document.id == Version.document_id)
        .where(Version.blob_id == blob_id)
        .order_by(Document.id, Version.number)
    )
    return [Reference(*row) for row in rows]


async def set_scan_status(
    session: AsyncSession,
    blob_id: int,
    status: ScanStatus,
    *,
    detail: str | None,
    of: Collection[ScanStatus] = tuple(ScanStatus),
) -> list[int]:
    """Say what the scanner made of a blob to those of its versions that have one of these states; return them."""
    result = await session.scalars(
        update(Version)
        .where(
            Version.blob_id == blob_id,
            Version.scan_status.in_(of),
            or_(Version.scan_status != status, Version.scan_detail.is_distinct_from(detail)),
        )
        .values(scan_status=status, scan_detail=detail)
        .returning(Version.id)
    )
    return list(result)


async def delete_versions(session: AsyncSession, blob_id: int) -> list[int]:
    """Delete the versions of a blob, for good, and the documents that are nothing else; return the latter."""
    other = select(Version.document_id).where(
        Version.document_id == Document.id, Version.blob_id != blob_id
    )
    has_it = select(Version.id).where(
        Version.document_id == Document.id, Version.blob_id == blob_id
    )
    gone = list(await session.scalars(select(Document.id).where(has_it.exists(), ~other.exists())))
    await delete_documents(session, gone)
    newest = (
        select(Version.id)
        .where(Version.document_id == Document.id, Version.blob_id != blob_id)
        .order_by(Version.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    current = select(Version.id).where(
        Version.id == Document.current_version_id, Version.blob_id == blob_id
    )
    await session.execute(
        update(Document)
        .where(current.exists())
        .values(current_version_id=newest, revision=Document.revision + 1, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )
    await session.execute(delete(Version).where(Version.blob_id == blob_id))
    return gone
