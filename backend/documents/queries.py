"""SQL of documents. Used by `service` alone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Text,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from backend.documents.models import (
    Blob,
    Document,
    IndexStatus,
    ScanStatus,
    Stage,
    UploadLimits,
    Version,
    VersionMetadata,
    VersionProgress,
)
from backend.documents.schemas import Order, SortBy
from backend.folders.models import Folder
from backend.identity.models import User


def live_documents(*visible: ColumnElement[bool]) -> Select[Document]:
    """Return the statement of the documents that are not in the trash themselves, with what their wire shape needs."""
    return _whole().where(Document.deleted_at.is_(None), *visible)


def _whole() -> Select[Document]:
    return (
        select(Document)
        .join(Version, Version.id == Document.current_version_id)
        .join(Blob, Blob.id == Version.blob_id)
        .options(
            joinedload(Document.owner),
            contains_eager(Document.current_version).options(
                contains_eager(Version.blob), joinedload(Version.creator)
            ),
        )
    )


async def is_there(session: AsyncSession, document_id: int) -> bool:
    """Tell whether there is a document, in the trash or not."""
    return bool(await session.scalar(select(exists().where(Document.id == document_id))))


async def get(session: AsyncSession, document_id: int) -> Document | None:
    """Return a live document, whole. Who may read it is for the caller to have asked."""
    statement = live_documents(Document.id == document_id)
    return await session.scalar(statement.execution_options(populate_existing=True))


async def get_many(session: AsyncSession, document_ids: Collection[int]) -> Sequence[Document]:
    """Return those of the documents that are live, whole, in no order. Who may read them was asked before."""
    return (await session.scalars(live_documents(Document.id.in_(document_ids)))).all()


async def lock(session: AsyncSession, document_id: int) -> None:
    """Hold off other changes to a document until the transaction ends."""
    await session.execute(select(Document.id).where(Document.id == document_id).with_for_update())


async def id_by_name(session: AsyncSession, folder_id: int, name: str) -> int | None:
    """Return the id of the live document of this name, in whatever case."""
    return await session.scalar(
        select(Document.id).where(
            Document.folder_id == folder_id,
            func.lower(Document.name) == func.lower(name),
            Document.deleted_at.is_(None),
        )
    )


async def taken_positions(session: AsyncSession, folder_id: int, names: Sequence[str]) -> set[int]:
    """Return the positions of those of the names that live documents of the folder have, in whatever case."""
    unnested = func.unnest(literal(list(names), ARRAY(Text)))
    wanted = unnested.table_valued("name", with_ordinality="position").render_derived()
    rows = await session.scalars(
        select(wanted.c.position).join(
            Document,
            (func.lower(Document.name) == func.lower(wanted.c.name))
            & (Document.folder_id == folder_id)
            & Document.deleted_at.is_(None),
        )
    )
    return {position - 1 for position in rows}


_SORT_KEYS: dict[SortBy, tuple[Any, type]] = {
    SortBy.NAME: (Document.name_order, str),
    SortBy.UPDATED_AT: (Document.updated_at, str),
    SortBy.CREATED_AT: (Document.created_at, str),
    SortBy.SIZE: (Blob.size, int),
}


def sort_value(document: Document, sort: SortBy) -> str | int:
    """Return the value of a document's sort key, as a cursor holds it."""
    match sort:
        case SortBy.NAME:
            return document.name_order
        case SortBy.SIZE:
            return document.current_version.blob.size
        case SortBy.UPDATED_AT:
            return document.updated_at.isoformat()
        case SortBy.CREATED_AT:
            return document.created_at.isoformat()


def sort_type(sort: SortBy) -> type:
    """Return the type of a sort key's value in a cursor."""
    return _SORT_KEYS[sort][1]


async def in_folder(
    session: AsyncSession,
    visible: ColumnElement[bool],
    folder_id: int,
    *,
    sort: SortBy,
    order: Order,
    after: tuple[str | int, int] | None,
    limit: int,
) -> Sequence[Document]:
    """Return documents of a folder from `after` (sort value, id) on."""
    key: ColumnElement[Any] = _SORT_KEYS[sort][0]
    statement = live_documents(visible, Document.folder_id == folder_id)
    if after is not None:
        here = tuple_(key, Document.id)
        bound = tuple_(_bound(sort, after[0]), literal(after[1]))
        statement = statement.where(here > bound if order is Order.ASC else here < bound)
    ordered = (key, Document.id) if order is Order.ASC else (key.desc(), Document.id.desc())
    return (await session.scalars(statement.order_by(*ordered).limit(limit))).all()


def _bound(sort: SortBy, value: str | int) -> ColumnElement[Any]:
    match sort:
        case SortBy.NAME | SortBy.SIZE:
            return literal(value)
        case SortBy.UPDATED_AT | SortBy.CREATED_AT:
            return literal(datetime.fromisoformat(str(value)))


async def newest(
    session: AsyncSession,
    visible: ColumnElement[bool],
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> Sequence[Document]:
    """Return readable documents, newest first."""
    ordered = _newest_first(live_documents(visible), after).limit(limit)
    return (await session.scalars(ordered)).all()


async def newest_of_folders(
    session: AsyncSession,
    folder_ids: Collection[int],
    visible: Collection[ColumnElement[bool]],
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> Sequence[Document]:
    """Return readable documents of a few folders, newest first: the first of each, and of these the first."""
    keys = func.unnest(literal(list(folder_ids), ARRAY(BigInteger)), type_=BigInteger)
    place = keys.table_valued("id").render_derived(name="place")
    inside = select(Document.id).where(
        Document.folder_id == place.c.id, Document.deleted_at.is_(None), *visible
    )
    first = _newest_first(inside, after).limit(limit).lateral("first")
    met = select(first.c.id).select_from(place).join(first, true())
    return await newest(session, Document.id.in_(met), after=None, limit=limit)


async def newest_places(
    session: AsyncSession, org_id: int, *, after: tuple[datetime, int] | None, limit: int
) -> dict[int, int]:
    """Return the newest documents of an organisation, whoever may read them: id to folder."""
    statement = select(Document.id, Document.folder_id).where(
        Document.org_id == org_id, Document.deleted_at.is_(None)
    )
    rows = await session.execute(_newest_first(statement, after).limit(limit))
    return {row[0]: row[1] for row in rows}


def _newest_first(
    statement: Select[*tuple[Any, ...]], after: tuple[datetime, int] | None
) -> Select[*tuple[Any, ...]]:
    key = tuple_(Document.created_at, Document.id)
    if after is not None:
        statement = statement.where(key < tuple_(literal(after[0]), literal(after[1])))
    return statement.order_by(Document.created_at.desc(), Document.id.desc())


async def versions(session: AsyncSession, document_id: int) -> Sequence[Version]:
    """Return a document's versions, newest first."""
    statement = (
        select(Version)
        .where(Version.document_id == document_id)
        .options(joinedload(Version.blob), joinedload(Version.creator))
        .order_by(Version.number.desc())
    )
    return (await session.scalars(statement)).all()


async def version_by_number(session: AsyncSession, document_id: int, number: int) -> Version | None:
    """Return one version of a document."""
    return await session.scalar(
        select(Version)
        .where(Version.document_id == document_id, Version.number == number)
        .options(joinedload(Version.blob), joinedload(Version.creator))
    )


async def version_with_document(
    session: AsyncSession, version_id: int
) -> Row[Version, Document] | None:
    """Return a version with its blob, locked, and the document it belongs to."""
    result = await session.execute(
        select(Version, Document)
        .join(Document, Document.id == Version.document_id)
        .join(Blob, Blob.id == Version.blob_id)
        .where(Version.id == version_id)
        .options(contains_eager(Version.blob))
        .with_for_update(of=Version)
    )
    return result.one_or_none()


async def write_metadata(
    session: AsyncSession, *, org_id: int, version_id: int, fields: dict[str, Any], words: str
) -> None:
    """Insert or replace what a version's file says about itself; the triggers bring its words into the search."""
    statement = insert(VersionMetadata).values(
        org_id=org_id, version_id=version_id, fields=fields, words=words
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["version_id"],
            set_={"fields": statement.excluded.fields, "words": statement.excluded.words},
        )
    )


async def metadata_fields(session: AsyncSession, version_id: int) -> dict[str, Any] | None:
    """Return what a version's file says about itself; None where it was not read yet."""
    return await session.scalar(
        select(VersionMetadata.fields).where(VersionMetadata.version_id == version_id)
    )


async def version_in_place(session: AsyncSession, version_id: int) -> Row[Version, Document] | None:
    """Return a version with its blob, and the document it belongs to, in the trash or not."""
    result = await session.execute(
        select(Version, Document)
        .join(Document, Document.id == Version.document_id)
        .join(Blob, Blob.id == Version.blob_id)
        .where(Version.id == version_id)
        .options(contains_eager(Version.blob))
    )
    return result.one_or_none()


async def set_lease(session: AsyncSession, version_id: int, *, until: datetime) -> None:
    """Say until when a version's reader may be silent."""
    await session.execute(
        update(Version)
        .where(Version.id == version_id, Version.index_status == IndexStatus.EXTRACTING)
        .values(index_lease_until=until)
    )


async def lost_versions(
    session: AsyncSession, *, lease_before: datetime, queued_before: datetime, limit: int
) -> Sequence[Version]:
    """Return versions that should have been read by now: the lease ran out, or nobody ever took one."""
    silent = Version.index_lease_until < lease_before
    forgotten = Version.index_lease_until.is_(None) & (Version.index_queued_at < queued_before)
    statement = (
        select(Version)
        .where(
            Version.index_status.in_([IndexStatus.PENDING, IndexStatus.EXTRACTING]),
            silent | forgotten,
        )
        .order_by(Version.index_queued_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def put_progress(
    session: AsyncSession, version: Version, stage: Stage, *, done: int, total: int | None
) -> None:
    """Say how far a stage of a version has come."""
    statement = insert(VersionProgress).values(
        version_id=version.id,
        org_id=version.org_id,
        stage=stage,
        done=done,
        total=total,
        updated_at=func.now(),
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[VersionProgress.version_id, VersionProgress.stage],
            set_={"done": done, "total": total, "updated_at": func.now()},
        )
    )


async def delete_progress(
    session: AsyncSession, version_id: int, stages: Collection[Stage]
) -> None:
    """Forget how far stages of a version have come."""
    await session.execute(
        delete(VersionProgress).where(
            VersionProgress.version_id == version_id, VersionProgress.stage.in_(stages)
        )
    )


async def progress(session: AsyncSession, version_id: int) -> Sequence[VersionProgress]:
    """Return how far the stages of a version have come that somebody is at."""
    statement = select(VersionProgress).where(VersionProgress.version_id == version_id)
    return (await session.scalars(statement.order_by(VersionProgress.stage))).all()


async def count_unread(session: AsyncSession) -> dict[IndexStatus, int]:
    """Return how many versions of the transaction's organisation wait to be read, or are being read."""
    statement = (
        select(Version.index_status, func.count())
        .where(Version.index_status.in_([IndexStatus.PENDING, IndexStatus.EXTRACTING]))
        .group_by(Version.index_status)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


async def last_number(session: AsyncSession, document_id: int) -> int:
    """Return the number of a document's newest version, 0 where it has none."""
    number = await session.scalar(
        select(func.max(Version.number)).where(Version.document_id == document_id)
    )
    return number or 0


async def put_blob(
    session: AsyncSession,
    *,
    org_id: int,
    digest: bytes,
    size: int,
    stored_size: int,
    scan_tried_at: datetime | None,
    scanned_with: int | None,
) -> Row[int, int, str | None]:
    """Return (id, stored size, signature) of the row of a blob about to be published, made or revived if need be.

    With a signature it is in quarantine. The row is locked until the transaction ends: a collection that has it is
    waited for, a later one passes it by.
    """
    statement = insert(Blob).values(
        org_id=org_id,
        digest=digest,
        size=size,
        stored_size=stored_size,
        scan_tried_at=scan_tried_at,
        scanned_with=scanned_with,
    )
    statement = statement.on_conflict_do_update(
        index_elements=[Blob.org_id, Blob.digest],
        set_={
            "size": statement.excluded.size,
            "marked_at": None,
            # Without a try it is scanned soon, for the version that is recorded says that it was not.
            "scan_tried_at": statement.excluded.scan_tried_at,
            "scanned_with": func.coalesce(statement.excluded.scanned_with, Blob.scanned_with),
        },
    )
    # An upsert always has a row to return.
    found = statement.returning(Blob.id, Blob.stored_size, Blob.quarantined_as)
    return (await session.execute(found)).one()


async def hold_blob(session: AsyncSession, blob_id: int) -> str | None:
    """Keep a blob from being quarantined or deleted until the transaction ends; return what it is in quarantine for."""
    return await session.scalar(
        select(Blob.quarantined_as)
        .where(Blob.id == blob_id)
        .with_for_update(read=True, key_share=True)
    )


async def set_stored_size(session: AsyncSession, blob_id: int, stored_size: int) -> None:
    """Say how many bytes the store needs for a blob that was just written."""
    values = {"stored_size": stored_size, "compacted_level": None}
    await session.execute(update(Blob).where(Blob.id == blob_id).values(values))


async def insert_document(
    session: AsyncSession,
    *,
    org_id: int,
    folder_id: int,
    name: str,
    owner_id: int,
    tags: Sequence[str] = (),
    properties: Mapping[str, Any] | None = None,
) -> int | None:
    """Return the id of a new document that has no version yet; None where its name is taken."""
    statement = insert(Document).values(
        org_id=org_id,
        folder_id=folder_id,
        name=name,
        owner_id=owner_id,
        tags=list(tags),
        properties=dict(properties or {}),
    )
    return await session.scalar(statement.on_conflict_do_nothing().returning(Document.id))


async def set_first_version(session: AsyncSession, document_id: int, version_id: int) -> None:
    """Give a new document its content."""
    await session.execute(
        update(Document).where(Document.id == document_id).values(current_version_id=version_id)
    )


async def set_next_version(session: AsyncSession, document_id: int, version_id: int) -> None:
    """Make a version the current one of a document, which is thereby changed."""
    await session.execute(
        update(Document)
        .where(Document.id == document_id)
        .values(
            current_version_id=version_id, revision=Document.revision + 1, updated_at=func.now()
        )
    )


async def trashed_document(session: AsyncSession, document_id: int) -> Document | None:
    """Return a document that is in the trash. Who may know of it is for the caller to have asked."""
    return await session.scalar(
        _whole().where(Document.id == document_id, Document.deleted_at.is_not(None))
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


class Named(NamedTuple):
    """A document by its name and place."""

    id: int
    name: str
    folder_id: int


_NAMED = (Document.id, Document.name, Document.folder_id)


async def named(session: AsyncSession, document_ids: Sequence[int]) -> list[Named]:
    """Return these documents."""
    rows = await session.execute(select(*_NAMED).where(Document.id.in_(document_ids)))
    return [Named(*row) for row in rows]


async def named_in(session: AsyncSession, folder_ids: Sequence[int]) -> list[Named]:
    """Return the documents that stand in these folders."""
    rows = await session.execute(select(*_NAMED).where(Document.folder_id.in_(folder_ids)))
    return [Named(*row) for row in rows]


async def delete_documents(session: AsyncSession, document_ids: Sequence[int]) -> None:
    """Delete documents with their versions, for good."""
    await session.execute(
        update(Document).where(Document.id.in_(document_ids)).values(current_version_id=None)
    )
    await session.execute(delete(Document).where(Document.id.in_(document_ids)))


async def delete_subtree(session: AsyncSession, folder_ids: Sequence[int]) -> None:
    """Delete folders with every document in them, for good."""
    documents = await session.scalars(select(Document.id).where(Document.folder_id.in_(folder_ids)))
    await delete_documents(session, list(documents))
    # One statement: the tree's own foreign key is checked at its end.
    await session.execute(delete(Folder).where(Folder.id.in_(folder_ids)))


_STORED = (Blob.id, Blob.digest, Blob.size, Blob.stored_size)


async def blobs_after(
    session: AsyncSession, digest: bytes, *, limit: int
) -> Sequence[Row[int, bytes, int, int]]:
    """Return (id, digest, size, stored size) of blobs in the order of their digests, from after one on."""
    statement = select(*_STORED).where(Blob.digest > digest).order_by(Blob.digest).limit(limit)
    return (await session.execute(statement)).all()


async def hold_blobs(
    session: AsyncSession, blob_ids: Sequence[int]
) -> Sequence[Row[int, bytes, int, int]]:
    """Return the same of the blobs with these ids, none of which can be deleted before the transaction ends."""
    statement = (
        select(*_STORED)
        .where(Blob.id.in_(blob_ids))
        .order_by(Blob.id)
        .with_for_update(read=True, key_share=True)
    )
    return (await session.execute(statement)).all()


async def recorded_digests(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
    """Return those of the digests that the database has a row for."""
    return set(await session.scalars(select(Blob.digest).where(Blob.digest.in_(digests))))


async def reserve_digests(
    session: AsyncSession, org_id: int, digests: Sequence[bytes]
) -> set[bytes]:
    """Give digests that have no row an empty one, in the order given; return them."""
    if not digests:
        return set()
    rows = [{"org_id": org_id, "digest": one, "size": 0, "stored_size": 0} for one in digests]
    statement = insert(Blob).on_conflict_do_nothing().returning(Blob.digest)
    return set(await session.scalars(statement, rows))


async def documents_with_blobs(
    session: AsyncSession, digests: Sequence[bytes], *, limit: int
) -> Sequence[Row[bytes, int]]:
    """Return (digest, document id) of the documents that have, or had, this content: a few of each."""
    documents = (
        select(Version.document_id)
        .where(Version.blob_id == Blob.id)
        .distinct()
        .order_by(Version.document_id)
        .limit(limit)
        .lateral()
    )
    statement = (
        select(Blob.digest, documents.c.document_id)
        .join(documents, true())
        .where(Blob.digest.in_(digests))
        .order_by(Blob.digest, documents.c.document_id)
    )
    return (await session.execute(statement)).all()


async def names_of_content(session: AsyncSession, digest: bytes, owner_id: int) -> Sequence[str]:
    """Return the names of an owner's documents that have, or had, this content."""
    has_it = (
        select(Version.id)
        .join(Blob, Blob.id == Version.blob_id)
        .where(Version.document_id == Document.id, Blob.digest == digest)
    )
    statement = select(Document.name).where(Document.owner_id == owner_id, has_it.exists())
    return (await session.scalars(statement.order_by(Document.name_order))).all()


async def documents_of(session: AsyncSession, version_ids: Collection[int]) -> dict[int, int]:
    """Return the documents of versions, by these."""
    statement = select(Version.id, Version.document_id).where(Version.id.in_(version_ids))
    return {row[0]: row[1] for row in await session.execute(statement)}


class Holder(NamedTuple):
    """A document with the newest of its versions that has some content."""

    document_id: int
    name: str
    folder_id: int
    version: int
    is_current: bool


class HolderOf(NamedTuple):
    """A document that has the content of a digest."""

    digest: bytes
    holder: Holder


async def holders(
    session: AsyncSession,
    visible: ColumnElement[bool],
    digests: Collection[bytes],
    *,
    but: int | None,
    limit: int,
) -> list[HolderOf]:
    """Return the first `limit` readable documents of each digest, those whose current version it is first."""
    is_current = func.bool_or(Version.id == Document.current_version_id)
    documents = (
        select(
            Document.id,
            Document.name,
            Document.folder_id,
            func.max(Version.number).label("version"),
            is_current.label("is_current"),
        )
        .select_from(Version)
        .join(Document, Document.id == Version.document_id)
        .where(Version.blob_id == Blob.id, Document.deleted_at.is_(None), visible)
        .group_by(Document.id)
        .order_by(is_current.desc(), Document.id)
        .limit(limit)
    )
    if but is not None:
        documents = documents.where(Document.id != but)
    found = documents.correlate(Blob).lateral("found")
    statement = (
        select(Blob.digest, found)
        .join(found, true())
        .where(Blob.digest.in_(digests), Blob.size > 0)
        .order_by(Blob.digest, found.c.is_current.desc(), found.c.id)
    )
    rows = await session.execute(statement)
    return [HolderOf(row[0], Holder(*row[1:])) for row in rows]


async def names(
    session: AsyncSession, document_ids: Collection[int]
) -> Sequence[Row[int, str, int, bool]]:
    """Return (id, name, folder id, whether it is in the trash) of documents."""
    trashed = Document.deleted_at.is_not(None)
    statement = select(Document.id, Document.name, Document.folder_id, trashed)
    return (await session.execute(statement.where(Document.id.in_(document_ids)))).all()


async def set_sizes(session: AsyncSession, blob_id: int, *, size: int, stored_size: int) -> None:
    """Change what is recorded of a blob's sizes."""
    await session.execute(
        update(Blob).where(Blob.id == blob_id).values(size=size, stored_size=stored_size)
    )


async def stored_totals(
    session: AsyncSession, unreferenced_by: Sequence[InstrumentedAttribute[Any]]
) -> Row[int, int, int]:
    """Return (blobs, their bytes, their stored bytes) of those that none of the columns names."""
    totals = select(func.count(), _total(Blob.size), _total(Blob.stored_size)).select_from(Blob)
    for column in unreferenced_by:
        totals = totals.where(~exists().where(column == Blob.id))
    return (await session.execute(totals)).one()


class Scope(NamedTuple):
    """Which blobs are to be scanned: those whose last try was before a time, and of these some."""

    tried_before: datetime
    since: datetime | None = None
    """Only what was stored since then."""
    unscanned: bool = False
    """Only what a version refers to as unscanned."""
    not_with: int | None = None
    """Only what was scanned with other signatures than this version of them."""


def _in_scope(scope: Scope) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Blob.quarantined_as.is_(None),
        Blob.scan_tried_at.is_(None) | (Blob.scan_tried_at < scope.tried_before),
    ]
    if scope.since is not None:
        conditions.append(Blob.created_at >= scope.since)
    if scope.not_with is not None:
        conditions.append(Blob.scanned_with.is_distinct_from(scope.not_with))
    referring = select(Version.id).where(Version.blob_id == Blob.id)
    if scope.unscanned:
        referring = referring.where(Version.scan_status == ScanStatus.UNSCANNED)
    return [*conditions, referring.exists()]


async def blobs_to_scan(
    session: AsyncSession, scope: Scope, *, limit: int
) -> Sequence[Row[int, bytes, int]]:
    """Return (id, digest, size) of blobs that are to be scanned; those first whose last try is longest ago."""
    statement = (
        select(Blob.id, Blob.digest, Blob.size)
        .where(*_in_scope(scope))
        .order_by(Blob.scan_tried_at.asc().nulls_first(), Blob.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def unquarantined_blobs(
    session: AsyncSession, digests: Sequence[bytes]
) -> Sequence[Row[int, bytes, int]]:
    """Return (id, digest, size) of those of the blobs that are not in quarantine."""
    statement = select(Blob.id, Blob.digest, Blob.size).where(
        Blob.digest.in_(digests), Blob.quarantined_as.is_(None)
    )
    return (await session.execute(statement)).all()


async def scan_backlog(session: AsyncSession, scope: Scope) -> Row[int, int]:
    """Return (number, bytes) of the blobs that are to be scanned."""
    statement = select(func.count(), _total(Blob.size)).where(*_in_scope(scope))
    return (await session.execute(statement)).one()


async def lock_blob(session: AsyncSession, *, blob_id: int) -> Blob | None:
    """Return a blob; no version can refer to it anew until the transaction ends."""
    return await session.get(Blob, blob_id, with_for_update=True, populate_existing=True)


async def lock_blob_of(session: AsyncSession, *, digest: bytes) -> Blob | None:
    """Return the same by its digest."""
    return await session.scalar(
        select(Blob)
        .where(Blob.digest == digest)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


class Reference(NamedTuple):
    """A version that refers to a blob, and its document."""

    version_id: int
    number: int
    document_id: int
    folder_id: int
    name: str
    owner_id: int


async def references(session: AsyncSession, blob_id: int) -> list[Reference]:
    """Return the versions that refer to a blob."""
    rows = await session.execute(
        select(
            Version.id,
            Version.number,
            Document.id,
            Document.folder_id,
            Document.name,
            Document.owner_id,
        )
        .join(Document, Document.id == Version.document_id)
        .where(Version.blob_id == blob_id)
        .order_by(Document.id, Version.number)
    )
    return [Reference(*row) for row in rows]


async def set_scan_status(
    session: AsyncSession,
    blob_id: int,
    status: ScanStatus,
    *,
    detail: str | None,
    of: Collection[ScanStatus] = tuple(ScanStatus),
) -> list[int]:
    """Say what the scanner made of a blob to those of its versions that have one of these states; return them."""
    result = await session.scalars(
        update(Version)
        .where(
            Version.blob_id == blob_id,
            Version.scan_status.in_(of),
            or_(Version.scan_status != status, Version.scan_detail.is_distinct_from(detail)),
        )
        .values(scan_status=status, scan_detail=detail)
        .returning(Version.id)
    )
    return list(result)


async def set_unread(
    session: AsyncSession, blob_id: int, status: IndexStatus, *, detail: str | None
) -> None:
    """Say of the versions of a blob that nothing is read out of them, or nothing yet."""
    await session.execute(
        update(Version)
        .where(Version.blob_id == blob_id)
        .values(
            index_status=status,
            index_detail=detail,
            index_attempts=0,
            index_lease_until=None,
            index_queued_at=func.now(),
        )
    )


async def delete_versions(session: AsyncSession, blob_id: int) -> list[int]:
    """Delete the versions of a blob, for good, and the documents that are nothing else; return the latter."""
    other = select(Version.document_id).where(
        Version.document_id == Document.id, Version.blob_id != blob_id
    )
    has_it = select(Version.id).where(
        Version.document_id == Document.id, Version.blob_id == blob_id
    )
    gone = list(await session.scalars(select(Document.id).where(has_it.exists(), ~other.exists())))
    await delete_documents(session, gone)
    newest = (
        select(Version.id)
        .where(Version.document_id == Document.id, Version.blob_id != blob_id)
        .order_by(Version.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    current = select(Version.id).where(
        Version.id == Document.current_version_id, Version.blob_id == blob_id
    )
    await session.execute(
        update(Document)
        .where(current.exists())
        .values(current_version_id=newest, revision=Document.revision + 1, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )
    await session.execute(delete(Version).where(Version.blob_id == blob_id))
    return gone


async def limits(session: AsyncSession, org_id: int) -> UploadLimits | None:
    """Return what the organisation takes in, as it is now."""
    statement = select(UploadLimits).where(UploadLimits.org_id == org_id)
    return await session.scalar(statement.execution_options(populate_existing=True))


async def put_limits(session: AsyncSession, org_id: int, values: Mapping[str, Any]) -> None:
    """Say what the organisation takes in."""
    statement = insert(UploadLimits).values(org_id=org_id, **values)
    await session.execute(
        statement.on_conflict_do_update(index_elements=[UploadLimits.org_id], set_=dict(values))
    )


async def count_blobs(session: AsyncSession) -> None:
    """Count the organisation's bytes anew, where it has limits."""
    counted = select(_total(Blob.size), func.coalesce(func.max(Blob.id), 0)).subquery()
    columns = list(counted.c)
    await session.execute(
        update(UploadLimits).values(
            counted=select(columns[0]).scalar_subquery(),
            counted_upto=select(columns[1]).scalar_subquery(),
        )
    )


async def bytes_since(session: AsyncSession, blob_id: int) -> int:
    """Return the bytes of the organisation's blobs that came after one."""
    return (await session.scalars(select(_total(Blob.size)).where(Blob.id > blob_id))).one()


async def ids_by_names(
    session: AsyncSession, folder_id: int, names: Sequence[str]
) -> dict[int, int]:
    """Return, by the position of a name, the id of the live document that has it, in whatever case."""
    unnested = func.unnest(literal(list(names), ARRAY(Text)))
    wanted = unnested.table_valued("name", with_ordinality="position").render_derived()
    rows = await session.execute(
        select(wanted.c.position, Document.id).join(
            Document,
            (func.lower(Document.name) == func.lower(wanted.c.name))
            & (Document.folder_id == folder_id)
            & Document.deleted_at.is_(None),
        )
    )
    return {position - 1: document_id for position, document_id in rows}


def _total(column: InstrumentedAttribute[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
