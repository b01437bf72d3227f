"""SQL of documents as rows: read, found by name, listed, inserted, deleted."""

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
    bindparam,
    delete,
    exists,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload

from backend.documents.models import Blob, Document, Version
from backend.documents.schemas import Order, SortBy


def live_documents(*visible: ColumnElement[bool]) -> Select[Document]:
    """Return the statement of the documents that are not in the trash themselves, with what their wire shape needs."""
    return whole().where(Document.deleted_at.is_(None), *visible)


def whole() -> Select[Document]:
    """Return the statement of all documents, in the trash or not, with what their wire shape needs."""
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


# Built once, as what every upload asks and says is: building a statement takes longer than sending it.
_LIVE = live_documents(Document.id == bindparam("document_id")).execution_options(
    populate_existing=True
)


async def get(session: AsyncSession, document_id: int) -> Document | None:
    """Return a live document, whole. Who may read it is for the caller to have asked."""
    return await session.scalar(_LIVE, {"document_id": document_id})


async def get_many(session: AsyncSession, document_ids: Collection[int]) -> Sequence[Document]:
    """Return those of the documents that are live, whole, in no order. Who may read them was asked before."""
    return (await session.scalars(live_documents(Document.id.in_(document_ids)))).all()


async def lock(session: AsyncSession, document_id: int) -> None:
    """Hold off other changes to a document until the transaction ends."""
    await session.execute(select(Document.id).where(Document.id == document_id).with_for_update())


_ID_BY_NAME = select(Document.id).where(
    Document.folder_id == bindparam("folder_id"),
    func.lower(Document.name) == func.lower(bindparam("name", type_=Text)),
    Document.deleted_at.is_(None),
)


async def id_by_name(session: AsyncSession, folder_id: int, name: str) -> int | None:
    """Return the id of the live document of this name, in whatever case."""
    return await session.scalar(_ID_BY_NAME, {"folder_id": folder_id, "name": name})


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


_INSERT = insert(Document.__table__).on_conflict_do_nothing().returning(Document.id)


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
    values = {
        "org_id": org_id,
        "folder_id": folder_id,
        "name": name,
        "owner_id": owner_id,
        "tags": list(tags),
        "properties": dict(properties or {}),
    }
    return await session.scalar(_INSERT, values)


_SET_FIRST_VERSION = (
    update(Document.__table__)
    .where(Document.id == bindparam("document_id"))
    .values(current_version_id=bindparam("version_id"))
)


async def set_first_version(session: AsyncSession, document_id: int, version_id: int) -> None:
    """Give a new document its content."""
    await session.execute(
        _SET_FIRST_VERSION, {"document_id": document_id, "version_id": version_id}
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


async def names(
    session: AsyncSession, document_ids: Collection[int]
) -> Sequence[Row[int, str, int, bool]]:
    """Return (id, name, folder id, whether it is in the trash) of documents."""
    trashed = Document.deleted_at.is_not(None)
    statement = select(Document.id, Document.name, Document.folder_id, trashed)
    return (await session.execute(statement.where(Document.id.in_(document_ids)))).all()


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
