"""The store with more and more blobs: what one costs must not depend on how many there are.

    python benchmarks/scale.py --sizes 10000 100000 1000000

For each size a store and a database are filled (small contents, one version each, without fsync) and measured with
fsync: what a pass over everything costs per blob when nothing is wrong (the listing, both kinds of `dms fsck`, the
search for orphans, the search for unreferenced rows), and what it costs per blob to store, to read, to deduplicate onto
one, to mark, to collect, and to adopt. The last column is the ratio of the largest size to the smallest.
"""

import argparse
import asyncio
import hashlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import astuple, dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from _database import migrate
from _ratio import cost_of, judge, report_busyness
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.collection import queries
from backend.collection.service import collecting, orphans
from backend.collection.service.surveying import PAGE
from backend.content.scanner import Scanner
from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.core.settings import ScanMode, Settings
from backend.documents.queries import blobs as blob_queries
from backend.identity.models import store_namespace
from backend.launch.postgres import EmbeddedPostgres, Role, embedded_postgres
from backend.verification import service as verification
from backend.verification.models import CheckMode, Trigger
from backend.verification.service import Pace, Scope
from storage import BlobInfo, BlobStore, Keyring

ORG = 1
NAMESPACE = store_namespace(ORG)
PASSES = 3
ROUNDS, AFFECTED = 5, 400
"""So often is what changes blobs measured, each time with so many."""
AT_MOST = 1.5


@dataclass(frozen=True)
class Spent:
    """On one blob, in microseconds: CPU of this process, CPU of the database server, and by the wall."""

    own: float
    server: float
    wall: float


def server_seconds(postmaster: psutil.Process) -> float:
    """CPU seconds of the database server, those of its ended connections included."""
    ended = postmaster.cpu_times()
    total = ended.user + ended.system + ended.children_user + ended.children_system
    for process in postmaster.children(recursive=True):
        times = process.cpu_times()
        total += times.user + times.system
    return float(total)


@dataclass(frozen=True)
class Bench:
    """A filled store with its database."""

    runner: asyncio.Runner
    database: Database
    content: Content
    postmaster: psutil.Process
    digests: Sequence[bytes]

    def spend(self, work: Callable[[], Coroutine[Any, Any, object]], blobs: int) -> Spent:
        """Do something to so many blobs."""
        before = server_seconds(self.postmaster)
        cost = cost_of(lambda: self.runner.run(work())).per(blobs / 1e6)
        server = (server_seconds(self.postmaster) - before) * 1e6 / blobs
        return Spent(cost.cpu, server, cost.wall)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A transaction of the organisation."""
        return self.database.transaction(Tenant(ORG))


def expect(found: object, wanted: object) -> None:
    """Stop where something else was measured than is said.

    Raises:
        RuntimeError: it was.
    """
    if found != wanted:
        raise RuntimeError(f"{found!r} instead of {wanted!r}")


# Passes over everything, with nothing to do.


async def list_store(bench: Bench) -> None:
    """What both kinds of `dms fsck` compare with."""
    entries = bench.content.store.entries(NAMESPACE)
    while await bench.content.run(lambda: list(islice(entries, PAGE))):
        pass


async def seek_orphans(bench: Bench) -> None:
    done = await orphans.adopt_orphans(bench.database, bench.content, ORG, believe=False)
    expect(done, orphans.Adoption())


async def seek_unreferenced(bench: Bench) -> None:
    done = collecting.Collection()
    await collecting.mark_unreferenced(bench.database, ORG, done)
    expect((done.waiting.blobs, done.marked), (0, 0))


async def check(bench: Bench, mode: CheckMode) -> None:
    """What `dms fsck` does."""
    async with bench.database.transaction() as session:
        begun = await verification.begin(session, trigger=Trigger.COMMAND, scope=Scope(mode))
    expect(
        await verification.run_check(bench.database, bench.content, begun, pace=Pace()), wanted=True
    )
    async with bench.database.transaction() as session:
        done = await verification.get(session, begun.id)
    expect((done.blobs, done.damaged, done.orphans), (len(bench.digests), 0, 0))


PASSING: dict[str, Callable[[Bench], Coroutine[Any, Any, None]]] = {
    "list the store": list_store,
    "fsck --quick": partial(check, mode=CheckMode.QUICK),
    "fsck": partial(check, mode=CheckMode.FULL),
    "look for orphans": seek_orphans,
    "look for unreferenced rows": seek_unreferenced,
}


# What happens to some of them.


async def store_new(bench: Bench, names: Sequence[int]) -> None:
    """Store what is not there, with every sync."""
    for name in names:
        with bench.content.store.writer(NAMESPACE) as writer:
            writer.write(content_of(name))
            expect(writer.finish().publish().created, wanted=True)


async def unstore(bench: Bench, names: Sequence[int]) -> None:
    """Take away, unmeasured, what `store_new` brought."""
    for name in names:
        bench.content.store.delete(NAMESPACE, hashlib.sha256(content_of(name)).digest())


async def read(bench: Bench, some: Sequence[int]) -> None:
    """Open and read."""
    for number in some:
        with bench.content.store.open(NAMESPACE, bench.digests[number]) as reader:
            expect(b"".join(reader.iter()), content_of(number))


async def read_range(bench: Bench, some: Sequence[int]) -> None:
    """Open and read a few bytes from the middle."""
    for number in some:
        with bench.content.store.open(NAMESPACE, bench.digests[number]) as reader:
            expect(b"".join(reader.iter(4, 7)), content_of(number)[4:11])


async def deduplicate(bench: Bench, some: Sequence[int]) -> None:
    """Upload what is there: an upload's transaction, without the document."""
    for number in some:
        async with (
            bench.content.receive(chunks(number), namespace=NAMESPACE) as received,
            bench.transaction() as session,
        ):
            await blob_queries.put_blob(
                session,
                org_id=ORG,
                digest=received.digest,
                size=received.size,
                stored_size=received.stored_size,
            )
            expect(await received.publish(), wanted=False)


async def chunks(number: int) -> AsyncIterator[bytes]:
    yield content_of(number)


async def mark(bench: Bench, some: Sequence[int]) -> None:
    """Correct the marks of blobs that lost their last version."""
    async with bench.transaction() as session:
        free = await queries.lock_blobs(session, [number + 1 for number in some])
        expect(await queries.correct_marks(session, free), len(some))


async def collect(bench: Bench, some: Sequence[int]) -> None:
    """Destroy them, with every sync."""
    done = collecting.Collection()
    await collecting.collect_marked(bench.database, bench.content, ORG, done, grace=timedelta())
    expect(done.freed.blobs, len(some))


async def adopt(bench: Bench, some: Sequence[int]) -> None:
    """Give rows to blobs that have none."""
    found = [(bench.digests[number], 1) for number in some]
    expect(await orphans.adopt(bench.database, bench.content, ORG, found), len(some))


async def forget(bench: Bench, statement: str, some: Sequence[int] = ()) -> None:
    """Prepare a round, unmeasured."""
    async with bench.transaction() as session:
        ids = {"ids": [number + 1 for number in some]} if some else {}
        await session.execute(text(statement), ids)


def measure(bench: Bench) -> dict[str, Spent]:
    """All there is to measure, medians of each."""
    found: dict[str, list[Spent]] = {}

    def note(name: str, spent: Spent) -> None:
        found.setdefault(name, []).append(spent)

    for name, work in PASSING.items():
        for _ in range(PASSES):
            note(name, bench.spend(partial(work, bench), len(bench.digests)))
    chosen = random.Random(5).sample(range(len(bench.digests)), 2 * ROUNDS * AFFECTED)
    for first in range(0, len(chosen), 2 * AFFECTED):
        disposed, orphaned = chosen[first : first + AFFECTED], chosen[first + AFFECTED :][:AFFECTED]
        new = range(-1 - first, -1 - first - AFFECTED, -1)
        note("store one", bench.spend(partial(store_new, bench, new), AFFECTED))
        bench.runner.run(unstore(bench, new))
        note("read one", bench.spend(partial(read, bench, disposed), AFFECTED))
        note("read a range of one", bench.spend(partial(read_range, bench, disposed), AFFECTED))
        note("deduplicate onto one", bench.spend(partial(deduplicate, bench, disposed), AFFECTED))
        bench.runner.run(forget(bench, "DELETE FROM versions WHERE blob_id = ANY(:ids)", disposed))
        note("mark one", bench.spend(partial(mark, bench, disposed), AFFECTED))
        note("collect one", bench.spend(partial(collect, bench, disposed), AFFECTED))
        bench.runner.run(forget(bench, "DELETE FROM versions WHERE blob_id = ANY(:ids)", orphaned))
        bench.runner.run(forget(bench, "DELETE FROM blobs WHERE id = ANY(:ids)", orphaned))
        note("adopt one", bench.spend(partial(adopt, bench, orphaned), AFFECTED))
        # They are marked now, and the next round shall not collect them.
        bench.runner.run(forget(bench, "DELETE FROM blobs WHERE marked_at IS NOT NULL"))
    return {name: median(spent) for name, spent in found.items()}


def median(spent: Sequence[Spent]) -> Spent:
    """The medians, each on its own."""
    return Spent(*(statistics.median(column) for column in zip(*map(astuple, spent), strict=True)))


# Filling.


def content_of(number: int) -> bytes:
    return b"the content of blob %d" % number


@contextmanager
def without_fsync() -> Iterator[None]:
    """Fill fast; what a power failure would cost is made again."""
    real, os.fsync = os.fsync, lambda _: None
    try:
        yield
    finally:
        os.fsync = real


def fill_store(store: BlobStore, size: int) -> list[BlobInfo]:
    """Put so many blobs into the store."""
    stored = []
    with without_fsync():
        for number in range(size):
            with store.writer(NAMESPACE) as writer:
                writer.write(content_of(number))
                stored.append(writer.finish().publish())
    return stored


async def fill_database(server: EmbeddedPostgres, stored: Sequence[BlobInfo]) -> None:
    """Make a row for each blob, its id the position from 1 on, and a version that refers to it."""
    url = server.url(Role.OWNER, driver="postgresql")
    owner = await asyncpg.connect(url, host=server.host, port=server.port)
    await owner.execute(
        """
        INSERT INTO organisations (name) VALUES ('Benchmark');
        INSERT INTO users (email, name, password_hash) VALUES ('a@example.org', 'A', '');
        INSERT INTO folders (org_id, kind, name, path, created_by) VALUES (1, 'cabinet', 'Cabinet', '1', 1);
        INSERT INTO documents (org_id, folder_id, name, owner_id) VALUES (1, 1, 'many versions', 1);
        """
    )
    await owner.copy_records_to_table(
        "blobs",
        columns=["org_id", "digest", "size", "stored_size"],
        records=[(ORG, info.digest, info.size, info.stored_size) for info in stored],
    )
    await owner.execute(
        """
        INSERT INTO versions (org_id, document_id, number, blob_id, media_type, scan_status, created_by)
        SELECT 1, 1, id, id, 'text/plain', 'clean', 1 FROM blobs
        """
    )
    await owner.execute("VACUUM ANALYZE")
    await owner.close()


def run(size: int, directory: Path) -> dict[str, Spent]:
    """Fill a new store and a new database, and measure."""
    keyring = Keyring.create(directory / "keyring", os.urandom(32))
    store = BlobStore(directory / "store", keyring)
    with embedded_postgres(directory / "data") as server, asyncio.Runner() as runner:
        migrate(server)
        started = time.perf_counter()
        stored = fill_store(store, size)
        runner.run(fill_database(server, stored))
        print(f"{size:,} blobs, filled in {time.perf_counter() - started:.0f} s", flush=True)
        settings = Settings.model_validate({"database_url": server.url(), "scan": ScanMode.OFF})
        database = Database.connect(settings)
        content = Content(store, Scanner(settings), max_size=2**30)
        lock = (server.directory / "postmaster.pid").read_text()
        postmaster = psutil.Process(int(lock.split("\n", 1)[0]))
        digests = [info.digest for info in stored]
        try:
            return measure(Bench(runner, database, content, postmaster, digests))
        finally:
            runner.run(database.close())
            content.close()


def report(sizes: Sequence[int], results: Sequence[dict[str, Spent]]) -> None:
    """Print a table: for each thing measured and each size, microseconds per blob."""
    print("\nmicroseconds per blob: CPU here + CPU of the database server (by the wall)\n")
    print(f"  {'':32}" + "".join(f"{size:>26,}" for size in sizes) + "   largest / smallest, CPU")
    for name in results[0]:
        spent = [result[name] for result in results]
        shown = "".join(f"{s.own:9.1f} + {s.server:5.1f} ({s.wall:6.0f})" for s in spent)
        first, last = (one.own + one.server for one in (spent[0], spent[-1]))
        print(f"  {name:32}{shown}   {last / first:5.2f}  {judge(last / first, at_most=AT_MOST)}")


def main() -> None:
    """Read the options; each size has a directory of its own, which goes away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    results = []
    with report_busyness():
        for size in options.sizes:
            with tempfile.TemporaryDirectory() as name:
                results.append(run(size, Path(name)))
        report(options.sizes, results)


if __name__ == "__main__":
    main()
