"""One check: the rows of the database and the entries of the store, side by side in the order of digests.

A *lot* is a stretch of digests small enough to hold: what was found in it, and the cursor behind it, are recorded in
one transaction. Nothing is said of a blob before it was looked at twice: uploads, collection and rewriting of blobs
go on meanwhile, and each of them leaves a moment in which row and file disagree.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.pace import Pace, StoppedError
from backend.documents import service as documents
from backend.documents.service import StoredBlob
from backend.identity.models import store_namespace
from backend.identity.service import organisation_ids
from backend.verification import queries
from backend.verification.models import CheckMode, Fault, StoreCheck
from backend.verification.service import faults, records
from backend.verification.service.affected import documents_with_blobs
from backend.verification.service.examining import (
    Examination,
    Listing,
    Scope,
    Suspicion,
    examine,
    examine_lot,
)
from backend.verification.service.faults import Finding, Seen
from backend.verification.service.mending import mend
from storage import BlobStore, StoreUnavailableError

log = structlog.get_logger(__name__)

_LOT_BLOBS = 1_000
_LOT_SECONDS = 2.0
"""A lot ends after so many blobs, or with the blob it is at after so long; a kill loses no more than that."""
_DOCUMENTS = 100
_END = b"\xff" * 32

Report = Callable[[Finding], None]


def _log(finding: Finding) -> None:
    log.log(
        logging.ERROR if finding.is_damage else logging.WARNING,
        "store_fault",
        org_id=finding.org_id,
        digest=finding.digest.hex(),
        fault=str(finding.fault),
        detail=finding.detail,
        documents=finding.documents,
        repaired=finding.repaired,
    )


@dataclass(slots=True)
class _Lot:
    """The blobs and entries of digests up to and including `upto`."""

    blobs: list[StoredBlob]
    listed: dict[bytes, int]
    upto: bytes
    findings: list[Finding] = field(default_factory=list)
    suspects: dict[bytes, int] = field(default_factory=dict)
    """The digests and ids of the blobs that were found wrong."""


async def run_check(
    database: Database,
    content: Content,
    check: StoreCheck,
    *,
    pace: Pace,
    report: Report = _log,
    source: BlobStore | None = None,
) -> bool:
    """Work on a check until it comes to its end or its pace is over; return whether it came to its end.

    `report` is called with each finding once it is recorded; without it, they are logged. With a `source`, what that
    has whole replaces what is missing or damaged here.

    Raises:
        StoreUnavailableError: the store does not answer, or is empty where the database has content.
        SQLAlchemyError, OSError: the database does not answer. What was found before is recorded.
    """
    async with records.holding(database, check.id):
        async with database.transaction() as session:
            org_ids = await organisation_ids(session)
        left = [org_id for org_id in org_ids if org_id >= (check.cursor_org_id or 0)]
        for org_id in left:
            if pace.is_over and org_id != left[0]:
                return False
            after = (check.cursor_digest or b"") if org_id == check.cursor_org_id else b""
            part = _Organisation(database, content, check, org_id, pace=pace, source=source)
            if not await part.check(after, report):
                return False
        async with database.transaction() as session:
            await queries.set_finished(session, check.id, now())
    return True


class _Organisation:
    """The part of a check that is one organisation's."""

    def __init__(
        self,
        database: Database,
        content: Content,
        check: StoreCheck,
        org_id: int,
        *,
        pace: Pace,
        source: BlobStore | None,
    ) -> None:
        self._database = database
        self._content = content
        self._store = content.store
        self._check_id = check.id
        self._org_id = org_id
        self._tenant = Tenant(org_id)
        self._namespace = store_namespace(org_id)
        self._scope: Scope = records.scope_of(check)
        self._pace = pace
        self._source = source

    async def check(self, after: bytes, report: Report) -> bool:
        """Check everything behind a digest; return whether the end was reached."""
        listing = await self._content.run(
            lambda: Listing(self._store.entries(self._namespace, after=after, everywhere=True))
        )
        while after != _END:
            lot = await self._next_lot(after, listing)
            try:
                examination = await self._examine(lot, listing)
                await self._judge(lot, examination.suspicions)
            except StoppedError:
                return False
            await self._record(lot, after, examination)
            for finding in lot.findings:
                report(finding)
            after = lot.upto
            if self._pace.is_over and after != _END:
                return False
        return True

    async def _next_lot(self, after: bytes, listing: Listing) -> _Lot:
        async with self._database.transaction(self._tenant) as session:
            blobs = await documents.blobs_after(session, after, limit=_LOT_BLOBS)
        upto = blobs[-1].digest if len(blobs) == _LOT_BLOBS else _END
        listed = await self._content.run(listing.take, upto, 2 * _LOT_BLOBS)
        if len(listed) == 2 * _LOT_BLOBS:
            # More of them than there are rows: the rest is another lot.
            upto = max(listed)
        return _Lot([blob for blob in blobs if blob.digest <= upto], listed, upto)

    async def _examine(self, lot: _Lot, listing: Listing) -> Examination:
        """Look at the blobs of a lot; what time did not suffice for is left to the next.

        Raises:
            StoppedError: it did not suffice for a single one.
        """
        examination = await self._content.run(
            examine_lot,
            self._store,
            self._namespace,
            lot.blobs,
            lot.listed,
            scope=self._scope,
            pace=self._pace,
            seconds=_LOT_SECONDS,
        )
        if examination.done < len(lot.blobs):
            if not examination.done:
                raise StoppedError
            del lot.blobs[examination.done :]
            lot.upto = lot.blobs[-1].digest
            rest = {digest: n for digest, n in lot.listed.items() if digest > lot.upto}
            lot.listed = {digest: n for digest, n in lot.listed.items() if digest <= lot.upto}
            listing.put_back(rest)
        return examination

    async def _judge(self, lot: _Lot, suspicions: Sequence[Suspicion]) -> None:
        """Find what is wrong at a second look, and mend what can be mended."""
        if suspicions:
            await self._confirm(lot, suspicions)
        strangers = {
            digest: lot.listed[digest]
            for digest in lot.listed.keys() - {blob.digest for blob in lot.blobs}
        }
        if strangers:
            lot.findings += await self._orphans(strangers)

    async def _confirm(self, lot: _Lot, suspicions: Sequence[Suspicion]) -> None:
        async with self._database.transaction(self._tenant) as session:
            blobs = await documents.hold_blobs(session, [one.blob.id for one in suspicions])
            affected = await documents_with_blobs(
                session, [blob.digest for blob in blobs.values()], limit=_DOCUMENTS
            )
        for suspicion in await self._content.run(self._look_again, list(blobs.values())):
            blob, fault = suspicion.blob, suspicion.fault
            readers = tuple(affected.get(blob.digest, ()))
            if fault is Fault.MISSING and not readers:
                continue  # A collection that was cut short; the next one forgets the row.
            finding = Finding(self._org_id, blob.digest, fault, suspicion.detail, readers)
            if self._source is not None:
                finding = await mend(
                    self._database, self._content, finding, blob.id, self._source, self._pace
                )
            lot.suspects[blob.digest] = blob.id
            lot.findings.append(finding)

    def _look_again(self, blobs: Sequence[StoredBlob]) -> list[Suspicion]:
        suspicions: list[Suspicion] = []
        for blob in blobs:
            mode = self._scope.mode if self._scope.opens(blob.digest) else CheckMode.QUICK
            suspicion = examine(self._store, self._namespace, blob, mode=mode, pace=self._pace)
            if suspicion is not None:
                suspicions.append(suspicion)
        missing = any(one.fault is Fault.MISSING for one in suspicions)
        if missing and self._source is None and not self._store.namespaces():
            raise StoreUnavailableError(
                "the store is empty and the database has content: is its volume mounted?"
            )
        return suspicions

    async def _orphans(self, strangers: dict[bytes, int]) -> list[Finding]:
        """Return those that are there, and have no row, at one and the same moment.

        Uploads that are just recording them are waited for. Who would record one of them meanwhile waits: content gets
        its name in the store only when its row is taken.
        """
        async with self._database.transaction(self._tenant) as session:
            known = await documents.recorded_digests(session, list(strangers))
            free = await documents.reserve_digests(
                session, self._org_id, sorted(strangers.keys() - known)
            )
            present = await self._content.run(
                lambda: [one for one in sorted(free) if self._store.exists(self._namespace, one)]
            )
            await session.rollback()
        return [
            Finding(
                self._org_id,
                digest,
                Fault.ORPHAN,
                f"nothing refers to its {strangers[digest]} stored bytes",
            )
            for digest in present
        ]

    async def _record(self, lot: _Lot, after: bytes, examination: Examination) -> None:
        seen = Seen(after, lot.upto, examination.opened, self._scope.mode)
        async with self._database.transaction(self._tenant) as session:
            held = await documents.hold_blobs(session, list(lot.suspects.values()))
            gone = {digest for digest, blob_id in lot.suspects.items() if blob_id not in held}
            lot.findings = [one for one in lot.findings if one.digest not in gone]
            await faults.record(session, self._org_id, seen=seen, findings=lot.findings)
            await queries.advance(
                session,
                self._check_id,
                org_id=self._org_id,
                digest=lot.upto,
                counts=_counts(lot, examination),
            )


def _counts(lot: _Lot, examination: Examination) -> dict[str, int]:
    orphans = [one.digest for one in lot.findings if one.fault is Fault.ORPHAN]
    return {
        "blobs": len(lot.blobs),
        "opened": len(examination.opened),
        "read_bytes": examination.read_bytes,
        "damaged": sum(one.is_damage for one in lot.findings),
        "repaired": sum(one.repaired for one in lot.findings),
        "wrong_sizes": sum(one.fault is Fault.SIZE and not one.repaired for one in lot.findings),
        "orphans": len(orphans),
        "orphan_bytes": sum(lot.listed[digest] for digest in orphans),
    }
