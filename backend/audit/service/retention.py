"""Cutting the oldest part of the trail, where its retention is limited. Only the database's owner can."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import queries
from backend.audit.errors import TrailDamagedError
from backend.audit.models import Purpose
from backend.audit.service.recording import Deed, record
from backend.audit.service.verifying import verify_in
from backend.audit.statements import Signer, Statement
from backend.core.clock import now
from backend.core.db import Database, Tenant

CUT = "audit.cut"
"""The event that tells that the oldest part of the trail was removed."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What was removed: rows up to a number, which stays as the anchor of the rest."""

    seq: int
    rows: int


async def cut(
    owner: Database, signer: Signer, *, org_id: int, keep: timedelta, operator: str
) -> Cut | None:
    """Remove what is older than `keep`, up to the last checkpoint before that; None where there is none.

    `owner` is connected as the owner of the tables. The trail is verified first, sealers wait meanwhile, and all of
    it is one transaction: statement, removal, and the event that tells of it.

    Raises:
        TrailDamagedError: the trail does not verify.
    """
    before = now() - keep
    async with owner.transaction(Tenant(org_id)) as session:
        await queries.lock_chain(session, org_id)
        done = await verify_in(session, org_id, public_key=signer.public_key)
        if done.faults:
            raise TrailDamagedError(done.faults[0].detail, organisation=org_id)
        return await _cut(session, signer, org_id, before=before, operator=operator)


async def _cut(
    session: AsyncSession, signer: Signer, org_id: int, *, before: datetime, operator: str
) -> Cut | None:
    last_old = await queries.last_before(session, org_id, before)
    mark = None if last_old is None else await queries.checkpoint_at_most(session, org_id, last_old)
    anchor = await queries.newest(session, org_id, Purpose.ANCHOR)
    removed = 0 if anchor is None else anchor.statement.seq
    if mark is None or mark.statement.seq <= removed:
        return None
    said = mark.statement
    rows = said.seq - removed
    statement = Statement(Purpose.ANCHOR, org_id, said.seq, said.hash, rows, now())
    await queries.add_checkpoint(session, signer.sign(statement))
    await queries.remove_through(session, org_id, said.seq)
    deed = Deed(
        CUT,
        f"organisation:{org_id}",
        {
            "through": said.seq,
            "rows": rows,
            "older_than": before.isoformat(),
            "checkpoint_hash": said.hash.hex(),
            "operator": operator,
        },
    )
    await record(session, [deed], org_id=org_id, actor_id=None)
    return Cut(said.seq, rows)
