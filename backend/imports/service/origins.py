"""Where a document that an import brought was found."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.imports import queries
from backend.imports.queries import ImportedFrom


async def find_origin(session: AsyncSession, document_id: int) -> ImportedFrom | None:
    """Return where an import found a document's file; None where none did. Who may know is the caller's to say."""
    return await queries.origin(session, document_id)
