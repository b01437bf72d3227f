"""How far the text of a version is on its way to the search. The workers call this; the text itself is `search`'s.

Who reads a version holds a lease on it and renews it. A lease that ran out, or a task that was lost with the queue,
is found by `requeue_lost`: the queue may be wiped at any moment, and a version is read late rather than never.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.outbox import emit
from backend.core.queues import Queue
from backend.documents import queries
from backend.documents.models import Document, IndexStatus, ScanStatus, Stage, Version
from backend.documents.service.reading import get_document, get_version
from backend.jobs import service as jobs
from backend.jobs.models import Failure

LEASE = timedelta(seconds=60)
"""How long a reader may be silent; it renews three times as often."""
_LOST_AFTER = timedelta(hours=1)
_MAX_ATTEMPTS = 3
READING = "indexing.process"
"""The task that reads a version."""
_UNREAD = frozenset({IndexStatus.PENDING, IndexStatus.EXTRACTING})


@dataclass(frozen=True, slots=True)
class VersionContent:
    """What a worker must know to read a version."""

    version_id: int
    document_id: int
    folder_id: int
    digest: bytes
    size: int
    name: str
    media_type: str


async def version_content(session: AsyncSession, version_id: int) -> VersionContent | None:
    """Return what a version consists of; None where it was purged, or is in quarantine."""
    row = await queries.versions.version_in_place(session, version_id)
    if row is None or row[0].scan_status is ScanStatus.QUARANTINED:
        return None
    return _content(*row)


async def begin_indexing(session: AsyncSession, version_id: int) -> VersionContent | None:
    """Take the lease on a version and return what it consists of.

    Returns None where there is nothing to do: it was purged, it was read, it is in quarantine, someone reads it, or
    reading it has ended its worker so often that it is given up as failed.
    """
    row = await queries.versions.version_with_document(session, version_id)
    if row is None:
        return None
    version, document = row
    held = version.index_lease_until is not None and version.index_lease_until > now()
    quarantined = version.scan_status is ScanStatus.QUARANTINED
    if version.index_status not in _UNREAD or held or quarantined:
        return None
    if version.index_attempts >= _MAX_ATTEMPTS:
        reason = (
            f"Reading it was broken off {_MAX_ATTEMPTS} times; it is not tried again by itself."
        )
        await _set_state(session, version, document, IndexStatus.FAILED, detail=reason)
        await jobs.record_failure(
            session,
            org_id=version.org_id,
            task=READING,
            queue=Queue.FAST,
            arguments={"org_id": version.org_id, "version_id": version.id},
            failure=Failure.GIVEN_UP,
            reason=reason,
            tries=version.index_attempts,
        )
        return None
    version.index_attempts += 1
    version.index_lease_until = now() + LEASE
    await _set_state(session, version, document, IndexStatus.EXTRACTING, detail=None)
    return _content(version, document)


def _content(version: Version, document: Document) -> VersionContent:
    return VersionContent(
        version_id=version.id,
        document_id=document.id,
        folder_id=document.folder_id,
        digest=version.blob.digest,
        size=version.blob.size,
        name=document.name,
        media_type=version.media_type,
    )


async def renew_lease(session: AsyncSession, version_id: int) -> None:
    """Keep a version that is still being read."""
    await queries.versions.set_lease(session, version_id, until=now() + LEASE)


async def finish_indexing(
    session: AsyncSession,
    version_id: int,
    *,
    status: IndexStatus,
    detail: str | None = None,
    page_count: int | None = None,
) -> bool:
    """Record how reading a version ended; return False where it was purged, or quarantined, meanwhile.

    Without `page_count` it stays what was known before.
    """
    row = await queries.versions.version_with_document(session, version_id)
    if row is None or row[0].scan_status is ScanStatus.QUARANTINED:
        return False
    version, document = row
    if page_count is not None:
        version.page_count = page_count
    version.index_lease_until = None
    await queries.versions.delete_progress(session, version_id, [Stage.TEXT, Stage.OCR])
    await _set_state(session, version, document, status, detail=detail)
    return True


async def record_metadata(
    session: AsyncSession, version_id: int, *, fields: dict[str, Any], words: str
) -> bool:
    """Keep what a version's file says about itself, in place of what was known; return False where it was purged.

    Args:
        session: of the version's organisation.
        version_id: the version.
        fields: JSON by the names of `schemas.MetadataOut`.
        words: what of it a search shall find the document by.
    """
    row = await queries.versions.version_with_document(session, version_id)
    if row is None or row[0].scan_status is ScanStatus.QUARANTINED:
        return False
    await queries.versions.write_metadata(
        session, org_id=row[0].org_id, version_id=version_id, fields=fields, words=words
    )
    return True


async def request_ocr(
    session: AsyncSession, version_id: int, *, page_count: int | None = None
) -> bool:
    """Hand a version whose text is in pictures to the heavy queue; return False where it may not be read any more.

    Without `page_count` it stays what was known before.
    """
    row = await queries.versions.version_with_document(session, version_id)
    if row is None or row[0].scan_status is ScanStatus.QUARANTINED:
        return False
    version, document = row
    if page_count is not None:
        version.page_count = page_count
    # Told although it may be in this state already: what was found without OCR is there to be shown by now.
    await _set_state(session, version, document, IndexStatus.EXTRACTING, detail=None)
    await _enqueue(session, version, "document.ocr_requested")
    return True


async def request_indexing(session: AsyncSession, actor: Actor, document_id: int) -> Document:
    """Have the text of a document's current version read once more.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the document, or not change it.
        QuarantinedError: its content is in quarantine.
    """
    document = await get_document(session, actor, document_id)
    await access.require_document(session, actor, Action.DOCUMENT_UPDATE, document_id=document_id)
    await get_version(session, document, None)
    await _set_state(session, document.current_version, document, IndexStatus.PENDING, detail=None)
    await _enqueue(session, document.current_version, "document.reindex_requested")
    return document


async def read_again(session: AsyncSession, version_id: int) -> None:
    """Let a version that was given up, or whose reading failed, be read once more by the task that is queued now."""
    row = await queries.versions.version_with_document(session, version_id)
    if row is None or row[0].scan_status is ScanStatus.QUARANTINED:
        return
    version, document = row
    version.index_lease_until = None
    version.index_attempts = 0
    version.index_queued_at = now()
    await _set_state(session, version, document, IndexStatus.PENDING, detail=None)


async def requeue_lost(
    session: AsyncSession, *, limit: int, queues_since: datetime | None = None
) -> int:
    """Hand versions of the transaction's organisation to the queue again whose reader or task was lost.

    `queues_since` is when the queues began, if that is known: what was queued before then is not in them any more.
    """
    current = now()
    lost = await queries.versions.lost_versions(
        session,
        lease_before=current,
        queued_before=max(current - _LOST_AFTER, queues_since or current - _LOST_AFTER),
        limit=limit,
    )
    for version in lost:
        # The attempts go on counting: what ends its reader every time must not go round for ever.
        await _enqueue(
            session, version, "document.reindex_requested", attempts=version.index_attempts
        )
    return len(lost)


async def _enqueue(
    session: AsyncSession, version: Version, event: str, *, attempts: int = 0
) -> None:
    version.index_lease_until = None
    version.index_attempts = attempts
    version.index_queued_at = now()
    await session.flush()
    await emit(session, event, org_id=version.org_id, data={"version_id": version.id})


async def _set_state(
    session: AsyncSession,
    version: Version,
    document: Document,
    status: IndexStatus,
    *,
    detail: str | None,
) -> None:
    version.index_status = status
    version.index_detail = detail
    await session.flush()
    await emit(
        session,
        "document.index_changed",
        org_id=document.org_id,
        data={
            "document_id": document.id,
            "version_id": version.id,
            "folder_id": document.folder_id,
            "index_status": status,
        },
    )
