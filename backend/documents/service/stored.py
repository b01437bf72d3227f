"""Whether anything is stored at all, in any organisation."""

from backend.core.db import Database, Tenant
from backend.documents import queries
from backend.identity.service import organisation_ids


async def is_anything_stored(database: Database) -> bool:
    """Return whether the database knows of any content."""
    async with database.transaction() as session:
        org_ids = await organisation_ids(session)
    for org_id in org_ids:
        async with database.transaction(Tenant(org_id)) as session:
            if await queries.blobs.blobs_after(session, b"", limit=1):
                return True
    return False
