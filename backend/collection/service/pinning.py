"""Pins: while one is live nothing is collected, in any organisation.

So whatever a snapshot of the database refers to, taken while its pin is live, is in the store for as long as that is.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.collection import queries
from backend.collection.errors import PinExpiredError
from backend.collection.models import StorePin


async def pin_store(session: AsyncSession, *, reason: str, lifetime: timedelta) -> StorePin:
    """Hold off collection from the transaction's commit on, for `lifetime` unless it is renewed or released.

    Waits for the transactions that are removing blobs at the moment.
    """
    await queries.lock_out_collections(session)
    return await queries.add_pin(session, reason, lifetime=lifetime)


async def renew_pin(session: AsyncSession, pin_id: int, *, lifetime: timedelta) -> None:
    """Let a pin last for `lifetime` from now on.

    Raises:
        PinExpiredError: it ran out before; what it was to hold may be gone.
    """
    if not await queries.extend_pin(session, pin_id, lifetime=lifetime):
        raise PinExpiredError(f"The pin {pin_id} has run out; the store was not held all the time.")


async def release_pin(session: AsyncSession, pin_id: int) -> None:
    """Let collection go on.

    Raises:
        PinExpiredError: it ran out before; what it was to hold may be gone.
    """
    if not await queries.delete_pin(session, pin_id):
        raise PinExpiredError(f"The pin {pin_id} has run out; the store was not held all the time.")


async def hold_off_pins(session: AsyncSession) -> bool:
    """Keep pins from being made while the transaction lasts; return whether none is live.

    For what a pin forbids beside collection: a storage key is not destroyed while a backup copies what it seals.
    """
    await queries.begin_collecting(session)
    return not await queries.live_pins(session)


async def lock_out_collections(session: AsyncSession) -> None:
    """Wait for what is being removed, and let nothing else be removed while the transaction lasts."""
    await queries.lock_out_collections(session)


async def live_pins(session: AsyncSession) -> Sequence[StorePin]:
    """Return what holds collection off at the moment."""
    return await queries.live_pins(session)
