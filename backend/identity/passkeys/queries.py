"""SQL of passkeys. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.passkeys.models import Passkey


async def passkeys_of(session: AsyncSession, user_id: int) -> Sequence[Passkey]:
    """Return a user's passkeys, the newest first."""
    statement = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id.desc())
    return (await session.scalars(statement)).all()


async def count_of(session: AsyncSession, user_id: int) -> int:
    """Return how many passkeys a user has."""
    return await session.scalar(select(func.count()).where(Passkey.user_id == user_id)) or 0


async def by_credential_id(session: AsyncSession, credential_id: bytes) -> Passkey | None:
    """Return the passkey that an authenticator names; another sign-in with it waits until this one is through."""
    return await session.scalar(
        select(Passkey)
        .where(Passkey.credential_id == credential_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def note_use(
    session: AsyncSession, passkey_id: int, *, sign_count: int, is_backed_up: bool, at: datetime
) -> None:
    """Keep what an authenticator said of itself when it was used."""
    await session.execute(
        update(Passkey)
        .where(Passkey.id == passkey_id)
        .values(sign_count=sign_count, is_backed_up=is_backed_up, last_used_at=at)
    )


async def rename(session: AsyncSession, user_id: int, passkey_id: int, name: str) -> Passkey | None:
    """Give a user's passkey another name."""
    return await session.scalar(
        update(Passkey)
        .where(Passkey.user_id == user_id, Passkey.id == passkey_id)
        .values(name=name)
        .returning(Passkey)
    )


async def remove(session: AsyncSession, user_id: int, passkey_id: int) -> Passkey | None:
    """Remove a user's passkey and return what it was."""
    return await session.scalar(
        delete(Passkey)
        .where(Passkey.user_id == user_id, Passkey.id == passkey_id)
        .returning(Passkey)
    )


async def remove_all(session: AsyncSession, user_id: int) -> int:
    """Remove all passkeys of a user; return how many there were."""
    removed = await session.execute(
        delete(Passkey).where(Passkey.user_id == user_id).returning(Passkey.id)
    )
    return len(removed.all())
