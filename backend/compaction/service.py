"""Going through an organisation's cold blobs. It may be killed at any moment, run again, and run twice at once.

Compressing takes long and holds nothing. What came of it takes its place under the lock of the blob's row, so that a
collection never meets it; and what tells the next run that this one was there is in the same transaction.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from backend.collection import service as collection
from backend.compaction import queries
from backend.compaction.queries import Cold
from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.identity.models import store_namespace
from storage import (
    BlobNotFoundError,
    PendingBlob,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

log = structlog.get_logger(__name__)

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Compacted:
    """One cold blob, looked at."""

    digest: bytes
    before: int
    """Bytes it took in the store."""
    after: int
    """Bytes it takes now; the same where nothing was gained."""
    fault: str | None = None
    """Why it could not be read. `dms fsck` says more."""


async def survey(
    database: Database, org_id: int, *, before: datetime, level: int
) -> tuple[int, int]:
    """Return how many blobs a compaction would compress again, and the bytes they take."""
    async with database.transaction(Tenant(org_id)) as session:
        return await queries.cold_totals(session, before=before, level=level)


async def compact(
    database: Database, content: Content, org_id: int, *, before: datetime, level: int
) -> AsyncIterator[Compacted]:
    """Compress again what an organisation stored before a time, and yield what came of each.

    Raises:
        StoreError: the store is full, or cannot be reached.
    """
    after = 0
    while True:
        async with database.transaction(Tenant(org_id)) as session:
            batch = await queries.cold_blobs(
                session, after, before=before, level=level, limit=_BATCH
            )
        for blob in batch:
            done = await _compact(database, content, org_id, blob, level)
            if done is not None:
                yield done
        if len(batch) < _BATCH:
            return
        after = batch[-1].id


async def _compact(
    database: Database, content: Content, org_id: int, blob: Cold, level: int
) -> Compacted | None:
    """Compress one blob again; None if it has gone meanwhile."""
    namespace = store_namespace(org_id)
    store = content.store
    try:
        pending = await content.complete(store.recompressed, namespace, blob.digest, level)
        if pending is None:
            # What it takes is asked for: a run that was killed may have left the row behind the store.
            stored_size = (await content.run(store.stat, namespace, blob.digest)).stored_size
        else:
            stored_size = pending.stored_size
        found = await _settle(database, content, org_id, blob, pending, level, stored_size)
    except (StoreFullError, StoreUnavailableError):
        raise
    except BlobNotFoundError as error:
        return await _missing(database, org_id, blob, error)
    except StoreError as error:
        return _faulty(org_id, blob, error)
    return Compacted(blob.digest, blob.stored_size, stored_size) if found else None


async def _settle(
    database: Database,
    content: Content,
    org_id: int,
    blob: Cold,
    pending: PendingBlob | None,
    level: int,
    stored_size: int,
) -> bool:
    """Put the new form in its place and record it, under the lock of the row; whether there still was one."""
    try:
        async with database.transaction(Tenant(org_id)) as session:
            # Shared with collections: it keeps out what changes blobs without their rows (`rekeying`).
            await collection.hold_off_pins(session)
            if not await queries.lock(session, blob.id):
                return False
            if pending is not None:
                await content.complete(content.store.put_in_place, store_namespace(org_id), pending)
            await queries.set_compacted(session, blob.id, level=level, stored_size=stored_size)
            return True
    finally:
        if pending is not None:
            await content.complete(pending.discard)


async def _missing(
    database: Database, org_id: int, blob: Cold, error: BlobNotFoundError
) -> Compacted | None:
    """A blob that is not in the store: collected meanwhile, row and all, or lost."""
    async with database.transaction(Tenant(org_id)) as session:
        if not await queries.lock(session, blob.id):
            return None
    return _faulty(org_id, blob, error)


def _faulty(org_id: int, blob: Cold, error: StoreError) -> Compacted:
    digest = blob.digest.hex()
    log.error("blob_not_compacted", organisation=org_id, digest=digest, error=str(error))
    return Compacted(blob.digest, blob.stored_size, blob.stored_size, str(error))
