"""SQL of identities that others vouch for. Used by `service` alone."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.external.models import ExternalIdentity
from backend.identity.models import Group, GroupMember


async def identity(session: AsyncSession, issuer: str, subject: str) -> ExternalIdentity | None:
    """Return the identity an issuer names so."""
    return await session.scalar(
        select(ExternalIdentity).where(
            ExternalIdentity.issuer == issuer, ExternalIdentity.subject == subject
        )
    )


async def note_use(session: AsyncSession, identity_id: int, at: datetime) -> None:
    """Keep when an identity was used."""
    await session.execute(
        update(ExternalIdentity).where(ExternalIdentity.id == identity_id).values(last_used_at=at)
    )


async def groups_named(
    session: AsyncSession, org_id: int, names: Collection[str]
) -> dict[str, int]:
    """Return the groups of an organisation that have these names, in lower case."""
    wanted = [name.lower() for name in names]
    rows = await session.execute(
        select(func.lower(Group.name), Group.id).where(
            Group.org_id == org_id, func.lower(Group.name).in_(wanted)
        )
    )
    return {row[0]: row[1] for row in rows}


async def join(
    session: AsyncSession, org_id: int, user_id: int, group_ids: Collection[int]
) -> set[int]:
    """Put a user into groups; return those the user was not in before."""
    if not group_ids:
        return set()
    rows = [{"org_id": org_id, "group_id": one, "user_id": user_id} for one in sorted(group_ids)]
    statement = insert(GroupMember).values(rows).on_conflict_do_nothing()
    joined = await session.scalars(statement.returning(GroupMember.group_id))
    return set(joined.all())


async def leave(
    session: AsyncSession, org_id: int, user_id: int, group_ids: Collection[int]
) -> set[int]:
    """Take a user out of groups; return those the user was in."""
    left = await session.scalars(
        delete(GroupMember)
        .where(
            GroupMember.org_id == org_id,
            GroupMember.user_id == user_id,
            GroupMember.group_id.in_(sorted(group_ids)),
        )
        .returning(GroupMember.group_id)
    )
    return set(left.all())
