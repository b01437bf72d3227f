"""The one access filter: what an actor may see, and what an actor may do to it.

Every read of folders and documents passes through here: sets through `visible_folders` and `is_visible`, single
resources through `require`. Members see the cabinets shared with them, administrators see all of the organisation; the
full access model replaces what stands behind these functions, not the functions.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, false
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import queries
from backend.access.actions import REQUIRED, Action, Right
from backend.access.errors import UserNotFoundError
from backend.access.models import ShareRole
from backend.access.schemas import MemberOut
from backend.core.actor import Actor
from backend.core.errors import ForbiddenError, NotFoundError
from backend.identity.schemas import UserRef

_RIGHTS: dict[ShareRole, tuple[Right, ...]] = {
    ShareRole.READER: (Right.READ,),
    ShareRole.EDITOR: (Right.READ, Right.WRITE, Right.DELETE),
}


def visible_folders(actor: Actor, *, include_trashed: bool = False) -> Select[int]:
    """Return a select of the ids of the folders the actor may read.

    Only live ones: a folder is in the trash when it, or one it stands in, was put there. `include_trashed` is for
    the trash itself.

    The whole set is computed wherever this stands (1 to 15 ms at 20,000 folders): for one row or the children of one
    folder `is_visible` is cheaper. In a list of the newest, `column.in_(visible_folders(actor)).is_(True)` keeps the
    planner from joining and sorting all that is visible.
    """
    folders = queries.folders_below_cabinets(
        org_id=actor.org_id, shared_with=_shared_with(actor), include_trashed=include_trashed
    )
    return folders if _may_look(actor) else folders.where(false())


def is_visible(
    actor: Actor, folder_id: SQLColumnExpression[int], *, include_trashed: bool = False
) -> ColumnElement[bool]:
    """Return the condition that a column names one of `visible_folders`.

    It is asked row by row: right where other conditions leave few rows (one document, the children of one
    folder), wrong where they leave many.
    """
    if not _may_look(actor):
        return false()
    return queries.stands_below_cabinets(
        folder_id,
        org_id=actor.org_id,
        shared_with=_shared_with(actor),
        include_trashed=include_trashed,
    )


async def visible_keys(session: AsyncSession, actor: Actor) -> list[int]:
    """Return the ids of `visible_folders` as the array the search filters by, in no order."""
    return await queries.ids(session, visible_folders(actor))


async def require(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    *,
    folder_id: int,
    include_trashed: bool = False,
) -> None:
    """Return if the actor may do this to the folder, or to the documents in it.

    Raises:
        NotFoundError: there is no such folder, the actor may not see it, or it is in the trash and that was not
            asked for.
        ForbiddenError: the actor sees it but may not do this.
    """
    rights = (await _rights(session, actor, [folder_id], include_trashed=include_trashed)).get(
        folder_id
    )
    if rights is None:
        raise NotFoundError(f"There is no folder {folder_id}, or you may not see it.")
    if REQUIRED[action] not in rights or not actor.in_scope(action):
        raise ForbiddenError(
            f"You may see folder {folder_id} but not do this there.", action=str(action)
        )


async def permissions(
    session: AsyncSession,
    actor: Actor,
    folder_ids: Sequence[int],
    *,
    include_trashed: bool = False,
) -> dict[int, list[str]]:
    """Return what the API lists as the actor's permissions, for each of the folders the actor may see."""
    rights = await _rights(session, actor, folder_ids, include_trashed=include_trashed)
    within = {right for action, right in REQUIRED.items() if actor.in_scope(action)}
    return {
        folder_id: [str(right) for right in held if right in within]
        for folder_id, held in rights.items()
    }


async def audience(session: AsyncSession, *, org_id: int, folder_id: int) -> list[int]:
    """Return the ids of the active users who may see a folder, or might if it were not in the trash.

    Those who saw a folder must also hear that it went to the trash.
    """
    return await queries.audience(session, org_id=org_id, folder_id=folder_id)


async def list_members(session: AsyncSession, folder_id: int) -> list[MemberOut]:
    """Return with whom a cabinet is shared, by name."""
    return [
        MemberOut(user=UserRef.model_validate(user), role=role)
        for user, role in await queries.members(session, folder_id=folder_id)
    ]


async def put_member(
    session: AsyncSession, actor: Actor, *, folder_id: int, user_id: int, role: ShareRole
) -> MemberOut:
    """Share a cabinet with a user, or change how it is shared.

    That the folder is a cabinet the actor may manage is for the caller to have checked.

    Raises:
        UserNotFoundError: the organisation has no such active user.
    """
    if not await queries.share(
        session, org_id=actor.org_id, folder_id=folder_id, user_id=user_id, role=role
    ):
        raise UserNotFoundError(f"There is no active user {user_id} in the organisation.")
    [(user, role)] = await queries.members(session, folder_id=folder_id, user_id=user_id)
    return MemberOut(user=UserRef.model_validate(user), role=role)


async def remove_member(session: AsyncSession, *, folder_id: int, user_id: int) -> None:
    """Stop sharing a cabinet with a user; idempotent."""
    await queries.unshare(session, folder_id=folder_id, user_id=user_id)


async def _rights(
    session: AsyncSession, actor: Actor, folder_ids: Sequence[int], *, include_trashed: bool
) -> dict[int, tuple[Right, ...]]:
    """Return the actor's rights on each of the folders the actor may see, in the order of `Right`."""
    found = await queries.standings(
        session, org_id=actor.org_id, user_id=actor.user_id, folder_ids=folder_ids
    )
    rights = {
        standing.folder_id: _held(actor, standing.role)
        for standing in found
        if standing.is_live or include_trashed
    }
    return {folder_id: held for folder_id, held in rights.items() if held}


def _may_look(actor: Actor) -> bool:
    """Tell whether the actor's credentials extend to seeing what is there, which is up to the user otherwise."""
    return actor.in_scope(Action.FOLDER_LIST)


def _shared_with(actor: Actor) -> int | None:
    """Return whose shares bound what the actor sees; None for an administrator, who sees every cabinet."""
    return None if actor.is_administrator else actor.user_id


def _held(actor: Actor, role: ShareRole | None) -> tuple[Right, ...]:
    if actor.is_administrator:
        return tuple(Right)
    return () if role is None else _RIGHTS[role]
