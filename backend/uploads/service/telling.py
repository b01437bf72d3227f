"""What is told of uploads."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.documents.service import holders
from backend.uploads import queries
from backend.uploads.models import Upload
from backend.uploads.schemas import UploadOut, UploadProblem, UploadTarget


async def own_uploads(session: AsyncSession, actor: Actor, *, limit: int) -> Sequence[Upload]:
    """Return the actor's uploads that are not finished, the newest first."""
    return await queries.unfinished(session, actor.user_id, limit=limit)


async def describe(
    session: AsyncSession, actor: Actor, upload: Upload, *, offset: int
) -> UploadOut:
    """Return the wire shape of an upload, with the document it became."""
    target = UploadTarget.model_validate(upload.target)
    return UploadOut(
        id=upload.id,
        status=upload.status,
        kind=upload.kind,
        filename=target.filename,
        folder_id=target.folder_id,
        target_document_id=target.document_id,
        length=upload.length,
        offset=offset,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
        document_id=upload.document_id,
        document=await holders.load_upload(session, actor, upload.document_id),
        problem=None if upload.problem is None else UploadProblem.model_validate(upload.problem),
    )
