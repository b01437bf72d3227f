"""SQL of recovery. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.models import Membership, PasswordReset, User


async def lock_user(session: AsyncSession, user_id: int) -> User | None:
    """Return a user, locked."""
    return await session.scalar(
        select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


async def resets_since(session: AsyncSession, user_id: int, since: datetime) -> int:
    """Return how many links were made for a user since a time."""
    counted = await session.scalar(
        select(func.count()).where(
            PasswordReset.user_id == user_id, PasswordReset.created_at > since
        )
    )
    return counted or 0


async def forget_expired(session: AsyncSession, user_id: int, at: datetime) -> None:
    """Forget a user's links that have expired."""
    await session.execute(
        delete(PasswordReset).where(PasswordReset.user_id == user_id, PasswordReset.expires_at < at)
    )


async def reset(session: AsyncSession, reset_id: int) -> tuple[PasswordReset, User] | None:
    """Return a link and its user."""
    row = (
        await session.execute(
            select(PasswordReset, User)
            .join(User, User.id == PasswordReset.user_id)
            .where(PasswordReset.id == reset_id)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def user_of(session: AsyncSession, secret_hash: bytes) -> int | None:
    """Return whose link a secret opens, good or not."""
    return await session.scalar(
        select(PasswordReset.user_id).where(PasswordReset.secret_hash == secret_hash)
    )


async def open_reset(
    session: AsyncSession, secret_hash: bytes, at: datetime
) -> PasswordReset | None:
    """Return the link a secret opens, locked, unless it was used or has expired."""
    return await session.scalar(
        select(PasswordReset)
        .where(
            PasswordReset.secret_hash == secret_hash,
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > at,
        )
        .with_for_update()
    )


async def organisations(session: AsyncSession, user_id: int) -> Sequence[int]:
    """Return the organisations a user belongs to, active there or not. The transaction is bound to the user."""
    statement = select(Membership.org_id).where(Membership.user_id == user_id)
    return (await session.scalars(statement.order_by(Membership.org_id))).all()
