"""From a version's content to searchable text: `process` first, `ocr` where the text is in pictures."""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.errors import ContentDamagedError
from backend.core.db import Tenant
from backend.documents import service as documents
from backend.documents.models import IndexStatus
from backend.documents.service import VersionContent
from backend.documents.service.indexing import LEASE
from backend.search import service as search
from worker.app import RETRIES, app
from worker.extraction import OCR_LIMITS, ExtractionResult, Limits, run_bounded
from worker.leases import renewing
from worker.plaintext import plaintext
from worker.runtime import Runtime

log = structlog.get_logger(__name__)

MAX_READ_SIZE = 2 * 2**30
"""Content beyond this many bytes is not read for its text."""
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
    if version is None:
        return
    async with renewing(
        runtime, tenant, lambda session: documents.renew_lease(session, version_id), lease=LEASE
    ):
        result = await _read(runtime, org_id, version, ocr=ocr)
    log.info("text_read", version_id=version_id, status=result.status, engine=result.engine)
    async with runtime.database.transaction(tenant) as session:
        if result.status == "needs_ocr":
            known = await documents.request_ocr(session, version_id)
        else:
            known = await documents.finish_indexing(
                session,
                version_id,
                status=IndexStatus(result.status),
                detail=result.detail or None,
                page_count=result.page_count,
            )
        if known and result.text:
            # Also where pictures wait to be read: what there is without them is findable by then.
            await _index_text(session, org_id, version_id, result)


async def _index_text(
    session: AsyncSession, org_id: int, version_id: int, result: ExtractionResult
) -> None:
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


async def _read(
    runtime: Runtime, org_id: int, version: VersionContent, *, ocr: bool
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
            )
    except ContentDamagedError as error:
        return ExtractionResult(status="failed", detail=error.detail, media_type=version.media_type)
