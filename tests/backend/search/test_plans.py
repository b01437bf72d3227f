"""How the statements run, as the application's role, on enough documents that it matters.

The searched table may have no policy and its statements no shape under which `@@` is evaluated row by row (ADR 0004).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.service import Keys
from backend.core.actor import Actor
from backend.core.db import Database, Tenant
from backend.launch.postgres import DATABASE, EmbeddedPostgres
from backend.search.queries import outcomes, upkeep, wording
from backend.search.queries import searching as queries
from backend.search.queries.searching import Criteria
from backend.search.syntax import parse
from tests.backend.search.conftest import Library, new_organisation
from tests.support.queries import collected_queries

# Too dear to be filled in each test process: tests/support/scheduling.py keeps these tests in one.
DOCUMENTS = 4_000
FILL = (
    """
    INSERT INTO documents (org_id, folder_id, name, owner_id, created_at)
    SELECT {org}, CASE n % 20 WHEN 0 THEN {shared} ELSE {hidden} END, 'file ' || md5(n::text), {owner},
           now() - n * interval '1 minute'
    FROM generate_series(1, {documents}) AS n
    """,
    """
    INSERT INTO blobs (org_id, digest, size, stored_size) VALUES ({org}, decode(repeat('00', 32), 'hex'), 1, 1)
    """,
    """
    INSERT INTO versions (org_id, document_id, number, blob_id, media_type, scan_status, created_by)
    SELECT d.org_id, d.id, 1, b.id, 'application/pdf', 'clean', d.owner_id
    FROM documents AS d JOIN blobs AS b USING (org_id) WHERE d.org_id = {org}
    """,
    """
    INSERT INTO version_texts (version_id, org_id, text, language, engine, truncated)
    SELECT v.id, v.org_id, CASE WHEN n % 1000 = 0 THEN 'rare ' ELSE '' END
           || CASE WHEN n % 25 = 0 THEN 'medium ' ELSE '' END || CASE WHEN n % 4 = 0 THEN 'common usual ' ELSE '' END
           || (SELECT string_agg(md5((n * 100 + m)::text), ' ') FROM generate_series(1, 40) AS m), 'en', 'test', false
    FROM (SELECT id, org_id, row_number() OVER (ORDER BY id) AS n FROM versions WHERE org_id = {org}) AS v
    """,
    """
    UPDATE documents AS d SET current_version_id = v.id FROM versions AS v
    WHERE v.document_id = d.id AND d.org_id = {org}
    """,
)


@dataclass
class Plans:
    """The plans of the statements that read the searched table."""

    nodes: list[dict[str, Any]] = field(default_factory=list)

    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    def scanned(self) -> bool:
        return any(
            node["Node Type"] == "Seq Scan" and node["Relation Name"] == "document_search"
            for node in self.nodes
        )


@pytest.fixture(scope="session")
async def archive(database: Database, postgres: EmbeddedPostgres) -> tuple[Actor, Actor]:
    """An administrator and a member who reads one document in twenty, of an organisation that stays."""
    async with database.transaction() as session:
        library = Library(session, await new_organisation(session), count())
        member = await library.member()
        places = {
            "org": library.org_id,
            "owner": member.user_id,
            "shared": await library.cabinet("", member),
            "hidden": await library.cabinet(),
            "documents": DOCUMENTS,
        }
        for statement in FILL:
            await session.execute(text(statement.format(**places)))
    async with database.transaction(Tenant(library.org_id)) as session:
        await upkeep.count_words(session, library.org_id, common=500, sampled_from=10**9)
        for lexeme in await upkeep.arm(session, library.org_id, limit=100):
            await upkeep.gather(session, library.org_id, lexeme, size=500)
    postgres.query("VACUUM ANALYZE", DATABASE)
    return library.administrator, member


async def explain(
    database: Database,
    actor: Actor,
    words: str,
    work: Callable[[AsyncSession, Criteria], Awaitable[object]],
    *,
    generic: bool = False,
) -> Plans:
    """Return the plans of what the work asks of the searched table; `generic` as a prepared statement may have it."""
    plans = Plans()
    async with database.transaction(Tenant(actor.org_id, actor.user_id)) as session:
        criteria = Criteria(
            actor.org_id,
            await access.visible_keys(session, await access.view(session, actor)),
            words=await wording.compile_words(session, actor.org_id, parse(words)),
        )
        with collected_queries() as collected:
            await work(session, criteria)
        for statement, parameters in collected:
            if "document_search" not in statement:
                continue
            plan = await _plan(session, statement, parameters, generic=generic)
            _walk(plan, plans.nodes)
    return plans


async def _plan(
    session: AsyncSession, statement: str, parameters: Any, *, generic: bool
) -> dict[str, Any]:
    connection = await session.connection()
    if not generic:
        rows = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        return dict(rows.scalar_one()[0]["Plan"])
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.execute(
        f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE asked AS {statement}"
    )
    arguments = ", ".join(["NULL"] * len(parameters))
    rows = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE asked ({arguments})")
    await driver.execute("DEALLOCATE asked")
    return dict(rows.scalar_one()[0]["Plan"])


def _walk(node: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    nodes.append(node)
    for child in node.get("Plans", []):
        _walk(child, nodes)


async def by_relevance(
    session: AsyncSession, criteria: Criteria, *, by_folder: bool = False
) -> None:
    await queries.by_relevance(session, criteria, after=None, by_folder=by_folder, limit=20)


async def by_date(session: AsyncSession, criteria: Criteria, *, by_folder: bool = False) -> None:
    await queries.by_date(session, criteria, after=None, total=None, by_folder=by_folder, limit=20)


async def count_all(session: AsyncSession, criteria: Criteria, *, by_folder: bool = False) -> None:
    await queries.count_all(session, criteria, by_folder=by_folder)


@pytest.mark.parametrize(
    "words", ["rare", "medium", "common", "common usual", '"common usual"', "common -medium"]
)
@pytest.mark.parametrize("work", [by_relevance, by_date])
@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("who", ["administrator", "member"])
async def test_words_are_looked_up_in_the_index(
    database: Database,
    archive: tuple[Actor, Actor],
    who: str,
    work: Any,
    words: str,
    *,
    generic: bool,
) -> None:
    actor = archive[0] if who == "administrator" else archive[1]
    plans = await explain(database, actor, words, work, generic=generic)
    assert "ix_document_search_vector" in plans.indexes()
    assert not plans.scanned()


async def test_similar_names_are_looked_up_in_the_index(
    database: Database, archive: tuple[Actor, Actor]
) -> None:
    async def names_like(session: AsyncSession, criteria: Criteria) -> None:
        await queries.names_like(session, criteria.org_id, criteria.keys, "c4ca4238a", limit=10)

    plans = await explain(database, archive[1], "c4ca4238a", names_like)
    assert plans.indexes() == {"ix_document_search_name_key"}
    merged = await explain(database, archive[1], "c4ca4238a", by_relevance)
    assert "ix_document_search_name_key" in merged.indexes()
    assert not merged.scanned()


@pytest.mark.parametrize("who", [0, 1])
async def test_the_walk_follows_the_dates_and_sorts_nothing(
    database: Database, archive: tuple[Actor, Actor], who: int
) -> None:
    async def walk(session: AsyncSession, criteria: Criteria) -> None:
        # The page after one that ended here, of matches too many to be collected.
        after = (datetime.now(UTC), 2**62)
        total = outcomes.EXACT_COUNT + 1
        await queries.by_date(session, criteria, after=after, total=total, limit=20)

    plans = await explain(database, archive[who], "common", walk)
    assert "ix_document_search_newest" in plans.indexes()
    first = plans.nodes[: 1 + next(i for i, n in enumerate(plans.nodes) if "Index Name" in n)]
    assert not {"Sort", "Incremental Sort"} & {node["Node Type"] for node in first}


@pytest.mark.parametrize("work", [by_relevance, by_date])
@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("keys", [1, 50, 2_000])
async def test_keys_filter_what_the_words_found(
    database: Database, archive: tuple[Actor, Actor], work: Any, keys: int, *, generic: bool
) -> None:
    """Looking the words up anew for each key took 1.4 s with 2,000 keys, where hashing the keys takes 3 ms."""

    async def search(session: AsyncSession, criteria: Criteria) -> None:
        await work(session, replace(criteria, keys=Keys(range(1, keys + 1))))

    plans = await explain(database, archive[1], "rare", search, generic=generic)
    assert "ix_document_search_vector" in plans.indexes()
    assert not any("acl_key" in str(node.get("Index Cond")) for node in plans.nodes)
    filtered = [str(node["Filter"]) for node in plans.nodes if "acl_key" in str(node.get("Filter"))]
    assert filtered
    assert all("hashed SubPlan" in condition for condition in filtered)


@pytest.mark.parametrize("words", ["rare", "common", '"common usual"', "common -medium"])
@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("work", [by_relevance, by_date, count_all])
@pytest.mark.parametrize("folders", [1, 2_000])
async def test_words_are_looked_up_in_each_folder(
    database: Database,
    archive: tuple[Actor, Actor],
    words: str,
    work: Any,
    folders: int,
    *,
    generic: bool,
) -> None:
    """Folder and words in one lookup; with the organisation in it too, it takes three times as long."""

    async def search(session: AsyncSession, criteria: Criteria) -> None:
        places = range(1, folders + 1)
        narrowed = replace(criteria, keys=Keys(places))
        await work(session, narrowed, by_folder=True)

    plans = await explain(database, archive[1], words, search, generic=generic)
    assert not plans.scanned()
    looked_up = [
        str(node["Index Cond"])
        for node in plans.nodes
        if node.get("Index Name") == "ix_document_search_vector"
    ]
    [in_folder] = [condition for condition in looked_up if "acl_key" in condition]
    assert "search_vector" in in_folder
    assert "org_id" not in in_folder


@pytest.mark.parametrize(
    "words", ["common", "common usual", "common or usual", "common -medium", '"common usual"']
)
@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
async def test_champions_are_looked_at_one_by_one_in_their_order(
    database: Database, archive: tuple[Actor, Actor], words: str, who: int, *, generic: bool
) -> None:
    async def search(session: AsyncSession, criteria: Criteria) -> None:
        hits = await queries.by_champions(session, criteria, shown=(), limit=20)
        assert len(hits) == 20

    plans = await explain(database, archive[who], words, search, generic=generic)
    assert plans.indexes() == {"ix_search_champions_best", "pk_document_search"}
    assert not plans.scanned()
    # What is sorted is the lists; the documents come in that order, and no more than are needed.
    kinds = [node["Node Type"] for node in plans.nodes]
    assert kinds[:2] == ["Limit", "Nested Loop"]
    # One list is read in its own order.
    assert ("Sort" in kinds) == ("usual" in words)


async def test_an_estimate_looks_at_the_sample_alone(
    database: Database, archive: tuple[Actor, Actor]
) -> None:
    plans = await explain(database, archive[0], "common", queries.estimate_all)
    conditions = [str(node["Index Cond"]) for node in plans.nodes if "Index Cond" in node]
    assert conditions
    assert all("sample=" in condition for condition in conditions)
