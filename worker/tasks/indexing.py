"""From a version's content to searchable text: `process` first, `ocr` where the text is in pictures.

Pages that are pictures are recognised some at a time, each of them once; pictures inside other documents are read
with the whole of it.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.errors import ContentDamagedError
from backend.core.db import Tenant
from backend.documents import service as documents
from backend.documents.models import IndexStatus
from backend.documents.service import VersionContent
from backend.documents.service.indexing import LEASE
from backend.intake import service as intake
from backend.search import service as search
from backend.texts import service as texts
from worker.app import RETRIES, app
from worker.extraction import (
    OCR_LIMITS,
    ExtractionResult,
    Limits,
    Recognition,
    language_of,
    run_bounded,
)
from worker.leases import renewing
from worker.plaintext import plaintext
from worker.runtime import Runtime

log = structlog.get_logger(__name__)

MAX_READ_SIZE = 2 * 2**30
"""Content beyond this many bytes is not read for its text."""
BATCH_PAGES = 8
"""Pages recognised before what was read is stored."""
BATCHES_AT_ONCE = 5
"""Batches of one document before others have their turn."""
_NAMED_PAGES = 10
_NOT_READ = "Reading it ended without a result."
_FAST_LIMITS = Limits()
_TIME_TO_FETCH = 600


@app.task(
    name="indexing.process", time_limit=int(_FAST_LIMITS.wall_seconds) + _TIME_TO_FETCH, **RETRIES
)
def process(org_id: int, version_id: int) -> None:
    """Read the text a version has as text; hand it on to `ocr` where there are pictures to read."""
    runtime = Runtime.current()
    runtime.run(_index(runtime, org_id, version_id, ocr=False))


@app.task(name="indexing.ocr", time_limit=int(OCR_LIMITS.wall_seconds) + _TIME_TO_FETCH, **RETRIES)
def ocr(org_id: int, version_id: int) -> None:
    """Read a version's text, pictures included."""
    runtime = Runtime.current()
    runtime.run(_index(runtime, org_id, version_id, ocr=True))


async def _index(runtime: Runtime, org_id: int, version_id: int, *, ocr: bool) -> None:
    """Take the version, read it, record what was found; each in a transaction of its own."""
    tenant = Tenant(org_id)
    async with runtime.database.transaction(tenant) as session:
        version = await documents.begin_indexing(session, version_id)
        waiting = version and await texts.next_batch(session, version_id, limit=BATCH_PAGES)
        languages = await texts.languages_of(session, org_id)
        if waiting and not ocr:
            # A person asked for it, or it was being recognised when the queue was lost.
            await documents.request_ocr(session, version_id)
    if version is None or (waiting and not ocr):
        return
    async with renewing(
        runtime, tenant, lambda session: documents.renew_lease(session, version_id), lease=LEASE
    ):
        if waiting:
            await _recognise(runtime, org_id, version)
        else:
            recognition = Recognition(languages=languages)
            await _read_whole(runtime, org_id, version, recognition, ocr=ocr)


async def _read_whole(
    runtime: Runtime,
    org_id: int,
    version: VersionContent,
    recognition: Recognition,
    *,
    ocr: bool,
) -> None:
    """Read a version as a whole; with `ocr` its pictures too, which are not pages of their own."""
    tenant, version_id = Tenant(org_id), version.version_id
    result = await _read(runtime, org_id, version, recognition, ocr=ocr)
    log.info("text_read", version_id=version_id, status=result.status, engine=result.engine)
    async with runtime.database.transaction(tenant) as session:
        if result.status == "needs_ocr":
            known = await documents.request_ocr(session, version_id, page_count=result.page_count)
        else:
            known = await documents.finish_indexing(
                session,
                version_id,
                status=IndexStatus(result.status),
                detail=result.detail or None,
                page_count=result.page_count,
            )
        if known:
            # Before the text: the searched row is then built from much text once.
            await documents.record_metadata(
                session,
                version_id,
                fields=result.metadata.to_json(),
                words=result.metadata.words(),
            )
            await _keep(session, org_id, version_id, result, recognition.languages)
            if result.status == "indexed":
                await intake.text_was_read(session, org_id=org_id, version_id=version_id)


async def _keep(
    session: AsyncSession,
    org_id: int,
    version_id: int,
    result: ExtractionResult,
    languages: Sequence[str],
) -> None:
    """Keep what was read, also where pictures wait to be: what there is without them is findable by then."""
    # Slides with pictures are read as a whole once more: until then there is nothing to say page by page.
    if result.pages and (result.status != "needs_ocr" or any(one.width for one in result.pages)):
        reading = texts.Reading(
            beyond=result.beyond,
            page_count=result.page_count,
            language=result.language,
            truncated=result.truncated,
            detail=result.detail,
        )
        await texts.record_reading(
            session,
            org_id=org_id,
            version_id=version_id,
            reading=reading,
            pages=result.pages,
            languages=languages,
        )
        await texts.publish(session, org_id=org_id, version_id=version_id)
    elif result.text:
        await search.index_text(
            session,
            org_id=org_id,
            version_id=version_id,
            text=result.text,
            language=result.language,
            engine=result.engine,
            page_count=result.page_count,
            truncated=result.truncated,
        )


async def _recognise(runtime: Runtime, org_id: int, version: VersionContent) -> None:
    """Recognise pages that wait, some at a time: what is done is kept, and is not done again after a kill.

    Who has many pages makes room for others after some of them, and waits in the queue anew.
    """
    tenant, version_id = Tenant(org_id), version.version_id
    try:
        async with plaintext(runtime, org_id, version.digest) as path:
            for _ in range(BATCHES_AT_ONCE):
                async with runtime.database.transaction(tenant) as session:
                    batch = await texts.next_batch(session, version_id, limit=BATCH_PAGES)
                if batch is None:
                    break
                result = await _recognise_batch(path, version, batch)
                await _keep_batch(runtime, org_id, version_id, batch, result)
    except ContentDamagedError as error:
        async with runtime.database.transaction(tenant) as session:
            await documents.finish_indexing(
                session, version_id, status=IndexStatus.FAILED, detail=error.detail
            )
        return
    async with runtime.database.transaction(tenant) as session:
        if await texts.next_batch(session, version_id, limit=1) is not None:
            await documents.request_ocr(session, version_id)
        else:
            await _finish_recognition(session, version_id)
            await intake.text_was_read(session, org_id=org_id, version_id=version_id)


async def _recognise_batch(
    path: Path, version: VersionContent, batch: texts.Batch
) -> ExtractionResult:
    recognition = Recognition(
        languages=batch.languages,
        engine=batch.engine,
        pages=batch.pages,
        is_forced=batch.is_forced,
    )
    return await asyncio.to_thread(
        run_bounded,
        path,
        name=version.name,
        media_type=version.media_type,
        limits=OCR_LIMITS,
        ocr=True,
        recognition=recognition,
    )


async def _keep_batch(
    runtime: Runtime, org_id: int, version_id: int, batch: texts.Batch, result: ExtractionResult
) -> None:
    async with runtime.database.transaction(Tenant(org_id)) as session:
        progress = await texts.record_pages(
            session,
            version_id,
            batch,
            result.pages,
            reason=result.detail or _NOT_READ,
        )
        text = await texts.text_of_pages(session, version_id)
        if text:
            await texts.publish(
                session, org_id=org_id, version_id=version_id, language=language_of(text)
            )
        await documents.report_progress(
            session, version_id, done=progress.pages - progress.waiting, pages=progress.pages
        )
    log.info(
        "pages_read",
        version_id=version_id,
        pages=len(result.pages),
        waiting=progress.waiting,
        engine=result.engine,
    )


async def _finish_recognition(session: AsyncSession, version_id: int) -> None:
    """Say how it ended: pages that failed do not fail the document, unless there is nothing else."""
    progress = await texts.progress(session, version_id)
    text = await texts.text_of_pages(session, version_id)
    notes = [progress.detail, _failed_pages(progress.failed)]
    status = IndexStatus.FAILED if progress.failed else IndexStatus.NO_TEXT
    await documents.finish_indexing(
        session,
        version_id,
        status=IndexStatus.INDEXED if text else status,
        detail=" ".join(filter(None, notes)) or (None if text else "There is no text in it."),
    )


def _failed_pages(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"Page {numbers[0]} could not be read."
    named = ", ".join(map(str, numbers[:_NAMED_PAGES]))
    more = f" and {len(numbers) - _NAMED_PAGES:,} more" if len(numbers) > _NAMED_PAGES else ""
    return f"Pages {named}{more} could not be read."


async def _read(
    runtime: Runtime,
    org_id: int,
    version: VersionContent,
    recognition: Recognition,
    *,
    ocr: bool,
) -> ExtractionResult:
    if version.size > MAX_READ_SIZE:
        return ExtractionResult(
            status="unsupported",
            detail="The file is too large for its text to be read.",
            media_type=version.media_type,
        )
    try:
        async with plaintext(runtime, org_id, version.digest) as path:
            return await asyncio.to_thread(
                run_bounded,
                path,
                name=version.name,
                media_type=version.media_type,
                limits=OCR_LIMITS if ocr else _FAST_LIMITS,
                ocr=ocr,
                recognition=recognition,
            )
    except ContentDamagedError as error:
        return ExtractionResult(status="failed", detail=error.detail, media_type=version.media_type)
