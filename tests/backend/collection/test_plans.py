"""How the statements of a collection run, as the application's role, on enough rows that it matters."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.collection import queries
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.launch.postgres import DATABASE, EmbeddedPostgres
from tests.support.archive import Archive, new_archive
from tests.support.queries import collected_queries

# Too dear to be filled in each test process: tests/support/scheduling.py keeps these tests in one.
BLOBS = 20_000
FILL = (
    """
    INSERT INTO blobs (org_id, digest, size, stored_size, marked_at)
    SELECT {org}, sha256(('{org} ' || n)::bytea), 1, 1, CASE WHEN n % 20 = 0 THEN now() - n * interval '1 minute' END
    FROM generate_series(1, {blobs}) AS n
    """,
    """
    WITH d AS (INSERT INTO documents (org_id, folder_id, name, owner_id)
               VALUES ({org}, {folder}, 'many', {owner}) RETURNING id)
    INSERT INTO versions (org_id, document_id, number, blob_id, media_type, scan_status, created_by)
    SELECT {org}, d.id, row_number() OVER (), b.id, 'text/plain', 'clean', {owner}
    FROM blobs AS b, d WHERE b.org_id = {org} AND b.marked_at IS NULL
    """,
)
Work = Callable[[AsyncSession], Awaitable[object]]
DIGESTS = [os.urandom(32) for _ in range(1_000)]
IDS = range(1, 1_000)

STATEMENTS: dict[str, Work] = {
    "unknown": lambda session: queries.unknown_digests(session, DIGESTS),
    "page": lambda session: queries.unreferenced_page(session, b"", limit=1_000),
    "later page": lambda session: queries.unreferenced_page(session, b"\x80" * 32, limit=1_000),
    "lock": lambda session: queries.lock_blobs(session, IDS),
    "marks": lambda session: queries.correct_marks(session, IDS),
    "due": lambda session: queries.lock_collectable(
        session, grace=timedelta(), after=None, limit=50
    ),
    "due later": lambda session: queries.lock_collectable(
        session, grace=timedelta(days=1), after=(now() - timedelta(days=9), 7), limit=50
    ),
    "delete": lambda session: queries.delete_unreferenced(session, IDS[:50]),
}


@pytest.fixture(scope="module")
async def crowded(database: Database, postgres: EmbeddedPostgres) -> AsyncIterator[Archive]:
    """Two organisations with many rows each, for a while: other tests check all there is. The one that is asked."""
    archives = [
        await new_archive(database, content=None) for _ in range(2)
    ]  # its store is not asked
    for archive in archives:
        places = {
            "org": archive.org_id,
            "owner": archive.actor.user_id,
            "folder": archive.folder_id,
        }
        async with database.transaction(archive.tenant) as session:
            for statement in FILL:
                await session.execute(text(statement.format(**places, blobs=BLOBS)))
    postgres.query("VACUUM ANALYZE", DATABASE)
    yield archives[0]
    for archive in archives:
        async with database.transaction(archive.tenant) as session:
            for table in ("documents", "blobs"):
                await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608  # the organisation's own


async def explain(
    session: AsyncSession, statement: str, parameters: Any, *, generic: bool
) -> list[dict[str, Any]]:
    connection = await session.connection()
    if generic:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(
            f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE asked AS {statement}"
        )
        arguments = ", ".join(["NULL"] * len(parameters))
        statement, parameters = f"EXECUTE asked ({arguments})", ()
    rows = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    nodes: list[dict[str, Any]] = []
    _walk(rows.scalar_one()[0]["Plan"], nodes)
    if generic:
        await driver.execute("DEALLOCATE asked")
    return nodes


def _walk(node: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    nodes.append(node)
    for child in node.get("Plans", []):
        _walk(child, nodes)


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
async def test_no_statement_reads_a_whole_table(
    database: Database, crowded: Archive, name: str, *, generic: bool
) -> None:
    async with database.transaction(Tenant(crowded.org_id)) as session:
        async with session.begin_nested() as undone:
            with collected_queries() as statements:
                await STATEMENTS[name](session)
            await undone.rollback()
        [(statement, parameters)] = [one for one in statements if "blobs" in one[0]]
        nodes = await explain(session, statement, parameters, generic=generic)
    for node in nodes:
        assert node["Node Type"] not in {"Hash Join", "Merge Join", "Sort"}, node
        if (
            node.get("Relation Name") in {"blobs", "versions"}
            and node["Node Type"] != "ModifyTable"
        ):
            assert "Index" in node["Node Type"] or node["Node Type"] == "Bitmap Heap Scan", node
        if "Index Name" in node:
            assert node.get("Index Cond"), node
            # Of one organisation's rows alone, however many the others have.
            if node["Index Name"] in {"ix_blobs_marked", "uq_blobs_org_id_digest"}:
                assert "org_id" in node["Index Cond"], node
