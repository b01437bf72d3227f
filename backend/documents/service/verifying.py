"""Comparing the database with the store, and every blob with its digest. Changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.documents import queries
from backend.identity.models import store_namespace
from storage import BlobNotFoundError, StoreError

_BATCH = 1_000


class Fault(StrEnum):
    """What can be wrong with a blob."""

    MISSING = "missing"
    """The database refers to it and the store does not have it: content is lost."""
    DAMAGED = "damaged"
    """It does not read back as what was written: content is lost."""
    SIZE = "size"
    """Its size is not what the database says."""
    ORPHAN = "orphan"
    """The store has it and no version refers to it: harmless, space to be collected."""

    @property
    def is_loss(self) -> bool:
        """Whether acknowledged content cannot be read."""
        return self is not Fault.ORPHAN


@dataclass(frozen=True, slots=True)
class Finding:
    """One blob, and what is wrong with it; `fault` is None where nothing is."""

    org_id: int
    digest: bytes
    fault: Fault | None
    detail: str = ""
    documents: tuple[int, ...] = ()
    """Documents whose versions have this content."""


async def verify_organisation(
    database: Database, content: Content, org_id: int
) -> AsyncIterator[Finding]:
    """Yield a finding for every blob that the database or the store knows of.

    May run beside uploads: a blob that is on disk and not yet in the database is looked up once more at the end.
    """
    namespace = store_namespace(org_id)
    known: set[bytes] = set()
    after = 0
    while True:
        async with database.transaction(Tenant(org_id)) as session:
            blobs = await queries.blobs_after(session, after, limit=_BATCH)
        for blob in blobs:
            known.add(blob.digest)
            yield await _verify(database, content, org_id, namespace, blob.digest, blob.size)
        if len(blobs) < _BATCH:
            break
        after = blobs[-1].id
    stored = await content.run(lambda: list(content.store.digests(namespace)))
    unknown = [digest for digest in stored if digest not in known]
    async with database.transaction(Tenant(org_id)) as session:
        recorded = await queries.recorded_digests(session, unknown)
    for digest in unknown:
        if digest not in recorded:
            yield Finding(org_id, digest, Fault.ORPHAN, "no version refers to it")


async def _verify(
    database: Database, content: Content, org_id: int, namespace: str, digest: bytes, size: int
) -> Finding:
    try:
        stat = await content.run(content.store.verify, namespace, digest)
    except BlobNotFoundError:
        fault, detail = Fault.MISSING, "the store does not have it"
    except StoreError as error:
        fault, detail = Fault.DAMAGED, str(error)
    else:
        if stat.size == size:
            return Finding(org_id, digest, None)
        fault, detail = Fault.SIZE, f"the store has {stat.size} bytes, the database says {size}"
    async with database.transaction(Tenant(org_id)) as session:
        affected = await queries.documents_with_blob(session, digest)
    return Finding(org_id, digest, fault, detail, tuple(affected))
