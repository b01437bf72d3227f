"""Looking at the pages of a version. Who may read the document may look at it; nobody else knows that there is one.

What is not there yet is asked for: the caller is told to come again.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.clock import now
from backend.documents import service as documents
from backend.documents.schemas import Disposition
from backend.documents.service import ContentRef
from backend.previews import queries
from backend.previews.errors import NoPreviewError, PageNotFoundError
from backend.previews.models import PagePicture, PictureStatus, Preview, PreviewStatus, Size
from backend.previews.schemas import PreviewPagesOut, SheetOut, WidthsOut
from backend.previews.service import queueing

_WAITING = frozenset({PreviewStatus.PENDING, PreviewStatus.DRAWING})
_IMPATIENT_AFTER = timedelta(seconds=30)
"""What somebody waits for is queued once more after so long: the queue may have been lost."""
_DRAWN_TOGETHER = {Size.THUMBNAIL: 16, Size.MEDIUM: 4, Size.LARGE: 1}
"""Who looks at a page will look at the next ones."""


@dataclass(frozen=True, slots=True)
class PictureRef:
    """Which bytes show a page."""

    digest: bytes
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The picture is being made."""

    status: PreviewStatus


async def find_picture(
    session: AsyncSession,
    actor: Actor,
    document_id: int,
    *,
    version: int | None,
    page: int,
    size: Size,
) -> tuple[ContentRef, PictureRef | Waiting]:
    """Return what a page of a version looks like, or that it is being made, which it is from now on.

    Raises:
        NotFoundError: the actor may not see the document.
        VersionNotFoundError, PageNotFoundError: it has no such version or page.
        NoPreviewError: it, or this page of it, cannot be shown.
    """
    content = await documents.get_content(session, actor, document_id, version=version)
    preview = await _preview_of(session, actor, content)
    if preview.status in _WAITING:
        return content, Waiting(preview.status)
    _check_page(preview, page)
    found = await queries.picture(session, content.version_id, page=page, size=size)
    if found is None or found.status is PictureStatus.PENDING:
        await _ask_for(session, actor, preview, found, page=page, size=size)
        return content, Waiting(PreviewStatus.DRAWING)
    if found.blob is None:
        raise NoPreviewError(found.detail or "This page cannot be drawn.", status=found.status)
    name = f"page-{page}-{size}.webp"
    return content, PictureRef(found.blob.digest, found.blob.size, name)


async def list_pages(
    session: AsyncSession, actor: Actor, document_id: int, *, version: int | None
) -> PreviewPagesOut:
    """Return the pages of a version.

    Raises:
        NotFoundError, VersionNotFoundError: the actor may not see the document, or it has no such version.
    """
    content = await documents.get_content(session, actor, document_id, version=version)
    preview = await _preview_of(session, actor, content)
    sizes = preview.sheet_sizes or []
    return PreviewPagesOut(
        version=content.version,
        status=preview.status,
        detail=preview.detail,
        page_count=preview.page_count,
        pages=[
            SheetOut(number=number, width=width, height=height)
            for number, (width, height) in enumerate(
                zip(sizes[::2], sizes[1::2], strict=True), start=1
            )
        ],
        widths=WidthsOut(),
    )


async def request_preview(
    session: AsyncSession, actor: Actor, document_id: int, *, version: int | None
) -> PreviewPagesOut:
    """Have the preview of a version made once more; what there is of it is forgotten.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the document, or not change it.
        VersionNotFoundError: it has no such version.
    """
    content = await documents.get_content(session, actor, document_id, version=version)
    await access.require_document(session, actor, Action.DOCUMENT_UPDATE, document_id=document_id)
    await queries.add(session, org_id=actor.org_id, version_id=content.version_id)
    preview = await queries.preview(session, content.version_id, lock=True)
    if preview is not None:
        await queries.delete_pictures(session, content.version_id)
        preview.status, preview.detail = PreviewStatus.PENDING, None
        preview.page_count = preview.sheet_sizes = preview.pdf_blob_id = None
        preview.lease_until, preview.attempts, preview.queued_at = None, 0, now()
        await session.flush()
        await _queue(session, actor, content.version_id)
        deed = Deed(
            "document.preview_requested",
            f"document:{document_id}",
            {"version": content.version},
            content.folder_id,
        )
        await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    return await list_pages(session, actor, document_id, version=content.version)


async def record_looking(session: AsyncSession, actor: Actor, content: ContentRef) -> None:
    """Record that pages are looked at: one event within some minutes, however many pages there are."""
    await documents.record_reading(session, actor, content, Disposition.INLINE, in_parts=True)


async def _preview_of(session: AsyncSession, actor: Actor, content: ContentRef) -> Preview:
    """Return a version's preview; have it made first if it waits for that."""
    version_id = content.version_id
    is_new = await queries.add(session, org_id=actor.org_id, version_id=version_id)
    preview = await queries.preview(session, version_id)
    if preview is None:
        raise NoPreviewError("The version was deleted.", status=PreviewStatus.FAILED)
    nobody = preview.lease_until is None or preview.lease_until < now()
    if is_new:
        await _queue(session, actor, version_id)
    elif preview.status in _WAITING and nobody and _is_overdue(preview):
        preview.queued_at = now()
        await session.flush()
        await queueing.want_preview(session, org_id=actor.org_id, version_id=version_id)
    return preview


async def _queue(session: AsyncSession, actor: Actor, version_id: int) -> None:
    """Have it made at once if it can be, and in its turn in any case."""
    await queueing.want_preview(session, org_id=actor.org_id, version_id=version_id)
    await queueing.queue_preview(session, org_id=actor.org_id, version_id=version_id)


def _is_overdue(row: Preview | PagePicture) -> bool:
    return row.queued_at < now() - _IMPATIENT_AFTER


def _check_page(preview: Preview, page: int) -> None:
    if preview.status is not PreviewStatus.READY:
        raise NoPreviewError(
            preview.detail or "There is nothing to see of this document.", status=preview.status
        )
    count = preview.page_count or 0
    if page > count:
        raise PageNotFoundError(f"The document has {count} pages.", page_count=count)


async def _ask_for(
    session: AsyncSession,
    actor: Actor,
    preview: Preview,
    asked: PagePicture | None,
    *,
    page: int,
    size: Size,
) -> None:
    """Have a page drawn, and the pages that follow it, unless somebody is at it."""
    version_id = preview.version_id
    if asked is not None:
        if _is_overdue(asked):
            asked.queued_at = now()
            await session.flush()
            await queueing.want_pages(
                session, org_id=actor.org_id, version_id=version_id, pages=[page], size=size
            )
        return
    last = min(page + _DRAWN_TOGETHER[size] - 1, preview.page_count or page)
    new = await queries.add_pictures(
        session,
        org_id=actor.org_id,
        version_id=version_id,
        pages=range(page, last + 1),
        size=size,
    )
    if new:
        await queueing.want_pages(
            session, org_id=actor.org_id, version_id=version_id, pages=sorted(new), size=size
        )
