"""What documents and folders a change would give somebody, or take."""

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.queries.sets import documents_among, folders_in
from backend.access.queries.tables import documents, folders
from backend.access.reach import DocumentReach, FolderReach

MOST = 10_000
"""So many documents, and folders, are counted, for each user, each way."""


def _only_in(org_id: int, one: DocumentReach, other: DocumentReach) -> ColumnElement[bool]:
    inside, outside = (
        documents_among(org_id, reach, documents.c.id, documents.c.folder_id, include_trashed=False)
        for reach in (one, other)
    )
    return and_(documents.c.org_id == org_id, documents.c.deleted_at.is_(None), inside, ~outside)


async def count_only_in(
    session: AsyncSession, org_id: int, one: DocumentReach, other: DocumentReach
) -> int:
    """Return how many live documents are in one reach and not in the other: as many as are counted at most."""
    found = select(documents.c.id).where(_only_in(org_id, one, other)).limit(MOST).subquery()
    return await session.scalar(select(func.count()).select_from(found)) or 0


async def some_only_in(
    session: AsyncSession,
    org_id: int,
    one: DocumentReach,
    other: DocumentReach,
    *,
    readable: DocumentReach,
    limit: int,
) -> list[tuple[int, str, int, str]]:
    """Return (id, name, folder id, folder name) of some of them: of those that are readable."""
    shown = documents_among(
        org_id, readable, documents.c.id, documents.c.folder_id, include_trashed=False
    )
    statement = (
        select(documents.c.id, documents.c.name, folders.c.id, folders.c.name)
        .join(folders, folders.c.id == documents.c.folder_id)
        .where(_only_in(org_id, one, other), shown)
    )
    rows = await session.execute(statement.limit(limit))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _folders_only_in(org_id: int, one: FolderReach, other: FolderReach) -> ColumnElement[bool]:
    inside, outside = (
        folders.c.id.in_(folders_in(org_id, reach.allowed, reach.denied, include_trashed=False))
        for reach in (one, other)
    )
    return and_(folders.c.org_id == org_id, inside, ~outside)


async def count_folders_only_in(
    session: AsyncSession, org_id: int, one: FolderReach, other: FolderReach
) -> int:
    """Return how many live folders are in one reach and not in the other: as many as are counted at most."""
    found = select(folders.c.id).where(_folders_only_in(org_id, one, other)).limit(MOST).subquery()
    return await session.scalar(select(func.count()).select_from(found)) or 0


async def some_folders_only_in(
    session: AsyncSession,
    org_id: int,
    one: FolderReach,
    other: FolderReach,
    *,
    listed: FolderReach,
    limit: int,
) -> list[tuple[int, str]]:
    """Return (id, name) of some of them: of those that are listed."""
    shown = folders_in(org_id, listed.allowed, listed.denied, include_trashed=False)
    statement = select(folders.c.id, folders.c.name).where(
        _folders_only_in(org_id, one, other), folders.c.id.in_(shown)
    )
    rows = await session.execute(statement.limit(limit))
    return [(row[0], row[1]) for row in rows]
