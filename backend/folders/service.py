"""What happens to cabinets, drawers and folders."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import NotFoundError, StaleError
from backend.core.names import clean_name
from backend.core.outbox import emit
from backend.core.pagination import decode_cursor, encode_cursor
from backend.folders import queries
from backend.folders.errors import (
    FolderCycleError,
    FolderKindError,
    FolderNameTakenError,
    ParentTrashedError,
)
from backend.folders.models import Folder, FolderKind
from backend.folders.schemas import FolderOut, FolderRef

_KINDS_BELOW = {
    None: frozenset({FolderKind.CABINET}),
    FolderKind.CABINET: frozenset({FolderKind.DRAWER, FolderKind.FOLDER}),
    FolderKind.DRAWER: frozenset({FolderKind.FOLDER}),
    FolderKind.FOLDER: frozenset({FolderKind.FOLDER}),
}


@dataclass(frozen=True, slots=True)
class Move:
    """Where a folder goes; a parent of None is the root."""

    parent_id: int | None


async def get_folder(
    session: AsyncSession, actor: Actor, folder_id: int, *, seen: access.View | None = None
) -> Folder:
    """Return a live folder the actor may see, if only by its name because something below it is readable.

    `seen` is what the actor sees, where that is already known.

    Raises:
        NotFoundError: there is none, it is in the trash, or the actor may not see it.
    """
    path = (await access.paths_of(session, actor, [folder_id])).get(folder_id)
    seen = seen or await access.view(session, actor)
    if path is None or not await seen.shows(session, path):
        raise NotFoundError(f"There is no folder {folder_id}, or you may not see it.")
    return await _get(session, folder_id)


async def list_children(
    session: AsyncSession,
    actor: Actor,
    parent: Folder | None,
    *,
    cursor: str | None,
    limit: int,
    seen: access.View | None = None,
) -> tuple[list[FolderOut], str | None]:
    """Return a page of the folders below one the actor sees, or of the cabinets, by name."""
    seen = seen or await access.view(session, actor)
    parent_id, path = (None, []) if parent is None else (parent.id, ids(parent.path))
    tree = await access.tree(session, seen, [path])
    after = None if cursor is None else decode_cursor(cursor, str, int)
    rows = await queries.children(
        session,
        tree.folders_within({parent_id: path}, Folder.id, Folder.parent_id),
        parent_id,
        after=None if after is None else (after[0], after[1]),
        limit=limit + 1,
    )
    page = rows[:limit]
    more = len(rows) > limit
    return await describe(session, actor, page, seen=seen), encode_cursor(
        page[-1].name_order, page[-1].id
    ) if more else None


async def create_folder(
    session: AsyncSession,
    actor: Actor,
    *,
    name: str,
    parent_id: int | None,
    kind: FolderKind | None,
) -> Folder:
    """Create a folder; without a kind, a cabinet at the root and a folder elsewhere.

    Raises:
        ForbiddenError: the actor may not create here.
        FolderNameTakenError: the parent has one of that name, with `folder_id`.
        FolderKindError: this kind does not stand there.
    """
    parent = await _new_parent(session, actor, parent_id)
    kind = kind or (FolderKind.CABINET if parent is None else FolderKind.FOLDER)
    _check_kind(kind, parent)
    folder = Folder(
        org_id=actor.org_id,
        parent_id=parent_id,
        kind=kind,
        name=clean_name(name),
        # The path ends in the folder's own id, which the insert makes: a placeholder until then.
        path=parent.path if parent else "0",
        created_by=actor.user_id,
    )
    async with _unless_name_taken(session, folder.name):
        session.add(folder)
    folder.path = _path(parent, folder)
    await session.flush()
    if parent is None:
        await access.grant_creator(session, actor, folder.id)
    await _changed(session, actor, folder)
    await _record(
        session,
        actor,
        folder,
        "folder.created",
        {"name": folder.name, "kind": kind, "parent_id": parent_id},
    )
    return folder


async def find_path(session: AsyncSession, actor: Actor, names: Sequence[str]) -> Folder:
    """Return the folder that the names lead to, from a cabinet down.

    Raises:
        NotFoundError: there is none, or the actor may not see it.
    """
    found: int | None = None
    for name in names:
        found = await queries.id_by_name(session, found, name)
        if found is None:
            break
    if found is None:
        raise NotFoundError(f"There is no folder {'/'.join(names)}, or you may not see it.")
    return await get_folder(session, actor, found)


async def make_path(
    session: AsyncSession, actor: Actor, folder_id: int, names: Sequence[str]
) -> int:
    """Return the id of the folder that the names lead to from another; what lacks on the way is created.

    Raises:
        FolderNameTakenError: one of them is there, and the actor may not see it.
        NotFoundError, ForbiddenError, InvalidNameError: as for `create_folder`.
    """
    for name in map(clean_name, names):
        folder_id = await _step(session, actor, folder_id, name)
    return folder_id


async def _step(session: AsyncSession, actor: Actor, parent_id: int, name: str) -> int:
    below = await queries.id_by_name(session, parent_id, name)
    if below is None:
        try:
            created = await create_folder(session, actor, name=name, parent_id=parent_id, kind=None)
        except FolderNameTakenError:
            below = await queries.id_by_name(session, parent_id, name)
            if below is None:
                raise
        else:
            return created.id
    if await is_hidden(session, actor, below):
        raise FolderNameTakenError(f"The name {name!r} cannot be had in this folder.", name=name)
    return below


async def update_folder(
    session: AsyncSession,
    actor: Actor,
    folder_id: int,
    *,
    name: str | None = None,
    move: Move | None = None,
    if_match: str | None = None,
) -> Folder:
    """Rename a folder, move it with all that is below it, or both.

    Raises:
        StaleError: `if_match` is not its present ETag.
        FolderCycleError: the new parent is the folder itself or below it.
        FolderNameTakenError, FolderKindError, ForbiddenError, NotFoundError: as for `create_folder`.
    """
    if move is not None:
        await queries.lock_tree(session, actor.org_id)
    folder = await _get(session, folder_id, lock=True)
    if name is not None or move is None:
        await access.require(session, actor, Action.FOLDER_UPDATE, folder_id=folder_id)
    if move is not None:
        await access.require(session, actor, Action.FOLDER_MOVE, folder_id=folder_id)
    if if_match not in {None, "*", etag(folder)}:
        raise StaleError(
            "The folder was changed since you read it; read it again.", etag=etag(folder)
        )
    new_name = folder.name if name is None else clean_name(name)
    before = _facts(folder)
    parent = await _destination(session, actor, folder, move)
    async with _unless_name_taken(session, new_name):
        folder.name = new_name
        if move is not None:
            folder.parent_id = move.parent_id
        _touch(folder)
    if move is not None:
        await queries.rebase(session, old_path=folder.path, new_path=_path(parent, folder))
    await session.refresh(folder)
    await _changed(session, actor, folder)
    changes = audit.changes(before, _facts(folder))
    if changes is not None:
        action = "folder.moved" if "parent_id" in changes["new"] else "folder.updated"
        await _record(session, actor, folder, action, changes)
    return folder


async def trash_folder(session: AsyncSession, actor: Actor, folder_id: int) -> None:
    """Put a folder, and with it all that is below, in the trash."""
    folder = await _get(session, folder_id, lock=True)
    is_cabinet = folder.kind is FolderKind.CABINET
    action = Action.CABINET_DELETE if is_cabinet else Action.FOLDER_DELETE
    await access.require(session, actor, action, folder_id=folder_id)
    await queries.trash(session, folder_id, actor.user_id)
    await _changed(session, actor, folder)
    await _record(session, actor, folder, "folder.trashed", {"name": folder.name})


async def restore_folder(session: AsyncSession, actor: Actor, folder_id: int) -> Folder:
    """Take a folder, and what was below it, out of the trash.

    Raises:
        ParentTrashedError: its parent is in the trash: restore that first.
        FolderNameTakenError: its name was given to another one meanwhile.
    """
    folder = await get_trashed_folder(session, actor, folder_id, Action.FOLDER_RESTORE)
    if folder.parent_id is not None and not await is_live(session, actor, folder.parent_id):
        raise ParentTrashedError("The folder it was in is in the trash; restore that first.")
    async with _unless_name_taken(session, folder.name):
        folder.deleted_at = folder.deleted_by = None
        _touch(folder)
    await _changed(session, actor, folder)
    await _record(session, actor, folder, "folder.restored", {"name": folder.name})
    return folder


async def get_trashed_folder(
    session: AsyncSession, actor: Actor, folder_id: int, action: Action
) -> Folder:
    """Return a folder that was itself put in the trash, locked, if the actor may do this to it.

    Raises:
        NotFoundError: there is none, or the actor may not know of it.
        ForbiddenError: the actor knows of it but may not do this.
    """
    await access.require(session, actor, action, folder_id=folder_id, include_trashed=True)
    folder = await _get(session, folder_id, lock=True)
    if folder.deleted_at is None:
        raise NotFoundError(f"There is no folder {folder_id} in the trash.")
    return folder


async def is_hidden(session: AsyncSession, actor: Actor, folder_id: int) -> bool:
    """Tell whether there is a folder, in the trash or not, that the actor may not know of."""
    folder = await queries.get(session, folder_id)
    if folder is None:
        return False
    seen = await access.view(session, actor)
    return not await seen.shows(session, ids(folder.path))


async def names(session: AsyncSession, folder_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of folders of the transaction's organisation, for what records them."""
    return {folder.id: folder.name for folder in await queries.get_many(session, folder_ids)}


async def visible_names(
    session: AsyncSession, actor: Actor, folder_ids: Sequence[int]
) -> dict[int, str]:
    """Return the names of those of the folders that the actor may see, in the trash or not."""
    seen = await access.view(session, actor)
    return {
        folder.id: folder.name
        for folder in await queries.get_many(session, folder_ids)
        if await seen.shows(session, ids(folder.path))
    }


async def ids_below(session: AsyncSession, folder_id: int) -> list[int]:
    """Return the ids of a folder and of all below it, in the trash or not, for what reports on them."""
    return await queries.ids_below(session, folder_id)


async def is_live(session: AsyncSession, actor: Actor, folder_id: int) -> bool:
    """Tell whether a folder is there, and neither it nor one it stands in is in the trash."""
    return folder_id in await access.paths_of(session, actor, [folder_id])


def etag(folder: Folder) -> str:
    """Return the entity tag of a folder's present state."""
    return f'"{folder.revision}"'


async def ancestors_of(
    session: AsyncSession, folder_ids: Sequence[int]
) -> dict[int, list[FolderRef]]:
    """Return, for each folder, itself and what it stands in, from the cabinet down."""
    trails: dict[int, list[FolderRef]] = {}
    for folder_id, step in await queries.trails(session, folder_ids):
        trails.setdefault(folder_id, []).append(step)
    return trails


def ids(path: str) -> list[int]:
    """Return the folder ids in a path, from the cabinet down."""
    return [int(step) for step in path.split(".")]


async def describe(
    session: AsyncSession,
    actor: Actor,
    folders: Sequence[Folder],
    *,
    seen: access.View | None = None,
) -> list[FolderOut]:
    """Return the wire shapes of folders, in their order, with a fixed number of queries."""
    if not folders:
        return []
    seen = seen or await access.view(session, actor)
    trails = await ancestors_of(session, [folder.id for folder in folders])
    paths = {folder.id: ids(folder.path) for folder in folders}
    tree = await access.tree(session, seen, list(paths.values()))
    counted = await queries.counts(session, tree, paths)
    return [
        FolderOut(
            id=folder.id,
            parent_id=folder.parent_id,
            kind=folder.kind,
            name=folder.name,
            ancestors=trails[folder.id][:-1],
            created_at=folder.created_at,
            updated_at=folder.updated_at,
            etag=etag(folder),
            child_folder_count=counted[folder.id][0],
            document_count=counted[folder.id][1],
            permissions=seen.permissions(paths[folder.id]),
        )
        for folder in folders
    ]


async def _get(session: AsyncSession, folder_id: int, *, lock: bool = False) -> Folder:
    """Return a folder; who may see it is asked apart, and where a lock is waited for, after it."""
    folder = await queries.get(session, folder_id, lock=lock)
    if folder is None:
        raise NotFoundError(f"There is no folder {folder_id}, or you may not see it.")
    return folder


async def _new_parent(session: AsyncSession, actor: Actor, parent_id: int | None) -> Folder | None:
    if parent_id is None:
        await access.require_cabinet_creation(session, actor)
        return None
    await access.require(session, actor, Action.FOLDER_CREATE, folder_id=parent_id)
    return await _get(session, parent_id)


async def _destination(
    session: AsyncSession, actor: Actor, folder: Folder, move: Move | None
) -> Folder | None:
    """Return the parent a folder is to be moved to, once that is known to be allowed."""
    if move is None:
        return None
    if move.parent_id == folder.parent_id:
        return None if move.parent_id is None else await _get(session, move.parent_id)
    parent = await _new_parent(session, actor, move.parent_id)
    _check_kind(folder.kind, parent)
    if parent is not None and folder.id in ids(parent.path):
        raise FolderCycleError("A folder cannot be moved into itself or into a folder below it.")
    return parent


def _path(parent: Folder | None, folder: Folder) -> str:
    return f"{parent.path}.{folder.id}" if parent else str(folder.id)


def _check_kind(kind: FolderKind, parent: Folder | None) -> None:
    allowed = _KINDS_BELOW[None if parent is None else parent.kind]
    if kind not in allowed:
        where = "at the root" if parent is None else f"in a {parent.kind}"
        raise FolderKindError(
            f"A {kind} cannot stand {where}; it takes a {' or a '.join(sorted(allowed))}."
        )


@asynccontextmanager
async def _unless_name_taken(session: AsyncSession, name: str) -> AsyncIterator[None]:
    """Write the block's changes; where a folder beside has the name, undo them and say so."""
    try:
        async with session.begin_nested():
            yield
            await session.flush()
    except IntegrityError as error:
        if "uq_folders_live_name" not in str(error.orig):
            raise
        raise FolderNameTakenError(
            f"There is already a folder named {name!r} here.", name=name
        ) from error


def _touch(folder: Folder) -> None:
    folder.revision += 1
    folder.updated_at = now()


async def _changed(session: AsyncSession, actor: Actor, folder: Folder) -> None:
    await emit(
        session,
        "folder.changed",
        org_id=actor.org_id,
        data={"folder_id": folder.id, "parent_id": folder.parent_id},
    )


def _facts(folder: Folder) -> dict[str, Any]:
    """Return what can be changed of a folder, for the audit trail."""
    return {"name": folder.name, "parent_id": folder.parent_id}


async def _record(
    session: AsyncSession, actor: Actor, folder: Folder, action: str, data: Mapping[str, Any]
) -> None:
    deed = Deed(action, f"folder:{folder.id}", data, folder.id)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
