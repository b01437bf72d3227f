"""A worker looks at ways in: one at a time, and only at those that are due."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from backend import relay
from backend.core.db import Database
from backend.core.settings import Settings
from backend.intake import service as intake
from backend.intake.service import looking
from backend.launch.services import FEWEST_FAST_TASKS
from tests.support.api import Api
from tests.worker.test_indexing import SharedRuntime
from worker.app import app as celery
from worker.tasks.intake import look


async def test_workers_that_are_called_at_once_file_everything_once(
    app: FastAPI,
    admin: Api,
    database: Database,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "intake_dirs", str(tmp_path))
    monkeypatch.setattr(looking, "MOST_LOOKS", 1_000)  # those of other tests count
    cabinet = await admin.folder("Incoming")
    source = await admin.post(
        "/intake/sources",
        json={
            "name": "Scanner",
            "folder_id": cabinet,
            "acts_as": admin.user_id,
            "settings": {"kind": "folder", "directory": str(tmp_path), "stable_seconds": 0},
        },
    )
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text(f"number {number}")
    runtime = SharedRuntime(settings, database, app)
    await asyncio.gather(*(look(runtime, admin.org_id, source.json()["id"]) for _ in range(3)))
    found = (await admin.get(f"/intake/sources/{source.json()['id']}")).json()
    assert (found["filed"], found["state"]) == (5, "working")
    listed = (await admin.get(f"/folders/{cabinet}/children")).json()["documents"]
    assert len(listed) == 5


def test_what_the_relay_starts_and_the_schedule_calls_is_there() -> None:
    celery.loader.import_default_modules()
    started = {task.name for tasks in relay.TASKS.values() for task in tasks}
    called = {entry["task"] for entry in celery.conf.beat_schedule.values()}
    assert {intake.RUN_WANTED, intake.TEXT_READ} <= set(relay.TASKS)
    assert started | called <= set(celery.tasks)


def test_looks_leave_a_fast_task_free() -> None:
    assert looking.MOST_LOOKS < FEWEST_FAST_TASKS
