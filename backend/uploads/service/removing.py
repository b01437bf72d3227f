"""Uploads end: by whom they are, or by time."""

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.resumable import drop
from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.identity.models import store_namespace
from backend.uploads import queries
from backend.uploads.models import UploadStatus
from backend.uploads.service.creating import get_upload
from backend.uploads.service.receiving import Place

_KEEP = timedelta(days=1)
"""How long it can be asked what became of an upload that has ended."""
_BATCH = 200
_LETTING_GO_SECONDS = 5.0
"""Longer than a request of another process takes to look who writes the upload, and to end."""
_LOOK_AGAIN_SECONDS = 0.05


async def terminate(place: Place, upload_id: str) -> None:
    """Forget an upload and what was received of it. What it became stays.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    async with place.units.begin() as (session, actor):
        upload = await get_upload(session, actor, upload_id, locked=True)
        await queries.remove(session, [upload.id])
    await place.progress.take_over(upload_id)
    await place.progress.remembered.forget(upload_id)
    await _drop_when_let_go(place.content, namespace=store_namespace(upload.org_id), name=upload_id)


async def _drop_when_let_go(content: Content, *, namespace: str, name: str) -> None:
    """Remove a draft once its writer has noticed that the upload is gone; where that takes long, `expire` will."""
    deadline = asyncio.get_running_loop().time() + _LETTING_GO_SECONDS
    while not await drop(content, namespace=namespace, name=name):
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def expire(database: Database, content: Content, org_id: int) -> int:
    """Forget uploads that expired, and remove drafts that belong to none; return how many drafts went.

    A draft whose upload is complete was left by a process that died just then.
    """
    async with database.transaction(Tenant(org_id)) as session:
        while ids := await queries.expired(session, before=now(), limit=_BATCH):
            await queries.remove(session, ids)
    namespace = store_namespace(org_id)
    names = await content.run(content.store.drafts, namespace)
    removed = 0
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        async with database.transaction(Tenant(org_id)) as session:
            wanted = await _wanted(session, batch)
        for name in batch:
            if name not in wanted:
                removed += await drop(content, namespace=namespace, name=name)
    return removed


async def _wanted(session: AsyncSession, names: list[str]) -> set[str]:
    return await queries.with_status(session, names, UploadStatus.RECEIVING)
