"""The migrations build what the models describe, and take it down again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.launch.postgres import EmbeddedPostgres, Role, embedded_postgres

ROOT = Path(__file__).parents[2]
# What is in the schema beyond the extensions' own: tables, functions, text search configurations and dictionaries.
LEFT = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v')
UNION ALL SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = 'public'::regnamespace
UNION ALL SELECT dictname FROM pg_ts_dict AS d WHERE dictnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = d.oid AND deptype = 'e')
UNION ALL SELECT proname FROM pg_proc AS p WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
"""

Alembic = Callable[..., str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of its own: others must not see the tables go."""
    with embedded_postgres(tmp_path, durable=False) as server:
        yield server


@pytest.fixture
def alembic(server: EmbeddedPostgres) -> Alembic:
    environment = {
        **os.environ,
        "DMS_DATABASE_URL": server.url(),
        "DMS_DATABASE_OWNER_URL": server.url(Role.OWNER),
    }

    def run(*arguments: str) -> str:
        completed = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout

    return run


def test_the_schema_is_what_the_models_describe(alembic: Alembic) -> None:
    alembic("upgrade", "head")
    assert "No new upgrade operations detected" in alembic("check")
    assert alembic("heads").count("(head)") == 1


def test_every_step_can_be_taken_back(server: EmbeddedPostgres, alembic: Alembic) -> None:
    alembic("upgrade", "head")
    revisions = [line.split()[0] for line in alembic("history").splitlines()]
    for _ in revisions:
        alembic("downgrade", "-1")
    assert _left(server) == {"alembic_version"}
    alembic("upgrade", "head")


def _left(server: EmbeddedPostgres) -> set[str]:
    return set(server.query(LEFT, database="dms").split())
