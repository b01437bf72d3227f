"""What the virus scanner says of content that is stored: it belongs to the blob, and shows at every version of it.

Nothing here asks the scanner; `backend.scanning` does. Every function works in the organisation its transaction is
bound to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.clock import now
from backend.core.outbox import emit
from backend.documents import queries
from backend.documents.models import Blob, IndexStatus, ScanStatus
from backend.documents.queries.scanning import Reference, Scope

SCAN_CHANGED = "document.scan_changed"
"""The event of a document of which a version was quarantined, released, or scanned at last."""
_IN_QUARANTINE = "The content is in quarantine."
_SCANNED = (ScanStatus.CLEAN, ScanStatus.UNSCANNED, ScanStatus.RELEASED)


@dataclass(frozen=True, slots=True)
class ScannableBlob:
    """Content to be scanned: its row, digest, and bytes."""

    id: int
    digest: bytes
    size: int


async def blobs_to_scan(session: AsyncSession, scope: Scope, *, limit: int) -> list[ScannableBlob]:
    """Return blobs that are to be scanned; those first whose last try is longest ago."""
    return [
        ScannableBlob(*row)
        for row in await queries.scanning.blobs_to_scan(session, scope, limit=limit)
    ]


async def unquarantined_blobs(
    session: AsyncSession, digests: Sequence[bytes]
) -> list[ScannableBlob]:
    """Return those of the blobs with these digests that are not in quarantine."""
    return [
        ScannableBlob(*row) for row in await queries.scanning.unquarantined_blobs(session, digests)
    ]


async def scan_backlog(session: AsyncSession, scope: Scope) -> tuple[int, int]:
    """Return how many blobs are to be scanned, and their bytes. Reads all that are."""
    count, size = await queries.scanning.scan_backlog(session, scope)
    return count, size


async def record_scan(
    session: AsyncSession,
    blob_id: int,
    status: ScanStatus,
    *,
    detail: str | None = None,
    scanned_with: int | None = None,
) -> bool:
    """Record that content was scanned once more, without malware; return False where it is gone or in quarantine."""
    blob = await queries.blobs.lock_blob(session, blob_id=blob_id)
    if blob is None or blob.quarantined_as is not None:
        return False
    await _tried(session, blob, scanned_with)
    # What was scanned once does not become unscanned because it was not scanned again.
    was = (ScanStatus.UNSCANNED,) if status is ScanStatus.UNSCANNED else _SCANNED
    changed = set(
        await queries.scanning.set_scan_status(session, blob_id, status, detail=detail, of=was)
    )
    if changed:
        found = await queries.scanning.references(session, blob_id)
        await _tell(session, blob.org_id, [one for one in found if one.version_id in changed])
    return True


async def quarantine(
    session: AsyncSession, blob_id: int, *, signature: str, scanned_with: int | None
) -> tuple[bytes, Sequence[Reference]] | None:
    """Let nobody read content any more, whatever version refers to it; return its digest and these versions.

    What was read out of it is forgotten, by a trigger; it is read again when the content is released. Returns None
    where the content is gone.
    """
    blob = await queries.blobs.lock_blob(session, blob_id=blob_id)
    if blob is None:
        return None
    await _tried(session, blob, scanned_with)
    blob.quarantined_as = signature
    await session.flush()
    await queries.versions.set_unread(session, blob_id, IndexStatus.NO_TEXT, detail=_IN_QUARANTINE)
    await queries.scanning.set_scan_status(
        session, blob_id, ScanStatus.QUARANTINED, detail=signature
    )
    found = await queries.scanning.references(session, blob_id)
    await _record(session, blob, "document.quarantined", found, signature, actor_id=None)
    await _tell(session, blob.org_id, found)
    return blob.digest, found


async def names_of_content(session: AsyncSession, *, digest: bytes, owner_id: int) -> Sequence[str]:
    """Return the names of a user's documents that have, or had, this content."""
    return await queries.holders.names_of_content(session, digest, owner_id)


async def release(
    session: AsyncSession, *, digest: bytes, signature: str, actor_id: int
) -> Sequence[Reference]:
    """Let content be read again by those who may read its documents; return the versions that refer to it."""
    blob = await queries.blobs.lock_blob_of(session, digest=digest)
    if blob is None:
        return []
    blob.quarantined_as = None
    await session.flush()
    await queries.scanning.set_scan_status(session, blob.id, ScanStatus.RELEASED, detail=signature)
    await queries.versions.set_unread(session, blob.id, IndexStatus.PENDING, detail=None)
    found = await queries.scanning.references(session, blob.id)
    for one in found:
        data = {"version_id": one.version_id}
        await emit(session, "document.content_released", org_id=blob.org_id, data=data)
    await _record(session, blob, "document.released", found, signature, actor_id=actor_id)
    await _tell(session, blob.org_id, found)
    return found


async def delete_content(
    session: AsyncSession, *, digest: bytes, signature: str, actor_id: int
) -> Sequence[Reference]:
    """Delete every version with this content for good, and the documents that are nothing else; return the versions.

    The next version before becomes current. The bytes, which nobody can read any more, are the collection's.
    """
    blob = await queries.blobs.lock_blob_of(session, digest=digest)
    if blob is None:
        return []
    found = await queries.scanning.references(session, blob.id)
    gone = set(await queries.scanning.delete_versions(session, blob.id))
    deleted = [one for one in found if one.document_id not in gone]
    await _record(session, blob, "document.version_deleted", deleted, signature, actor_id=actor_id)
    purged = {one.document_id: one for one in found if one.document_id in gone}
    deeds = [
        Deed("document.purged", f"document:{one.document_id}", {"name": one.name}, one.folder_id)
        for one in purged.values()
    ]
    await audit.record(session, deeds, org_id=blob.org_id, actor_id=actor_id)
    await _tell(session, blob.org_id, found)
    return found


async def _tried(session: AsyncSession, blob: Blob, scanned_with: int | None) -> None:
    blob.scan_tried_at = now()
    if scanned_with is not None:
        blob.scanned_with = scanned_with
    await session.flush()


async def _record(
    session: AsyncSession,
    blob: Blob,
    action: str,
    found: Sequence[Reference],
    signature: str,
    *,
    actor_id: int | None,
) -> None:
    deeds = [
        Deed(
            action,
            f"document:{one.document_id}",
            {"version": one.number, "signature": signature, "sha256": blob.digest.hex()},
            one.folder_id,
        )
        for one in found
    ]
    await audit.record(session, deeds, org_id=blob.org_id, actor_id=actor_id)


async def _tell(session: AsyncSession, org_id: int, found: Sequence[Reference]) -> None:
    for one in {one.document_id: one for one in found}.values():
        data = {"document_id": one.document_id, "folder_id": one.folder_id}
        await emit(session, SCAN_CHANGED, org_id=org_id, data=data)
