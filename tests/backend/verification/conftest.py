"""One organisation's part of the store, to be checked and tampered with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.core.outbox import OutboxEvent
from backend.core.settings import Settings
from backend.documents.models import Blob
from backend.identity.models import store_namespace
from backend.verification import service as verification
from backend.verification.models import CheckMode, Fault, StoreCheck, StoreFault, Trigger
from backend.verification.service import Finding, Pace, Sample, Scope
from storage import BlobStore
from tests.support.api import Api

FULL = Scope(CheckMode.FULL)
QUICK = Scope(CheckMode.QUICK)


@dataclass
class Tampering:
    """The blobs of one organisation, and checks of them alone."""

    database: Database
    content: Content
    settings: Settings
    api: Api

    @property
    def namespace(self) -> str:
        return store_namespace(self.api.org_id)

    def path(self, digest: str) -> Path:
        return self.settings.store_dir / self.namespace / digest[:2] / digest[2:4] / digest

    def flip(self, digest: str, offset: int) -> None:
        """Change one byte of a stored blob."""
        path = self.path(digest)
        path.chmod(0o600)
        data = bytearray(path.read_bytes())
        data[offset] ^= 1
        path.write_bytes(data)

    def put(self, content: bytes, namespace: str | None = None) -> str:
        """Store content the database is not told of."""
        with self.content.store.writer(namespace or self.namespace) as writer:
            writer.write(content)
            return writer.finish().publish().digest.hex()

    async def rows(self, count: int, *, size: int = 50) -> list[str]:
        """Store blobs that have a row and no version."""
        digests = [self.put(f"{number}".encode().ljust(size, b".")) for number in range(count)]
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            for digest in digests:
                stat = self.content.store.stat(self.namespace, bytes.fromhex(digest))
                session.add(
                    Blob(
                        org_id=self.api.org_id,
                        digest=stat.digest,
                        size=stat.size,
                        stored_size=stat.stored_size,
                    )
                )
        return digests

    async def begin(self, scope: Scope = FULL) -> StoreCheck:
        """Begin a check that starts with this organisation: the others' faults are not ours."""
        async with self.database.transaction() as session:
            check = await verification.begin(session, trigger=Trigger.COMMAND, scope=scope)
            check.cursor_org_id, check.cursor_digest = self.api.org_id, b""
            await session.flush()
            return check

    async def work(
        self, check: StoreCheck, pace: Pace | None = None, source: BlobStore | None = None
    ) -> tuple[bool, list[Finding]]:
        """Work on a check as it is now; return whether it ended, and what was found."""
        async with self.database.transaction() as session:
            check = await verification.get(session, check.id)
        found: list[Finding] = []
        finished = await verification.run_check(
            self.database,
            self.content,
            check,
            pace=pace or Pace(),
            report=found.append,
            source=source,
        )
        return finished, [one for one in found if one.org_id == self.api.org_id]

    async def check(
        self, scope: Scope = FULL, *, source: BlobStore | None = None
    ) -> dict[str, Finding]:
        """Check everything; return the findings by digest."""
        finished, found = await self.work(await self.begin(scope), source=source)
        assert finished
        return {one.digest.hex(): one for one in found}

    async def faults(self, *, resolved: bool = False) -> dict[str, Fault]:
        """Return what is on record, by digest."""
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            rows = await session.scalars(
                select(StoreFault).where(
                    StoreFault.resolved_at.is_not(None)
                    if resolved
                    else StoreFault.resolved_at.is_(None)
                )
            )
            return {row.digest.hex(): row.fault for row in rows}

    async def events(self) -> list[dict[str, Any]]:
        async with self.database.transaction() as session:
            statement = select(OutboxEvent.data).where(
                OutboxEvent.org_id == self.api.org_id,
                OutboxEvent.name == verification.FAULTS_CHANGED,
            )
            return list(await session.scalars(statement.order_by(OutboxEvent.id)))


def sampled(mode: CheckMode, ppm: int, seed: int) -> Scope:
    return Scope(mode, Sample(ppm, seed))


@pytest.fixture
def tampering(app: FastAPI, database: Database, settings: Settings, admin: Api) -> Tampering:
    return Tampering(database, app.state.content, settings, admin)
