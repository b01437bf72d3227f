"""Policies, their versions and attachments."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import any_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.models import Policy, PolicyAttachment, PolicyVersion
from backend.access.queries.tables import array
from backend.identity.models import User


async def page(
    session: AsyncSession, org_id: int, *, after: tuple[str, int] | None, limit: int
) -> list[tuple[Policy, dict[str, Any], str]]:
    """Return (policy, what it says, its sort key) by name, from `after` (sort key, id) on."""
    key = func.lower(Policy.name)
    statement = _current().add_columns(key).where(Policy.org_id == org_id)
    if after is not None:
        statement = statement.where((key > after[0]) | ((key == after[0]) & (Policy.id > after[1])))
    rows = await session.execute(statement.order_by(key, Policy.id).limit(limit))
    return [(row[0], row[1], row[2]) for row in rows]


async def policy(session: AsyncSession, org_id: int, policy_id: int) -> Policy | None:
    """Return a policy, locked: its rules are written by one transaction at a time."""
    statement = select(Policy).where(Policy.org_id == org_id, Policy.id == policy_id)
    return await session.scalar(
        statement.with_for_update().execution_options(populate_existing=True)
    )


async def document(session: AsyncSession, policy_id: int, number: int) -> dict[str, Any] | None:
    """Return what a version of a policy says."""
    return await session.scalar(
        select(PolicyVersion.document).where(
            PolicyVersion.policy_id == policy_id, PolicyVersion.number == number
        )
    )


async def documents(
    session: AsyncSession, org_id: int, policy_ids: Iterable[int]
) -> dict[int, tuple[str, dict[str, Any]]]:
    """Return (name, what it says now) of policies by id."""
    rows = await session.execute(
        _current().where(Policy.org_id == org_id, Policy.id == any_(array(policy_ids)))
    )
    return {row[0].id: (row[0].name, row[1]) for row in rows}


def _current() -> Any:
    return select(Policy, PolicyVersion.document).join(
        PolicyVersion,
        (PolicyVersion.policy_id == Policy.id) & (PolicyVersion.number == Policy.current_version),
    )


async def versions(session: AsyncSession, policy_id: int) -> list[tuple[PolicyVersion, str]]:
    """Return (version, name of who wrote it), newest first."""
    rows = await session.execute(
        select(PolicyVersion, User.name)
        .join(User, User.id == PolicyVersion.created_by)
        .where(PolicyVersion.policy_id == policy_id)
        .order_by(PolicyVersion.number.desc())
    )
    return [(row[0], row[1]) for row in rows]


async def last_number(session: AsyncSession, policy_id: int) -> int:
    """Return the number of a policy's newest version."""
    number = await session.scalar(
        select(func.max(PolicyVersion.number)).where(PolicyVersion.policy_id == policy_id)
    )
    return number or 0


async def attachments(
    session: AsyncSession, policy_ids: Iterable[int]
) -> Sequence[PolicyAttachment]:
    """Return whom policies are attached to."""
    statement = select(PolicyAttachment).where(
        PolicyAttachment.policy_id == any_(array(policy_ids))
    )
    return (await session.scalars(statement.order_by(PolicyAttachment.id))).all()
