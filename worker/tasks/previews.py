"""From a version's content to pictures of its pages: `prepare` the first page, `draw` what somebody wants to see.

What an office document was converted to has its words read after its first page can be seen.

Drawing the pages of a PDF or a picture takes tenths of a second: who waits for it has it done on the fast queue. What
must be converted first takes a core for seconds, and is the heavy queue's alone.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from backend.content.errors import ContentDamagedError
from backend.content.service import Received
from backend.core.db import Tenant
from backend.documents.service import VersionContent
from backend.identity.models import store_namespace
from backend.previews import service as previews
from backend.previews.models import PreviewStatus, Size
from backend.previews.service import Drawn
from backend.texts import service as texts
from worker.app import RETRIES, app
from worker.extraction import Limits, run_bounded
from worker.leases import renewing
from worker.plaintext import plaintext
from worker.previews import (
    MOST_PAGES,
    Drawing,
    DrawLimits,
    Kind,
    OfficeLimits,
    Picture,
    Wanted,
    convert,
    draw_bounded,
    kind_of,
)
from worker.runtime import Runtime

log = structlog.get_logger(__name__)

MAX_DRAWN_SIZE = 2 * 2**30
"""Content beyond this many bytes is not drawn."""
_PDF = "application/pdf"
_FIRST_SIZES = (Size.THUMBNAIL, Size.MEDIUM)
_LIMITS = DrawLimits()
_TIME_TO_FETCH = 600
_DRAWING_SECONDS = int(_LIMITS.wall_seconds) + _TIME_TO_FETCH
_READING = Limits()
_TASK_SECONDS = 2 * int(OfficeLimits().wall_seconds) + _DRAWING_SECONDS
_READING_SECONDS = int(_READING.wall_seconds) + _TIME_TO_FETCH
_BY_WIDTH = {size.width: size for size in Size}


@app.task(name="previews.prepare", time_limit=_TASK_SECONDS, **RETRIES)
def prepare(org_id: int, version_id: int) -> None:
    """Find out what there is to see of a version, and draw its first page."""
    runtime = Runtime.current()
    runtime.run(_prepare(runtime, org_id, version_id))


@app.task(name="previews.prepare_now", time_limit=_DRAWING_SECONDS, **RETRIES)
def prepare_now(org_id: int, version_id: int) -> None:
    """Do so for somebody who waits, unless it takes a conversion: `prepare` is queued for that."""
    runtime = Runtime.current()
    runtime.run(_prepare(runtime, org_id, version_id, is_mine=_is_quick))


@app.task(name="previews.draw", time_limit=_DRAWING_SECONDS, **RETRIES)
def draw(org_id: int, version_id: int, pages: list[int], size: str) -> None:
    """Draw pages that somebody wants to see."""
    runtime = Runtime.current()
    runtime.run(_draw(runtime, org_id, version_id, pages, Size(size)))


@app.task(name="previews.read_words", time_limit=_READING_SECONDS, **RETRIES)
def read_words(org_id: int, version_id: int) -> None:
    """Read the words of the pages that a document was converted to, for marking hits there."""
    runtime = Runtime.current()
    runtime.run(_read_words(runtime, org_id, version_id))


def _is_quick(media_type: str) -> bool:
    return kind_of(media_type) is not Kind.OFFICE


async def _prepare(
    runtime: Runtime,
    org_id: int,
    version_id: int,
    *,
    is_mine: Callable[[str], bool] = lambda _: True,
) -> None:
    """Take the preview, make it, record what came of it; each in a transaction of its own."""
    tenant = Tenant(org_id)
    async with runtime.database.transaction(tenant) as session:
        content = await previews.begin_preview(session, version_id, org_id=org_id, is_mine=is_mine)
    if content is None:
        return
    async with renewing(
        runtime,
        tenant,
        lambda session: previews.renew_lease(session, version_id),
        lease=previews.LEASE,
    ):
        made = await _first_page(runtime, org_id, content)
        drawing = made.drawing
        log.info("preview_made", version_id=version_id, status=drawing.status)
        async with AsyncExitStack() as stack:
            drawn = await _keep(runtime, org_id, drawing.pictures, stack)
            kept = made.pdf and await _received(runtime, org_id, made.pdf, stack)
            # What was drawn before it ended early can be seen; what is missing is asked for again, by itself.
            status = PreviewStatus.READY if drawn else PreviewStatus(drawing.status)
            async with runtime.database.transaction(tenant) as session:
                await previews.finish_preview(
                    session,
                    version_id,
                    status=status,
                    detail=_detail(drawing),
                    sheet_sizes=drawing.sheet_sizes,
                    drawn=drawn,
                    broken=drawing.broken_pages,
                    pdf=kept or None,
                )


@dataclass(frozen=True, slots=True)
class _Made:
    """What there is to see of a document."""

    drawing: Drawing
    pdf: bytes = b""
    """What it had to be converted to for that."""


async def _first_page(runtime: Runtime, org_id: int, content: VersionContent) -> _Made:
    """Draw the first page."""
    kind = kind_of(content.media_type)
    if kind is None:
        return _Made(Drawing("unsupported", "Files of this kind have no preview."))
    if content.size > MAX_DRAWN_SIZE:
        return _Made(Drawing("unsupported", "The file is too large to be drawn."))
    try:
        async with plaintext(runtime, org_id, content.digest) as path:
            if kind is Kind.OFFICE:
                return await asyncio.to_thread(_convert_and_draw, path, content.media_type)
            return _Made(await asyncio.to_thread(_draw_first, path, content.media_type))
    except ContentDamagedError as error:
        return _Made(Drawing("failed", error.detail))


def _convert_and_draw(path: Path, media_type: str) -> _Made:
    converted = convert(path, media_type=media_type)
    if converted.status != "ready":
        return _Made(Drawing(converted.status, converted.detail))
    with os.fdopen(os.memfd_create("pdf"), "wb") as file:
        file.write(converted.pdf)
        file.flush()
        pdf = Path(f"/proc/self/fd/{file.fileno()}")
        return _Made(_draw_first(pdf, _PDF), converted.pdf)


def _draw_first(path: Path, media_type: str) -> Drawing:
    wanted = [Wanted(1, size.width) for size in _FIRST_SIZES]
    return draw_bounded(path, media_type=media_type, wanted=wanted, limits=_LIMITS)


async def _read_words(runtime: Runtime, org_id: int, version_id: int) -> None:
    tenant = Tenant(org_id)
    async with runtime.database.transaction(tenant) as session:
        digest = await previews.converted_to(session, version_id)
    if digest is None:
        return
    try:
        async with plaintext(runtime, org_id, digest) as path:
            read = await asyncio.to_thread(
                run_bounded, path, name="", media_type=_PDF, limits=_READING, ocr=False
            )
    except ContentDamagedError as error:
        log.warning("words_not_read", version_id=version_id, reason=error.detail)
        return
    async with runtime.database.transaction(tenant) as session:
        # Made anew or quarantined meanwhile, it has other words, or none.
        if await previews.converted_to(session, version_id) == digest:
            await texts.record_shown(
                session, org_id=org_id, version_id=version_id, pages=read.pages
            )
            await previews.tell_readers(session, version_id, org_id=org_id)


async def _draw(
    runtime: Runtime, org_id: int, version_id: int, pages: Sequence[int], size: Size
) -> None:
    tenant = Tenant(org_id)
    async with runtime.database.transaction(tenant) as session:
        source = await previews.begin_pages(session, version_id, pages=pages, size=size)
    if source is None:
        return
    try:
        async with plaintext(runtime, org_id, source.digest) as path:
            drawing = await asyncio.to_thread(
                draw_bounded,
                path,
                media_type=source.media_type,
                wanted=[Wanted(page, size.width) for page in source.pages],
                limits=_LIMITS,
            )
    except ContentDamagedError as error:
        drawing = Drawing("failed", error.detail)
    async with AsyncExitStack() as stack:
        drawn = await _keep(runtime, org_id, drawing.pictures, stack)
        async with runtime.database.transaction(tenant) as session:
            await previews.finish_pages(
                session,
                version_id,
                size=size,
                asked=source.pages,
                drawn=drawn,
                broken=drawing.broken_pages,
                detail=drawing.detail,
            )


async def _keep(
    runtime: Runtime, org_id: int, pictures: Sequence[Picture], stack: AsyncExitStack
) -> list[Drawn]:
    """Write pictures to the store; what is not published by the end of the stack is not kept."""
    return [
        Drawn(
            page=one.page,
            size=_BY_WIDTH[one.asked_width],
            width=one.width,
            height=one.height,
            received=await _received(runtime, org_id, one.data, stack),
        )
        for one in pictures
    ]


async def _received(runtime: Runtime, org_id: int, data: bytes, stack: AsyncExitStack) -> Received:
    return await stack.enter_async_context(
        runtime.content.keep(data, namespace=store_namespace(org_id))
    )


def _detail(drawing: Drawing) -> str | None:
    if drawing.status == "ready" and drawing.page_count == MOST_PAGES:
        return f"Only the first {MOST_PAGES:,} pages can be looked at."
    return drawing.detail or None
