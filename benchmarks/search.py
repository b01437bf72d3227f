"""Search on generated documents, against tantivy and SQLite FTS5 on the same corpus in the same run.

    python benchmarks/search.py --documents 200000 --rounds 9

Prints medians in milliseconds: of our search whole (permissions, page, total, facets, snippets, documents) by the wall;
of what the database does for a first page (page, total, facets) and for its hits alone by the server process's CPU time
(/proc/PID/schedstat); of the peers for their hits alone, in CPU time of this thread. The peers know no permissions,
totals or facets. Half of the texts are taken in before lists of champions are kept, half while they are. To load
1,000,000 documents takes hours: what `--directory` names is kept, and a later run asks what is loaded there.
"""

import argparse
import asyncio
import itertools
import math
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import tantivy
from _database import measure, migrate, on_cpu
from _ratio import judge, line, report_busyness
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.models import Grant
from backend.access.roles import ACTIONS_OF, GrantRole
from backend.access.rules import Effect
from backend.access.service import Keys, granting
from backend.core.actor import Actor, Role
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.documents import service as documents_service
from backend.documents.schemas import Order, SortBy
from backend.launch.postgres import EmbeddedPostgres, embedded_postgres
from backend.launch.postgres import Role as DatabaseRole
from backend.search import relevance, service, upkeep
from backend.search.queries import searching as queries
from backend.search.queries import wording
from backend.search.queries.searching import Criteria
from backend.search.routing import Route
from backend.search.schemas import Sort
from backend.search.syntax import parse

VOCABULARY = 60_000
WORDS_PER_DOCUMENT = 300
CABINETS, FOLDERS = 50, 2_000
PAGE = 20
BATCH = 100
ORG, ADMINISTRATOR, MEMBER = 1, 1, 2
SHARED = 56
"""A folder the member reads too, with many documents."""
START = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Target:
    """The most that the hits of a kind of query may take: milliseconds, or times what a peer takes."""

    milliseconds: float | None = None
    tantivy: float | None = None
    fts5: float | None = None


TARGETS = {
    ("rare", Role.ADMINISTRATOR): Target(milliseconds=6),
    ("rare", Role.MEMBER): Target(milliseconds=6),
    ("medium", Role.ADMINISTRATOR): Target(milliseconds=50, fts5=7),
    ("medium", Role.MEMBER): Target(milliseconds=50, fts5=7),
    ("common", Role.ADMINISTRATOR): Target(tantivy=1),
    ("common", Role.MEMBER): Target(milliseconds=120),
    ("two words", Role.ADMINISTRATOR): Target(tantivy=1),
    ("phrase", Role.ADMINISTRATOR): Target(milliseconds=350),
    ("phrase", Role.MEMBER): Target(milliseconds=350),
}
FILTER, LISTING, GRANT, INGEST = 1.2, 6, 50, 0.33
MEDIUM = 4_400
"""Documents a medium word is in, whatever the size of the corpus."""


@dataclass(frozen=True)
class Document:
    """A generated document; ids count from 1."""

    id: int
    folder_id: int
    name: str
    text: str


def make_words(chance: random.Random) -> list[str]:
    """Return distinct pronounceable words, most frequent first."""
    syllables = [c + v for c in "bcdfghjklmnprstvwz" for v in ("a", "e", "i", "o", "u", "ai", "ou")]
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words["".join(chance.choices(syllables, k=chance.randint(1, 4)))] = None
    return list(words)


def make_documents(count: int, words: Sequence[str], chance: random.Random) -> Iterator[Document]:
    """Yield documents of zipfian words, in folders of a tree that is not balanced."""
    weights = list(itertools.accumulate(1 / (rank + 8) for rank in range(len(words))))
    for number in range(1, count + 1):
        drawn = chance.choices(words, cum_weights=weights, k=WORDS_PER_DOCUMENT)
        folder_id = int(CABINETS + 1 + (FOLDERS - CABINETS) * chance.random() ** 2)
        yield Document(
            number, folder_id, f"{drawn[0]}_{drawn[1]}-{number}.pdf", " ".join(drawn) + "."
        )


@dataclass(frozen=True)
class Query:
    """A query of a kind."""

    kind: str
    words: str


def choose_queries(documents: Sequence[Document]) -> list[Query]:
    """Return queries of each kind: words in 10, 4,400 and 19 % of the documents, a phrase of words below 25 %."""
    frequency: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for document in documents:
        drawn = document.text.rstrip(".").split()
        frequency.update(set(drawn))
        if document.id % 10 == 0:
            pairs.update(set(itertools.pairwise(drawn)))

    def nearest(share: float, other_than: str = "") -> str:
        wanted = share * len(documents)
        words = (word for word in frequency if word != other_than)
        return min(words, key=lambda word: abs(frequency[word] - wanted))

    common = nearest(0.19)
    medium, rare = (nearest(wanted / len(documents)) for wanted in (MEDIUM, 10))
    other = nearest(0.19, common)
    most = max(pairs, key=lambda pair: pairs[pair])
    usual = next(
        pair
        for pair, _ in pairs.most_common()
        if max(frequency[word] for word in pair) < 0.25 * len(documents)
    )
    return [
        Query("rare", rare),
        Query("medium", medium),
        Query("common", common),
        Query("two words", f"{common} {other}"),
        Query("phrase", f'"{" ".join(usual)}"'),
        Query("the worst", f'"{" ".join(most)}"'),
    ]


async def connect(server: EmbeddedPostgres, role: DatabaseRole) -> asyncpg.Connection:
    """Open a connection below SQLAlchemy, for COPY and batches."""
    url = server.url(role, driver="postgresql")
    return await asyncpg.connect(url, host=server.host, port=server.port)


async def load_postgres(server: EmbeddedPostgres, documents: Sequence[Document]) -> None:
    """Write the documents, without their texts."""
    owner = await connect(server, DatabaseRole.OWNER)
    await owner.execute(
        """
        INSERT INTO organisations (name) VALUES ('Benchmark');
        INSERT INTO users (email, name, password_hash) VALUES ('a@example.org', 'A', ''), ('m@example.org', 'M', '');
        INSERT INTO memberships (org_id, user_id, role) VALUES (1, 1, 'administrator'), (1, 2, 'member');
        """
    )
    moment = START
    await owner.execute(
        f"""
        INSERT INTO folders (org_id, kind, name, path, created_by)
        SELECT 1, 'cabinet', 'Cabinet ' || number, number::text::ltree, 1 FROM generate_series(1, {CABINETS}) AS number;
        INSERT INTO folders (org_id, parent_id, kind, name, path, created_by)
        SELECT 1, id, 'folder', 'Folder ' || number, (id || '.' || number)::ltree, 1
        FROM generate_series({CABINETS + 1}, {FOLDERS}) AS number, LATERAL (SELECT number % {CABINETS} + 1 AS id)
        """  # noqa: S608  # numbers of our own
    )
    await owner.execute(
        """
        WITH given AS (
            INSERT INTO grants (org_id, folder_id, user_id, effect, role, created_by)
            SELECT 1, f.id, 1, 'allow', 'reader', 1 FROM folders AS f WHERE f.parent_id IS NULL
            UNION ALL VALUES (1, 7, 2, 'allow', 'reader', 1), (1, 11, 2, 'allow', 'reader', 1)
            RETURNING id, folder_id, user_id
        )
        INSERT INTO access_rules (org_id, user_id, effect, actions, scope, folder_id, grant_id)
        SELECT 1, user_id, 'allow', '{dms:folder:List,dms:document:Read}', 'tree', folder_id, id FROM given
        """
    )
    async with owner.transaction():
        await owner.execute("SET LOCAL dms.org_id = '1'")
        await owner.execute(
            "INSERT INTO blobs (org_id, digest, size, stored_size) VALUES (1, decode(repeat('00', 32), 'hex'), 1, 1)"
        )
        await owner.copy_records_to_table(
            "documents",
            columns=["org_id", "folder_id", "name", "owner_id", "current_version_id", "created_at"],
            records=[
                (ORG, d.folder_id, d.name, 1, d.id, moment + timedelta(seconds=d.id * 60))
                for d in documents
            ],
        )
        await owner.copy_records_to_table(
            "versions",
            columns=[
                "org_id",
                "document_id",
                "number",
                "blob_id",
                "media_type",
                "scan_status",
                "created_by",
            ],
            records=[(ORG, d.id, 1, 1, "application/pdf", "clean", 1) for d in documents],
        )
    await owner.execute("ANALYZE")
    await owner.close()


async def load_texts(
    server: EmbeddedPostgres, documents: Sequence[Document]
) -> tuple[float, float]:
    """Take the texts in as the application does, in batches; return how many a second, and the CPU ms of each."""
    app = await connect(server, DatabaseRole.APP)
    pid = await app.fetchval("SELECT pg_backend_pid()")
    busy, started = on_cpu(pid), time.perf_counter()
    for first in range(0, len(documents), BATCH):
        batch = documents[first : first + BATCH]
        async with app.transaction():
            await app.execute("SELECT set_config('dms.org_id', '1', true)")
            await app.execute(
                "INSERT INTO version_texts (version_id, org_id, text, language, engine, truncated) "
                "SELECT id, 1, body, 'en', 'benchmark', false FROM unnest($1::bigint[], $2::text[]) AS t (id, body)",
                [d.id for d in batch],
                [d.text for d in batch],
            )
    rate = len(documents) / (time.perf_counter() - started)
    spent = (on_cpu(pid) - busy) / len(documents)
    await app.close()
    return rate, spent


async def vacuum(server: EmbeddedPostgres) -> None:
    """Do what autovacuum would do in time."""
    owner = await connect(server, DatabaseRole.OWNER)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()


async def tend(database: Database) -> tuple[int, float]:
    """Have the champions gathered; return of how many lexemes, and the seconds it took."""
    started, gathered = time.perf_counter(), 0
    while done := (await upkeep.tend(database, ORG, seconds=3_600)).gathered:
        gathered += done
    return gathered, time.perf_counter() - started


def open_fts5(path: Path) -> sqlite3.Connection:
    """Open the peer, as safe as Postgres."""
    peer = sqlite3.connect(path, isolation_level=None)
    peer.execute("PRAGMA journal_mode = WAL")
    peer.execute("PRAGMA cache_size = -262144")
    return peer


def load_fts5(path: Path, documents: Sequence[Document]) -> tuple[float, float]:
    """Fill the peer in the same batches; return its texts a second and the CPU of each."""
    peer = open_fts5(path)
    peer.execute("CREATE VIRTUAL TABLE fts USING fts5(name, body, tokenize = 'porter unicode61')")
    busy, started = time.thread_time(), time.perf_counter()
    for first in range(0, len(documents), BATCH):
        batch = documents[first : first + BATCH]
        peer.execute("BEGIN")
        peer.executemany(
            "INSERT INTO fts (rowid, name, body) VALUES (?, ?, ?)",
            [(d.id, d.name, d.text) for d in batch],
        )
        peer.execute("COMMIT")
    rate = len(documents) / (time.perf_counter() - started)
    spent = (time.thread_time() - busy) * 1e3 / len(documents)
    peer.execute("ANALYZE")
    peer.close()
    return rate, spent


def load_tantivy(path: Path, documents: Sequence[Document]) -> None:
    """Fill the other peer: one segment, as it is fastest."""
    path.mkdir()
    schema = tantivy.SchemaBuilder()
    schema.add_unsigned_field("id", stored=True)
    for name in ("name", "body"):
        schema.add_text_field(name, tokenizer_name="en_stem")
    index = tantivy.Index(schema.build(), path=str(path))
    writer = index.writer(heap_size=256_000_000, num_threads=1)
    for d in documents:
        writer.add_document(tantivy.Document(id=d.id, name=d.name, body=d.text))
    writer.commit()
    writer.wait_merging_threads()


@dataclass(frozen=True)
class Peers:
    """What we are compared with."""

    fts5: sqlite3.Connection
    tantivy: tantivy.Index

    def measure_fts5(self, query: Query, sort: Sort, rounds: int) -> float:
        """Return the median CPU time of a page, in milliseconds."""
        order = "rank" if sort is Sort.RELEVANCE else "rowid DESC"
        statement = f"SELECT rowid FROM fts WHERE fts MATCH ? ORDER BY {order} LIMIT {PAGE}"  # noqa: S608
        return median_of(lambda: self.fts5.execute(statement, [query.words]).fetchall(), rounds)

    def measure_tantivy(self, query: Query, rounds: int) -> float:
        """Return the median CPU time of the best hits of all words, uncounted, in milliseconds."""
        searcher = self.tantivy.searcher()
        asked = self.tantivy.parse_query(
            query.words, default_field_names=["name", "body"], conjunction_by_default=True
        )
        return median_of(lambda: searcher.search(asked, limit=PAGE, count=False), rounds)


def median_of(work: Callable[[], object], rounds: int) -> float:
    """Return the median CPU time of this thread for some work, in milliseconds."""
    times = []
    for _ in range(rounds + 1):
        started = time.thread_time()
        work()
        times.append((time.thread_time() - started) * 1e3)
    return statistics.median(times[1:])


ACTORS = (
    Actor(ADMINISTRATOR, ORG, Role.ADMINISTRATOR, "A"),
    Actor(MEMBER, ORG, Role.MEMBER, "M"),
)


async def compare(database: Database, peers: Peers, asked: Sequence[Query], rounds: int) -> None:
    """Print every kind of query, both ways of sorting, for both users."""
    print(
        f"\n{'query':10} {'sort':10} {'user':14} {'route':12} {'found':>8} | {'whole':>8} | {'first':>8} {'hits':>8} |"
        f" {'tantivy':>8} {'FTS5':>8} | {'/tantivy':>8} {'/FTS5':>8} |"
    )
    for sort, query in itertools.product(Sort, asked):
        fts5 = peers.measure_fts5(query, sort, rounds)
        best = peers.measure_tantivy(query, rounds) if sort is Sort.RELEVANCE else math.nan
        for actor in ACTORS:
            async with database.transaction(Tenant(ORG, actor.user_id)) as session:
                route, first, hits = await the_ways(session, actor, query, sort)
                whole = await measure(session, whole_search(session, actor, query, sort), rounds)
                page = await measure(session, first, rounds)
                bare = await measure(session, hits, rounds)
            target = (
                TARGETS.get((query.kind, actor.role), Target())
                if sort is Sort.RELEVANCE
                else Target()
            )
            print(
                f"{query.kind:10} {sort:10} {actor.role:14} {route:12} {whole.found:8,} | {whole.wall:8.1f} |"
                f" {page.database:8.1f} {bare.database:8.1f} | {best:8.2f} {fts5:8.2f} | {bare.database / best:8.2f}"
                f" {bare.database / fts5:8.2f} | {verdict(target, bare.database, best, fts5)}",
                flush=True,
            )


def verdict(target: Target, ours: float, tantivy: float, fts5: float) -> str:
    """Return what of a target is kept, and what missed."""
    parts = []
    if target.milliseconds is not None:
        parts.append(f"ms {judge(ours, at_most=target.milliseconds)}")
    if target.tantivy is not None:
        parts.append(f"/tantivy {judge(ours / tantivy, at_most=target.tantivy)}")
    if target.fts5 is not None:
        parts.append(f"/FTS5 {judge(ours / fts5, at_most=target.fts5)}")
    return "; ".join(parts)


Work = Callable[[], Awaitable[int]]


def whole_search(session: AsyncSession, actor: Actor, query: Query, sort: Sort) -> Work:
    """Return a search as a request runs it."""
    asked = service.SearchQuery(q=query.words, sort=sort, limit=PAGE)

    async def work() -> int:
        # What one request loads must not be there already for the next.
        session.expunge_all()
        return (await service.search(session, actor, asked)).total

    return work


async def criteria_of(session: AsyncSession, actor: Actor, query: Query) -> Criteria:
    """Return what a search asks for, what the actor may read being known."""
    return Criteria(
        ORG,
        await access.visible_keys(session, await access.view(session, actor)),
        words=await wording.compile_words(session, ORG, parse(query.words)),
    )


async def the_ways(
    session: AsyncSession, actor: Actor, query: Query, sort: Sort
) -> tuple[str, Work, Work]:
    """Return the route of a search, its first page with total and facets, and a page of hits alone."""
    criteria = await criteria_of(session, actor, query)
    if sort is Sort.NEWEST:
        to_all = await relevance.choose_for_all(session, criteria)

        async def newest() -> int:
            done = await queries.by_date(
                session,
                criteria,
                after=None,
                total=None,
                by_folder=to_all is Route.FOLDERS,
                limit=PAGE,
            )
            return done.total

        return f"date/{to_all}", newest, newest
    route = await relevance.choose_route(session, criteria, limit=PAGE)
    if (
        route is Route.CHAMPIONS
        and await relevance.from_champions(session, criteria, (), limit=PAGE) is None
    ):
        route = await relevance.choose_for_all(session, criteria)

    async def first() -> int:
        return (await relevance.page(session, criteria, None, limit=PAGE))[0].total

    async def hits() -> int:
        if route is Route.CHAMPIONS:
            return len(await queries.by_champions(session, criteria, shown=(), limit=PAGE))
        after = (3.0, 0)  # before the first one, but not asked for a total
        done = await queries.by_relevance(
            session, criteria, after=after, by_folder=route is Route.FOLDERS, limit=PAGE
        )
        return len(done.hits)

    return route, first, hits


@dataclass(frozen=True, slots=True)
class Unfiltered(Keys):
    """Keys that open everything without a look."""

    def admits(self, *_: object) -> list[ColumnElement[bool]]:
        """Return no condition."""
        return []


async def compare_filter(database: Database, asked: Sequence[Query], rounds: int) -> None:
    """Print what the filter adds to the same search on the same route."""
    print("\nthe filter: hits alone with it over without it, CPU")
    for query, actor in itertools.product(asked, ACTORS[:1]):
        async with database.transaction(Tenant(ORG, actor.user_id)) as session:
            filtered = await criteria_of(session, actor, query)
            found = []
            for criteria in (filtered, replace(filtered, keys=Unfiltered())):
                if query.kind in {"common", "two words"}:
                    work = partial(queries.by_champions, session, criteria, shown=(), limit=PAGE)
                else:
                    work = partial(
                        queries.by_relevance, session, criteria, after=(3.0, 0), limit=PAGE
                    )
                found.append(await measure(session, counted(work), rounds))
        ratio = found[0].database / found[1].database
        line(
            f"{query.kind} ({actor.role})",
            f"{found[0].database:.2f} / {found[1].database:.2f} ms = {ratio:.2f}",
            judge(ratio, at_most=FILTER),
        )


def counted(work: Callable[[], Awaitable[object]]) -> Work:
    async def run() -> int:
        await work()
        return 0

    return run


async def measure_listings(database: Database, rounds: int) -> None:
    """Print what a page of a folder costs the server, and a grant high in the tree."""
    print("\nlisting and granting: CPU of the server")
    for actor in ACTORS:
        async with database.transaction(Tenant(ORG, actor.user_id)) as session:
            listing = partial(
                documents_service.list_folder,
                session,
                actor,
                SHARED,
                sort=SortBy.NAME,
                order=Order.ASC,
                cursor=None,
                limit=50,
            )
            page = await measure(session, counted(listing), rounds)
        line(
            f"a page of a folder ({actor.role})",
            f"{page.database:.2f} ms",
            judge(page.database, at_most=LISTING),
        )
    async with database.transaction(Tenant(ORG, ADMINISTRATOR)) as session:
        numbers = itertools.count(1)

        async def grant() -> int:
            given = Grant(
                org_id=ORG,
                folder_id=next(numbers),
                user_id=MEMBER,
                effect=Effect.DENY,
                role=GrantRole.READER,
                created_by=ADMINISTRATOR,
            )
            return await granting.write(session, given, ACTIONS_OF[GrantRole.READER])

        done = await measure(session, grant, rounds)
        await session.rollback()
    line("a grant on a cabinet", f"{done.database:.2f} ms", judge(done.database, at_most=GRANT))


async def load(
    server: EmbeddedPostgres, database: Database, directory: Path, documents: Sequence[Document]
) -> None:
    """Fill ours and the peers; print what it took."""
    await load_postgres(server, documents)
    half = len(documents) // 2
    before, cpu_before = await load_texts(server, documents[:half])
    await vacuum(server)
    gathered, seconds = await tend(database)
    print(f"champions of {gathered:,} lexemes gathered in {seconds:.0f} s", flush=True)
    after, cpu_after = await load_texts(server, documents[half:])
    gathered, seconds = await tend(database)
    print(f"and of {gathered:,} after the other half, in {seconds:.0f} s", flush=True)
    await vacuum(server)
    theirs, their_cpu = load_fts5(directory / "fts5.db", documents)
    ratio = after / theirs
    print(
        f"{len(documents):,} documents of {WORDS_PER_DOCUMENT} words. Texts taken in, batches of {BATCH}: ours "
        f"{before:,.0f}/s ({cpu_before:.2f} ms CPU each), with lists {after:,.0f}/s ({cpu_after:.2f} ms), FTS5 "
        f"{theirs:,.0f}/s ({their_cpu:.2f} ms), ratio of the rates {ratio:.2f}  {judge(ratio, at_least=INGEST)}"
    )
    load_tantivy(directory / "tantivy", documents)


async def run(options: argparse.Namespace, server: EmbeddedPostgres, directory: Path) -> None:
    """Load both where they are not yet, compare."""
    chance = random.Random(7)
    documents = list(make_documents(options.documents, make_words(chance), chance))
    database = Database.connect(Settings.model_validate({"database_url": server.url()}))
    loaded = directory / f"loaded-{options.documents}"
    if not loaded.exists():
        await load(server, database, directory, documents)
        loaded.touch()
    peers = Peers(open_fts5(directory / "fts5.db"), tantivy.Index.open(str(directory / "tantivy")))
    asked = choose_queries(documents)
    await compare(database, peers, asked, options.rounds)
    await compare_filter(database, asked, options.rounds)
    await measure_listings(database, options.rounds)
    await database.close()


def main() -> None:
    """Read the options, run in a directory that goes away unless it is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--directory", type=Path, help="kept, for another run with as many documents"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, report_busyness():
        directory = options.directory or Path(name)
        directory.mkdir(exist_ok=True)
        with embedded_postgres(directory / "data") as server:
            migrate(server)
            asyncio.run(run(options, server, directory))


if __name__ == "__main__":
    main()
