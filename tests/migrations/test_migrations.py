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

# An administrator, two members, a cabinet each for them.
MEMBERS = """
INSERT INTO organisations (name) VALUES ('Example');
INSERT INTO users (email, name, password_hash)
SELECT n || '@example.org', n, '-' FROM generate_series(1, 3) AS n;
INSERT INTO memberships (org_id, user_id, role)
SELECT 1, n, CASE n WHEN 1 THEN 'administrator' ELSE 'member' END FROM generate_series(1, 3) AS n;
INSERT INTO folders (org_id, kind, name, path, created_by)
SELECT 1, 'cabinet', n, n::text::ltree, 1 FROM generate_series(1, 2) AS n;
INSERT INTO folders (org_id, parent_id, kind, name, path, created_by) VALUES (1, 1, 'folder', 'Below', '1.3', 1);
INSERT INTO cabinet_members (folder_id, user_id, org_id, role)
VALUES (1, 2, 1, 'reader'), (2, 3, 1, 'editor'), (1, 1, 1, 'reader')
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
    alembic("downgrade", "base")
    assert _left(server) == {"alembic_version"}
    alembic("upgrade", "head")


def _left(server: EmbeddedPostgres) -> set[str]:
    return set(server.query(LEFT, database="dms").split())


def test_members_of_cabinets_become_grants_and_come_back(
    server: EmbeddedPostgres, alembic: Alembic
) -> None:
    alembic("upgrade", "0007")
    server.query(MEMBERS, database="dms")
    alembic("upgrade", "0011")
    granted = "SELECT user_id, folder_id, role FROM grants ORDER BY user_id, folder_id"
    expected = {"1|1|manager", "1|2|manager", "2|1|reader", "3|2|editor"}
    assert set(server.query(granted, database="dms").split()) == expected
    rules = (
        "SELECT user_id, folder_id, scope, 'dms:document:Read' = ANY (actions), "
        "'dms:document:Update' = ANY (actions), 'dms:access:Manage' = ANY (actions) FROM access_rules"
    )
    assert set(server.query(rules, database="dms").split()) == {
        "1|1|tree|t|t|t",
        "1|2|tree|t|t|t",
        "2|1|tree|t|f|f",
        "3|2|tree|t|t|f",
    }
    alembic("downgrade", "0007")
    members = "SELECT user_id, folder_id, role FROM cabinet_members"
    kept = set(server.query(members, database="dms").split())
    assert kept == {"2|1|reader", "3|2|editor"}


# Two documents that were read and drawn; the content of the first is in quarantine.
READ_AND_DRAWN = """
INSERT INTO organisations (name) VALUES ('Example');
INSERT INTO users (email, name, password_hash) VALUES ('a@example.org', 'A', '-');
INSERT INTO folders (org_id, kind, name, path, created_by) VALUES (1, 'cabinet', 'C', '1', 1);
INSERT INTO blobs (org_id, digest, size, stored_size)
SELECT 1, decode(repeat('0' || n, 32), 'hex'), 1, 1 FROM generate_series(1, 2) AS n;
INSERT INTO documents (org_id, folder_id, name, owner_id) SELECT 1, 1, n, 1 FROM generate_series(1, 2) AS n;
INSERT INTO versions (org_id, document_id, number, blob_id, media_type, scan_status, created_by)
SELECT 1, n, 1, n, 'application/pdf', CASE n WHEN 1 THEN 'quarantined' ELSE 'clean' END, 1
FROM generate_series(1, 2) AS n;
INSERT INTO text_layers (org_id, version_id, number, kind)
SELECT 1, v, l, CASE l WHEN 1 THEN 'reading' ELSE 'correction' END
FROM generate_series(1, 2) AS v, generate_series(1, 2) AS l;
INSERT INTO text_pages (org_id, version_id, layer, page, status, source, text, words)
SELECT 1, v, l, 1, 'read', CASE l WHEN 1 THEN 'file' ELSE 'person' END, 'words', ''
FROM generate_series(1, 2) AS v, generate_series(1, 2) AS l;
INSERT INTO previews (org_id, version_id) SELECT 1, n FROM generate_series(1, 2) AS n;
INSERT INTO page_pictures (org_id, version_id, page, size) SELECT 1, n, 1, 'medium' FROM generate_series(1, 2) AS n;
INSERT INTO shown_pages (org_id, version_id, page, text, words) SELECT 1, n, 1, '', '' FROM generate_series(1, 2) AS n
"""
# Which versions have pages of which layers, layers, previews, pictures, shown pages.
REMEMBERED = """
SELECT (SELECT string_agg(version_id || '.' || layer, ',' ORDER BY version_id, layer) FROM text_pages),
    (SELECT string_agg(version_id || '.' || number, ',' ORDER BY version_id, number) FROM text_layers),
    (SELECT string_agg(version_id::text, ',') FROM previews),
    (SELECT string_agg(version_id::text, ',') FROM page_pictures),
    (SELECT string_agg(version_id::text, ',') FROM shown_pages)
"""


def test_what_is_in_quarantine_already_is_forgotten(
    server: EmbeddedPostgres, alembic: Alembic
) -> None:
    alembic("upgrade", "0024")
    server.query(READ_AND_DRAWN, database="dms")
    alembic("upgrade", "0025")
    remembered = server.query(REMEMBERED, database="dms").strip()
    assert remembered == "1.2,2.1,2.2|1.2,2.1,2.2|2|2|2"
    alembic("downgrade", "0024")
    quarantine = "UPDATE versions SET scan_status = 'quarantined'"
    server.query(quarantine, database="dms")
    assert server.query(REMEMBERED, database="dms").strip() == remembered
