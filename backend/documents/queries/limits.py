"""SQL of what an organisation may upload, and of what it has."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Blob, UploadLimits
from backend.documents.queries.blobs import total_of

# Built once: every upload asks it twice.
_LIMITS = (
    select(UploadLimits)
    .where(UploadLimits.org_id == bindparam("org_id"))
    .execution_options(populate_existing=True)
)


async def limits(session: AsyncSession, org_id: int) -> UploadLimits | None:
    """Return what the organisation takes in, as it is now."""
    return await session.scalar(_LIMITS, {"org_id": org_id})


async def put_limits(session: AsyncSession, org_id: int, values: Mapping[str, Any]) -> None:
    """Say what the organisation takes in."""
    statement = insert(UploadLimits).values(org_id=org_id, **values)
    await session.execute(
        statement.on_conflict_do_update(index_elements=[UploadLimits.org_id], set_=dict(values))
    )


async def count_blobs(session: AsyncSession) -> None:
    """Count the organisation's bytes anew, where it has limits."""
    counted = select(total_of(Blob.size), func.coalesce(func.max(Blob.id), 0)).subquery()
    columns = list(counted.c)
    await session.execute(
        update(UploadLimits).values(
            counted=select(columns[0]).scalar_subquery(),
            counted_upto=select(columns[1]).scalar_subquery(),
        )
    )


async def bytes_since(session: AsyncSession, blob_id: int) -> int:
    """Return the bytes of the organisation's blobs that came after one."""
    return (await session.scalars(select(total_of(Blob.size)).where(Blob.id > blob_id))).one()
