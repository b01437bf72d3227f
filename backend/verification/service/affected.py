"""Whose content a blob is: documents have it as a version, or their previews are made of it."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents import service as documents
from backend.previews import service as previews


async def documents_with_blobs(
    session: AsyncSession, digests: Sequence[bytes], *, limit: int
) -> dict[bytes, list[int]]:
    """Return, by digest, ids of up to `limit` documents that content is of: first those that have it as a version."""
    found = await documents.documents_with_blobs(session, digests, limit=limit)
    shown = await previews.documents_with_blobs(session, digests, limit=limit)
    return {
        digest: list(dict.fromkeys([*found.get(digest, []), *shown.get(digest, [])]))[:limit]
        for digest in found.keys() | shown.keys()
    }
