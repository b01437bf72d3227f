"""Signed statements of how the chains stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import queries
from backend.audit.errors import TrailDamagedError
from backend.audit.models import Purpose
from backend.audit.service.verifying import verify_since
from backend.audit.statements import Signed, Signer, Statement
from backend.core.clock import now


@dataclass(frozen=True, slots=True)
class ChainState:
    """How far an organisation's trail is sealed and signed."""

    sealed: int
    """The number of the last seal."""
    unsealed: int
    unsealed_since: datetime | None
    anchor: Signed | None
    last_checkpoint: Signed | None


async def chain_state(session: AsyncSession, org_id: int) -> ChainState:
    """Return how far an organisation's trail is sealed and signed."""
    head = await queries.head(session, org_id)
    waiting, since = await queries.unsealed(session, org_id)
    anchor = await queries.newest(session, org_id, Purpose.ANCHOR)
    return ChainState(
        sealed=head.seq if head else (anchor.statement.seq if anchor else 0),
        unsealed=waiting,
        unsealed_since=since,
        anchor=anchor,
        last_checkpoint=await queries.newest(session, org_id, Purpose.CHECKPOINT),
    )


async def make_checkpoint(session: AsyncSession, signer: Signer, *, org_id: int) -> Signed | None:
    """Sign how an organisation's chain stands; return the newest checkpoint, None where nothing is sealed.

    What was sealed since the last one is verified first: what does not fit is not signed. Where nothing was, the last
    one stands.

    Raises:
        TrailDamagedError: what was sealed since does not verify.
    """
    last = await queries.newest(session, org_id, Purpose.CHECKPOINT)
    anchor = await queries.newest(session, org_id, Purpose.ANCHOR)
    removed = anchor.statement.seq if anchor else 0
    done = await verify_since(
        session, org_id, last if last and last.statement.seq >= removed else anchor
    )
    if done.faults:
        raise TrailDamagedError(done.faults[0].detail, organisation=org_id)
    if done.last_seq < done.first_seq:
        return last
    signed = signer.sign(
        Statement(
            Purpose.CHECKPOINT,
            org_id,
            done.last_seq,
            done.last_hash,
            done.last_seq - removed,
            now(),
        )
    )
    await queries.add_checkpoint(session, signed)
    return signed


async def list_checkpoints(
    session: AsyncSession, *, org_id: int, before: int | None = None, limit: int
) -> Sequence[Signed]:
    """Return checkpoints, the newest first; `before` is the number of the last one seen."""
    return await queries.checkpoint_page(session, org_id, before=before, limit=limit)
