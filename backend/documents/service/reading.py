"""Looking at documents. Every read goes through the access filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.errors import NotFoundError
from backend.core.pagination import InvalidCursorError, decode_cursor, encode_cursor
from backend.documents import queries
from backend.documents.errors import QuarantinedError, VersionNotFoundError
from backend.documents.models import Document, ScanStatus, Version
from backend.documents.schemas import (
    Disposition,
    DocumentOut,
    FolderContents,
    MetadataOut,
    Order,
    PersonRef,
    SortBy,
    VersionOut,
)
from backend.folders import service as folders
from backend.folders.schemas import FolderOut

ONE_READING = timedelta(minutes=10)
"""Parts of the same content that the same client reads within this are one reading."""

FIRST_LOOK = 4
"""So many times what is asked for is looked through before what is readable is looked up everywhere."""
FEW_FOLDERS = 500
"""In so many folders the newest of each are looked up; in more, whatever is newest is gone through."""


@dataclass(frozen=True, slots=True)
class ContentRef:
    """Which bytes a version stands for, and under which name they are handed out."""

    document_id: int
    version_id: int
    digest: bytes
    size: int
    media_type: str
    name: str
    folder_id: int
    version: int


async def get_document(session: AsyncSession, actor: Actor, document_id: int) -> Document:
    """Return a live document the actor may read, with its current version.

    Raises:
        NotFoundError: there is none, it is in the trash, or the actor may not see it.
    """
    await access.require_document(session, actor, Action.DOCUMENT_READ, document_id=document_id)
    document = await queries.documents.get(session, document_id)
    if document is None:
        raise NotFoundError(f"There is no document {document_id}, or you may not see it.")
    return document


async def get_written(session: AsyncSession, document_id: int) -> Document:
    """Return a document that the transaction has just written: who wrote it need not be allowed to read it."""
    document = await queries.documents.get(session, document_id)
    if document is None:
        raise NotFoundError(f"There is no document {document_id}.")
    return document


async def is_hidden(session: AsyncSession, actor: Actor, document_id: int) -> bool:
    """Tell whether there is a document, in the trash or not, that the actor may not know of."""
    readable = await access.readable_ids(session, actor, [document_id], include_trashed=True)
    return document_id not in readable and await queries.documents.is_there(session, document_id)


async def load_documents(
    session: AsyncSession, actor: Actor, document_ids: Sequence[int]
) -> list[DocumentOut]:
    """Return the wire shapes of those of the documents that the actor may read, in no order."""
    readable = await access.readable_ids(session, actor, document_ids)
    rows = await queries.documents.get_many(session, readable)
    return await describe(session, actor, rows)


async def list_folder(
    session: AsyncSession,
    actor: Actor,
    folder_id: int,
    *,
    sort: SortBy,
    order: Order,
    cursor: str | None,
    limit: int,
) -> FolderContents:
    """Return a page of a folder: its folders by name, then its documents as sorted."""
    seen = await access.view(session, actor)
    folder = await folders.get_folder(session, actor, folder_id, seen=seen)
    part, inner = ("f", None) if cursor is None else decode_cursor(cursor, str, str)
    if part not in {"f", "d"}:
        raise InvalidCursorError("This cursor was not given out by this list; start without one.")
    shown: list[FolderOut] = []
    if part == "f":
        shown, inner = await folders.list_children(
            session, actor, folder, cursor=inner, limit=limit, seen=seen
        )
        if inner is not None:
            return FolderContents(
                folders=shown, documents=[], next_cursor=encode_cursor("f", inner)
            )
    after = decode_cursor(inner, queries.documents.sort_type(sort), int) if inner else None
    paths = {folder_id: folders.ids(folder.path)}
    rows = await queries.documents.in_folder(
        session,
        seen.documents_in(paths, Document.id, Document.folder_id),
        folder_id,
        sort=sort,
        order=order,
        after=None if after is None else (after[0], after[1]),
        limit=limit - len(shown) + 1,
    )
    page = rows[: limit - len(shown)]
    next_cursor = None
    if len(rows) > len(page):
        # A page full of folders leaves the documents to start from their first.
        inner = (
            encode_cursor(queries.documents.sort_value(page[-1], sort), page[-1].id) if page else ""
        )
        next_cursor = encode_cursor("d", inner)
    return FolderContents(
        folders=shown, documents=await describe(session, actor, page), next_cursor=next_cursor
    )


async def list_recent(
    session: AsyncSession, actor: Actor, *, cursor: str | None, limit: int
) -> tuple[list[DocumentOut], str | None]:
    """Return a page of the documents the actor may read, newest first."""
    after = None if cursor is None else decode_cursor(cursor, str, int)
    rows = await _newest(
        session,
        actor,
        after=None if after is None else (datetime.fromisoformat(after[0]), after[1]),
        limit=limit + 1,
    )
    page = rows[:limit]
    more = len(rows) > limit
    return await describe(session, actor, page), (
        encode_cursor(page[-1].created_at.isoformat(), page[-1].id) if more else None
    )


async def _newest(
    session: AsyncSession, actor: Actor, *, after: tuple[datetime, int] | None, limit: int
) -> Sequence[Document]:
    """Return the newest documents the actor may read.

    Whoever may read much finds a page among the newest there are, in folders few enough to decide on one by one.
    Whoever may read in a few folders gets the newest of each. Only for the others is the way back walked through all.
    """
    seen = await access.view(session, actor)
    look = limit * FIRST_LOOK
    met = await queries.documents.newest_places(session, actor.org_id, after=after, limit=look)
    paths = await access.paths_of(session, actor, set(met.values()))
    live = [document_id for document_id, folder_id in met.items() if folder_id in paths]
    among_live = and_(
        Document.id.in_(live), seen.documents_in(paths, Document.id, Document.folder_id)
    )
    rows = await queries.documents.newest(session, among_live, after=after, limit=limit)
    if len(rows) == limit or len(met) < look:
        return rows
    keys = await access.visible_keys(session, seen)
    visible = keys.admits(Document.id, Document.folder_id)
    places = keys.places
    if len(places) <= FEW_FOLDERS:
        return await queries.documents.newest_of_folders(
            session, places, visible, after=after, limit=limit
        )
    return await queries.documents.newest(session, and_(*visible), after=after, limit=limit)


async def list_versions(session: AsyncSession, actor: Actor, document_id: int) -> list[VersionOut]:
    """Return a document's versions, newest first."""
    await get_document(session, actor, document_id)
    return [
        describe_version(version)
        for version in await queries.versions.versions(session, document_id)
    ]


async def get_version(session: AsyncSession, document: Document, number: int | None) -> Version:
    """Return a version of a document by number to read or copy; without one, the current version.

    Whoever hands out anything of a version's content, or of what was read out of it, gets the version here.

    Raises:
        VersionNotFoundError: it has no version of this number.
        QuarantinedError: its content is in quarantine.
    """
    if number is None or number == document.current_version.number:
        version: Version | None = document.current_version
    else:
        version = await queries.versions.version_by_number(session, document.id, number)
    if version is None:
        raise VersionNotFoundError(f"{document.name!r} has no version {number}.")
    if version.scan_status is ScanStatus.QUARANTINED:
        raise QuarantinedError(
            f"Malware was found in version {version.number} of {document.name!r} ({version.scan_detail}): it is in "
            "quarantine. An administrator can release it.",
            signature=version.scan_detail,
        )
    return version


async def get_metadata(
    session: AsyncSession, actor: Actor, document_id: int, *, version: int | None
) -> MetadataOut:
    """Return what a version's file says about itself; empty where that is nothing, or it was not read yet.

    Raises:
        NotFoundError: the actor may not see the document.
        VersionNotFoundError: it has no such version.
    """
    document = await get_document(session, actor, document_id)
    chosen = await get_version(session, document, version)
    fields = await queries.versions.metadata_fields(session, chosen.id)
    return MetadataOut(version=chosen.number, **(fields or {}))


async def get_content(
    session: AsyncSession, actor: Actor, document_id: int, *, version: int | None
) -> ContentRef:
    """Return which bytes to hand out for a document."""
    document = await get_document(session, actor, document_id)
    chosen = await get_version(session, document, version)
    return ContentRef(
        document_id=document.id,
        version_id=chosen.id,
        digest=chosen.blob.digest,
        size=chosen.blob.size,
        media_type=chosen.media_type,
        name=document.name,
        folder_id=document.folder_id,
        version=chosen.number,
    )


async def record_reading(
    session: AsyncSession,
    actor: Actor,
    ref: ContentRef,
    disposition: Disposition,
    *,
    in_parts: bool,
) -> None:
    """Record that content is handed out. What a client reads part by part is one event within some minutes."""
    action = "document.viewed" if disposition is Disposition.INLINE else "document.downloaded"
    deed = Deed(action, f"document:{ref.document_id}", {"version": ref.version}, ref.folder_id)
    if in_parts:
        await audit.record_once(
            session, deed, within=ONE_READING, org_id=actor.org_id, actor_id=actor.user_id
        )
    else:
        await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def record_text_reading(
    session: AsyncSession, actor: Actor, document: Document, version: int
) -> None:
    """Record that the text read out of a version is shown."""
    deed = Deed(
        "document.text_viewed", f"document:{document.id}", {"version": version}, document.folder_id
    )
    await audit.record_once(
        session, deed, within=ONE_READING, org_id=actor.org_id, actor_id=actor.user_id
    )


def etag(document: Document) -> str:
    """Return the entity tag of a document's present state; its content has one of its own."""
    return f'"{document.revision}"'


def describe_version(version: Version) -> VersionOut:
    """Return the wire shape of a version."""
    return VersionOut(
        id=version.id,
        number=version.number,
        size=version.blob.size,
        sha256=version.blob.digest.hex(),
        media_type=version.media_type,
        scan_status=version.scan_status,
        scan_detail=version.scan_detail,
        index_status=version.index_status,
        index_detail=version.index_detail,
        page_count=version.page_count,
        created_at=version.created_at,
        created_by=PersonRef(id=version.creator.id, name=version.creator.name),
        comment=version.comment,
    )


async def describe(
    session: AsyncSession,
    actor: Actor,
    documents: Sequence[Document],
    *,
    seen: access.View | None = None,
) -> list[DocumentOut]:
    """Return the wire shapes of documents, in their order, with a fixed number of queries.

    It is one less where what the actor sees was asked before.
    """
    if not documents:
        return []
    folder_ids = list({document.folder_id for document in documents})
    trails = await folders.ancestors_of(session, folder_ids)
    ids = [one.id for one in documents]
    if seen is None:
        allowed = await access.document_permissions(session, actor, ids)
    else:
        allowed = await seen.document_permissions(session, ids)
    shown = []
    for document in documents:
        version = describe_version(document.current_version)
        shown.append(
            DocumentOut(
                id=document.id,
                folder_id=document.folder_id,
                name=document.name,
                media_type=version.media_type,
                size=version.size,
                sha256=version.sha256,
                created_at=document.created_at,
                updated_at=document.updated_at,
                owner=PersonRef(id=document.owner.id, name=document.owner.name),
                tags=document.tags,
                properties=document.properties,
                status="active" if document.deleted_at is None else "trashed",
                etag=etag(document),
                current_version=version,
                permissions=allowed.get(document.id, []),
                ancestors=trails.get(document.folder_id, []),
            )
        )
    return shown
