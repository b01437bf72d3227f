"""How a document came in, as its readers are told."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.documents.service import reading
from backend.imports import service as imports
from backend.intake import queries
from backend.intake.schemas import Origin, OriginKind, OriginOut


async def get_origin(session: AsyncSession, actor: Actor, document_id: int) -> OriginOut:
    """Return how a document came in: what concerns this document, and nothing else that came with it.

    Raises:
        NotFoundError: there is none, it is in the trash, or the actor may not see it.
    """
    await reading.get_document(session, actor, document_id)
    found = await _by_source(session, document_id)
    return OriginOut(origin=found or await _by_import(session, actor, document_id))


async def _by_source(session: AsyncSession, document_id: int) -> Origin | None:
    row = await queries.item_of(session, document_id)
    if row is None:
        return None
    item, source_name, kind = row
    return Origin(
        kind=OriginKind(kind),
        source=source_name,
        name=item.name,
        sender=item.sender,
        subject=item.subject,
        at=item.at,
    )


async def _by_import(session: AsyncSession, actor: Actor, document_id: int) -> Origin | None:
    found = await imports.find_origin(session, document_id)
    if found is None:
        return None
    return Origin(
        kind=OriginKind.IMPORT,
        # How the server's disks are laid out is no business of readers.
        source=found.directory if actor.is_administrator else None,
        name=found.path,
        sender=None,
        subject=None,
        at=found.at,
    )
