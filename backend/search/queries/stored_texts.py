"""SQL of the texts of versions."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.search.models import VersionText


async def write_text(session: AsyncSession, values: dict[str, Any]) -> None:
    """Insert or replace the text of a version; the triggers bring it into the searched row."""
    statement = insert(VersionText).values(values)
    changed = {name: statement.excluded[name] for name in values if name != "version_id"}
    await session.execute(
        statement.on_conflict_do_update(index_elements=["version_id"], set_=changed)
    )


async def texts(session: AsyncSession, version_ids: Collection[int]) -> dict[int, str]:
    """Return the texts of versions, of those that have one."""
    statement = select(VersionText.version_id, VersionText.text)
    rows = await session.execute(statement.where(VersionText.version_id.in_(version_ids)))
    return {row[0]: row[1] for row in rows}
