"""Content that is stored, and signatures that the scanner learns after it."""

import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.core.outbox import OutboxEvent
from backend.core.pace import Pace
from backend.documents.service import Scope
from backend.scanning import service as scanning
from backend.scanning.models import ScanRun
from backend.scanning.service import Found, Wanted
from backend.scanning.service.running import scan_scope
from tests.support.api import Api
from tests.support.clamd import Clamd


@dataclass
class Scanning:
    """What is stored of one organisation, given to the scanner again."""

    database: Database
    content: Content
    api: Api
    clamd: Clamd

    def malware(self) -> tuple[str, bytes]:
        """Return a signature that is reported once it is learned, and content that nobody knows yet."""
        unique = secrets.token_hex(8)
        return f"Test.Late-{unique}", f"{unique} quokkaworm payload {unique}".encode()

    def learn(self, signature: str, content: bytes) -> str:
        """Let the scanner know a signature; return it as it is reported."""
        self.clamd.learn(signature, content)
        return f"{signature}.UNOFFICIAL"

    async def begin(self, wanted: Wanted | None = None) -> ScanRun:
        async with self.database.transaction() as session:
            return await scanning.begin(session, wanted or Wanted())

    async def scan(self, run: ScanRun | None = None, pace: Pace | None = None) -> list[Found]:
        """Do this organisation's part of a run."""
        run = run or await self.begin()
        found: list[Found] = []
        await scan_scope(
            self.database,
            self.content,
            self.api.org_id,
            Scope(run.started_at, run.stored_since, run.unscanned_only),
            run_id=run.id,
            pace=pace or Pace(),
            report=found.append,
        )
        return found

    async def held(self, state: str = "held") -> list[dict[str, Any]]:
        answer = await self.api.get("/quarantine", params={"state": state})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def events(self, name: str) -> list[dict[str, Any]]:
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            statement = select(OutboxEvent.data).where(
                OutboxEvent.org_id == self.api.org_id, OutboxEvent.name == name
            )
            return list(await session.scalars(statement.order_by(OutboxEvent.id)))

    async def trail(self, action: str) -> list[tuple[str, dict[str, Any]]]:
        """Return object and facts of what was recorded, oldest first."""
        answer = await self.api.get("/audit/events", params={"action": action})
        return [(one["object"], one["data"]) for one in reversed(answer.json()["items"])]


@pytest.fixture
def scanned(app: FastAPI, database: Database, admin: Api, scanner: Clamd) -> Scanning:
    return Scanning(database, app.state.content, admin, scanner)
