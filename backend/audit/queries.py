"""SQL of the trail."""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Row,
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.encoding import EventFields
from backend.audit.models import AuditCheckpoint, AuditEvent, AuditSeal, AuditTail, Purpose
from backend.audit.statements import Signed

_FETCH = 2_000
"""Rows that a stream holds at a time."""


_INSERT = insert(AuditEvent.__table__)  # the table itself: nobody asks for the objects


async def insert_events(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Add events."""
    await session.execute(_INSERT, list(rows))


@dataclass(frozen=True, slots=True)
class SameDeed:
    """What makes two events tell of one deed."""

    org_id: int
    actor_id: int
    address: str | None
    action: str
    object: str
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """All of it in a line."""
        return json.dumps(
            [self.org_id, self.actor_id, self.address, self.action, self.object, self.data]
        )


async def lock_deed(session: AsyncSession, deed: SameDeed) -> None:
    """Keep others who are about to record the same from doing so until the transaction ends."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": deed.name}
    )


async def was_recorded(session: AsyncSession, deed: SameDeed, *, since: datetime) -> bool:
    """Tell whether the same was recorded since a time."""
    found = await session.scalar(
        select(
            exists().where(
                AuditEvent.org_id == deed.org_id,
                AuditEvent.object == deed.object,
                AuditEvent.at >= since,
                AuditEvent.actor_id == deed.actor_id,
                AuditEvent.address.is_not_distinct_from(deed.address),
                AuditEvent.action == deed.action,
                AuditEvent.data == cast(deed.data, JSONB),
            )
        )
    )
    return bool(found)


async def seal(session: AsyncSession, *, limit: int) -> int:
    """Seal events of every organisation; how many."""
    sealed = await session.scalar(text("SELECT dms_audit_seal(:limit)"), {"limit": limit})
    return int(sealed or 0)


async def lock_chain(session: AsyncSession, org_id: int) -> None:
    """Keep sealers away from an organisation's chain until the transaction ends."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(dms_audit_lock(:org))"), {"org": org_id}
    )


async def begin_snapshot(session: AsyncSession) -> None:
    """See one state of the database until the transaction ends. To be called first in it."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


_FIELDS = (
    AuditEvent.id,
    AuditEvent.at,
    AuditEvent.actor_id,
    AuditEvent.action,
    AuditEvent.object,
    AuditEvent.folder_id,
    AuditEvent.address,
    AuditEvent.request_id,
    AuditEvent.session_id,
    cast(AuditEvent.data, Text),
)
_OF_SEAL = and_(AuditEvent.id == AuditSeal.event_id, AuditEvent.org_id == AuditSeal.org_id)


class Link(NamedTuple):
    """A seal with its event; none where that is gone."""

    seq: int
    event_id: int
    hash: bytes
    event: EventFields | None


async def chain(
    session: AsyncSession, org_id: int, *, after: int, limit: int | None = None
) -> AsyncGenerator[Link, None]:
    """Yield the links of an organisation's chain from after a number on, a few in memory at a time."""
    statement = (
        select(AuditSeal.seq, AuditSeal.event_id, AuditSeal.hash, *_FIELDS)
        .outerjoin(AuditEvent, _OF_SEAL)
        .where(AuditSeal.org_id == org_id, AuditSeal.seq > after)
        .order_by(AuditSeal.seq)
        .limit(limit)
        .execution_options(yield_per=_FETCH)
    )
    result = await session.stream(statement)
    try:
        async for row in result:
            gone = row[3] is None
            yield Link(row[0], row[1], row[2], None if gone else EventFields._make(row[3:]))
    finally:
        await result.close()


async def checkpoints_after(
    session: AsyncSession, org_id: int, seq: int, *, limit: int
) -> list[Signed]:
    """Return checkpoints from after a number on."""
    statement = (
        select(AuditCheckpoint)
        .where(
            AuditCheckpoint.org_id == org_id,
            AuditCheckpoint.purpose == Purpose.CHECKPOINT,
            AuditCheckpoint.seq > seq,
        )
        .order_by(AuditCheckpoint.seq)
        .limit(limit)
    )
    return [Signed.of(row) for row in await session.scalars(statement)]


async def newest(session: AsyncSession, org_id: int, purpose: Purpose) -> Signed | None:
    """Return the statement of a kind that reaches furthest."""
    statement = (
        select(AuditCheckpoint)
        .where(AuditCheckpoint.org_id == org_id, AuditCheckpoint.purpose == purpose)
        .order_by(AuditCheckpoint.seq.desc())
        .limit(1)
    )
    row = await session.scalar(statement)
    return None if row is None else Signed.of(row)


async def checkpoint_page(
    session: AsyncSession, org_id: int, *, before: int | None, limit: int
) -> list[Signed]:
    """Return checkpoints, the newest first."""
    statement = select(AuditCheckpoint).where(
        AuditCheckpoint.org_id == org_id, AuditCheckpoint.purpose == Purpose.CHECKPOINT
    )
    if before is not None:
        statement = statement.where(AuditCheckpoint.seq < before)
    rows = await session.scalars(statement.order_by(AuditCheckpoint.seq.desc()).limit(limit))
    return [Signed.of(row) for row in rows]


async def add_checkpoint(session: AsyncSession, signed: Signed) -> None:
    """Keep a signed statement, unless there is one of that number already."""
    said = signed.statement
    statement = postgresql.insert(AuditCheckpoint).values(
        org_id=said.org_id,
        seq=said.seq,
        purpose=said.purpose,
        hash=said.hash,
        count=said.count,
        at=said.at,
        public_key=signed.public_key,
        signature=signed.signature,
    )
    await session.execute(statement.on_conflict_do_nothing())


async def head(session: AsyncSession, org_id: int) -> Row[int, bytes] | None:
    """Return (seq, hash) of the last seal."""
    statement = (
        select(AuditSeal.seq, AuditSeal.hash)
        .where(AuditSeal.org_id == org_id)
        .order_by(AuditSeal.seq.desc())
        .limit(1)
    )
    return (await session.execute(statement)).one_or_none()


async def unsealed(session: AsyncSession, org_id: int) -> Row[int, datetime | None]:
    """Return how many events have no seal yet, and when the oldest of them was recorded."""
    statement = (
        select(func.count(), func.min(AuditEvent.at))
        .select_from(AuditTail)
        .join(AuditEvent, AuditEvent.id == AuditTail.event_id)
        .where(AuditTail.org_id == org_id)
    )
    return (await session.execute(statement)).one()


async def stray(session: AsyncSession, org_id: int) -> int | None:
    """Return the first event that has neither a seal nor a place in the tail."""
    statement = (
        select(func.min(AuditEvent.id))
        .where(
            AuditEvent.org_id == org_id,
            ~exists().where(
                AuditSeal.event_id == AuditEvent.id, AuditSeal.org_id == AuditEvent.org_id
            ),
            ~exists().where(
                AuditTail.event_id == AuditEvent.id, AuditTail.org_id == AuditEvent.org_id
            ),
        )
        .select_from(AuditEvent)
    )
    found: int | None = await session.scalar(statement)
    return found


async def lost(session: AsyncSession, org_id: int) -> int | None:
    """Return the first event that was still to be sealed, and is gone."""
    statement = select(func.min(AuditTail.event_id)).where(
        AuditTail.org_id == org_id,
        ~exists().where(AuditEvent.id == AuditTail.event_id, AuditEvent.org_id == AuditTail.org_id),
    )
    found: int | None = await session.scalar(statement)
    return found


async def last_before(session: AsyncSession, org_id: int, at: datetime) -> int | None:
    """Return the number up to which all sealed events are older than a time; None where none is."""
    young = (
        select(AuditSeal.seq)
        .join(AuditEvent, _OF_SEAL)
        .where(AuditSeal.org_id == org_id, AuditEvent.at >= at)
    )
    first_young: int | None = await session.scalar(select(func.min(young.subquery().c.seq)))
    if first_young is not None:
        return first_young - 1
    last = await head(session, org_id)
    return None if last is None else last.seq


async def checkpoint_at_most(session: AsyncSession, org_id: int, seq: int) -> Signed | None:
    """Return the last checkpoint up to a number."""
    found = await checkpoint_page(session, org_id, before=seq + 1, limit=1)
    return found[0] if found else None


async def remove_through(session: AsyncSession, org_id: int, seq: int) -> None:
    """Delete seals up to a number, their events, and the checkpoints on the way. Only the owner may."""
    below = (AuditSeal.org_id == org_id) & (AuditSeal.seq <= seq)
    events = select(AuditSeal.event_id).where(below)
    await session.execute(
        delete(AuditEvent).where(AuditEvent.org_id == org_id, AuditEvent.id.in_(events)),
        execution_options={"synchronize_session": False},
    )
    await session.execute(
        delete(AuditSeal).where(below), execution_options={"synchronize_session": False}
    )


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events are asked for; what is None or empty does not narrow."""

    actor_id: int | None = None
    by_service: bool = False
    """Only what the service, or somebody at its command line, did without an actor."""
    actions: tuple[str, ...] = ()
    object: str | None = None
    folder_ids: tuple[int, ...] | None = None
    """Folders in which an object was, or which are the object."""
    address: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    text: str | None = None
    """In the action, the object or the data, whatever its case."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what is asked for as SQL."""
        event = AuditEvent
        equal = {
            event.actor_id: self.actor_id,
            event.object: self.object,
            event.address: self.address,
            event.session_id: self.session_id,
            event.request_id: self.request_id,
        }
        found = [column == value for column, value in equal.items() if value is not None]
        if self.by_service:
            found.append(event.actor_id.is_(None))
        if self.actions:
            found.append(event.action.in_(self.actions))
        if self.folder_ids is not None:
            found.append(event.folder_id.in_(self.folder_ids))
        if self.since is not None:
            found.append(event.at >= self.since)
        if self.until is not None:
            found.append(event.at < self.until)
        if self.text:
            searched = func.concat_ws(" ", event.action, event.object, cast(event.data, Text))
            found.append(searched.icontains(self.text, autoescape=True))
        return found


class FoundEvent(NamedTuple):
    """An event with its place in the chain; none while it waits to be sealed."""

    event: AuditEvent
    seq: int | None
    hash: bytes | None


async def events(
    session: AsyncSession,
    org_id: int,
    filters: Filters,
    *,
    after: tuple[datetime, int] | None,
    newest_first: bool,
    limit: int,
) -> list[FoundEvent]:
    """Return a page of events by time, from after one on."""
    here = tuple_(AuditEvent.at, AuditEvent.id)
    page = select(AuditEvent).where(AuditEvent.org_id == org_id, *filters.conditions())
    if after is not None:
        there = tuple_(literal(after[0]), literal(after[1]))
        page = page.where(here < there if newest_first else here > there)
    order = (
        (AuditEvent.at.desc(), AuditEvent.id.desc())
        if newest_first
        else (AuditEvent.at, AuditEvent.id)
    )
    rows = (await session.scalars(page.order_by(*order).limit(limit))).all()
    seals = await session.execute(
        select(AuditSeal.event_id, AuditSeal.seq, AuditSeal.hash).where(
            AuditSeal.event_id.in_([row.id for row in rows]), AuditSeal.org_id == org_id
        )
    )
    places = {seal.event_id: (seal.seq, seal.hash) for seal in seals}
    return [FoundEvent(row, *places.get(row.id, (None, None))) for row in rows]


_ACTIONS = """
WITH RECURSIVE known AS (
    SELECT (SELECT min(action) FROM audit_events WHERE org_id = :org) AS action
    UNION ALL
    SELECT (SELECT min(e.action) FROM audit_events e WHERE e.org_id = :org AND e.action > k.action)
    FROM known k WHERE k.action IS NOT NULL
)
SELECT action FROM known WHERE action IS NOT NULL
"""


async def actions(session: AsyncSession, org_id: int) -> list[str]:
    """Return the different actions in a trail, each found by a step in the index."""
    return list(await session.scalars(text(_ACTIONS), {"org": org_id}))
