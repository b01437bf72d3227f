"""How far previews are. The workers call this; it knows nothing of drawing.

Who makes one holds a lease on it and renews it; who draws single pages holds one on each. A lease that ran out, or a
task that was lost with the queue, is found by `requeue_lost`, as lost readings of text are.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.service import Received
from backend.core.clock import now
from backend.documents import service as documents
from backend.documents.service import VersionContent
from backend.previews import queries
from backend.previews.models import PictureStatus, Preview, PreviewStatus, Size
from backend.previews.service import queueing

LEASE = timedelta(seconds=60)
"""How long whoever makes a preview may be silent; it renews three times as often."""
_PAGES_LEASE = timedelta(seconds=180)
"""How long drawing a few pages may take; it is not renewed."""
_LOST_AFTER = timedelta(hours=1)
_MAX_ATTEMPTS = 3
_UNMADE = frozenset({PreviewStatus.PENDING, PreviewStatus.DRAWING})


@dataclass(frozen=True, slots=True)
class PageSource:
    """Pages that the caller is to draw, and of which bytes."""

    digest: bytes
    media_type: str
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page that was drawn, its picture written to the store and not yet published."""

    page: int
    size: Size
    width: int
    height: int
    received: Received


async def begin_preview(
    session: AsyncSession, version_id: int, *, org_id: int, is_mine: Callable[[str], bool]
) -> VersionContent | None:
    """Take the lease on a version's preview and return what it is to be made of.

    Returns None where there is nothing to do: the version was purged, its media type is not for the caller
    (`is_mine`), its preview was made, somebody makes it, or that has ended its worker so often that it is given up as
    failed.
    """
    await queries.add(session, org_id=org_id, version_id=version_id)
    preview = await queries.preview(session, version_id, lock=True)
    content = await documents.version_content(session, version_id)
    if preview is None or content is None or not is_mine(content.media_type):
        return None
    held = preview.lease_until is not None and preview.lease_until > now()
    if preview.status not in _UNMADE or held:
        return None
    if preview.attempts >= _MAX_ATTEMPTS:
        await _end(
            session,
            preview,
            PreviewStatus.FAILED,
            f"Drawing it was broken off {_MAX_ATTEMPTS} times; it is not tried again by itself.",
        )
        return None
    preview.attempts += 1
    preview.status = PreviewStatus.DRAWING
    preview.lease_until = now() + LEASE
    await session.flush()
    return content


async def renew_lease(session: AsyncSession, version_id: int) -> None:
    """Keep a preview that is still being made."""
    await queries.set_lease(session, version_id, until=now() + LEASE)


async def finish_preview(
    session: AsyncSession,
    version_id: int,
    *,
    status: PreviewStatus,
    detail: str | None,
    sheet_sizes: Sequence[tuple[int, int]] = (),
    drawn: Sequence[Drawn] = (),
    broken: Mapping[int, str] | None = None,
    pdf: Received | None = None,
) -> bool:
    """Record what came of making a preview; return False where the version was purged, or quarantined, meanwhile.

    `broken` pages could not be drawn in any size; `pdf` is what the document was converted to.
    """
    preview = await queries.preview(session, version_id, lock=True)
    if preview is None or await documents.version_content(session, version_id) is None:
        return False
    if sheet_sizes:
        preview.page_count = len(sheet_sizes)
        preview.sheet_sizes = [side for size in sheet_sizes for side in size]
    published = await _publish(
        session, preview.org_id, [one.received for one in drawn] + ([pdf] if pdf else [])
    )
    if pdf is not None:
        preview.pdf_blob_id = published[pdf.digest]
    await _record(session, preview, drawn, published)
    for page, why in (broken or {}).items():
        for size in Size:
            await queries.put_broken(
                session,
                org_id=preview.org_id,
                version_id=version_id,
                page=page,
                size=size,
                detail=why,
            )
    await _end(session, preview, status, detail)
    if pdf is not None:
        await queueing.read_words(session, org_id=preview.org_id, version_id=version_id)
    return True


async def converted_to(session: AsyncSession, version_id: int) -> bytes | None:
    """Return the digest of the PDF that a version was converted to, and keep it so until the transaction ends.

    Returns None where it was not converted, was purged, or is in quarantine.
    """
    preview = await queries.preview(session, version_id, lock=True)
    return None if preview is None or preview.pdf is None else preview.pdf.digest


async def tell_readers(session: AsyncSession, version_id: int, *, org_id: int) -> None:
    """Tell those who may read its document that the preview of a version changed."""
    content = await documents.version_content(session, version_id)
    if content is not None:
        await queueing.tell_readers(
            session,
            org_id=org_id,
            document_id=content.document_id,
            folder_id=content.folder_id,
            version_id=version_id,
        )


async def begin_pages(
    session: AsyncSession, version_id: int, *, pages: Sequence[int], size: Size
) -> PageSource | None:
    """Take the leases on pages that wait to be drawn; None where none of them does."""
    preview = await queries.preview(session, version_id)
    content = await documents.version_content(session, version_id)
    if preview is None or content is None or preview.status is not PreviewStatus.READY:
        return None
    taken = []
    for picture in await queries.take_pictures(
        session, version_id, pages=pages, size=size, at=now()
    ):
        if picture.attempts >= _MAX_ATTEMPTS:
            picture.status = PictureStatus.FAILED
            picture.detail = f"Drawing this page was broken off {_MAX_ATTEMPTS} times."
        else:
            picture.attempts += 1
            picture.lease_until = now() + _PAGES_LEASE
            taken.append(picture.page)
    await session.flush()
    if not taken:
        return None
    if preview.pdf is not None:
        return PageSource(preview.pdf.digest, "application/pdf", tuple(taken))
    return PageSource(content.digest, content.media_type, tuple(taken))


async def finish_pages(
    session: AsyncSession,
    version_id: int,
    *,
    size: Size,
    asked: Sequence[int],
    drawn: Sequence[Drawn],
    broken: Mapping[int, str],
    detail: str,
) -> None:
    """Record what came of drawing pages.

    Where it ended early, the first page that is missing is what ended it, and `detail` says how; the others are queued
    again.
    """
    preview = await queries.preview(session, version_id, lock=True)
    if preview is None or preview.status is not PreviewStatus.READY:
        return  # purged, or being made anew
    published = await _publish(session, preview.org_id, [one.received for one in drawn])
    await _record(session, preview, drawn, published)
    done = {one.page for one in drawn} | broken.keys()
    missing = [page for page in asked if page not in done]
    failed = dict(broken)
    if missing:
        failed[missing[0]] = detail or "This page could not be drawn."
    for page, why in failed.items():
        await queries.put_broken(
            session,
            org_id=preview.org_id,
            version_id=version_id,
            page=page,
            size=size,
            detail=why,
        )
    if missing[1:]:
        again = await queries.release_pictures(session, version_id, pages=missing[1:], size=size)
        await queueing.want_pages(
            session, org_id=preview.org_id, version_id=version_id, pages=again, size=size
        )


async def requeue_lost(
    session: AsyncSession, *, org_id: int, limit: int, queues_since: datetime | None = None
) -> int:
    """Hand previews and pages of the transaction's organisation to the queue again whose maker or task was lost.

    `queues_since` is when the queues began, if that is known: what was queued before then is not in them any more.
    A version that no preview was ever begun of, because the queue was lost before, gets one when somebody looks at it.
    """
    current = now()
    before = max(current - _LOST_AFTER, queues_since or current - _LOST_AFTER)
    previews = await queries.lost_previews(
        session, lease_before=current, queued_before=before, limit=limit
    )
    for preview in previews:
        preview.queued_at, preview.lease_until = current, None
        await session.flush()
        await queueing.queue_preview(session, org_id=org_id, version_id=preview.version_id)
    pictures = await queries.lost_pictures(
        session, lease_before=current, queued_before=before, limit=limit
    )
    lost: dict[tuple[int, Size], list[int]] = defaultdict(list)
    for picture in pictures:
        picture.queued_at, picture.lease_until = current, None
        lost[picture.version_id, picture.size].append(picture.page)
    await session.flush()
    for (version_id, size), pages in lost.items():
        await queueing.want_pages(
            session, org_id=org_id, version_id=version_id, pages=pages, size=size
        )
    return len(previews) + len(pictures)


async def documents_with_blobs(
    session: AsyncSession, digests: Sequence[bytes], *, limit: int
) -> dict[bytes, list[int]]:
    """Return, by digest, the ids of the first `limit` documents whose previews have this content."""
    found: dict[bytes, list[int]] = {}
    for digest, document_id in await queries.documents_with_blobs(session, digests, limit=limit):
        found.setdefault(digest, []).append(document_id)
    return found


async def _publish(
    session: AsyncSession, org_id: int, received: Sequence[Received]
) -> dict[bytes, int]:
    """Publish contents; return the ids of their blobs by digest.

    In the order of digests: two that publish the same pages must not wait for each other.
    """
    by_digest = {one.digest: one for one in received}
    return {
        digest: await documents.publish(session, by_digest[digest], org_id=org_id)
        for digest in sorted(by_digest)
    }


async def _record(
    session: AsyncSession,
    preview: Preview,
    drawn: Sequence[Drawn],
    published: Mapping[bytes, int],
) -> None:
    for one in drawn:
        await queries.put_picture(
            session,
            org_id=preview.org_id,
            version_id=preview.version_id,
            page=one.page,
            size=one.size,
            blob_id=published[one.received.digest],
            width=one.width,
            height=one.height,
        )


async def _end(
    session: AsyncSession, preview: Preview, status: PreviewStatus, detail: str | None
) -> None:
    preview.status, preview.detail, preview.lease_until = status, detail, None
    await session.flush()
    await tell_readers(session, preview.version_id, org_id=preview.org_id)
