"""One blob: given to the scanner, and what came of it recorded."""

from dataclasses import dataclass
from enum import StrEnum

import structlog

from backend.content.errors import ContentDamagedError
from backend.content.scanner import Outcome, Verdict
from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.core.pace import Pace
from backend.documents import service as documents
from backend.documents.models import ScanStatus
from backend.documents.service import ScannableBlob
from backend.identity.models import store_namespace
from backend.scanning.service.holding import hold

log = structlog.get_logger(__name__)

_TRIES = 2


class ScannerGoneError(Exception):
    """The scanner does not answer: what is left waits until it does."""


class Kind(StrEnum):
    """What came of scanning one blob."""

    CLEAN = "clean"
    INFECTED = "infected"
    EXCEPTED = "excepted"
    """What was found is what an administrator has released it from."""
    UNSCANNABLE = "unscannable"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Found:
    """One blob, and what came of scanning it; `detail` is the signature, or why it could not be scanned."""

    org_id: int
    digest: bytes
    size: int
    kind: Kind
    detail: str = ""


async def scan_blob(
    database: Database, content: Content, org_id: int, blob: ScannableBlob, *, pace: Pace
) -> Found:
    """Scan one blob and record what came of it.

    Raises:
        ScannerGoneError: the scanner does not answer; nothing is recorded.
        StorageUnavailableError: the store does not answer; nothing is recorded.
        StoppedError: the pace was stopped; nothing is recorded.
    """
    try:
        verdict = await _scan(content, org_id, blob, pace)
    except ContentDamagedError as error:
        verdict = Verdict(Outcome.BEYOND_LIMITS, error.detail)
    async with database.transaction(Tenant(org_id)) as session:
        if verdict.outcome is Outcome.INFECTED:
            held = await hold(
                session,
                blob,
                org_id=org_id,
                signature=verdict.detail,
                scanned_with=verdict.database,
            )
            kind = Kind.INFECTED if held else Kind.EXCEPTED
        else:
            is_clean = verdict.outcome is Outcome.CLEAN
            there = await documents.record_scan(
                session,
                blob.id,
                ScanStatus.CLEAN if is_clean else ScanStatus.UNSCANNED,
                detail=verdict.detail or None,
                scanned_with=verdict.database if is_clean else None,
            )
            kind = Kind.CLEAN if is_clean else Kind.UNSCANNABLE
            kind = kind if there else Kind.GONE
    if kind is Kind.INFECTED:
        log.warning(
            "quarantined", org_id=org_id, digest=blob.digest.hex(), signature=verdict.detail
        )
    return Found(org_id, blob.digest, blob.size, kind, verdict.detail)


async def _scan(content: Content, org_id: int, blob: ScannableBlob, pace: Pace) -> Verdict:
    """Give a blob to the scanner; once more if that did not work, for the bytes are still there."""
    for _ in range(_TRIES):
        verdict = await _once(content, org_id, blob, pace)
        if verdict.outcome is not Outcome.NOT_SCANNED:
            return verdict
        if not await content.scanner.is_back():
            raise ScannerGoneError(verdict.detail)
    return verdict


async def _once(content: Content, org_id: int, blob: ScannableBlob, pace: Pace) -> Verdict:
    async with (
        content.open(store_namespace(org_id), blob.digest) as outgoing,
        content.scanner.stream() as stream,
    ):
        async for chunk in outgoing.chunks():
            if stream.is_over:
                break
            await stream.send([chunk])
            await content.run(pace.spend, len(chunk))
        return await stream.verdict()
