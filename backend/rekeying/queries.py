"""SQL of rekeying. Used by `service` alone."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, ColumnElement, LargeBinary, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Blob


def _among(digests: Sequence[bytes]) -> ColumnElement[bool]:
    return Blob.digest == func.any(literal(list(digests), ARRAY(LargeBinary)))


async def recorded(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
    """Return those of the digests that have a row."""
    return set(await session.scalars(select(Blob.digest).where(_among(digests))))


async def lock(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
    """Lock the rows that nobody holds, against everything but reading; return their digests."""
    statement = select(Blob.digest).where(_among(digests)).with_for_update(skip_locked=True)
    return set(await session.scalars(statement))
