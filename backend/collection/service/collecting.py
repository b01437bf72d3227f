"""One collection of one organisation: adopt, mark, collect. Any number may run at once, and be killed at any moment.

Nothing is kept that the next one would need. The order of the steps within each transaction is what keeps content
safe; docs/adr/0010-collection.md goes through the interleavings.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.collection import queries
from backend.collection.queries import Collectable
from backend.collection.service.orphans import adopt_orphans
from backend.collection.service.surveying import PAGE, Total
from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.identity.models import store_namespace
from storage import BlobNotFoundError, BlobStore, StoreError

log = structlog.get_logger(__name__)

SHREDDED = "blob.shredded"
"""The audit event that certifies that a blob's key, and with it its content, was destroyed."""
BATCH = 50
"""Blobs removed in one transaction; an upload of the same content waits for so long."""
_ABANDONED_SECONDS = 86_400


@dataclass(slots=True)
class Collection:
    """What a collection did in an organisation."""

    adopted: int = 0
    marked: int = 0
    freed: Total = field(default_factory=Total)
    waiting: Total = field(default_factory=Total)
    """Nothing refers to these, and they are still there: their grace is not over, or a pin holds them."""
    failed: int = 0
    """Those among them that the store could not remove. They are tried again."""
    strange: int = 0
    """Orphans left alone because they are too many to be believed."""


async def collect(
    database: Database,
    content: Content,
    org_id: int,
    *,
    grace: timedelta,
    adopt_all: bool = False,
) -> Collection:
    """Free what nothing of the organisation has referred to for `grace`.

    `adopt_all` believes any number of orphans.
    """
    adoption = await adopt_orphans(database, content, org_id, believe=adopt_all)
    done = Collection(adopted=adoption.adopted, strange=adoption.strange)
    await mark_unreferenced(database, org_id, done)
    await collect_marked(database, content, org_id, done, grace=grace)
    return done


async def sweep_temporary(content: Content) -> int:
    """Remove the temporary files of processes that died a day ago or earlier; return how many."""
    return await content.run(content.store.sweep_temporary, _ABANDONED_SECONDS)


async def mark_unreferenced(database: Database, org_id: int, done: Collection) -> None:
    """Mark what nothing refers to, page by page in the order of digests."""
    after: bytes | None = b""
    while after is not None:
        async with database.transaction(Tenant(org_id)) as session:
            found, after = await queries.unreferenced_page(session, after, limit=PAGE)
            wrong = [blob.id for blob in found if (blob.marked_at is None) != blob.referenced]
            if wrong:
                free = await queries.lock_blobs(session, wrong)
                done.marked += await queries.correct_marks(session, free)
        for blob in found:
            if not blob.referenced:
                done.waiting.add(blob.stored_size)


async def collect_marked(
    database: Database, content: Content, org_id: int, done: Collection, *, grace: timedelta
) -> None:
    """Remove what has been marked for `grace`, batch by batch in the order of marks."""
    after: tuple[datetime, int] | None = None
    while True:
        async with database.transaction(Tenant(org_id)) as session:
            await queries.begin_collecting(session)
            batch = await queries.lock_collectable(session, grace=grace, after=after, limit=BATCH)
            if not batch:
                return
            removed, failed = await _remove(session, content, org_id, batch)
        after = (batch[-1].marked_at, batch[-1].id)
        done.failed += failed
        for blob in removed:
            done.freed.add(blob.stored_size)
            done.waiting.take(blob.stored_size)


async def _remove(
    session: AsyncSession, content: Content, org_id: int, batch: Sequence[Collectable]
) -> tuple[list[Collectable], int]:
    """Remove rows, then bytes, and record it; return what was removed, and how many the store could not remove.

    The rows are locked. Their deletion comes first because it proves that nobody refers to them, and is undone for
    those whose bytes stay.
    """
    undo = await session.begin_nested()
    gone = await queries.delete_unreferenced(session, [blob.id for blob in batch])
    removable = [blob for blob in batch if blob.id in gone]
    outcomes = await _shred(content, store_namespace(org_id), removable)
    removed = [
        (blob, outcome)
        for blob, outcome in zip(removable, outcomes, strict=True)
        if outcome is not _Outcome.FAILED
    ]
    if len(removed) == len(removable):
        await undo.commit()
    else:
        await undo.rollback()
        await queries.delete_unreferenced(session, [blob.id for blob, _ in removed])
    await audit.record(
        session, [_certificate(*pair) for pair in removed], org_id=org_id, actor_id=None
    )
    return [blob for blob, _ in removed], len(removable) - len(removed)


class _Outcome(Enum):
    """What became of a blob's bytes."""

    SHREDDED = auto()
    MISSING = auto()
    """They were gone: a collection was broken off after it had removed them."""
    FAILED = auto()


async def _shred(content: Content, namespace: str, blobs: Sequence[Collectable]) -> list[_Outcome]:
    """Remove the bytes of blobs, all at once; not before each is done, or failed, does it end.

    For the locks of the rows are what keeps uploads from relying on these bytes.
    """
    outcomes = await asyncio.gather(
        *(content.complete(_shred_one, content.store, namespace, blob.digest) for blob in blobs),
        return_exceptions=True,
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, _Outcome)]


def _shred_one(store: BlobStore, namespace: str, digest: bytes) -> _Outcome:
    try:
        store.delete(namespace, digest)
    except BlobNotFoundError:
        return _Outcome.MISSING
    except StoreError as error:
        log.error("blob_not_removed", namespace=namespace, digest=digest.hex(), error=str(error))  # noqa: TRY400
        return _Outcome.FAILED
    return _Outcome.SHREDDED


def _certificate(blob: Collectable, outcome: _Outcome) -> Deed:
    return Deed(
        SHREDDED,
        f"blob:{blob.digest.hex()}",
        {
            "sha256": blob.digest.hex(),
            "size": blob.size,
            "stored_size": blob.stored_size,
            "unreferenced_since": blob.marked_at.isoformat(),
            "was_missing": outcome is _Outcome.MISSING,
        },
    )
