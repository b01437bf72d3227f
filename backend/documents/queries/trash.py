"""SQL of the trash and of what is deleted for good."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, literal, select, text, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Document
from backend.documents.queries.documents import delete_documents, whole
from backend.folders.models import Folder
from backend.identity.models import User


async def trashed_document(session: AsyncSession, document_id: int) -> Document | None:
    """Return a document that is in the trash. Who may know of it is for the caller to have asked."""
    return await session.scalar(
        whole().where(Document.id == document_id, Document.deleted_at.is_not(None))
    )


async def trash_page(
    session: AsyncSession,
    documents_known: ColumnElement[bool],
    folders_known: ColumnElement[bool],
    *,
    after: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return (type, id, name, folder_id, deleted_at, user id, user name) of what is in the trash, newest first."""
    documents = select(
        literal("document").label("type"),
        Document.id,
        Document.name,
        Document.folder_id,
        Document.deleted_at,
        Document.deleted_by,
    ).where(Document.deleted_at.is_not(None), documents_known)
    folders = select(
        literal("folder"), Folder.id, Folder.name, Folder.id, Folder.deleted_at, Folder.deleted_by
    ).where(Folder.deleted_at.is_not(None), folders_known)
    items = union_all(documents, folders).subquery()
    statement = select(items, User.name.label("user_name")).join(
        User, User.id == items.c.deleted_by
    )
    if after is not None:
        here = tuple_(items.c.deleted_at, items.c.type, items.c.id)
        statement = statement.where(here < tuple_(*(literal(value) for value in after)))
    ordered = statement.order_by(items.c.deleted_at.desc(), items.c.type.desc(), items.c.id.desc())
    return (await session.execute(ordered.limit(limit))).all()


async def expired(
    session: AsyncSession, before: datetime, *, limit: int
) -> tuple[list[int], list[int]]:
    """Return ids of documents and of folders of the transaction's organisation trashed before a time, locked.

    Who is taking one out of the trash at the moment keeps it.
    """
    documents = await session.scalars(
        select(Document.id)
        .where(Document.deleted_at < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    folders = await session.scalars(
        select(Folder.id)
        .where(Folder.deleted_at < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(documents), list(folders)


async def subtree(session: AsyncSession, folder_id: int) -> list[int]:
    """Return the ids of a folder and of all below it."""
    rows = await session.execute(
        text(
            "WITH RECURSIVE below AS (SELECT id FROM folders WHERE id = :id "
            "UNION ALL SELECT f.id FROM folders f JOIN below b ON f.parent_id = b.id) SELECT id FROM below"
        ),
        {"id": folder_id},
    )
    return [row.id for row in rows]


async def delete_subtree(session: AsyncSession, folder_ids: Sequence[int]) -> None:
    """Delete folders with every document in them, for good."""
    documents = await session.scalars(select(Document.id).where(Document.folder_id.in_(folder_ids)))
    await delete_documents(session, list(documents))
    # One statement: the tree's own foreign key is checked at its end.
    await session.execute(delete(Folder).where(Folder.id.in_(folder_ids)))
