"""SQL of invitations. Used by `service` alone."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Role
from backend.identity.models import (
    Group,
    GroupMember,
    Invitation,
    InvitationGroup,
    Membership,
    User,
)


class Sent(NamedTuple):
    """An invitation, and who sent it."""

    invitation: Invitation
    inviter: User


def _invitations(org_id: int) -> Select[Invitation, User]:
    return (
        select(Invitation, User)
        .join(User, User.id == Invitation.invited_by)
        .where(Invitation.org_id == org_id)
    )


async def invitations(
    session: AsyncSession, org_id: int, *, before: int | None, limit: int
) -> Sequence[Sent]:
    """Return invitations, the newest first, from before an id on."""
    statement = _invitations(org_id).order_by(Invitation.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Invitation.id < before)
    return [Sent(*row) for row in await session.execute(statement)]


async def invitation(
    session: AsyncSession, org_id: int, invitation_id: int, *, lock: bool = False
) -> Sent | None:
    """Return an invitation."""
    statement = _invitations(org_id).where(Invitation.id == invitation_id)
    if lock:
        statement = statement.with_for_update(of=Invitation).execution_options(
            populate_existing=True
        )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Sent(*row)


async def open_invitation(
    session: AsyncSession, org_id: int, secret_hash: bytes, at: datetime, *, lock: bool = False
) -> Sent | None:
    """Return the invitation a secret opens, unless it was used, withdrawn or has expired."""
    statement = _invitations(org_id).where(
        Invitation.secret_hash == secret_hash,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > at,
    )
    if lock:
        statement = statement.with_for_update(of=Invitation).execution_options(
            populate_existing=True
        )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Sent(*row)


async def revoke_expired(session: AsyncSession, org_id: int, email: str, at: datetime) -> None:
    """Withdraw what an address was sent and let expire, so that it can be invited anew."""
    await session.execute(
        update(Invitation)
        .where(
            Invitation.org_id == org_id,
            func.lower(Invitation.email) == func.lower(email),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at <= at,
        )
        .values(revoked_at=at)
    )


async def groups_of(
    session: AsyncSession, org_id: int, invitation_ids: Sequence[int]
) -> dict[int, list[Group]]:
    """Return the groups of each of these invitations, by name."""
    rows = await session.execute(
        select(InvitationGroup.invitation_id, Group)
        .join(Group, Group.id == InvitationGroup.group_id)
        .where(InvitationGroup.org_id == org_id, InvitationGroup.invitation_id.in_(invitation_ids))
        .order_by(func.lower(Group.name), Group.id)
    )
    found: defaultdict[int, list[Group]] = defaultdict(list)
    for invitation_id, group in rows:
        found[invitation_id].append(group)
    return found


async def add_groups(
    session: AsyncSession, org_id: int, invitation_id: int, group_ids: Sequence[int]
) -> None:
    """Note the groups that the invited will be in."""
    if group_ids:
        rows = [
            {"org_id": org_id, "invitation_id": invitation_id, "group_id": one} for one in group_ids
        ]
        await session.execute(insert(InvitationGroup), rows)


async def is_member(session: AsyncSession, org_id: int, email: str) -> bool:
    """Tell whether the user with an address belongs to the organisation, active or not."""
    return bool(
        await session.scalar(
            select(
                exists().where(
                    Membership.org_id == org_id,
                    Membership.user_id == User.id,
                    func.lower(User.email) == func.lower(email),
                )
            )
        )
    )


async def is_sent_to(session: AsyncSession, invitation_id: int, user_id: int) -> bool:
    """Tell whether an invitation was sent to the address of a user."""
    return bool(
        await session.scalar(
            select(
                exists().where(
                    Invitation.id == invitation_id,
                    User.id == user_id,
                    func.lower(Invitation.email) == func.lower(User.email),
                )
            )
        )
    )


async def add_membership(session: AsyncSession, org_id: int, user_id: int, role: Role) -> bool:
    """Let a user belong to an organisation; return whether the user did not before."""
    added = await session.execute(
        insert_or_not(Membership)
        .values(org_id=org_id, user_id=user_id, role=role)
        .on_conflict_do_nothing()
        .returning(Membership.user_id)
    )
    return added.scalar_one_or_none() is not None


async def join_groups(
    session: AsyncSession, org_id: int, user_id: int, group_ids: Sequence[int]
) -> None:
    """Put a user into groups."""
    if group_ids:
        rows = [{"org_id": org_id, "user_id": user_id, "group_id": one} for one in group_ids]
        await session.execute(insert_or_not(GroupMember).on_conflict_do_nothing(), rows)
