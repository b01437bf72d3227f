"""Who already has some bytes: told before an upload, with its answer, and on a document's page.

Only documents the asker may read are ever looked for, in one statement whatever there is beside them.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.core.actor import Actor
from backend.documents import queries
from backend.documents.models import Document
from backend.documents.schemas import SameContent, UploadedDocument
from backend.documents.service.reading import describe, load_documents
from backend.folders import service as folders

_OF_EACH = 5
"""So many documents are named for one content: enough to choose from."""


async def same_content(
    session: AsyncSession,
    actor: Actor,
    digests: Collection[bytes],
    *,
    but: int | None = None,
    limit: int = _OF_EACH,
    seen: access.View | None = None,
) -> dict[bytes, list[SameContent]]:
    """Return, by SHA-256, the first documents the actor may read of which a version has this content.

    Those whose current version it is come first. Nothing is said of empty content, which many have by chance.
    """
    seen = seen or await access.view(session, actor)
    rows = await queries.holders.holders(
        session, seen.readable_documents(), digests, but=but, limit=limit
    )
    if not rows:
        return {}
    named = await _name(session, seen, [row.holder for row in rows])
    found: dict[bytes, list[SameContent]] = {}
    for row in rows:
        found.setdefault(row.digest, []).append(named[row.holder])
    return found


async def describe_upload(
    session: AsyncSession, actor: Actor, document: Document
) -> UploadedDocument:
    """Return the wire shape of a document that was just uploaded: with it, who had the same content already."""
    seen = await access.view(session, actor)
    shown = (await describe(session, actor, [document], seen=seen))[0]
    digest = document.current_version.blob.digest
    others = await same_content(session, actor, [digest], but=document.id, seen=seen)
    return UploadedDocument(**shown.model_dump(), same_content=others.get(digest, []))


async def load_upload(
    session: AsyncSession, actor: Actor, document_id: int | None
) -> UploadedDocument | None:
    """Return what an earlier upload became, as it was told then; None where it is gone, or may not be read."""
    found = await load_documents(session, actor, [] if document_id is None else [document_id])
    return UploadedDocument(**found[0].model_dump()) if found else None


async def _name(
    session: AsyncSession, seen: access.View, holders: Sequence[queries.holders.Holder]
) -> Mapping[queries.holders.Holder, SameContent]:
    trails = await folders.ancestors_of(session, list({one.folder_id for one in holders}))
    ids = list({one.document_id for one in holders})
    allowed = await seen.document_permissions(session, ids)
    return {
        one: SameContent(
            document_id=one.document_id,
            name=one.name,
            folder_id=one.folder_id,
            version=one.version,
            is_current=one.is_current,
            permissions=allowed.get(one.document_id, []),
            ancestors=trails.get(one.folder_id, []),
        )
        for one in holders
    }
