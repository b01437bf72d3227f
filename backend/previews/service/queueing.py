"""Handing work on previews to the queues: events of the outbox."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.outbox import emit
from backend.previews.models import Size

WANTED = "preview.wanted"
"""Somebody waits for a version's preview."""
REQUESTED = "preview.requested"
"""A version's preview is to be made; nobody waits for it."""
PAGES_WANTED = "preview.pages_wanted"
"""Somebody waits for pages of a version."""
CONVERTED = "preview.converted"
"""A version was converted to pages: their words are to be read."""
READY = "document.preview_changed"
"""A version's preview was made, or was found impossible to make. People hear of it."""


async def want_preview(session: AsyncSession, *, org_id: int, version_id: int) -> None:
    """Have a preview made at once."""
    await emit(session, WANTED, org_id=org_id, data={"version_id": version_id})


async def queue_preview(session: AsyncSession, *, org_id: int, version_id: int) -> None:
    """Have a preview made when its turn comes."""
    await emit(session, REQUESTED, org_id=org_id, data={"version_id": version_id})


async def read_words(session: AsyncSession, *, org_id: int, version_id: int) -> None:
    """Have the words of converted pages read when their turn comes."""
    await emit(session, CONVERTED, org_id=org_id, data={"version_id": version_id})


async def want_pages(
    session: AsyncSession, *, org_id: int, version_id: int, pages: Sequence[int], size: Size
) -> None:
    """Have pages drawn at once."""
    data = {"version_id": version_id, "pages": list(pages), "size": size}
    await emit(session, PAGES_WANTED, org_id=org_id, data=data)


async def tell_readers(
    session: AsyncSession, *, org_id: int, document_id: int, folder_id: int, version_id: int
) -> None:
    """Tell those who may read the document that its preview changed."""
    data = {"document_id": document_id, "folder_id": folder_id, "version_id": version_id}
    await emit(session, READY, org_id=org_id, data=data)
