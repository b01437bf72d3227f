"""What administrators are shown: how much there is, when it was checked, what is wrong with it."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.pagination import decode_cursor, encode_cursor
from backend.documents import service as documents
from backend.documents.service import Totals
from backend.previews.models import BLOB_REFERENCES
from backend.verification import queries
from backend.verification.models import CheckMode, Fault, StoreCheck, Trigger
from backend.verification.schemas import (
    AffectedDocument,
    CheckOut,
    FaultOut,
    FaultState,
    StorageAmount,
    StorageStatus,
)
from backend.verification.service.affected import documents_with_blobs
from backend.verification.service.sampling import SLOTS

_DOCUMENTS = 10
_FORGOTTEN_AFTER = timedelta(days=1)
_DIGESTS = 2**64
"""The first eight bytes of a digest say how far along the organisation's content it stands."""


async def storage_status(session: AsyncSession, actor: Actor, *, scrub_days: int) -> StorageStatus:
    """Return what the actor's organisation has in the store, and when it was checked."""
    # One that was interrupted long ago will not be taken up any more.
    current = await queries.current_check(session, since=now() - _FORGOTTEN_AFTER)
    last_full = await queries.last_finished(session, CheckMode.FULL)
    last_quick = await queries.last_finished(session, CheckMode.QUICK)
    scrub = await queries.newest_of(session, Trigger.SCRUB)
    next_at = None
    if scrub_days and scrub is not None and scrub.finished_at is not None:
        next_at = max(scrub.started_at + timedelta(days=scrub_days), now())
    return StorageStatus(
        stored=_amount(await documents.stored_totals(session)),
        unreferenced=_amount(
            await documents.stored_totals(session, unreferenced_by=BLOB_REFERENCES)
        ),
        faults=await queries.count_open(session),
        last_full_check=_check(last_full, actor.org_id),
        last_quick_check=_check(last_quick, actor.org_id),
        current_check=_check(current, actor.org_id),
        scrub_days=scrub_days,
        next_check_at=next_at,
    )


async def list_faults(
    session: AsyncSession, actor: Actor, *, state: FaultState, cursor: str | None, limit: int
) -> tuple[list[FaultOut], str | None]:
    """Return a page of the organisation's faults, newest first, and the cursor of the next."""
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = await queries.faults(
        session, resolved=state is FaultState.RESOLVED, before=before, limit=limit + 1
    )
    page = rows[:limit]
    affected = await _affected(session, actor, [fault.digest for fault, _ in page])
    shown = [
        FaultOut(
            id=fault.id,
            sha256=fault.digest.hex(),
            fault=fault.fault,
            detail=fault.detail,
            size=size,
            found_at=fault.found_at,
            last_seen_at=fault.last_seen_at,
            resolved_at=fault.resolved_at,
            documents=affected.get(fault.digest, []),
        )
        for fault, size in page
    ]
    return shown, encode_cursor(page[-1][0].id) if len(rows) > limit else None


async def open_faults(session: AsyncSession) -> dict[Fault, int]:
    """Return how many faults are open in all organisations together, by kind; 0 for those without any."""
    return dict.fromkeys(_RECORDED, 0) | await queries.count_open_everywhere(session)


_RECORDED = [fault for fault in Fault if fault is not Fault.ORPHAN]


async def _affected(
    session: AsyncSession, actor: Actor, digests: Sequence[bytes]
) -> dict[bytes, list[AffectedDocument]]:
    by_digest = await documents_with_blobs(session, digests, limit=_DOCUMENTS)
    wanted = {document_id for ids in by_digest.values() for document_id in ids}
    named = {
        one.id: AffectedDocument(
            id=one.id, name=one.name, folder_id=one.folder_id, is_trashed=one.is_trashed
        )
        for one in await documents.name_documents(session, actor, list(wanted))
    }
    return {
        digest: [named[document_id] for document_id in ids if document_id in named]
        for digest, ids in by_digest.items()
    }


def _check(check: StoreCheck | None, org_id: int) -> CheckOut | None:
    if check is None:
        return None
    return CheckOut(
        id=check.id,
        trigger=check.trigger,
        mode=check.mode,
        sample_percent=None if check.sample_ppm is None else check.sample_ppm * 100 / SLOTS,
        started_at=check.started_at,
        finished_at=check.finished_at,
        is_active=check.finished_at is None and check.lease_until > now(),
        progress=_progress(check, org_id),
    )


def _progress(check: StoreCheck, org_id: int) -> float:
    """Return how far a check has come in an organisation: they are taken in the order of their ids."""
    if check.finished_at is not None:
        return 1.0
    if check.cursor_org_id is None or check.cursor_org_id < org_id:
        return 0.0
    if check.cursor_org_id > org_id or check.cursor_digest is None:
        return 1.0
    return int.from_bytes(check.cursor_digest[:8]) / _DIGESTS


def _amount(totals: Totals) -> StorageAmount:
    return StorageAmount(blobs=totals.blobs, size=totals.size, stored_size=totals.stored_size)
