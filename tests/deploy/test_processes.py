"""The other processes of compose, by their own command lines: workers, scheduler, checks, the entrypoint."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.core.queues import Queue
from tests.deploy.conftest import Production
from tests.support.api import Api
from tests.support.deployment import ROOT, command, service
from tests.support.programs import running, wait_until

ENTRYPOINT = ROOT / "deploy" / "entrypoint"
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"


def check(production: Production, name: str) -> int:
    """Run a service's health check as Docker does, and return its exit status."""
    words = [str(word) for word in service(name)["healthcheck"]["test"][1:]]
    port = str(production.backends[0].port)
    changed = {
        "dms-entrypoint": str(ENTRYPOINT),
        "/usr/local/lib/dms/healthcheck.py": str(HEALTHCHECK),
        "http://127.0.0.1:8000/healthz": f"http://127.0.0.1:{port}/healthz",
    }
    here = [changed.get(word, word) for word in words]
    assert str(HEALTHCHECK) in here
    environment = production.environment(name)
    return subprocess.run(here, env=environment, check=False, capture_output=True).returncode


async def found(api: Api, word: str) -> None:
    """Wait until a search finds something."""
    async with asyncio.timeout(60):
        while True:
            answer = await api.get("/search", params={"q": word})
            if answer.json()["items"]:
                return
            await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("queue", list(Queue))
async def test_a_worker_takes_tasks_and_says_that_it_lives(
    production: Production, librarian: Api, cabinet: int, queue: Queue
) -> None:
    name = f"worker-{queue}"
    word = os.urandom(6).hex()
    with running(command(name), environment=production.environment(name)) as worker:
        await asyncio.to_thread(worker.wait_for, "ready.", seconds=120)
        assert await asyncio.to_thread(check, production, name) == 0
        if queue is Queue.FAST:
            await librarian.document(cabinet, "note.txt", f"The word is {word}.".encode())
            await found(librarian, word)
    assert await asyncio.to_thread(check, production, name) == 1


def test_a_backend_says_that_it_lives(production: Production) -> None:
    assert check(production, "backend") == 0


def test_the_scheduler_starts(production: Production, tmp_path: Path) -> None:
    schedule = tmp_path / "schedule"
    words = command("scheduler", {"/var/lib/dms-scheduler/schedule": str(schedule)})
    with running(words, environment=production.environment("scheduler")) as scheduler:
        wait_until(
            lambda: list(tmp_path.glob("schedule*")),
            explain=lambda: scheduler.output,
            give_up=lambda: scheduler.process.poll() is not None,
        )


def test_migrate_and_init_may_run_again(production: Production) -> None:
    for once in ("migrate", "init"):
        completed = subprocess.run(
            command(once),
            env=production.environment(once),
            check=True,
            capture_output=True,
            cwd="/",
        )
        assert b"created the administrator" not in completed.stdout


async def test_a_person_runs_a_command_in_a_container(
    production: Production, librarian: Api, cabinet: int
) -> None:
    """`docker compose exec backend dms-entrypoint dms fsck`, as docs/admin says it."""
    await librarian.document(cabinet, "checked.txt", os.urandom(1_000))
    environment = production.environment("backend")
    completed = await asyncio.to_thread(enter, "dms", "fsck", **environment)
    assert completed.returncode == 0, completed.stderr
    assert "all whole" in completed.stdout


def test_the_roles_have_no_more_rights_than_they_need(production: Production) -> None:
    rights = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    query = f"SELECT rolname, {rights} FROM pg_roles WHERE rolname LIKE 'dms%' ORDER BY 1"  # noqa: S608
    assert production.cluster.query(query).split() == ["dms_app|f", "dms_owner|f"]
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert production.cluster.query(owners, "dms").split() == ["dms_owner"]
    extensions = "SELECT extname FROM pg_extension ORDER BY 1"
    assert production.cluster.query(extensions, "dms").split() == [
        *("btree_gin", "citext", "ltree", "pg_trgm", "plpgsql", "unaccent")
    ]


def enter(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ENTRYPOINT, *words], env=environment, check=False, capture_output=True, text=True
    )


def test_the_entrypoint_takes_settings_out_of_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("redis://:p%40ss'word\"$(id)@redis/0\n")
    show = "import os; print(os.environ['DMS_REDIS_URL'], 'DMS_REDIS_URL_FILE' in os.environ)"
    shown = enter(sys.executable, "-c", show, DMS_REDIS_URL_FILE=str(secret), PATH=os.defpath)
    assert shown.stdout == "redis://:p%40ss'word\"$(id)@redis/0 False\n"


def test_the_entrypoint_does_not_choose_between_two(tmp_path: Path) -> None:
    given = {"DMS_REDIS_URL": "redis://here/0", "DMS_REDIS_URL_FILE": str(tmp_path)}
    refused = enter("true", PATH=os.defpath, **given)
    assert refused.returncode == 64
    assert "DMS_REDIS_URL_FILE" in refused.stderr


def test_the_entrypoint_stops_at_a_missing_file(tmp_path: Path) -> None:
    stopped = enter("echo", "ran", PATH=os.defpath, DMS_REDIS_URL_FILE=str(tmp_path / "none"))
    assert stopped.returncode != 0
    assert stopped.stdout == ""
