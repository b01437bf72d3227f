"""The names of what rules stand on."""

from collections.abc import Iterable

from sqlalchemy import any_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.queries.tables import array, documents, folders
from backend.access.rules import Target


async def cabinets(
    session: AsyncSession, org_id: int, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """Return (id, name) of live cabinets, from after an id on."""
    rows = await session.execute(
        select(folders.c.id, folders.c.name)
        .where(
            folders.c.org_id == org_id,
            folders.c.parent_id.is_(None),
            folders.c.deleted_at.is_(None),
            folders.c.id > after,
        )
        .order_by(folders.c.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


async def resource_names(
    session: AsyncSession, org_id: int, targets: Iterable[Target]
) -> dict[Target, str]:
    """Return the names of the folders and documents that targets are about, where there are such."""
    every = set(targets)
    found: dict[Target, str] = {}
    by_folder = {one.folder_id for one in every if one.folder_id is not None}
    by_document = {one.document_id for one in every if one.document_id is not None}
    folder_names: dict[int, str] = {}
    document_names: dict[int, str] = {}
    for table, ids, names in (
        (folders, by_folder, folder_names),
        (documents, by_document, document_names),
    ):
        if ids:
            rows = await session.execute(
                select(table.c.id, table.c.name).where(
                    table.c.org_id == org_id, table.c.id == any_(array(ids))
                )
            )
            names.update({row[0]: row[1] for row in rows})
    for one in every:
        name = folder_names.get(one.folder_id or 0) or document_names.get(one.document_id or 0)
        if name is not None:
            found[one] = name
    return found
