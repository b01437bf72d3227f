"""What a collection would do, without doing it."""

from dataclasses import dataclass, field
from datetime import timedelta

from backend.collection import queries
from backend.collection.service.orphans import list_orphans
from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database, Tenant

PAGE = 1_000
"""Rows that one statement looks at."""


@dataclass(slots=True)
class Total:
    """A number of blobs and the bytes they take in the store."""

    blobs: int = 0
    stored_size: int = 0

    def add(self, stored_size: int) -> None:
        """Count one more."""
        self.blobs += 1
        self.stored_size += stored_size

    def take(self, stored_size: int) -> None:
        """Count one less."""
        self.blobs -= 1
        self.stored_size -= stored_size


@dataclass(slots=True)
class Survey:
    """What a collection that begins now would find in an organisation."""

    collectable: Total = field(default_factory=Total)
    """It would free these."""
    waiting: Total = field(default_factory=Total)
    """Nothing refers to these; their grace is not over."""
    orphans: Total = field(default_factory=Total)
    """It would adopt these, which are counted above as well."""


async def survey(database: Database, content: Content, org_id: int, *, grace: timedelta) -> Survey:
    """Return what a collection would do in an organisation, were no pin live."""
    result = Survey()
    before = now() - grace
    after: bytes | None = b""
    while after is not None:
        async with database.transaction(Tenant(org_id)) as session:
            found, after = await queries.unreferenced_page(session, after, limit=PAGE)
        for blob in found:
            if not blob.referenced:
                due = not grace or (blob.marked_at is not None and blob.marked_at < before)
                (result.collectable if due else result.waiting).add(blob.stored_size)
    async for _, batch in list_orphans(database, content, org_id):
        for _, stored_size in batch:
            result.orphans.add(stored_size)
            (result.waiting if grace else result.collectable).add(stored_size)
    return result
