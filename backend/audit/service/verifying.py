"""Comparing the trail with its chain and its checkpoints: what was changed in the database without being recorded.

The chain is read once, in order and in one snapshot, with a few rows in memory. Nothing here believes the database's
own hashing: the hashes are made anew, by another implementation.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import queries
from backend.audit.encoding import FIRST_HASH, next_hash
from backend.audit.models import Purpose
from backend.audit.queries import Link
from backend.audit.statements import Signed
from backend.core.db import Database, Tenant, set_tenant

_MARKS = 500
_NEIGHBOURS = 1_000
"""How far around a broken place an event is looked for that was there before."""


class FaultKind(StrEnum):
    """What was done to the trail, as far as that can be told."""

    ALTERED = "altered"
    """The row does not fit those before it: it was changed, or one was inserted or removed here."""
    DELETED = "deleted"
    """The row is gone."""
    INSERTED = "inserted"
    """The row was never sealed and does not wait to be."""
    REORDERED = "reordered"
    """The row has the place of another one."""
    REWRITTEN = "rewritten"
    """Hashes were made anew: they fit one another, but not what was signed."""
    TRUNCATED = "truncated"
    """The end is gone: a signed statement reaches further."""
    FORGED = "forged"
    """A checkpoint is not signed by this installation's key, or its own row was altered."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first row of a chain that is not as it was sealed: its number, where it has one, and its event's id."""

    kind: FaultKind
    seq: int | None
    event_id: int | None
    detail: str


@dataclass(slots=True)
class Verified:
    """What a verification found. Whole, if there are no faults."""

    org_id: int
    first_seq: int
    """The number the chain begins at: 1, or what follows the anchor of a cut."""
    last_seq: int
    """How far it is known to be as it was sealed."""
    last_hash: bytes
    unsealed: int = 0
    checkpoints: int = 0
    """How many signed statements agree with it."""
    faults: list[Fault] = field(default_factory=list)


async def verify(
    database: Database, org_id: int, *, public_key: bytes, exported: Sequence[Signed] = ()
) -> Verified:
    """Verify an organisation's trail; `exported` are checkpoints that were kept elsewhere.

    `public_key` is the one that signatures are to be made with: this installation's, or one that was kept.
    """
    async with database.transaction() as session:
        await queries.begin_snapshot(session)
        await set_tenant(session, Tenant(org_id))
        kept = [one for one in exported if one.statement.org_id == org_id]
        return await verify_in(session, org_id, public_key=public_key, exported=kept)


async def verify_in(
    session: AsyncSession, org_id: int, *, public_key: bytes, exported: Sequence[Signed] = ()
) -> Verified:
    """The same in a transaction that sees one state of the database."""
    anchor = await queries.newest(session, org_id, Purpose.ANCHOR)
    done = _beginning(org_id, anchor)
    if anchor is not None and not anchor.is_by(public_key):
        done.faults.append(_forged(anchor))
    else:
        kept = [*exported] if anchor is None else [*exported, anchor]
        await _follow(session, done, _Marks(session, done, public_key, kept))
    await _look_beside(session, done)
    return done


async def verify_since(session: AsyncSession, org_id: int, mark: Signed | None) -> Verified:
    """Verify what was sealed since a statement that is believed; the whole chain without one."""
    done = _beginning(org_id, mark)
    await _follow(session, done, None)
    return done


def _beginning(org_id: int, mark: Signed | None) -> Verified:
    start = 0 if mark is None else mark.statement.seq
    last_hash = FIRST_HASH if mark is None else mark.statement.hash
    return Verified(org_id, first_seq=start + 1, last_seq=start, last_hash=last_hash)


async def _follow(session: AsyncSession, done: Verified, marks: "_Marks | None") -> None:
    """Go along the chain to its end or to the first fault."""
    fault = await marks.compare() if marks else None
    async with aclosing(queries.chain(session, done.org_id, after=done.last_seq)) as links:
        while fault is None and (link := await anext(links, None)) is not None:
            fault = await _step(session, done, link)
            if fault is None:
                done.last_seq, done.last_hash = link.seq, link.hash
                fault = await marks.compare() if marks else None
    if fault is None and marks:
        fault = marks.beyond()
    if fault is not None:
        done.faults.append(fault)


async def _step(session: AsyncSession, done: Verified, link: Link) -> Fault | None:
    """Return what is wrong with a link after those before it."""
    seq = done.last_seq + 1
    if link.seq != seq:
        return Fault(
            FaultKind.DELETED, seq, None, f"The seal of row {seq} is gone; the next is {link.seq}."
        )
    if link.event is None:
        detail = f"Row {seq} is sealed, but its event {link.event_id} is gone."
        return Fault(FaultKind.DELETED, seq, link.event_id, detail)
    if next_hash(done.last_hash, done.org_id, seq, link.event) == link.hash:
        return None
    return await _explain(session, done, link)


async def _explain(session: AsyncSession, done: Verified, link: Link) -> Fault:
    """Tell a row in another one's place from a row that is not what it was."""
    seq = link.seq
    async with aclosing(
        queries.chain(session, done.org_id, after=seq, limit=_NEIGHBOURS)
    ) as neighbours:
        async for other in neighbours:
            if other.event is None:
                continue
            belongs = next_hash(done.last_hash, done.org_id, seq, other.event)
            if belongs in {link.hash, other.hash}:
                detail = f"Row {seq} has another one's event; its own, {other.event_id}, is at {other.seq}."
                return Fault(FaultKind.REORDERED, seq, link.event_id, detail)
    detail = (
        f"Row {seq} does not follow from those before it: its event {link.event_id} or its seal was altered, a row was"
        " removed or inserted here, or rows before were altered together with their own seals."
    )
    return Fault(FaultKind.ALTERED, seq, link.event_id, detail)


class _Marks:
    """The signed statements along a chain, in its order."""

    def __init__(
        self, session: AsyncSession, done: Verified, public_key: bytes, kept: Sequence[Signed]
    ) -> None:
        self._session, self._done, self._public_key = session, done, public_key
        start = done.last_seq
        self._kept = sorted(
            (one for one in kept if one.statement.seq >= start), key=lambda one: one.statement.seq
        )
        self._agreed = start
        self._own = self._read(start)
        self._next_own: Signed | None = None
        self._is_begun = False

    async def compare(self) -> Fault | None:
        """Compare the statements about the row just reached."""
        if not self._is_begun:
            self._is_begun = True
            self._next_own = await anext(self._own, None)
        while (mark := self._earliest()) is not None and mark.statement.seq <= self._done.last_seq:
            if not mark.is_by(self._public_key):
                return _forged(mark)
            if mark.statement.hash != self._done.last_hash:
                return self._rewritten(mark)
            self._done.checkpoints += 1
            self._agreed = mark.statement.seq
            await self._pass(mark)
        return None

    def beyond(self) -> Fault | None:
        """Look whether a statement reaches further than the chain."""
        mark = self._earliest()
        if mark is None:
            return None
        if not mark.is_by(self._public_key):
            return _forged(mark)
        first = self._done.last_seq + 1
        detail = (
            f"The chain ends at {first - 1}, but a checkpoint of {mark.statement.at:%Y-%m-%d %H:%M:%S} UTC"
            f" reaches {mark.statement.seq}: row {first} and those after it are gone."
        )
        return Fault(FaultKind.TRUNCATED, first, None, detail)

    def _earliest(self) -> Signed | None:
        kept = self._kept[0] if self._kept else None
        if kept is None or self._next_own is None:
            return kept or self._next_own
        return min(kept, self._next_own, key=lambda one: one.statement.seq)

    async def _pass(self, mark: Signed) -> None:
        if mark is self._next_own:
            self._next_own = await anext(self._own, None)
        else:
            self._kept.pop(0)

    def _rewritten(self, mark: Signed) -> Fault:
        first, last = self._agreed + 1, mark.statement.seq
        rows = f"row {first}" if first == last else f"one of the rows {first} to {last}"
        detail = (
            f"The hashes fit one another, but not the checkpoint of row {last}: {rows} was changed and all hashes from"
            " there on were made anew."
        )
        return Fault(FaultKind.REWRITTEN, min(first, last), None, detail)

    async def _read(self, after: int) -> AsyncGenerator[Signed, None]:
        while page := await queries.checkpoints_after(
            self._session, self._done.org_id, after, limit=_MARKS
        ):
            for one in page:
                yield one
            after = page[-1].statement.seq


def _forged(mark: Signed) -> Fault:
    said = mark.statement
    detail = f"The {said.purpose} of row {said.seq} is not signed by the key that signs this trail, or was altered."
    return Fault(FaultKind.FORGED, said.seq, None, detail)


async def _look_beside(session: AsyncSession, done: Verified) -> None:
    """Look for events outside of the chain."""
    stray = await queries.stray(session, done.org_id)
    if stray is not None:
        detail = f"Event {stray} was never sealed and does not wait to be: it was put in, or its seal removed."
        done.faults.append(Fault(FaultKind.INSERTED, None, stray, detail))
    lost = await queries.lost(session, done.org_id)
    if lost is not None:
        detail = f"Event {lost} is gone before it was sealed."
        done.faults.append(Fault(FaultKind.DELETED, None, lost, detail))
    done.unsealed = (await queries.unsealed(session, done.org_id))[0]
