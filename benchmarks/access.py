"""What permissions cost: listings, searches, counts and decisions of different users, and a grant high in the tree.

    python benchmarks/access.py --documents 1000000 --folders 20000

Prints medians in milliseconds of CPU, of the database's process and of our own, for users who see little, much, all,
much with Denies in it, and all but what a condition takes away. Then a grant is given on a cabinet with a tenth of all
documents below it: what it cost, whether it was seen by the next statement, and how many rows of documents and of the
search were written for it (none may be).
"""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from _database import Measured, measure, migrate
from _ratio import judge, line, report_busyness
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.access.rules import Principal
from backend.access.schemas import GrantIn, PolicyIn
from backend.access.service import granting, managing, policies
from backend.core.actor import Actor, Role
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.documents.schemas import Order, SortBy
from backend.launch.postgres import EmbeddedPostgres, embedded_postgres
from backend.search import service as search

CABINETS, BELOW = 10, 5
"""So many cabinets; every folder has so many folders."""
OTHERS, GROUPS, OTHERS_GRANTS = 2_000, 200, 3_000
PAGE = 50
LISTING_MS, GRANT_MS = 6, 50
WORDS = {"rare": 5_000, "medium": 25, "common": 5}
"""Words, and every how many documents have them."""

PEOPLE = ("administrator", "few", "typical", "many", "denied", "conditional", "newcomer")
ADMINISTRATOR, FEW, TYPICAL, MANY, DENIED, CONDITIONAL, NEWCOMER = (
    Actor(number, 1, Role.ADMINISTRATOR if number == 1 else Role.MEMBER, name)
    for number, name in enumerate(PEOPLE, start=1)
)

# With as many users, groups and grants to others as a real organisation has.
# The tree is filled level by level: folder n stands in folder (n - CABINETS - 1) / BELOW + 1.
FILL = f"""
INSERT INTO organisations (name) VALUES ('Benchmark');
INSERT INTO users (email, name, password_hash)
SELECT n || '@example.org', n, '-' FROM generate_series(1, {OTHERS}) AS n;
INSERT INTO memberships (org_id, user_id, role)
SELECT 1, n, CASE n WHEN 1 THEN 'administrator' ELSE 'member' END FROM generate_series(1, {OTHERS}) AS n;
INSERT INTO groups (org_id, name) SELECT 1, 'Group ' || n FROM generate_series(1, {GROUPS}) AS n;
INSERT INTO group_members (org_id, group_id, user_id)
SELECT 1, n % {GROUPS} + 1, n FROM generate_series(1, {OTHERS}) AS n;
INSERT INTO folders (org_id, parent_id, kind, name, path, created_by)
SELECT 1, CASE WHEN n > {CABINETS} THEN (n - {CABINETS} - 1) / {BELOW} + 1 END,
    CASE WHEN n > {CABINETS} THEN 'folder' ELSE 'cabinet' END, 'Folder ' || n, n::text::ltree, 1
FROM generate_series(1, :folders) AS n;
WITH RECURSIVE placed AS (
    SELECT id, path FROM folders WHERE parent_id IS NULL
    UNION ALL SELECT f.id, p.path || f.path FROM folders AS f JOIN placed AS p ON f.parent_id = p.id
) UPDATE folders SET path = placed.path FROM placed WHERE placed.id = folders.id;
WITH given AS (
    INSERT INTO grants (org_id, folder_id, user_id, group_id, effect, role, created_by)
    SELECT 1, :folders / 2 + n, CASE WHEN n % 3 > 0 THEN {len(PEOPLE)} + n % ({OTHERS} - {len(PEOPLE)}) + 1 END,
        CASE WHEN n % 3 = 0 THEN n % {GROUPS} + 1 END, 'allow', 'reader', 1
    FROM generate_series(1, {OTHERS_GRANTS}) AS n
    RETURNING id, folder_id, user_id, group_id
)
INSERT INTO access_rules (org_id, user_id, group_id, effect, actions, scope, folder_id, grant_id)
SELECT 1, user_id, group_id, 'allow', '{{dms:folder:List,dms:document:Read}}', 'tree', folder_id, id FROM given;
INSERT INTO blobs (org_id, digest, size, stored_size) VALUES (1, decode(repeat('00', 32), 'hex'), 1, 1);
"""  # noqa: S608  # numbers of our own
# Not by the triggers: this measures reading.
FILL_DOCUMENTS = f"""
SET session_replication_role = replica;
INSERT INTO documents (org_id, folder_id, name, owner_id, tags, current_version_id, created_at)
SELECT 1, n % :folders + 1, n || '.pdf', 1, CASE n % 10 WHEN 0 THEN '{{secret}}'::text[] ELSE '{{}}' END, n,
    now() - n * interval '1 minute'
FROM generate_series(1, :documents) AS n;
INSERT INTO versions (org_id, document_id, number, blob_id, media_type, scan_status, created_by)
SELECT 1, n, 1, 1, 'application/pdf', 'clean', 1 FROM generate_series(1, :documents) AS n;
INSERT INTO document_search (document_id, version_id, org_id, acl_key, name, name_key, family, owner_id, tags, size,
    is_deleted, is_partial, created_at, search_vector)
SELECT id, id, 1, folder_id, name, id::text, 'pdf', 1, tags, 1, false, false, created_at, to_tsvector('simple',
    concat_ws(' ', md5(id::text), md5((id % 50000)::text), {
    ", ".join(
        f"CASE hashint8(id) % {each} WHEN 0 THEN '{word}' END" for word, each in WORDS.items()
    )
}))
FROM documents;
SET session_replication_role = origin;
"""  # noqa: S608  # words and numbers of our own
CONDITION = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Deny",
            "Action": "dms:document:Read",
            "Resource": "*",
            "Condition": {"StringEquals": {"dms:tag": "secret"}},
        }
    ],
}


def fill(server: EmbeddedPostgres, folders: int, count: int) -> None:
    """Make the organisation, its tree and its documents."""
    for statement in (FILL, FILL_DOCUMENTS):
        filled = statement.replace(":folders", str(folders)).replace(":documents", str(count))
        server.query(filled, database="dms")


async def give(database: Database, principal: Principal, folder_id: int, effect: str) -> None:
    """Give a grant as the administrator does."""
    wanted = GrantIn.model_validate(
        {"principal": str(principal), "role": "reader", "effect": effect, "reason": "Benchmark"}
    )
    async with database.transaction(Tenant(1, ADMINISTRATOR.user_id)) as session:
        thing = await managing.managed(session, ADMINISTRATOR, folder_id=folder_id)
        await granting.put_grant(session, ADMINISTRATOR, thing, wanted)


async def give_all(database: Database, folders: int) -> None:
    """Give everybody what the name says."""
    leaves = range(folders - 11, folders + 1)
    cabinets = range(1, CABINETS + 1)
    drawers = range(CABINETS + 1, CABINETS + 1 + 2)
    for actor, given in (
        (ADMINISTRATOR, cabinets),
        (FEW, leaves),
        (TYPICAL, drawers),
        (MANY, cabinets[:7]),
        (DENIED, cabinets[:7]),
        (CONDITIONAL, cabinets),
    ):
        for folder_id in given:
            await give(database, Principal.of_user(actor.user_id), folder_id, "allow")
    for folder_id in range(folders // 20, folders // 20 + 200):
        await give(database, Principal.of_user(DENIED.user_id), folder_id, "deny")
    async with database.transaction(Tenant(1, ADMINISTRATOR.user_id)) as session:
        wanted = PolicyIn.model_validate({"name": "No secrets", "document": CONDITION})
        policy = await policies.create_policy(session, ADMINISTRATOR, wanted)
        principal = Principal.of_user(CONDITIONAL.user_id)
        await policies.attach(session, ADMINISTRATOR, policy.id, principal)


Work = Callable[[AsyncSession, Actor], Awaitable[int]]


def listing(folder_id: int) -> Work:
    """List the first page of a folder."""

    async def work(session: AsyncSession, actor: Actor) -> int:
        page = await documents.list_folder(
            session, actor, folder_id, sort=SortBy.NAME, order=Order.ASC, cursor=None, limit=PAGE
        )
        return len(page.folders) + len(page.documents)

    return work


async def newest(session: AsyncSession, actor: Actor) -> int:
    """List the newest documents there are to see."""
    return len((await documents.list_recent(session, actor, cursor=None, limit=PAGE))[0])


def decision(folder_id: int) -> Work:
    """Decide on one folder."""

    async def work(session: AsyncSession, actor: Actor) -> int:
        await access.require(session, actor, Action.FOLDER_LIST, folder_id=folder_id)
        return 1

    return work


def searching(word: str) -> Work:
    """Search, with the total and the facets."""

    async def work(session: AsyncSession, actor: Actor) -> int:
        return (await search.search(session, actor, search.SearchQuery(q=word, limit=20))).total

    return work


async def measured(database: Database, actor: Actor, work: Work, rounds: int) -> Measured:
    """Measure some work of somebody."""
    async with database.transaction(Tenant(1, actor.user_id)) as session:
        return await measure(session, lambda: work(session, actor), rounds)


async def compare(database: Database, folders: int, rounds: int) -> None:
    """Print what each user's pages cost."""
    inside = {
        ADMINISTRATOR: 3,
        FEW: folders,
        TYPICAL: CABINETS + 1,
        MANY: 3,
        DENIED: 3,
        CONDITIONAL: 3,
    }
    for actor, folder_id in inside.items():
        print(f"\n{actor.name}")
        pages: dict[str, Work] = {
            "a decision": decision(folder_id),
            "a page of a folder": listing(folder_id),
            "the newest documents": newest,
        }
        pages |= {f"search, a word in 1 of {each:,}": searching(w) for w, each in WORDS.items()}
        for name, work in pages.items():
            cost = await measured(database, actor, work, rounds)
            is_page = name in {"a page of a folder", "the newest documents"}
            verdict = judge(cost.database, at_most=LISTING_MS) if is_page else ""
            shown = f"{cost.database:7.1f} + {cost.python:5.1f} ms"
            line(f"{name} ({cost.found:,})", shown, verdict)


async def written(database: Database) -> int:
    """Return how many rows of documents and of the search have been written so far."""
    counted = text(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables "
        "WHERE relname IN ('documents', 'document_search', 'versions', 'folders')"
    )
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_stat_clear_snapshot()"))
        return int(await session.scalar(counted) or 0)


async def give_on_top(database: Database, rounds: int) -> None:
    """Print what a grant on a cabinet costs, and that it holds at once and writes nothing about documents."""
    before = await written(database)
    wanted = GrantIn.model_validate(
        {"principal": f"user:{NEWCOMER.user_id}", "role": "reader", "effect": "allow"}
    )

    async def grant(session: AsyncSession, actor: Actor) -> int:
        thing = await managing.managed(session, actor, folder_id=1)
        return (await granting.put_grant(session, actor, thing, wanted)).id

    cost = await measured(database, ADMINISTRATOR, grant, rounds)
    seen = await measured(database, NEWCOMER, listing(1), 1)
    # The statistics of the sessions in the pool are told with a delay.
    await asyncio.sleep(2)
    rows = await written(database) - before
    print("\na grant on a cabinet with a tenth of all documents below")
    line(
        "its cost, database + ours",
        f"{cost.database:7.1f} + {cost.python:5.1f} ms",
        judge(cost.database, at_most=GRANT_MS),
    )
    line("seen by the next statement", f"{seen.found} of the cabinet")
    line("rows of documents written", f"{rows}", judge(rows, at_most=0))


async def run(options: argparse.Namespace, server: EmbeddedPostgres) -> None:
    """Fill, give, measure."""
    fill(server, options.folders, options.documents)
    database = Database.connect(Settings.model_validate({"database_url": server.url()}))
    await give_all(database, options.folders)
    server.query("VACUUM ANALYZE", database="dms")
    print(f"{options.documents:,} documents in {options.folders:,} folders.")
    await compare(database, options.folders, options.rounds)
    await give_on_top(database, options.rounds)
    await database.close()


def main() -> None:
    """Read the options, run in a directory that goes away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--folders", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with (
        report_busyness(),
        tempfile.TemporaryDirectory() as name,
        embedded_postgres(Path(name), durable=False) as server,
    ):
        migrate(server)
        asyncio.run(run(options, server))


if __name__ == "__main__":
    main()
