"""Renaming, moving, describing and discarding documents; the trash."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import NotFoundError
from backend.core.names import clean_name
from backend.core.outbox import emit
from backend.core.pagination import decode_cursor, encode_cursor
from backend.documents import queries
from backend.documents.models import Document
from backend.documents.schemas import PersonRef, PropertyValue, TrashItem
from backend.documents.service.reading import get_document
from backend.documents.service.uploading import check_fresh, free_name, name_taken
from backend.folders import service as folders
from backend.folders.errors import ParentTrashedError
from backend.folders.models import Folder

_PURGE_BATCH = 500


async def update_document(
    session: AsyncSession,
    actor: Actor,
    document_id: int,
    *,
    name: str | None = None,
    folder_id: int | None = None,
    tags: Sequence[str] | None = None,
    properties: Mapping[str, PropertyValue] | None = None,
    if_match: str | None = None,
) -> Document:
    """Change what is said about a document, or where it is; what is None stays.

    Raises:
        StaleError: `if_match` is not its present ETag.
        DocumentNameTakenError: the folder has another one of that name.
        NotFoundError, ForbiddenError: the actor may not see or change it, or not add to the new folder.
    """
    await queries.documents.lock(session, document_id)
    document = await get_document(session, actor, document_id)
    target = document.folder_id if folder_id is None else folder_id
    is_moved = target != document.folder_id
    if not is_moved or any(given is not None for given in (name, tags, properties)):
        await access.require_document(
            session, actor, Action.DOCUMENT_UPDATE, document_id=document_id
        )
    if is_moved:
        await access.require_document(session, actor, Action.DOCUMENT_MOVE, document_id=document_id)
        await access.require(session, actor, Action.DOCUMENT_CREATE, folder_id=target)
    check_fresh(document, if_match)
    new_name = document.name if name is None else clean_name(name)
    before = _facts(document)
    async with _unless_name_taken(session, actor, target, new_name):
        document.folder_id, document.name = target, new_name
        if tags is not None:
            document.tags = list(dict.fromkeys(tags))
        if properties is not None:
            document.properties = dict(properties)
        _touch(document)
    await _changed(session, document)
    action = "document.updated" if before["folder_id"] == target else "document.moved"
    await _record_change(session, actor, action, document, before)
    return document


async def trash_document(session: AsyncSession, actor: Actor, document_id: int) -> None:
    """Put a document in the trash."""
    await queries.documents.lock(session, document_id)
    document = await get_document(session, actor, document_id)
    await access.require_document(session, actor, Action.DOCUMENT_DELETE, document_id=document_id)
    document.deleted_at = now()
    document.deleted_by = actor.user_id
    await session.flush()
    await _changed(session, document)
    await _record(session, actor, _deed("document.trashed", document))


async def restore_document(
    session: AsyncSession, actor: Actor, document_id: int, *, rename: bool
) -> Document:
    """Take a document out of the trash, back into its folder.

    Raises:
        ParentTrashedError: its folder is in the trash: restore that first.
        DocumentNameTakenError: its name was given to another one meanwhile, and `rename` is false.
    """
    document = await _trashed(session, actor, document_id, Action.DOCUMENT_RESTORE)
    if not await folders.is_live(session, actor, document.folder_id):
        raise ParentTrashedError("The folder it was in is in the trash; restore that first.")
    name = document.name
    if rename and await queries.documents.id_by_name(session, document.folder_id, name) is not None:
        name = await free_name(session, document.folder_id, name)
    async with _unless_name_taken(session, actor, document.folder_id, name):
        document.name = name
        document.deleted_at = document.deleted_by = None
        _touch(document)
    await _changed(session, document)
    await _record(session, actor, _deed("document.restored", document))
    return document


async def list_trash(
    session: AsyncSession, actor: Actor, *, keep: timedelta, cursor: str | None, limit: int
) -> tuple[list[TrashItem], str | None]:
    """Return a page of what is in the trash and the actor may know of, newest first.

    `keep` is how long the trash keeps things.
    """
    after = None if cursor is None else decode_cursor(cursor, str, str, int)
    seen = await access.view(session, actor)
    rows = await queries.trash.trash_page(
        session,
        seen.documents(Document.id, Document.folder_id, include_trashed=True),
        Folder.id.in_(seen.folders(include_trashed=True)),
        after=None if after is None else (datetime.fromisoformat(after[0]), after[1], after[2]),
        limit=limit + 1,
    )
    page = rows[:limit]
    trails = await folders.ancestors_of(session, list({row.folder_id for row in page}))
    items = [
        TrashItem(
            type=row.type,
            id=row.id,
            name=row.name,
            deleted_at=row.deleted_at,
            deleted_by=PersonRef(id=row.deleted_by, name=row.user_name),
            purge_at=row.deleted_at + keep,
            location=trails[row.folder_id][:-1] if row.type == "folder" else trails[row.folder_id],
        )
        for row in page
    ]
    if len(rows) <= limit:
        return items, None
    last = page[-1]
    return items, encode_cursor(last.deleted_at.isoformat(), last.type, last.id)


async def purge_document(session: AsyncSession, actor: Actor, document_id: int) -> None:
    """Delete a document in the trash, with its versions, for good.

    The bytes stay in the store until the collection finds that nothing refers to them.
    """
    document = await _trashed(session, actor, document_id, Action.DOCUMENT_PURGE)
    session.expunge(document)
    await queries.documents.delete_documents(session, [document_id])
    await _record(session, actor, _deed("document.purged", document))


async def purge_folder(session: AsyncSession, actor: Actor, folder_id: int) -> None:
    """Delete a folder in the trash, with all that is below it, for good."""
    await folders.get_trashed_folder(session, actor, folder_id, Action.FOLDER_PURGE)
    await _purge_subtree(session, folder_id, org_id=actor.org_id, actor_id=actor.user_id)


async def purge_expired(session: AsyncSession, *, org_id: int, before: datetime) -> int:
    """Delete for good what was put in the trash before a time; return how many items, at most a batch.

    Call it again, in a new transaction, until it returns 0.
    """
    documents, trashed_folders = await queries.trash.expired(session, before, limit=_PURGE_BATCH)
    deeds = [_purged(row) for row in await queries.documents.named(session, documents)]
    await queries.documents.delete_documents(session, documents)
    await audit.record(session, deeds, org_id=org_id, actor_id=None)
    for folder_id in trashed_folders:
        await _purge_subtree(session, folder_id, org_id=org_id, actor_id=None)
    return len(documents) + len(trashed_folders)


async def _trashed(
    session: AsyncSession, actor: Actor, document_id: int, action: Action
) -> Document:
    """Return a document in the trash, whole and locked, if the actor may do this to it."""
    await queries.documents.lock(session, document_id)
    await access.require_document(
        session, actor, action, document_id=document_id, include_trashed=True
    )
    document = await queries.trash.trashed_document(session, document_id)
    if document is None:
        raise NotFoundError(f"There is no document {document_id} in the trash.")
    return document


async def _purge_subtree(
    session: AsyncSession, folder_id: int, *, org_id: int, actor_id: int | None
) -> None:
    """Delete a folder with all below it, and record each document and folder by its name."""
    below = await queries.trash.subtree(session, folder_id)
    deeds = [_purged(row) for row in await queries.documents.named_in(session, below)]
    names = await folders.names(session, below)
    await queries.trash.delete_subtree(session, below)
    deeds += [Deed("folder.purged", f"folder:{id_}", {"name": names[id_]}, id_) for id_ in below]
    await audit.record(session, deeds, org_id=org_id, actor_id=actor_id)


def _purged(row: queries.documents.Named) -> Deed:
    return Deed("document.purged", f"document:{row.id}", {"name": row.name}, row.folder_id)


def _facts(document: Document) -> dict[str, Any]:
    """Return what can be changed of a document, for the audit trail."""
    return {
        "name": document.name,
        "folder_id": document.folder_id,
        "tags": document.tags,
        "properties": document.properties,
    }


def _deed(action: str, document: Document) -> Deed:
    return Deed(action, f"document:{document.id}", {"name": document.name}, document.folder_id)


async def _record(session: AsyncSession, actor: Actor, deed: Deed) -> None:
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def _record_change(
    session: AsyncSession, actor: Actor, action: str, document: Document, before: dict[str, Any]
) -> None:
    changes = audit.changes(before, _facts(document))
    if changes is not None:
        deed = Deed(action, f"document:{document.id}", changes, document.folder_id)
        await _record(session, actor, deed)


@asynccontextmanager
async def _unless_name_taken(
    session: AsyncSession, actor: Actor, folder_id: int, name: str
) -> AsyncIterator[None]:
    """Write the block's changes; where another document has the name, undo them and say so."""
    try:
        async with session.begin_nested():
            yield
            await session.flush()
    except IntegrityError as error:
        if "uq_documents_live_name" not in str(error.orig):
            raise
        taken_by = await queries.documents.id_by_name(session, folder_id, name)
        raise await name_taken(session, actor, folder_id, name, taken_by or 0) from error


def _touch(document: Document) -> None:
    document.revision += 1
    document.updated_at = now()


async def _changed(session: AsyncSession, document: Document) -> None:
    await emit(
        session,
        "document.updated",
        org_id=document.org_id,
        data={"document_id": document.id, "folder_id": document.folder_id},
    )
