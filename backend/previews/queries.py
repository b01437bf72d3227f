"""SQL of previews. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Row,
    Select,
    bindparam,
    delete,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from backend.documents.models import Blob, ScanStatus, Version
from backend.previews.models import PagePicture, PictureStatus, Preview, PreviewStatus, Size

_WAITING = [PreviewStatus.PENDING, PreviewStatus.DRAWING]


# Built once, as what else is asked of every version that is shown.
_ADD = (
    insert(Preview.__table__)
    .from_select(
        [Preview.org_id, Preview.version_id],
        select(bindparam("org_id", type_=BigInteger), Version.id).where(
            Version.id == bindparam("version_id"),
            Version.scan_status != ScanStatus.QUARANTINED,
        ),
    )
    .on_conflict_do_nothing()
    .returning(Preview.version_id)
)
_PREVIEW = (
    select(Preview)
    .where(Preview.version_id == bindparam("version_id"))
    .options(joinedload(Preview.pdf))
    .execution_options(populate_existing=True)
)
_PREVIEW_LOCKED = _PREVIEW.with_for_update(of=Preview)


async def add(session: AsyncSession, *, org_id: int, version_id: int) -> bool:
    """Give a version a preview that is yet to be made; return whether it had none, and may be looked at."""
    added = await session.scalar(_ADD, {"org_id": org_id, "version_id": version_id})
    return added is not None


async def preview(session: AsyncSession, version_id: int, *, lock: bool = False) -> Preview | None:
    """Return a version's preview, with the PDF it was converted to, as it is now."""
    statement = _PREVIEW_LOCKED if lock else _PREVIEW
    return await session.scalar(statement, {"version_id": version_id})


async def picture(
    session: AsyncSession, version_id: int, *, page: int, size: Size
) -> PagePicture | None:
    """Return one page in one size, with its blob."""
    return await session.scalar(
        select(PagePicture)
        .where(
            PagePicture.version_id == version_id,
            PagePicture.page == page,
            PagePicture.size == size,
        )
        .options(joinedload(PagePicture.blob))
    )


async def add_pictures(
    session: AsyncSession, *, org_id: int, version_id: int, pages: Sequence[int], size: Size
) -> list[int]:
    """Ask for pages in a size; return those that nobody had asked for."""
    rows = [
        {"org_id": org_id, "version_id": version_id, "page": page, "size": size} for page in pages
    ]
    statement = insert(PagePicture).values(rows).on_conflict_do_nothing()
    return list(await session.scalars(statement.returning(PagePicture.page)))


async def take_pictures(
    session: AsyncSession, version_id: int, *, pages: Sequence[int], size: Size, at: datetime
) -> list[PagePicture]:
    """Return those of the pages that wait to be drawn and that nobody is drawing, locked, in their order."""
    statement = (
        select(PagePicture)
        .where(
            PagePicture.version_id == version_id,
            PagePicture.page.in_(pages),
            PagePicture.size == size,
            PagePicture.status == PictureStatus.PENDING,
            or_(PagePicture.lease_until.is_(None), PagePicture.lease_until < at),
        )
        .order_by(PagePicture.page)
        .with_for_update()
    )
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def put_picture(
    session: AsyncSession,
    *,
    org_id: int,
    version_id: int,
    page: int,
    size: Size,
    blob_id: int,
    width: int,
    height: int,
) -> None:
    """Record a drawn page, in place of what was known of it."""
    drawn = {
        "status": PictureStatus.READY,
        "detail": None,
        "blob_id": blob_id,
        "width": width,
        "height": height,
        "lease_until": None,
    }
    statement = insert(PagePicture).values(
        org_id=org_id, version_id=version_id, page=page, size=size, **drawn
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[PagePicture.version_id, PagePicture.page, PagePicture.size],
            set_=drawn,
        )
    )


async def put_broken(
    session: AsyncSession, *, org_id: int, version_id: int, page: int, size: Size, detail: str
) -> None:
    """Record a page that cannot be drawn; one that was drawn before stays."""
    failed = {"status": PictureStatus.FAILED, "detail": detail, "lease_until": None}
    statement = insert(PagePicture).values(
        org_id=org_id, version_id=version_id, page=page, size=size, **failed
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[PagePicture.version_id, PagePicture.page, PagePicture.size],
            set_=failed,
            where=PagePicture.status != PictureStatus.READY,
        )
    )


async def delete_pictures(session: AsyncSession, version_id: int) -> None:
    """Forget the pictures of a version; the next collections free them."""
    await session.execute(delete(PagePicture).where(PagePicture.version_id == version_id))


async def set_lease(session: AsyncSession, version_id: int, *, until: datetime) -> None:
    """Say until when whoever draws a version may be silent."""
    await session.execute(
        update(Preview)
        .where(Preview.version_id == version_id, Preview.status == PreviewStatus.DRAWING)
        .values(lease_until=until)
    )


async def lost_previews(
    session: AsyncSession, *, lease_before: datetime, queued_before: datetime, limit: int
) -> Sequence[Preview]:
    """Return previews that should have been made by now: the lease ran out, or nobody ever took one."""
    silent = Preview.lease_until < lease_before
    forgotten = Preview.lease_until.is_(None) & (Preview.queued_at < queued_before)
    statement = (
        select(Preview)
        .where(Preview.status.in_(_WAITING), silent | forgotten)
        .order_by(Preview.queued_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def lost_pictures(
    session: AsyncSession, *, lease_before: datetime, queued_before: datetime, limit: int
) -> Sequence[PagePicture]:
    """Return pages that should have been drawn by now, as `lost_previews` does."""
    silent = PagePicture.lease_until < lease_before
    forgotten = PagePicture.lease_until.is_(None) & (PagePicture.queued_at < queued_before)
    statement = (
        select(PagePicture)
        .where(PagePicture.status == PictureStatus.PENDING, silent | forgotten)
        .order_by(PagePicture.queued_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def release_pictures(
    session: AsyncSession, version_id: int, *, pages: Sequence[int], size: Size
) -> list[int]:
    """Let go of pages that were not drawn; return them, in their order."""
    statement = (
        update(PagePicture)
        .where(
            PagePicture.version_id == version_id,
            PagePicture.page.in_(pages),
            PagePicture.size == size,
            PagePicture.status == PictureStatus.PENDING,
        )
        .values(lease_until=None)
        .returning(PagePicture.page)
    )
    return sorted(await session.scalars(statement))


async def documents_with_blobs(
    session: AsyncSession, digests: Sequence[bytes], *, limit: int
) -> Sequence[Row[bytes, int]]:
    """Return (digest, document id) of documents whose previews are made of these blobs: a few of each."""
    pictures = _documents_of(PagePicture.version_id, PagePicture.blob_id, digests, limit)
    pdfs = _documents_of(Preview.version_id, Preview.pdf_blob_id, digests, limit)
    return (await session.execute(pictures.union(pdfs).order_by("digest", "document_id"))).all()


def _documents_of(
    version_id: InstrumentedAttribute[int],
    blob_id: InstrumentedAttribute[int | None],
    digests: Sequence[bytes],
    limit: int,
) -> Select[bytes, int]:
    documents = (
        select(Version.document_id)
        .join(version_id.class_, version_id == Version.id)
        .where(blob_id == Blob.id)
        .distinct()
        .order_by(Version.document_id)
        .limit(limit)
        .lateral()
    )
    return (
        select(Blob.digest, documents.c.document_id)
        .join(documents, true())
        .where(Blob.digest.in_(digests))
    )
