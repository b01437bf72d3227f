"""A trail of an organisation of its own, and the owner of the database, who may do everything to it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from backend.audit import service as audit
from backend.audit.service import Deed, Verified
from backend.audit.statements import Signed, Signer
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.launch.postgres import EmbeddedPostgres, Role


@pytest.fixture(scope="session")
async def owner(settings: Settings, postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """The database as the owner of its tables sees it."""
    opened = Database.connect(
        settings.model_copy(update={"database_url": postgres.url(Role.OWNER)})
    )
    yield opened
    await opened.close()


@dataclass(frozen=True)
class Trail:
    """What is done to one organisation's trail."""

    database: Database
    owner: Database
    signer: Signer
    org_id: int

    async def record(self, *deeds: Deed, actor_id: int | None = 1) -> None:
        async with self.database.transaction(Tenant(self.org_id)) as session:
            await audit.record(session, deeds, org_id=self.org_id, actor_id=actor_id)

    async def seal(self) -> None:
        while await audit.seal(self.database):
            pass

    async def fill(self, count: int, *, at_once: int = 10) -> None:
        """Record and seal events, some in a transaction."""
        for first in range(0, count, at_once):
            await self.record(
                *(
                    Deed("test.done", f"test:{number}", {"number": number, "text": 'a "b" ü\n'})
                    for number in range(first, min(first + at_once, count))
                )
            )
        await self.seal()

    async def checkpoint(self) -> Signed:
        async with self.database.transaction(Tenant(self.org_id)) as session:
            signed = await audit.make_checkpoint(session, self.signer, org_id=self.org_id)
        assert signed is not None
        return signed

    async def verify(self, *exported: Signed) -> Verified:
        return await audit.verify(
            self.database, self.org_id, public_key=self.signer.public_key, exported=exported
        )

    async def tamper(self, statement: str, **values: Any) -> None:
        """Do as the owner of the database does who wants to hide something."""
        async with self.owner.transaction() as session:
            await session.execute(text(statement), {"org": self.org_id, **values})

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.owner.transaction() as session:
            return list(await session.execute(text(statement), {"org": self.org_id, **values}))

    async def event_id(self, seq: int) -> int:
        [(found,)] = await self.rows(
            "SELECT event_id FROM audit_seals WHERE org_id = :org AND seq = :seq", seq=seq
        )
        return int(found)


@pytest.fixture
def trail(database: Database, owner: Database, signer: Signer, organisation: int) -> Trail:
    return Trail(database, owner, signer, organisation)
