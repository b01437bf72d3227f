"""How far the work on a version has come: told by the workers sparsely, shown to those who may see the document."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.core.outbox import emit
from backend.documents import queries
from backend.documents.models import Stage
from backend.documents.schemas import ProgressOut, StageProgress
from backend.documents.service.reading import get_document

PROGRESS = "document.progress"
"""The event of a version at which somebody works; `data` holds `stage`, `done` and `total`."""


async def report_progress(
    session: AsyncSession,
    version_id: int,
    *,
    done: int,
    pages: int | None,
    stage: Stage = Stage.OCR,
) -> None:
    """Say how many pages of a version a stage has done, of how many, where that is known."""
    row = await queries.versions.version_with_document(session, version_id)
    if row is None:
        return
    version, document = row
    await queries.versions.put_progress(session, version, stage, done=done, total=pages)
    await emit(
        session,
        PROGRESS,
        org_id=version.org_id,
        data={
            "document_id": document.id,
            "folder_id": document.folder_id,
            "version_id": version.id,
            "stage": stage,
            "done": done,
            "total": pages,
        },
    )


async def end_progress(session: AsyncSession, version_id: int, *stages: Stage) -> None:
    """Say that nobody is at these stages any more. What they came to is said elsewhere."""
    await queries.versions.delete_progress(session, version_id, stages)


async def progress_of(session: AsyncSession, actor: Actor, document_id: int) -> ProgressOut:
    """Return how far the work on a document's current version has come."""
    version = (await get_document(session, actor, document_id)).current_version
    return ProgressOut(
        version=version.number,
        index_status=version.index_status,
        waiting_since=version.index_queued_at,
        stages=[
            StageProgress(
                stage=one.stage, done=one.done, total=one.total, updated_at=one.updated_at
            )
            for one in await queries.versions.progress(session, version.id)
        ],
    )


async def count_unread(session: AsyncSession) -> int:
    """Return how many versions of the transaction's organisation are not read yet."""
    return sum((await queries.versions.count_unread(session)).values())
