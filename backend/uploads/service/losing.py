"""Uploads of which something was acknowledged that is not there any more."""

from backend.content.errors import DraftLostError
from backend.content.resumable import received_size
from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.identity.models import store_namespace
from backend.uploads import queries
from backend.uploads.models import UploadStatus

_BATCH = 500


async def find_lost(database: Database, content: Content, org_id: int) -> list[str]:
    """Return the ids of an organisation's unfinished uploads whose drafts are missing, damaged or too short.

    Raises:
        StorageUnavailableError: the store does not answer.
    """
    lost: list[str] = []
    after = ""
    while True:
        async with database.transaction(Tenant(org_id)) as session:
            page = await queries.acknowledged(session, after, limit=_BATCH)
        for upload_id, received in page:
            try:
                size = await received_size(
                    content, namespace=store_namespace(org_id), name=upload_id
                )
            except DraftLostError:
                size = 0
            if size < received:
                lost.append(upload_id)
        if len(page) < _BATCH:
            break
        after = page[-1][0]
    if not lost:
        return lost
    # Those that were finished meanwhile have no draft any more.
    async with database.transaction(Tenant(org_id)) as session:
        unfinished = await queries.with_status(session, lost, UploadStatus.RECEIVING)
    return [upload_id for upload_id in lost if upload_id in unfinished]
