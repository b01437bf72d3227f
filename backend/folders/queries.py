"""SQL of the tree. Used by `service` alone."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    column,
    func,
    literal,
    select,
    table,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend.access.service import Path, Tree
from backend.core.clock import now
from backend.folders.models import Folder
from backend.folders.schemas import FolderRef

# Documents stand above folders in the layers; their table is counted here by name alone.
_documents = table(
    "documents",
    column("id", BigInteger),
    column("folder_id", BigInteger),
    column("deleted_at", DateTime(timezone=True)),
)


async def lock_tree(session: AsyncSession, org_id: int) -> None:
    """Let one move at a time change the shape of an organisation's tree: two could close a cycle."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(7312026, :org)"), {"org": org_id % 2**31}
    )


async def get(session: AsyncSession, folder_id: int, *, lock: bool = False) -> Folder | None:
    """Return a folder, in the trash or not. Who may see it is for the caller to have asked."""
    statement = select(Folder).where(Folder.id == folder_id)
    if lock:
        statement = statement.with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def children(
    session: AsyncSession,
    visible: ColumnElement[bool],
    parent_id: int | None,
    *,
    after: tuple[str, int] | None,
    limit: int,
) -> Sequence[Folder]:
    """Return live folders below a parent (None: cabinets) by name, from `after` (name order, id) on."""
    here = Folder.name_order, Folder.id
    statement = select(Folder).where(
        Folder.parent_id.is_not_distinct_from(parent_id), Folder.deleted_at.is_(None), visible
    )
    if after is not None:
        statement = statement.where(tuple_(*here) > tuple_(literal(after[0]), literal(after[1])))
    return (await session.scalars(statement.order_by(*here).limit(limit))).all()


async def id_by_name(session: AsyncSession, parent_id: int | None, name: str) -> int | None:
    """Return the live folder of this name, in whatever case, below another (None: the cabinet)."""
    below = Folder.parent_id.is_(None) if parent_id is None else Folder.parent_id == parent_id
    return await session.scalar(
        select(Folder.id).where(
            below,
            func.lower(Folder.name) == func.lower(name),
            Folder.deleted_at.is_(None),
        )
    )


_TRAILS = text(
    "SELECT f.id AS folder_id, a.id, a.name, a.kind FROM folders f "
    "CROSS JOIN LATERAL unnest(string_to_array(ltree2text(f.path), '.')::bigint[]) "
    "WITH ORDINALITY AS step(id, position) JOIN folders a ON a.id = step.id "
    "WHERE f.id = ANY(:ids) ORDER BY f.id, step.position"
)


async def trails(session: AsyncSession, folder_ids: Sequence[int]) -> list[tuple[int, FolderRef]]:
    """Return (folder id, a folder on the way to it), for each folder from the cabinet down to itself."""
    rows = await session.execute(_TRAILS, {"ids": list(folder_ids)})
    return [(row.folder_id, FolderRef(id=row.id, name=row.name, kind=row.kind)) for row in rows]


async def counts(
    session: AsyncSession, tree: Tree, paths: Mapping[int, Path]
) -> dict[int, tuple[int, int]]:
    """Return (child folders, documents) of folders by id: what of them is seen, and is not in the trash."""
    child = aliased(Folder)
    shown = tree.folders_within(dict(paths.items()), child.id, child.parent_id)
    folders = (
        select(func.count())
        .where(child.parent_id == Folder.id, child.deleted_at.is_(None), shown)
        .correlate(Folder)
        .scalar_subquery()
    )
    readable = tree.view.documents_in(paths, _documents.c.id, _documents.c.folder_id)
    documents = (
        select(func.count())
        .select_from(_documents)
        .where(_documents.c.folder_id == Folder.id, _documents.c.deleted_at.is_(None), readable)
        .correlate(Folder)
        .scalar_subquery()
    )
    rows = await session.execute(
        select(Folder.id, folders, documents).where(Folder.id.in_(paths.keys()))
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def rebase(session: AsyncSession, *, old_path: str, new_path: str) -> None:
    """Give a folder and all below it the path that follows from its new place."""
    await session.execute(
        text(
            "UPDATE folders SET path = CASE WHEN path = CAST(:old AS ltree) THEN CAST(:new AS ltree) "
            "ELSE CAST(:new AS ltree) || subpath(path, nlevel(CAST(:old AS ltree))) END "
            "WHERE path <@ CAST(:old AS ltree)"
        ),
        {"old": old_path, "new": new_path},
    )


async def trash(session: AsyncSession, folder_id: int, user_id: int) -> None:
    """Mark a folder as deleted; what is below is hidden by it, not rewritten."""
    await session.execute(
        update(Folder).where(Folder.id == folder_id).values(deleted_at=now(), deleted_by=user_id)
    )


async def get_many(session: AsyncSession, folder_ids: Collection[int]) -> Sequence[Folder]:
    """Return those of the folders that there are, in the trash or not, in no order."""
    return (await session.scalars(select(Folder).where(Folder.id.in_(folder_ids)))).all()


async def ids_below(session: AsyncSession, folder_id: int) -> list[int]:
    """Return the ids of a folder and of all below it."""
    top = select(Folder.path).where(Folder.id == folder_id).scalar_subquery()
    return list(await session.scalars(select(Folder.id).where(Folder.path.op("<@")(top))))
