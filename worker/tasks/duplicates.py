"""Comparing texts that were written with those that are there."""

import asyncio
import random
import time
from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Database, Tenant
from backend.duplicates import service as duplicates
from backend.duplicates.texts import Candidate, Compared, Signature
from backend.identity import service as identity
from backend.search import service as search
from worker.app import app
from worker.nearness import Shingles, shingles_of, signature_of, similarity
from worker.runtime import Runtime

log = structlog.get_logger(__name__)

_AT_ONCE = 10
"""Texts in one transaction: whoever writes one of them again meanwhile waits for its end."""
_SECONDS = 20
"""Less than until the next run."""


@app.task(name="duplicates.compare", time_limit=600)
def compare() -> None:
    """Compare the texts that are due, of all organisations, for some seconds."""
    runtime = Runtime.current()
    until = time.monotonic() + _SECONDS

    async def run() -> None:
        async with runtime.database.transaction() as session:
            org_ids = await identity.organisation_ids(session)
        # No organisation waits for ever behind one that has much to do.
        for org_id in random.sample(org_ids, len(org_ids)):
            compared = 0
            while (some := await compare_some(runtime.database, org_id)) is not None:
                compared += some
                if time.monotonic() > until:
                    break
            if compared:
                log.info("texts_compared", org_id=org_id, count=compared)

    runtime.run(run())


async def compare_some(database: Database, org_id: int) -> int | None:
    """Compare some texts of an organisation; None where nothing is due."""
    async with database.transaction(Tenant(org_id)) as session:
        due = await duplicates.take_due(session, org_id=org_id, limit=_AT_ONCE)
        if due is None:
            return None
        for one in due:
            await _compare_one(session, org_id, one)
        return len(due)


async def _compare_one(session: AsyncSession, org_id: int, of: Compared) -> None:
    texts = await search.texts(session, [of.version_id])
    shingles = await asyncio.to_thread(shingles_of, texts.get(of.version_id, ""))
    signature = await asyncio.to_thread(signature_of, shingles)
    if signature is None:
        await duplicates.forget(session, of)
        return
    candidates = await duplicates.candidates(session, of, signature)
    similarities = await _similarities(session, signature, shingles, candidates)
    await duplicates.record(session, of, signature, similarities, org_id=org_id)


async def _similarities(
    session: AsyncSession, signature: Signature, shingles: Shingles, others: Sequence[Candidate]
) -> dict[int, float]:
    """Return how similar the texts of other documents are to one; the same shingles are not read again."""
    found = {one.document_id: 1.0 for one in others if one.digest == signature.digest}
    for one in others:
        if one.document_id not in found:
            texts = await search.texts(session, [one.version_id])
            theirs = await asyncio.to_thread(shingles_of, texts.get(one.version_id, ""))
            found[one.document_id] = similarity(shingles, theirs)
    return found
