"""Ways in, set up by an administrator, and looked at as a worker does."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from backend.content.service import Content
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.identity.sealing import Sealer
from backend.intake import service as intake
from backend.intake.models import Item, Source
from backend.intake.service import Desk, looking
from tests.support.api import Api


@dataclass
class Ways:
    """The ways in of an organisation."""

    database: Database
    content: Content
    settings: Settings
    sealer: Sealer
    api: Api
    directory: Path

    @property
    def desk(self) -> Desk:
        return Desk(self.database, self.content)

    async def cabinet(self) -> int:
        return await self.api.folder(f"Incoming {secrets.token_hex(4)}")

    async def folder_source(self, **values: Any) -> dict[str, Any]:
        """Create a source that watches the directory."""
        given = {"kind": "folder", "directory": str(self.directory), "stable_seconds": 0}
        named = {
            key: values.pop(key)
            for key in ("after", "keeps_tree", "stable_seconds")
            if key in values
        }
        return await self.source({**given, **named}, **values)

    async def source(self, settings: dict[str, Any], **values: Any) -> dict[str, Any]:
        body = {"name": "Scanner", "acts_as": self.api.user_id, "settings": settings, **values}
        if "folder_id" not in body:
            body["folder_id"] = await self.cabinet()
        answer = await self.api.post("/intake/sources", json=body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def look(self, source: dict[str, Any]) -> dict[str, Any]:
        """Look at a source, as a worker does; return how it fares then."""
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            begun = await intake.begin(session, source["id"])
        assert begun is not None
        await intake.run(self.desk, begun, settings=self.settings, sealer=self.sealer)
        return await self.fetched(source)

    async def fetched(self, source: dict[str, Any]) -> dict[str, Any]:
        answer = await self.api.get(f"/intake/sources/{source['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def items(self, **params: Any) -> list[dict[str, Any]]:
        """The journal, oldest first."""
        answer = await self.api.get("/intake/items", params=params)
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["items"]))

    async def documents(self, folder_id: int) -> dict[str, dict[str, Any]]:
        """The documents of a folder by their names."""
        answer = await self.api.get(f"/folders/{folder_id}/children")
        assert answer.status_code == 200, answer.text
        return {one["name"]: one for one in answer.json()["documents"]}

    async def rules(self, *rules: dict[str, Any]) -> None:
        etag = (await self.api.get("/intake/rules")).headers["etag"]
        answer = await self.api.put(
            "/intake/rules", {"items": list(rules)}, headers={"If-Match": etag}
        )
        assert answer.status_code == 200, answer.text

    async def send_nowhere(self) -> None:
        """Have rules send everything to a folder that is gone: it fails, and may be filed another day."""
        target = await self.api.folder(f"Gone {secrets.token_hex(4)}")
        await self.rules({"name": "All", "when": {"name": "*"}, "then": {"folder_id": target}})
        answer = await self.api.delete(f"/folders/{target}")
        assert answer.status_code < 300, answer.text

    async def trail(self, action: str) -> list[dict[str, Any]]:
        """What was recorded, oldest first."""
        answer = await self.api.get("/audit/events", params={"action": action})
        return list(reversed(answer.json()["items"]))

    async def retry_now(self) -> None:
        """Let the time pass until what failed is tried again."""
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            await session.execute(
                update(Item).where(Item.retry_at.is_not(None)).values(retry_at=now())
            )

    async def forget_lease(self, source: dict[str, Any]) -> None:
        """Let the time pass until the lease of whoever was killed has run out."""
        async with self.database.transaction(Tenant(self.api.org_id)) as session:
            await session.execute(
                update(Source).where(Source.id == source["id"]).values(lease_until=None)
            )


@pytest.fixture
def ways(
    app: FastAPI,
    settings: Settings,
    admin: Api,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Ways:
    directory = tmp_path / "incoming"
    directory.mkdir()
    monkeypatch.setattr(settings, "intake_dirs", str(tmp_path))
    monkeypatch.setattr(settings, "intake_smtp_domain", "in.example.org")
    monkeypatch.setattr(looking, "MOST_LOOKS", 1_000)  # those of other tests count
    state = app.state
    return Ways(state.database, state.content, settings, state.sealer, admin, directory)
