"""SQL of collection. Used by `service` alone.

Every statement looks at a bounded number of rows, by an index. Whether anything refers to a blob is asked by a
subquery for each row, never by a join: so the planner cannot choose to read all versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    LargeBinary,
    SQLColumnExpression,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.collection.models import StorePin
from backend.documents.models import Blob
from backend.previews.models import BLOB_REFERENCES

_PIN_LOCK = 7312026
"""The advisory lock that pinning takes alone, and collecting transactions share."""
# Not now(), which is when the transaction began: what was committed since would be older than its mark.
_CLOCK: ColumnElement[datetime] = func.clock_timestamp(type_=DateTime(timezone=True))
_LIVE = StorePin.expires_at > _CLOCK


@dataclass(frozen=True, slots=True)
class Unreferenced:
    """A row of `blobs` that nothing refers to, or that is marked as if nothing did."""

    id: int
    stored_size: int
    marked_at: datetime | None
    referenced: bool


@dataclass(frozen=True, slots=True)
class Collectable:
    """A marked blob, its row locked."""

    id: int
    digest: bytes
    size: int
    stored_size: int
    marked_at: datetime


def _referenced(blob_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    found = (select(literal(1)).where(column == blob_id).limit(1) for column in BLOB_REFERENCES)
    return or_(*(one.scalar_subquery().is_not(None) for one in found))


def _among(column: SQLColumnExpression[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """Return `column = ANY(array)`: one statement, prepared once, however many ids there are."""
    return column == func.any(literal(list(ids), ARRAY(BigInteger)))


async def unknown_digests(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
    """Return those of the digests that no row has."""
    listed = func.unnest(literal(list(digests), ARRAY(LargeBinary))).column_valued(
        "listed"
    )  # not "digest": the subquery below has a column of that name
    known = select(Blob.id).where(Blob.digest == listed).limit(1).scalar_subquery()
    return set(await session.scalars(select(listed).where(known.is_(None))))


async def adopt(
    session: AsyncSession, org_id: int, orphans: Sequence[tuple[bytes, int, int]]
) -> dict[int, bytes]:
    """Give (digest, size, stored size) rows, marked; return the digests of those that had none, by id of the row.

    Waits for uploads that have such a row and did not commit yet.
    """
    digests, sizes, stored_sizes = zip(*orphans, strict=True)
    found = (
        func.unnest(
            literal(list(digests), ARRAY(LargeBinary)),
            literal(list(sizes), ARRAY(BigInteger)),
            literal(list(stored_sizes), ARRAY(BigInteger)),
        )
        .table_valued("digest", "size", "stored_size")
        .render_derived()
    )
    rows = select(literal(org_id), found.c.digest, found.c.size, found.c.stored_size, _CLOCK)
    statement = insert(Blob).from_select(
        [Blob.org_id, Blob.digest, Blob.size, Blob.stored_size, Blob.marked_at], rows
    )
    adopted = statement.on_conflict_do_nothing().returning(Blob.id, Blob.digest)
    return {row.id: row.digest for row in await session.execute(adopted)}


async def unreferenced_page(
    session: AsyncSession, after: bytes, *, limit: int
) -> tuple[list[Unreferenced], bytes | None]:
    """Return what is unreferenced or marked among the next `limit` rows after a digest, and where to go on from."""
    number = func.row_number().over(order_by=Blob.digest).label("number")
    page = (
        select(Blob.id, Blob.digest, Blob.stored_size, Blob.marked_at, number)
        .where(Blob.digest > after)
        .order_by(Blob.digest)
        .limit(limit)
        .cte("page")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    looked = select(page, _referenced(page.c.id).label("referenced")).subquery()
    statement = select(looked).where(
        or_(~looked.c.referenced, looked.c.marked_at.is_not(None), looked.c.number == limit)
    )
    found: list[Unreferenced] = []
    last = None
    for row in await session.execute(statement):
        if not row.referenced or row.marked_at is not None:
            found.append(Unreferenced(row.id, row.stored_size, row.marked_at, row.referenced))
        if row.number == limit:
            last = row.digest
    return found, last


async def lock_blobs(session: AsyncSession, ids: Sequence[int]) -> list[int]:
    """Lock those of the rows that nobody holds, against everything but reading; return their ids."""
    statement = select(Blob.id).where(_among(Blob.id, ids)).with_for_update(skip_locked=True)
    return list(await session.scalars(statement))


async def correct_marks(session: AsyncSession, ids: Sequence[int]) -> int:
    """Mark those of the locked rows that nothing refers to, unmark the others; return how many were marked.

    A row that is locked gets no new reference, and a statement begun under the lock sees every one there is.
    """
    referenced = _referenced(Blob.id)
    statement = (
        update(Blob)
        .where(_among(Blob.id, ids), Blob.marked_at.is_(None) != referenced)
        .values(marked_at=case((referenced, None), else_=_CLOCK))
        .returning(Blob.marked_at)
    )
    return sum(marked_at is not None for marked_at in await session.scalars(statement))


async def begin_collecting(session: AsyncSession) -> None:
    """Keep pins from being made while the transaction lasts, and the server from ending it while files are removed."""
    await session.execute(
        text(
            "SELECT pg_advisory_xact_lock_shared(:lock), "
            "set_config('idle_in_transaction_session_timeout', '0', true)"
        ),
        {"lock": _PIN_LOCK},
    )


async def lock_collectable(
    session: AsyncSession,
    *,
    grace: timedelta,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Collectable]:
    """Return blobs marked for longer than `grace` that nobody else holds, their rows locked; none under a live pin.

    They are in the order of (marked at, id), from after one on.
    """
    statement = select(Blob.id, Blob.digest, Blob.size, Blob.stored_size, Blob.marked_at).where(
        Blob.marked_at < func.now() - grace, ~exists().where(_LIVE)
    )
    if after is not None:
        here, bound = tuple_(Blob.marked_at, Blob.id), tuple_(literal(after[0]), literal(after[1]))
        statement = statement.where(here > bound)
    rows = await session.execute(
        statement.order_by(Blob.marked_at, Blob.id)
        .limit(limit)
        .with_for_update(of=Blob, skip_locked=True)
    )
    # By the condition it is marked, which the column's type cannot say.
    return [Collectable(*row[:4], cast("datetime", row.marked_at)) for row in rows]


async def delete_unreferenced(session: AsyncSession, ids: Sequence[int]) -> set[int]:
    """Delete those of the locked rows that nothing refers to; return their ids.

    It must not be the statement that locks them: that one may have begun before the last reference was committed. The
    foreign keys say the same again, and fail the statement where this is wrong.
    """
    statement = delete(Blob).where(_among(Blob.id, ids), ~_referenced(Blob.id))
    return set(await session.scalars(statement.returning(Blob.id)))


async def lock_out_collections(session: AsyncSession) -> None:
    """Wait for the transactions that are collecting, and keep others from beginning."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PIN_LOCK})


async def add_pin(session: AsyncSession, reason: str, *, lifetime: timedelta) -> StorePin:
    """Add a pin, and forget those that ran out."""
    await session.execute(delete(StorePin).where(~_LIVE))
    statement = insert(StorePin).values(reason=reason, expires_at=_CLOCK + lifetime)
    return (await session.scalars(statement.returning(StorePin))).one()


async def extend_pin(session: AsyncSession, pin_id: int, *, lifetime: timedelta) -> bool:
    """Let a live pin last from now on; return whether it was alive."""
    statement = update(StorePin).where(StorePin.id == pin_id, _LIVE)
    extended = statement.values(expires_at=_CLOCK + lifetime).returning(StorePin.id)
    return await session.scalar(extended) is not None


async def delete_pin(session: AsyncSession, pin_id: int) -> bool:
    """Remove a pin; return whether it was alive."""
    statement = delete(StorePin).where(StorePin.id == pin_id).returning(_LIVE)
    return bool(await session.scalar(statement))


async def live_pins(session: AsyncSession) -> Sequence[StorePin]:
    """Return the pins that hold collection off."""
    return (await session.scalars(select(StorePin).where(_LIVE).order_by(StorePin.id))).all()
