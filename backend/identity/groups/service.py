"""Groups: what there is, who is in, and what hangs on one.

Groups nest to any depth and never in a circle. Circles are refused under a lock of the organisation: two people who
each add one half of a circle at the same moment must not both succeed.
"""

import re
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import Actor
from backend.core.pagination import decode_cursor, encode_cursor
from backend.identity import service as identity
from backend.identity.groups import queries
from backend.identity.groups.errors import (
    GroupCycleError,
    GroupInUseError,
    GroupNameTakenError,
    GroupNotFoundError,
    InvalidPrincipalError,
)
from backend.identity.groups.queries import Member
from backend.identity.groups.schemas import (
    GroupCreate,
    GroupDependents,
    GroupMemberOut,
    GroupOut,
    GroupUpdate,
    MemberKind,
)
from backend.identity.models import Group
from backend.identity.schemas import UserOut

_PRINCIPAL = re.compile(r"(user|group):([1-9][0-9]{0,17})")


def parse_member(principal: str) -> Member:
    """Return the member that `user:<id>` or `group:<id>` names.

    Raises:
        InvalidPrincipalError: it names neither.
    """
    match = _PRINCIPAL.fullmatch(principal)
    if match is None:
        raise InvalidPrincipalError("Write user:<id> or group:<id>.")
    return Member(MemberKind(match[1]), int(match[2]))


async def list_groups(
    session: AsyncSession, actor: Actor, *, search: str | None, cursor: str | None, limit: int
) -> tuple[list[GroupOut], str | None]:
    """Return a page of the organisation's groups by name, and the cursor of the next."""
    after = None if cursor is None else decode_cursor(cursor, str, int)
    rows = await queries.groups(
        session,
        actor.org_id,
        search=search,
        after=None if after is None else (after[0], after[1]),
        limit=limit + 1,
    )
    page = [_described(actor, group, size) for group, size, _ in rows[:limit]]
    if len(rows) <= limit:
        return page, None
    last, _, key = rows[limit - 1]
    return page, encode_cursor(key, last.id)


async def get_group(session: AsyncSession, actor: Actor, group_id: int) -> GroupOut:
    """Return a group.

    Raises:
        GroupNotFoundError: the organisation has no such group.
    """
    group = await _group(session, actor, group_id)
    return _described(actor, group, await queries.size(session, actor.org_id, group_id))


async def create_group(session: AsyncSession, actor: Actor, given: GroupCreate) -> GroupOut:
    """Create an empty group.

    Raises:
        GroupNameTakenError: another group has this name, whatever its case.
    """
    group = Group(org_id=actor.org_id, name=given.name, description=given.description)
    session.add(group)
    await _flush_name(session)
    await session.refresh(group)
    await _record(session, actor, "group.created", group.id, {"name": group.name})
    return _described(actor, group, 0)


async def update_group(
    session: AsyncSession, actor: Actor, group_id: int, changes: GroupUpdate
) -> GroupOut:
    """Change name or description of a group.

    Raises:
        GroupNotFoundError: the organisation has no such group.
        GroupNameTakenError: another group has this name, whatever its case.
    """
    group = await _group(session, actor, group_id, lock=True)
    given = {
        name: value
        for name, value in changes.model_dump(exclude_none=True).items()
        if value != getattr(group, name)
    }
    old = {name: getattr(group, name) for name in given}
    for name, value in given.items():
        setattr(group, name, value)
    await _flush_name(session)
    if given:
        await _record(session, actor, "group.updated", group.id, {"old": old, "new": given})
    return _described(actor, group, await queries.size(session, actor.org_id, group_id))


async def dependents(session: AsyncSession, actor: Actor, group_id: int) -> GroupDependents:
    """Return what would go with a group.

    Raises:
        GroupNotFoundError: the organisation has no such group.
    """
    await _group(session, actor, group_id)
    return await _dependents(session, actor, group_id)


async def delete_group(
    session: AsyncSession, actor: Actor, group_id: int, *, with_dependents: bool
) -> GroupDependents:
    """Delete a group and, where that was asked for, what refers to it; return what that was.

    Its members lose what they had through it, and what was denied to it is denied no longer.

    Raises:
        GroupNotFoundError: the organisation has no such group.
        GroupInUseError: something refers to it, and that was not to go with it.
    """
    group = await _group(session, actor, group_id, lock=True)
    found = await _dependents(session, actor, group_id)
    if found.dependents and not with_dependents:
        raise GroupInUseError(
            f"Something refers to the group “{group.name}”: change that first, or have it deleted along.",
            dependents=found.dependents,
        )
    await session.delete(group)
    await session.flush()
    await _record(
        session, actor, "group.deleted", group_id, {"name": group.name, **found.model_dump()}
    )
    return found


async def list_members(
    session: AsyncSession, actor: Actor, group_id: int, *, cursor: str | None, limit: int
) -> tuple[list[GroupMemberOut], str | None]:
    """Return a page of a group's direct members, groups first, and the cursor of the next.

    Raises:
        GroupNotFoundError: the organisation has no such group.
    """
    after = None if cursor is None else decode_cursor(cursor, str, str, int)
    await _group(session, actor, group_id)
    rows = await queries.members(
        session,
        actor.org_id,
        group_id,
        after=None if after is None else (after[0], after[1], after[2]),
        limit=limit + 1,
    )
    page = [
        GroupMemberOut(
            principal=f"{kind}:{member_id}",
            kind=MemberKind(kind),
            id=member_id,
            name=name,
            email=email,
            is_active=is_active,
        )
        for kind, member_id, name, email, is_active, _ in rows[:limit]
    ]
    if len(rows) <= limit:
        return page, None
    kind, member_id, _, _, _, key = rows[limit - 1]
    return page, encode_cursor(kind, key, member_id)


async def list_users_within(
    session: AsyncSession, actor: Actor, group_id: int, *, cursor: str | None, limit: int
) -> tuple[list[UserOut], str | None]:
    """Return a page of the users in a group, directly or through other groups, and the cursor of the next.

    Raises:
        GroupNotFoundError: the organisation has no such group.
    """
    after = None if cursor is None else decode_cursor(cursor, str, int)
    await _group(session, actor, group_id)
    rows = await queries.users_within(
        session,
        actor.org_id,
        group_id,
        after=None if after is None else (after[0], after[1]),
        limit=limit + 1,
    )
    page = [identity.described(user, membership) for user, membership, _ in rows[:limit]]
    if len(rows) <= limit:
        return page, None
    last, _, key = rows[limit - 1]
    return page, encode_cursor(key, last.id)


async def add_member(session: AsyncSession, actor: Actor, group_id: int, member: Member) -> None:
    """Put a user or a group into a group; idempotent.

    Raises:
        GroupNotFoundError: the organisation has no such group, either of them.
        UserNotFoundError: the organisation has no such user.
        GroupCycleError: the one group is, however deep, inside the other already.
    """
    if member.kind is MemberKind.GROUP:
        await queries.lock_nesting(session, actor.org_id)
    await _group(session, actor, group_id)
    if member.kind is MemberKind.USER:
        await identity.require_user(session, actor, member.id)
    else:
        await _refuse_circle(session, actor, group_id, await _group(session, actor, member.id))
    if await queries.add_member(session, actor.org_id, group_id, member):
        await _record(session, actor, "group_member.added", group_id, {"member": member.principal})


async def remove_member(session: AsyncSession, actor: Actor, group_id: int, member: Member) -> None:
    """Take a user or a group out of a group; idempotent.

    Raises:
        GroupNotFoundError: the organisation has no such group.
    """
    await _group(session, actor, group_id)
    if await queries.remove_member(session, actor.org_id, group_id, member):
        await _record(
            session, actor, "group_member.removed", group_id, {"member": member.principal}
        )


async def require_groups(
    session: AsyncSession, actor: Actor, group_ids: Sequence[int]
) -> Sequence[Group]:
    """Return these groups by name.

    Raises:
        GroupNotFoundError: the organisation does not have one of them.
    """
    found = await queries.groups_by_id(session, actor.org_id, group_ids)
    missing = set(group_ids) - {group.id for group in found}
    if missing:
        raise GroupNotFoundError(f"There is no group {min(missing)}.")
    return found


async def _refuse_circle(session: AsyncSession, actor: Actor, group_id: int, member: Group) -> None:
    path = await queries.path_down(session, actor.org_id, top=member.id, bottom=group_id)
    if path is None:
        return
    if len(path) == 1:
        raise GroupCycleError(f"“{member.name}” cannot be a member of itself.", path=path)
    raise GroupCycleError(
        f"“{path[-1]}” is inside “{member.name}” already, so “{member.name}” cannot be put into it.",
        path=path,
    )


async def _dependents(session: AsyncSession, actor: Actor, group_id: int) -> GroupDependents:
    return GroupDependents(
        members=await queries.size(session, actor.org_id, group_id),
        dependents=await queries.dependents(session, group_id),
    )


async def _group(
    session: AsyncSession, actor: Actor, group_id: int, *, lock: bool = False
) -> Group:
    found = await queries.group(session, actor.org_id, group_id, lock=lock)
    if found is None:
        raise GroupNotFoundError(f"There is no group {group_id}.")
    return found


async def _flush_name(session: AsyncSession) -> None:
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        raise GroupNameTakenError("Another group has this name.") from error


async def _record(
    session: AsyncSession, actor: Actor, action: str, group_id: int, data: Mapping[str, object]
) -> None:
    deed = Deed(action, f"group:{group_id}", data)
    await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


def _described(actor: Actor, group: Group, size: int) -> GroupOut:
    return GroupOut(
        id=group.id,
        name=group.name,
        description=group.description,
        members=size if actor.is_administrator else None,
        created_at=group.created_at,
    )
