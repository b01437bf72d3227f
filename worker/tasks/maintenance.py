"""What the scheduler starts: each goes through the organisations, one transaction per batch."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.errors import TrailDamagedError
from backend.audit.statements import Signer
from backend.collection import service as collection
from backend.content.keys import open_keyring
from backend.core.clock import now
from backend.core.db import Tenant
from backend.core.idempotency import forget_answers
from backend.core.outbox import prune
from backend.core.queues import BEGUN
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.identity import service as identity
from backend.previews import service as previews
from backend.scanning import service as scanning
from backend.search import upkeep
from backend.uploads import service as uploads
from backend.verification import service as verification
from worker.app import app
from worker.runtime import Runtime

log = structlog.get_logger(__name__)

_BATCH = 500
_KEEP_SENT_EVENTS = timedelta(days=1)
_KEEP_ANSWERS = timedelta(days=1)
_COLLECTION_SECONDS = 2 * 3600
"""It may be ended anywhere; the next one goes on."""
_COLLECTION_EXPIRES = 3600
"""By then the next one has been asked for."""
_RESCAN_SECONDS = 3_600
"""The largest blob must be read at the least rate."""
_TENDING_SECONDS = 240
"""Less than until the next one."""

Step = Callable[[AsyncSession, int], Awaitable[int]]
"""Does a batch in the transaction's organisation and returns how much it did; 0 when there is no more."""


@app.task(name="maintenance.requeue_lost", time_limit=60)
def requeue_lost() -> None:
    """Hand versions to the queue again whose task was lost."""
    since = _queues_since()
    _everywhere(
        "requeued",
        lambda session, _: documents.requeue_lost(session, limit=_BATCH, queues_since=since),
        once=True,
    )
    _everywhere(
        "previews_requeued",
        lambda session, org_id: previews.requeue_lost(
            session, org_id=org_id, limit=_BATCH, queues_since=since
        ),
        once=True,
    )


@app.task(name="maintenance.cleanup_expired_trash", time_limit=1_800)
def cleanup_expired_trash() -> None:
    """Delete for good what has been in the trash for as long as the trash keeps things; then have its content freed."""
    before = now() - timedelta(days=Runtime.current().settings.trash_days)
    _everywhere(
        "trash_purged",
        lambda session, org_id: documents.purge_expired(session, org_id=org_id, before=before),
    )
    collect.apply_async(expires=_COLLECTION_EXPIRES)


@app.task(name="maintenance.collect", time_limit=_COLLECTION_SECONDS)
def collect() -> None:
    """Free the content that no document refers to any more."""
    runtime = Runtime.current()
    grace = timedelta(hours=runtime.settings.gc_grace_hours)

    async def run() -> None:
        await collection.sweep_temporary(runtime.content)
        async with runtime.database.transaction() as session:
            org_ids = await identity.organisation_ids(session)
        for org_id in org_ids:
            done = await collection.collect(runtime.database, runtime.content, org_id, grace=grace)
            if done.freed.blobs or done.adopted or done.failed:
                log.info("collected", org_id=org_id, **asdict(done))

    runtime.run(run())


@app.task(name="maintenance.count_usage", time_limit=600)
def count_usage() -> None:
    """Count what organisations with limits have stored, so that little is to be added when it is asked for."""

    async def count(session: AsyncSession, _: int) -> int:
        await documents.count_usage(session)
        return 0

    _everywhere("usage_counted", count, once=True)


@app.task(name="maintenance.expire_uploads", time_limit=1_800)
def expire_uploads() -> None:
    """Forget uploads that nobody went on with, and remove what was received of them."""
    runtime = Runtime.current()

    async def run() -> None:
        async with runtime.database.transaction() as session:
            org_ids = await identity.organisation_ids(session)
        for org_id in org_ids:
            count = await uploads.expire(runtime.database, runtime.content, org_id)
            if count:
                log.info("uploads_expired", org_id=org_id, count=count)

    runtime.run(run())


@app.task(name="maintenance.prune_outbox", time_limit=600)
def prune_outbox() -> None:
    """Forget events that were sent, and answers that were kept, long ago."""
    runtime = Runtime.current()
    before = now() - _KEEP_ANSWERS
    _everywhere("answers_forgotten", lambda session, _: forget_answers(session, before=before))

    async def run() -> None:
        async with runtime.database.transaction() as session:
            await prune(session, before=now() - _KEEP_SENT_EVENTS)

    runtime.run(run())


@app.task(name="maintenance.scrub_store", time_limit=9_000)
def scrub_store() -> None:
    """Read what is due of the store, and compare it with what was written."""
    runtime = Runtime.current()
    if not runtime.settings.scrub_days:
        return

    async def run() -> None:
        check = await verification.scrub_slice(
            runtime.database,
            runtime.content,
            period=timedelta(days=runtime.settings.scrub_days),
            rate=runtime.settings.scrub_rate,
        )
        if check is not None and check.finished_at is not None:
            log.info("store_scrubbed", blobs=check.blobs, damaged=check.damaged)

    runtime.run(run())


@app.task(name="maintenance.rescan", time_limit=_RESCAN_SECONDS)
def rescan() -> None:
    """Give the scanner what was never scanned, and again what is due."""
    runtime = Runtime.current()
    days = runtime.settings.rescan_days

    async def run() -> None:
        try:
            infected = await scanning.rescan_slice(
                runtime.database,
                runtime.content,
                period=timedelta(days=days) if days else None,
                rate=runtime.settings.rescan_rate,
            )
        except scanning.ScannerGoneError as error:
            log.warning("rescan_waits", reason=str(error))
            return
        if infected:
            log.warning("quarantined", count=infected)

    runtime.run(run())


@app.task(name="maintenance.checkpoint_trail", time_limit=1_800)
def checkpoint_trail() -> None:
    """Sign how each organisation's audit trail stands, where something was sealed since."""
    runtime = Runtime.current()

    async def run() -> None:
        signer = await asyncio.to_thread(_signer, runtime.settings)
        async with runtime.database.transaction() as session:
            org_ids = await identity.organisation_ids(session)
        for org_id in org_ids:
            try:
                async with runtime.database.transaction(Tenant(org_id)) as session:
                    await audit.make_checkpoint(session, signer, org_id=org_id)
            except TrailDamagedError as error:
                log.error("audit_trail_damaged", org_id=org_id, detail=error.detail)  # noqa: TRY400

    runtime.run(run())


@app.task(name="maintenance.tend_search", time_limit=1_800)
def tend_search() -> None:
    """Count the words of large organisations, and gather the champions of common ones."""
    runtime = Runtime.current()
    until = time.monotonic() + _TENDING_SECONDS

    async def run() -> None:
        async with runtime.database.transaction() as session:
            org_ids = await identity.organisation_ids(session)
        # No organisation waits for ever behind one that has much to do.
        for org_id in random.sample(org_ids, len(org_ids)):
            left = max(until - time.monotonic(), 0)
            done = await upkeep.tend(runtime.database, org_id, seconds=left)
            if done.gathered:
                log.info("search_tended", org_id=org_id, **asdict(done))

    runtime.run(run())


def _queues_since() -> datetime | None:
    """Return when the queues began; None while that is not known."""
    begun = cast("bytes | None", Runtime.current().redis.get(BEGUN))
    return None if begun is None else datetime.fromisoformat(begun.decode())


def _signer(settings: Settings) -> Signer:
    return Signer(open_keyring(settings))


def _everywhere(event: str, step: Step, *, once: bool = False) -> None:
    runtime = Runtime.current()

    async def run() -> None:
        async with runtime.database.transaction() as session:
            org_ids = await identity.organisation_ids(session)
        for org_id in org_ids:
            while True:
                async with runtime.database.transaction(Tenant(org_id)) as session:
                    count = await step(session, org_id)
                if count:
                    log.info(event, org_id=org_id, count=count)
                if once or not count:
                    break

    runtime.run(run())
