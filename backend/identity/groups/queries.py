"""SQL of groups. Used by `service` alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Table,
    all_,
    and_,
    cast,
    delete,
    func,
    literal,
    null,
    select,
    text,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Base
from backend.identity.groups.schemas import MemberKind
from backend.identity.models import Group, GroupMember, Membership, User


@dataclass(frozen=True, slots=True)
class Member:
    """One direct member of a group: a user, or another group."""

    kind: MemberKind
    id: int

    @property
    def principal(self) -> str:
        """The member as it is written in URLs and JSON."""
        return f"{self.kind}:{self.id}"


_direct_members = (
    select(func.count())
    .where(GroupMember.group_id == Group.id, GroupMember.org_id == Group.org_id)
    .correlate(Group)
    .scalar_subquery()
)


async def groups(
    session: AsyncSession,
    org_id: int,
    *,
    search: str | None,
    after: tuple[str, int] | None,
    limit: int,
) -> list[tuple[Group, int, str]]:
    """Return groups by name, from `after` (sort key, id) on, each with its size and its sort key."""
    key = func.lower(Group.name)
    statement = (
        select(Group, _direct_members, key)
        .where(Group.org_id == org_id)
        .order_by(key, Group.id)
        .limit(limit)
    )
    if search:
        statement = statement.where(key.contains(search.lower(), autoescape=True))
    if after is not None:
        statement = statement.where((key > after[0]) | ((key == after[0]) & (Group.id > after[1])))
    return [(row[0], row[1], row[2]) for row in await session.execute(statement)]


async def group(
    session: AsyncSession, org_id: int, group_id: int, *, lock: bool = False
) -> Group | None:
    """Return a group of an organisation."""
    statement = select(Group).where(Group.org_id == org_id, Group.id == group_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(statement)


async def size(session: AsyncSession, org_id: int, group_id: int) -> int:
    """Return how many direct members a group has."""
    counted = await session.scalar(
        select(func.count()).where(GroupMember.org_id == org_id, GroupMember.group_id == group_id)
    )
    return counted or 0


async def lock_nesting(session: AsyncSession, org_id: int) -> None:
    """Let one transaction at a time put groups of an organisation into each other: two could close a circle."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('groups', :org_id))"),
        {"org_id": org_id},
    )


async def path_down(
    session: AsyncSession, org_id: int, *, top: int, bottom: int
) -> Sequence[str] | None:
    """Return the names of the groups from `top` down to `bottom` where the one is, however deep, in the other."""
    step = _members_alias()
    begin = select(
        literal(top, BigInteger).label("id"), cast([top], ARRAY(BigInteger)).label("path")
    ).cte("below", recursive=True)
    down = (
        select(step.c.member_group_id, func.array_append(begin.c.path, step.c.member_group_id))
        .join(begin, step.c.group_id == begin.c.id)
        .where(
            step.c.org_id == org_id,
            step.c.member_group_id.is_not(None),
            step.c.member_group_id != all_(begin.c.path),
        )
    )
    below = begin.union_all(down)
    path = await session.scalar(
        select(below.c.path)
        .where(below.c.id == bottom)
        .order_by(func.cardinality(below.c.path))
        .limit(1)
    )
    if path is None:
        return None
    names = await session.execute(
        select(Group.id, Group.name).where(Group.org_id == org_id, Group.id.in_(path))
    )
    name_of = {row.id: row.name for row in names}
    return [name_of[one] for one in path]


def _members_alias() -> FromClause:
    """Return the table of members under another name, for a step of a recursion."""
    return GroupMember.__table__.alias()


async def add_member(session: AsyncSession, org_id: int, group_id: int, member: Member) -> bool:
    """Put a member into a group; return whether it was not there before."""
    column = "user_id" if member.kind is MemberKind.USER else "member_group_id"
    statement = (
        insert(GroupMember)
        .values(org_id=org_id, group_id=group_id, **{column: member.id})
        .on_conflict_do_nothing()
        .returning(GroupMember.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def remove_member(session: AsyncSession, org_id: int, group_id: int, member: Member) -> bool:
    """Take a member out of a group; return whether it was there."""
    statement = (
        delete(GroupMember)
        .where(GroupMember.org_id == org_id, GroupMember.group_id == group_id, _is_member(member))
        .returning(GroupMember.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


def _is_member(member: Member) -> ColumnElement[bool]:
    if member.kind is MemberKind.USER:
        return GroupMember.user_id == member.id
    return GroupMember.member_group_id == member.id


async def members(
    session: AsyncSession,
    org_id: int,
    group_id: int,
    *,
    after: tuple[str, str, int] | None,
    limit: int,
) -> Sequence[tuple[str, int, str, str | None, bool, str]]:
    """Return direct members: groups first, then users, each by name.

    Each is kind, id, name, e-mail address (of users), whether active, and the sort key of its name.
    """
    both = union_all(_member_groups(org_id, group_id), _member_users(org_id, group_id)).subquery()
    statement = select(both).order_by(both.c.kind, both.c.key, both.c.id).limit(limit)
    if after is not None:
        kind, key, last = after
        statement = statement.where(tuple_(both.c.kind, both.c.key, both.c.id) > (kind, key, last))
    return [tuple(row) for row in await session.execute(statement)]


def _member_groups(org_id: int, group_id: int) -> Select[tuple[object, ...]]:
    return (
        select(
            literal(str(MemberKind.GROUP)).label("kind"),
            Group.id.label("id"),
            Group.name.label("name"),
            null().label("email"),
            true().label("is_active"),
            func.lower(Group.name).label("key"),
        )
        .join(GroupMember, GroupMember.member_group_id == Group.id)
        .where(GroupMember.org_id == org_id, GroupMember.group_id == group_id)
    )


def _member_users(org_id: int, group_id: int) -> Select[tuple[object, ...]]:
    return (
        select(
            literal(str(MemberKind.USER)),
            User.id,
            User.name,
            User.email,
            Membership.is_active,
            func.lower(User.name),
        )
        .join(GroupMember, GroupMember.user_id == User.id)
        .join(
            Membership,
            and_(Membership.user_id == User.id, Membership.org_id == GroupMember.org_id),
        )
        .where(GroupMember.org_id == org_id, GroupMember.group_id == group_id)
    )


async def users_within(
    session: AsyncSession,
    org_id: int,
    group_id: int,
    *,
    after: tuple[str, int] | None,
    limit: int,
) -> list[tuple[User, Membership, str]]:
    """Return the users in a group, directly or through other groups, by name, each with the sort key."""
    step = _members_alias()
    below = select(literal(group_id, BigInteger).label("id")).cte("below", recursive=True)
    down = (
        select(step.c.member_group_id)
        .join(below, step.c.group_id == below.c.id)
        .where(step.c.org_id == org_id, step.c.member_group_id.is_not(None))
    )
    groups_below = below.union(down)
    within = select(GroupMember.user_id).where(
        GroupMember.org_id == org_id, GroupMember.group_id.in_(select(groups_below.c.id))
    )
    key = func.lower(User.name)
    statement = (
        select(User, Membership, key)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id, User.id.in_(within))
        .order_by(key, User.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where((key > after[0]) | ((key == after[0]) & (User.id > after[1])))
    return [(row[0], row[1], row[2]) for row in await session.execute(statement)]


async def groups_by_id(
    session: AsyncSession, org_id: int, group_ids: Sequence[int]
) -> Sequence[Group]:
    """Return those of these groups that the organisation has, by name."""
    return (
        await session.scalars(
            select(Group)
            .where(Group.org_id == org_id, Group.id.in_(group_ids))
            .order_by(func.lower(Group.name), Group.id)
        )
    ).all()


async def dependents(session: AsyncSession, group_id: int) -> dict[str, int]:
    """Return how many rows of each table refer to a group, but for what it consists of itself."""
    found = {}
    for table, column in _references():
        counted = await session.scalar(select(func.count()).where(table.c[column] == group_id))
        if counted:
            found["groups" if table is GroupMember.__table__ else table.name] = counted
    return found


@cache
def _references() -> tuple[tuple[Table, str], ...]:
    """Return every column that refers to a group. Asked of the metadata: who adds a table need not tell us."""
    own = (GroupMember.__tablename__, "group_id")
    target = f"{Group.__tablename__}.id"
    return tuple(
        (table, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.c
        if (table.name, column.name) != own
        and any(key.target_fullname == target for key in column.foreign_keys)
    )
