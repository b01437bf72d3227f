"""Faults on record: opened when they are found, closed when they are seen to be gone, told of in between."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.outbox import emit
from backend.verification import queries
from backend.verification.models import CheckMode, Fault

FAULTS_CHANGED = "storage.faults_changed"
"""The event that tells administrators; `data` holds how many were `found` anew and `resolved`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One blob, and what is wrong with it."""

    org_id: int
    digest: bytes
    fault: Fault
    detail: str
    documents: tuple[int, ...] = ()
    """Documents whose versions have this content; the first hundred."""
    repaired: bool = False

    @property
    def is_damage(self) -> bool:
        """Whether content cannot be read, now that everything was tried."""
        return self.fault.is_damage and not self.repaired

    def mended(self, how: str) -> "Finding":
        """Return the same finding, repaired."""
        return replace(self, repaired=True, detail=f"{self.detail}; {how}")

    def unmended(self, why: str) -> "Finding":
        """Return the same finding, with the reason why it was not repaired."""
        return replace(self, detail=f"{self.detail}; {why}")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check has seen of one stretch of an organisation's digests."""

    after: bytes
    upto: bytes
    opened: Collection[bytes]
    """The blobs in it that were opened."""
    mode: CheckMode


async def record(
    session: AsyncSession, org_id: int, *, seen: Seen, findings: Sequence[Finding]
) -> None:
    """Open what was found, close what is gone, and tell if there is anything to tell."""
    before = await queries.open_faults(session, after=seen.after, upto=seen.upto)
    found = {one.digest: one for one in findings if one.fault is not Fault.ORPHAN}
    if not before and not found:
        return
    at = now()
    if found:
        await queries.put_faults(session, [_row(one) for one in found.values()], at)
    # Read again: what was repaired at once stays on record too, closed.
    gone = [
        fault_id
        for fault_id, digest, fault, recorded in await queries.open_faults(
            session, after=seen.after, upto=seen.upto
        )
        if _is_gone(digest, fault, recorded=recorded, found=found, seen=seen)
    ]
    await queries.resolve(session, gone, at)
    known = {row[1] for row in before}
    new = [one for one in found.values() if one.digest not in known]
    await _tell(session, org_id, new=new, resolved=len(gone))


def _is_gone(
    digest: bytes, fault: Fault, *, recorded: bool, found: Mapping[bytes, Finding], seen: Seen
) -> bool:
    if digest in found:
        return found[digest].repaired
    if not recorded:
        return True
    # That a blob opens says nothing of content that was found damaged.
    proves = seen.mode is CheckMode.FULL or fault is not Fault.DAMAGED
    return digest in seen.opened and proves


async def _tell(
    session: AsyncSession, org_id: int, *, new: Sequence[Finding], resolved: int
) -> None:
    data = {"found": sum(one.is_damage for one in new), "resolved": resolved}
    if any(data.values()):
        await emit(session, FAULTS_CHANGED, org_id=org_id, data=data)


def _row(finding: Finding) -> dict[str, object]:
    return {
        "org_id": finding.org_id,
        "digest": finding.digest,
        "fault": finding.fault,
        "detail": finding.detail,
    }
