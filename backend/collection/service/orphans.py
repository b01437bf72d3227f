"""Orphans: blobs in the store that have no row. They are adopted, which is to say given one, marked."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice

import structlog

from backend.collection import queries
from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.identity.models import store_namespace
from storage import BlobNotFoundError, BlobStore, StoreError

log = structlog.get_logger(__name__)

_BATCH = 1_000
_FEW = 100
_BELIEVABLE_SHARE = 0.1
_MOST_HELD = 100_000

Orphan = tuple[bytes, int]
"""Digest and stored bytes."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """How many orphans were given rows, and how many were left alone as too many to be believed."""

    adopted: int = 0
    strange: int = 0


async def list_orphans(
    database: Database, content: Content, org_id: int
) -> AsyncIterator[tuple[int, list[Orphan]]]:
    """Go through the store's blobs of an organisation in batches; yield how many a batch has, and its orphans.

    What is being uploaded may be among them: its row is there, and not committed.
    """
    entries = content.store.entries(store_namespace(org_id))
    while batch := await content.run(_next, entries):
        async with database.transaction(Tenant(org_id)) as session:
            unknown = await queries.unknown_digests(session, [digest for digest, _ in batch])
        yield len(batch), [entry for entry in batch if entry[0] in unknown]


async def adopt_orphans(
    database: Database, content: Content, org_id: int, *, believe: bool
) -> Adoption:
    """Adopt what the store has and the database does not know.

    A few orphans are uploads that were broken off. Where they are more than a tenth of the store, the database is
    probably not the one that belongs to it, or was restored from an earlier day: then they are left alone, unless
    `believe` is set, and nothing is lost until somebody has looked.
    """
    if believe:
        adopted = 0
        async for _, batch in list_orphans(database, content, org_id):
            adopted += await adopt(database, content, org_id, batch)
        return Adoption(adopted)
    stored, held = 0, []
    async for size, batch in list_orphans(database, content, org_id):
        stored += size
        held += batch
        if len(held) > _MOST_HELD:
            break
    if len(held) > max(_FEW, stored * _BELIEVABLE_SHARE):
        log.error("too_many_orphans", org_id=org_id, orphans=len(held), stored=stored)
        return Adoption(strange=len(held))
    adopted = 0
    for start in range(0, len(held), _BATCH):
        adopted += await adopt(database, content, org_id, held[start : start + _BATCH])
    return Adoption(adopted)


async def adopt(database: Database, content: Content, org_id: int, orphans: list[Orphan]) -> int:
    """Give rows to orphans, marked; return how many needed one."""
    found = await content.run(_with_sizes, content.store, store_namespace(org_id), orphans)
    if not found:
        return 0
    async with database.transaction(Tenant(org_id)) as session:
        return await queries.adopt(session, org_id, found)


def _next(entries: Iterator[Orphan]) -> list[Orphan]:
    return list(islice(entries, _BATCH))


def _with_sizes(
    store: BlobStore, namespace: str, orphans: list[Orphan]
) -> list[tuple[bytes, int, int]]:
    """Return (digest, content bytes, stored bytes) of those that still are there.

    What does not open is listed with the bytes it takes: it, too, must not lie there for ever.
    """
    found = []
    for digest, stored_size in orphans:
        try:
            size = store.stat(namespace, digest).size
        except BlobNotFoundError:
            continue
        except StoreError:
            size = stored_size
        found.append((digest, size, stored_size))
    return found
