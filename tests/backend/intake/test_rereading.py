"""The second pass: rules on the text of what came in, once that was read."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from backend.core.db import Database, Tenant
from backend.core.outbox import OutboxEvent
from backend.core.settings import Settings
from backend.intake import service as intake
from tests.backend.intake.conftest import Ways
from tests.backend.intake.test_watching import write
from tests.support.api import Api
from tests.worker.test_indexing import SharedRuntime
from worker.extraction import shut_down
from worker.runtime import Runtime
from worker.tasks import indexing

REMINDERS = {
    "name": "Reminders",
    "when": {"text": "second REMINDER"},
    "then": {"subfolder": "Reminders", "name": "Reminder", "type": "reminder", "tags": ["late"]},
}


@pytest.fixture
def runtime(settings: Settings, database: Database, app: FastAPI) -> Iterator[Runtime]:
    yield SharedRuntime(settings, database, app)
    shut_down()


async def arrive(ways: Ways, source: dict[str, Any], name: str, text: str) -> dict[str, Any]:
    """Have a file filed; return its document."""
    write(ways.directory, name, text.encode())
    await ways.look(source)
    [item] = [one for one in await ways.items() if one["name"] == name]
    found: dict[str, Any] = (await ways.api.get(f"/documents/{item['document']['id']}")).json()
    return found


async def read(ways: Ways, runtime: Runtime, document: dict[str, Any]) -> int:
    """Have its text read, and what that starts done; return how many items waited for it."""
    await indexing._index(runtime, ways.api.org_id, document["current_version"]["id"], ocr=False)
    async with ways.database.transaction() as session:
        told = await session.scalars(
            select(OutboxEvent.data).where(
                OutboxEvent.org_id == ways.api.org_id, OutboxEvent.name == intake.TEXT_READ
            )
        )
        waited = [one["item_id"] for one in told]
    for item_id in waited:
        async with ways.database.transaction(Tenant(ways.api.org_id)) as session:
            await intake.apply_text_rules(session, item_id)
    return len(waited)


async def test_what_is_read_files_names_types_and_tags(ways: Ways, runtime: Runtime) -> None:
    source = await ways.folder_source()
    await ways.rules({"name": "All", "then": {"tags": ["in"], "properties": {"a": 1}}}, REMINDERS)
    for number, name in enumerate(("one.txt", "two.txt")):
        document = await arrive(ways, source, name, f"This is our second\nreminder {number}.")
        assert document["tags"] == ["in"]
        assert await read(ways, runtime, document) == number + 1
        changed = (await ways.api.get(f"/documents/{document['id']}")).json()
        assert changed["tags"] == ["in", "late"]
        assert changed["properties"] == {"a": 1, "type": "reminder"}
        assert changed["name"] == ("Reminder.txt" if number == 0 else "Reminder (1).txt")
        assert changed["ancestors"][-1]["name"] == "Reminders"
    assert {tuple(one["rules"]) for one in await ways.items()} == {("All", "Reminders")}
    moved = await ways.trail("document.moved")
    assert {one["session_id"] for one in moved} == {f"source:{source['id']}"}


async def test_what_somebody_has_touched_since_stays_as_it_is(ways: Ways, runtime: Runtime) -> None:
    source = await ways.folder_source()
    await ways.rules(REMINDERS)
    document = await arrive(ways, source, "one.txt", "second reminder")
    await ways.api.patch(f"/documents/{document['id']}", {"tags": ["mine"]})
    await read(ways, runtime, document)
    changed = (await ways.api.get(f"/documents/{document['id']}")).json()
    assert (changed["name"], changed["tags"]) == ("one.txt", ["mine"])


async def test_without_rules_on_text_nothing_waits(ways: Ways, runtime: Runtime) -> None:
    source = await ways.folder_source()
    document = await arrive(ways, source, "one.txt", "second reminder")
    assert await read(ways, runtime, document) == 0
    other = await ways.api.document(source["folder"]["id"], "uploaded.txt", b"second reminder")
    assert await read(ways, runtime, other) == 0


async def test_where_the_right_is_lacking_the_journal_says_so(
    ways: Ways, member: Api, runtime: Runtime
) -> None:
    source = await ways.folder_source(acts_as=member.user_id)
    await ways.api.share(source["folder"]["id"], member, "contributor")
    await ways.rules(REMINDERS)
    document = await arrive(ways, source, "one.txt", "second reminder")
    await read(ways, runtime, document)
    [item] = await ways.items()
    assert (item["state"], item["rules"]) == ("filed", [])
    assert "could not be applied" in item["reason"]
    unchanged = (await ways.api.get(f"/documents/{document['id']}")).json()
    assert (unchanged["name"], unchanged["tags"]) == ("one.txt", [])
    folders = (await ways.api.get(f"/folders/{source['folder']['id']}/children")).json()
    assert folders["folders"] == []
