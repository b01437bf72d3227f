"""Grants, and the names of principals."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import any_, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.models import Grant
from backend.access.queries.tables import array, documents, folders
from backend.access.rules import Principal, PrincipalKind
from backend.identity.models import Group, Membership, User


async def grants_on(
    session: AsyncSession,
    org_id: int,
    *,
    folder_ids: Iterable[int] = (),
    document_id: int | None = None,
) -> list[tuple[Grant, str, str]]:
    """Return (grant, name of its folder or document, name of who gave it) on these, oldest first."""
    statement = (
        select(Grant, func.coalesce(folders.c.name, documents.c.name), User.name)
        .join(User, User.id == Grant.created_by)
        .outerjoin(folders, folders.c.id == Grant.folder_id)
        .outerjoin(documents, documents.c.id == Grant.document_id)
        .where(
            Grant.org_id == org_id,
            (Grant.folder_id == any_(array(folder_ids))) | (Grant.document_id == document_id),
        )
        .order_by(Grant.id)
    )
    rows = await session.execute(statement.execution_options(populate_existing=True))
    return [(row[0], row[1], row[2]) for row in rows]


async def grant(session: AsyncSession, org_id: int, grant_id: int) -> Grant | None:
    """Return a grant, locked."""
    statement = select(Grant).where(Grant.org_id == org_id, Grant.id == grant_id)
    return await session.scalar(
        statement.with_for_update().execution_options(populate_existing=True)
    )


async def origins(
    session: AsyncSession, org_id: int, grant_ids: Iterable[int]
) -> dict[int, tuple[Grant, str]]:
    """Return (grant, name of who gave it) of grants by id."""
    statement = (
        select(Grant, User.name)
        .join(User, User.id == Grant.created_by)
        .where(Grant.org_id == org_id, Grant.id == any_(array(grant_ids)))
    )
    return {row[0].id: (row[0], row[1]) for row in await session.execute(statement)}


async def same_grant(session: AsyncSession, like: Grant) -> Grant | None:
    """Return the grant of the same effect to the same principal on the same thing, locked."""
    statement = select(Grant).where(
        Grant.org_id == like.org_id,
        Grant.folder_id.is_not_distinct_from(like.folder_id),
        Grant.document_id.is_not_distinct_from(like.document_id),
        Grant.user_id.is_not_distinct_from(like.user_id),
        Grant.group_id.is_not_distinct_from(like.group_id),
        Grant.effect == like.effect,
    )
    return await session.scalar(
        statement.with_for_update().execution_options(populate_existing=True)
    )


async def write_grant(session: AsyncSession, values: dict[str, Any]) -> int:
    """Insert a grant, or replace the one of the same effect to the same principal on the same thing; return its id."""
    statement = insert(Grant).values(values)
    changed = ("role", "actions", "reason", "created_by")
    statement = statement.on_conflict_do_update(
        index_elements=[
            text("coalesce(folder_id, 0)"),
            text("coalesce(document_id, 0)"),
            text("coalesce(user_id, 0)"),
            text("coalesce(group_id, 0)"),
            Grant.effect,
        ],
        set_={
            **{name: statement.excluded[name] for name in changed},
            "created_at": func.now(),
        },
    )
    # An upsert always has a row to return.
    return (await session.execute(statement.returning(Grant.id))).scalar_one()


async def names(
    session: AsyncSession, org_id: int, principals: Iterable[Principal], *, active: bool = False
) -> dict[Principal, tuple[str, str | None]]:
    """Return (name, e-mail address of a user) of those of the principals that the organisation has.

    `active` leaves out the users who are deactivated.
    """
    wanted: dict[PrincipalKind, set[int]] = {kind: set() for kind in PrincipalKind}
    for principal in principals:
        wanted[principal.kind].add(principal.id)
    found: dict[Principal, tuple[str, str | None]] = {}
    if wanted[PrincipalKind.USER]:
        statement = (
            select(User.id, User.name, User.email)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.org_id == org_id, User.id == any_(array(wanted[PrincipalKind.USER])))
        )
        if active:
            statement = statement.where(Membership.is_active)
        for user_id, name, email in await session.execute(statement):
            found[Principal(PrincipalKind.USER, user_id)] = (name, email)
    if wanted[PrincipalKind.GROUP]:
        groups = select(Group.id, Group.name).where(
            Group.org_id == org_id, Group.id == any_(array(wanted[PrincipalKind.GROUP]))
        )
        for group_id, name in await session.execute(groups):
            found[Principal(PrincipalKind.GROUP, group_id)] = (name, None)
    return found


async def find_principals(
    session: AsyncSession, org_id: int, words: str, *, limit: int
) -> list[tuple[Principal, str, str | None]]:
    """Return (group or active user, name, e-mail address) of those that have the words in name or address, by name."""
    groups = (
        select(Group.id, Group.name)
        .where(Group.org_id == org_id, Group.name.icontains(words, autoescape=True))
        .order_by(func.lower(Group.name), Group.id)
        .limit(limit)
    )
    users = (
        select(User.id, User.name, User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.org_id == org_id,
            Membership.is_active,
            or_(
                User.name.icontains(words, autoescape=True),
                User.email.icontains(words, autoescape=True),
            ),
        )
        .order_by(func.lower(User.name), User.id)
        .limit(limit)
    )
    found: list[tuple[Principal, str, str | None]] = [
        (Principal(PrincipalKind.GROUP, row[0]), row[1], None)
        for row in await session.execute(groups)
    ]
    found += [(Principal.of_user(row[0]), row[1], row[2]) for row in await session.execute(users)]
    return found[:limit]


async def delete_grant(session: AsyncSession, grant: Grant) -> None:
    """Delete a grant; its rules go with it."""
    await session.delete(grant)
    await session.flush()
