"""SQL of the second factor. Used by `service` alone."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.identity.second_factor.models import Authenticator, RecoveryCode


class Held(NamedTuple):
    """What a user has."""

    confirmed_at: datetime | None
    recovery_codes: int


async def authenticator(session: AsyncSession, user_id: int) -> Authenticator | None:
    """Return a user's authenticator app, confirmed or not; its secret stays until the transaction ends."""
    return await session.scalar(
        select(Authenticator)
        .where(Authenticator.user_id == user_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def held(session: AsyncSession, user_id: int) -> Held:
    """Return since when a user's app counts, if it does, and how many recovery codes are left."""
    confirmed = select(Authenticator.confirmed_at).where(Authenticator.user_id == user_id)
    left = select(func.count()).where(RecoveryCode.user_id == user_id)
    row = (await session.execute(select(confirmed.scalar_subquery(), left.scalar_subquery()))).one()
    return Held(*row)


async def begin(session: AsyncSession, user_id: int, sealed_secret: bytes) -> bool:
    """Keep the secret of an app to be confirmed, in place of one that never was; return whether there was room."""
    statement = insert(Authenticator).values(
        user_id=user_id, sealed_secret=sealed_secret, last_step=0
    )
    kept = await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Authenticator.user_id],
            set_={"sealed_secret": sealed_secret, "last_step": 0, "created_at": now()},
            where=Authenticator.confirmed_at.is_(None),
        ).returning(Authenticator.user_id)
    )
    return kept.scalar_one_or_none() is not None


async def take_step(session: AsyncSession, user_id: int, step: int) -> bool:
    """Mark the code of a step used; return False where it, or a later one, was used before.

    One statement, so that of two who present the same code one gets it.
    """
    taken = await session.execute(
        update(Authenticator)
        .where(Authenticator.user_id == user_id, Authenticator.last_step < step)
        .values(last_step=step)
        .returning(Authenticator.user_id)
    )
    return taken.scalar_one_or_none() is not None


async def confirm(session: AsyncSession, user_id: int, at: datetime) -> bool:
    """Let an app count from now on; return False where it did before."""
    confirmed = await session.execute(
        update(Authenticator)
        .where(Authenticator.user_id == user_id, Authenticator.confirmed_at.is_(None))
        .values(confirmed_at=at)
        .returning(Authenticator.user_id)
    )
    return confirmed.scalar_one_or_none() is not None


async def take_recovery_code(session: AsyncSession, user_id: int, code_hash: bytes) -> bool:
    """Use a recovery code up; return False where there is no such one (any more)."""
    taken = await session.execute(
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash)
        .returning(RecoveryCode.id)
    )
    return taken.scalar_one_or_none() is not None


async def replace_recovery_codes(
    session: AsyncSession, user_id: int, hashes: Iterable[bytes]
) -> None:
    """Put new recovery codes in the place of all former ones."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": code_hash} for code_hash in hashes]
    if rows:
        await session.execute(insert(RecoveryCode), rows)


async def remove(session: AsyncSession, user_id: int) -> bool:
    """Remove a user's app; return whether there was one that counted."""
    counted = await session.scalar(
        select(
            exists().where(
                Authenticator.user_id == user_id, Authenticator.confirmed_at.is_not(None)
            )
        )
    )
    await session.execute(delete(Authenticator).where(Authenticator.user_id == user_id))
    return bool(counted)
