"""SQL of versions: their numbers, their metadata, the lease on reading them and its progress."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Row, Text, any_, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload

from backend.documents.models import (
    Blob,
    Document,
    IndexStatus,
    Stage,
    Version,
    VersionMetadata,
    VersionProgress,
)


async def versions(session: AsyncSession, document_id: int) -> Sequence[Version]:
    """Return a document's versions, newest first."""
    statement = (
        select(Version)
        .where(Version.document_id == document_id)
        .options(joinedload(Version.blob), joinedload(Version.creator))
        .order_by(Version.number.desc())
    )
    return (await session.scalars(statement)).all()


async def version_by_number(session: AsyncSession, document_id: int, number: int) -> Version | None:
    """Return one version of a document."""
    return await session.scalar(
        select(Version)
        .where(Version.document_id == document_id, Version.number == number)
        .options(joinedload(Version.blob), joinedload(Version.creator))
    )


# Built once, as what else is asked and said of every version that is read.
_IN_PLACE = (
    select(Version, Document)
    .join(Document, Document.id == Version.document_id)
    .join(Blob, Blob.id == Version.blob_id)
    .where(Version.id == bindparam("version_id"))
    .options(contains_eager(Version.blob))
)
_IN_PLACE_LOCKED = _IN_PLACE.with_for_update(of=Version)


async def version_with_document(
    session: AsyncSession, version_id: int
) -> Row[Version, Document] | None:
    """Return a version with its blob, locked, and the document it belongs to."""
    result = await session.execute(_IN_PLACE_LOCKED, {"version_id": version_id})
    return result.one_or_none()


_insert = insert(VersionMetadata.__table__)
_PUT_METADATA = _insert.on_conflict_do_update(
    index_elements=["version_id"],
    set_={"fields": _insert.excluded.fields, "words": _insert.excluded.words},
)


async def write_metadata(
    session: AsyncSession, *, org_id: int, version_id: int, fields: dict[str, Any], words: str
) -> None:
    """Insert or replace what a version's file says about itself; the triggers bring its words into the search."""
    values = {"org_id": org_id, "version_id": version_id, "fields": fields, "words": words}
    await session.execute(_PUT_METADATA, values)


async def metadata_fields(session: AsyncSession, version_id: int) -> dict[str, Any] | None:
    """Return what a version's file says about itself; None where it was not read yet."""
    return await session.scalar(
        select(VersionMetadata.fields).where(VersionMetadata.version_id == version_id)
    )


async def version_in_place(session: AsyncSession, version_id: int) -> Row[Version, Document] | None:
    """Return a version with its blob, and the document it belongs to, in the trash or not."""
    return (await session.execute(_IN_PLACE, {"version_id": version_id})).one_or_none()


async def set_lease(session: AsyncSession, version_id: int, *, until: datetime) -> None:
    """Say until when a version's reader may be silent."""
    await session.execute(
        update(Version)
        .where(Version.id == version_id, Version.index_status == IndexStatus.EXTRACTING)
        .values(index_lease_until=until)
    )


async def lost_versions(
    session: AsyncSession, *, lease_before: datetime, queued_before: datetime, limit: int
) -> Sequence[Version]:
    """Return versions that should have been read by now: the lease ran out, or nobody ever took one."""
    silent = Version.index_lease_until < lease_before
    forgotten = Version.index_lease_until.is_(None) & (Version.index_queued_at < queued_before)
    statement = (
        select(Version)
        .where(
            Version.index_status.in_([IndexStatus.PENDING, IndexStatus.EXTRACTING]),
            silent | forgotten,
        )
        .order_by(Version.index_queued_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def put_progress(
    session: AsyncSession, version: Version, stage: Stage, *, done: int, total: int | None
) -> None:
    """Say how far a stage of a version has come."""
    statement = insert(VersionProgress).values(
        version_id=version.id,
        org_id=version.org_id,
        stage=stage,
        done=done,
        total=total,
        updated_at=func.now(),
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[VersionProgress.version_id, VersionProgress.stage],
            set_={"done": done, "total": total, "updated_at": func.now()},
        )
    )


_DELETE_PROGRESS = delete(VersionProgress.__table__).where(
    VersionProgress.version_id == bindparam("version_id"),
    VersionProgress.stage == any_(bindparam("stages", type_=ARRAY(Text))),
)


async def delete_progress(
    session: AsyncSession, version_id: int, stages: Collection[Stage]
) -> None:
    """Forget how far stages of a version have come."""
    parameters = {"version_id": version_id, "stages": list(map(str, stages))}
    await session.execute(_DELETE_PROGRESS, parameters)


async def progress(session: AsyncSession, version_id: int) -> Sequence[VersionProgress]:
    """Return how far the stages of a version have come that somebody is at."""
    statement = select(VersionProgress).where(VersionProgress.version_id == version_id)
    return (await session.scalars(statement.order_by(VersionProgress.stage))).all()


async def count_unread(session: AsyncSession) -> dict[IndexStatus, int]:
    """Return how many versions of the transaction's organisation wait to be read, or are being read."""
    statement = (
        select(Version.index_status, func.count())
        .where(Version.index_status.in_([IndexStatus.PENDING, IndexStatus.EXTRACTING]))
        .group_by(Version.index_status)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


async def last_number(session: AsyncSession, document_id: int) -> int:
    """Return the number of a document's newest version, 0 where it has none."""
    number = await session.scalar(
        select(func.max(Version.number)).where(Version.document_id == document_id)
    )
    return number or 0


async def set_unread(
    session: AsyncSession, blob_id: int, status: IndexStatus, *, detail: str | None
) -> None:
    """Say of the versions of a blob that nothing is read out of them, or nothing yet."""
    await session.execute(
        update(Version)
        .where(Version.blob_id == blob_id)
        .values(
            index_status=status,
            index_detail=detail,
            index_attempts=0,
            index_lease_until=None,
            index_queued_at=func.now(),
        )
    )
