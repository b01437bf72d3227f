"""The audit trail at a million events: what recording, sealing, verifying and searching cost.

    python benchmarks/audit.py --events 1000000

Prints, for a trail of that length: events sealed and verified per second and the memory that verifying takes; what a
deed costs its transaction with and without an event, with many writers at once, chained after the commit (as it is
done) and chained in the transaction under a lock of the organisation's chain (as it is not: docs/adr/0013); and what
each filter of the search costs for its first page and for a page in the middle, with the plan's kind.
"""

import argparse
import asyncio
import base64
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import text

from backend.audit import queries
from backend.audit import service as audit
from backend.audit.service import Deed, Filters
from backend.audit.statements import Signer
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.identity.models import Organisation
from backend.launch.postgres import EmbeddedPostgres, Role, embedded_postgres
from storage import Keyring

ROOT = Path(__file__).parents[1]
ORG = 1
WRITERS, DEEDS = 8, 100
ROUNDS = 5
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

FILL = """
INSERT INTO audit_events
    (org_id, at, actor_id, action, object, folder_id, address, request_id, session_id, data)
SELECT 1, timestamptz '2026-01-01' + n * interval '10 seconds', 1 + n % 500,
    (ARRAY['document.viewed', 'document.downloaded', 'document.created', 'document.updated', 'document.moved',
           'user.signed_in', 'access.denied', 'folder.created'])[1 + (n * 7) % 8],
    'document:' || n % 50000, n % 2000, '192.0.2.' || n % 250, md5(n::text), md5((n / 50)::text),
    jsonb_build_object('name', 'Contract ' || n || '.pdf', 'version', 1 + n % 3, 'sha256', md5(n::text))
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
"""
AT_ONCE = """
WITH head AS (
    SELECT seq, hash FROM audit_seals WHERE org_id = 1 AND pg_advisory_xact_lock(dms_audit_lock(1)) IS NOT NULL
    ORDER BY seq DESC LIMIT 1
) SELECT seq FROM head
"""


def make_settings(directory: Path, server: EmbeddedPostgres) -> Settings:
    """Make a schema and a keyring; return the settings that name them."""
    environment = {
        "DMS_DATA_DIR": str(directory),
        "DMS_DATABASE_URL": server.url(),
        "DMS_DATABASE_OWNER_URL": server.url(Role.OWNER),
        "ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    os.environ.update(environment)
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], cwd=ROOT, check=True)
    settings = Settings()
    settings.keyring_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    Keyring.create(settings.keyring_path, settings.master_key())
    return settings


async def fill(owner: Database, events: int) -> None:
    step = 100_000
    async with owner.transaction() as session:
        session.add(Organisation(name="Measured"))
    for first in range(0, events, step):
        async with owner.transaction() as session:
            last = min(first + step, events) - 1
            await session.execute(text(FILL), {"first": first, "last": last})


async def measure_sealing(database: Database, events: int) -> None:
    began = time.perf_counter()
    while await audit.seal(database):
        pass
    print(f"sealed      {events / (time.perf_counter() - began):10,.0f} events/s")


async def measure_verifying(database: Database, signer: Signer, events: int) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    done = await audit.verify(database, ORG, public_key=signer.public_key)
    rate = (done.last_seq - done.first_seq + 1) / (time.perf_counter() - began)
    if done.faults:
        raise SystemExit(f"the trail does not verify: {done.faults[0].detail}")
    grown = (process.memory_info().rss - before) / 2**20
    print(f"verified    {rate:10,.0f} events/s, {grown:.1f} MiB more memory for {events:,} events")


async def write_unrecorded(database: Database) -> None:
    async with database.transaction(Tenant(ORG)) as session:
        await session.execute(
            text("INSERT INTO outbox (org_id, name, data) VALUES (1, 'measured', '{}')")
        )


async def write_recorded(database: Database) -> None:
    async with database.transaction(Tenant(ORG)) as session:
        await session.execute(
            text("INSERT INTO outbox (org_id, name, data) VALUES (1, 'measured', '{}')")
        )
        deed = Deed("document.created", "document:7", {"name": "a.txt", "version": 1}, 7)
        await audit.record(session, [deed], org_id=ORG, actor_id=1)


def holding_the_head(hold: float) -> Callable[[Database], Awaitable[None]]:
    """Return a deed that takes the chain's lock when it records, and commits after the rest of its work."""

    async def write(database: Database) -> None:
        async with database.transaction(Tenant(ORG)) as session:
            deed = Deed("document.created", "document:7", {"name": "a.txt", "version": 1}, 7)
            await session.execute(text(AT_ONCE))
            await audit.record(session, [deed], org_id=ORG, actor_id=1)
            await session.execute(
                text("INSERT INTO outbox (org_id, name, data) VALUES (1, 'measured', '{}')")
            )
            await asyncio.sleep(hold)

    return write


def working(hold: float) -> Callable[[Database], Awaitable[None]]:
    """Return the same deed without that lock."""

    async def write(database: Database) -> None:
        async with database.transaction(Tenant(ORG)) as session:
            deed = Deed("document.created", "document:7", {"name": "a.txt", "version": 1}, 7)
            await audit.record(session, [deed], org_id=ORG, actor_id=1)
            await session.execute(
                text("INSERT INTO outbox (org_id, name, data) VALUES (1, 'measured', '{}')")
            )
            await asyncio.sleep(hold)

    return write


async def rate(database: Database, write: Callable[[Database], Awaitable[None]]) -> float:
    """Return deeds per second, the median of rounds, with many writers at once."""

    async def writer() -> None:
        for _ in range(DEEDS):
            await write(database)

    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await asyncio.gather(*(writer() for _ in range(WRITERS)))
        found.append(WRITERS * DEEDS / (time.perf_counter() - began))
    return statistics.median(found)


async def measure_writing(database: Database) -> None:
    plain = await rate(database, write_unrecorded)
    recorded = await rate(database, write_recorded)
    print(f"deeds       {plain:10,.0f}/s without an event, {recorded:,.0f}/s with one")
    for hold in (0.0, 0.005):
        after = await rate(database, working(hold))
        at_once = await rate(database, holding_the_head(hold))
        print(
            f"chained     {after:10,.0f}/s after the commit, {at_once:,.0f}/s under the chain's lock"
            f" ({hold * 1000:.0f} ms of other work after recording; {WRITERS} writers of one organisation)"
        )


async def page_time(
    database: Database, filters: Filters, after: tuple[datetime, int] | None
) -> tuple[float, int]:
    """Return the milliseconds that a page takes, the median of rounds, and its length."""
    found = []
    async with database.transaction(Tenant(ORG)) as session:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            page = await queries.events(
                session, ORG, filters, after=after, newest_first=True, limit=51
            )
            found.append((time.perf_counter() - began) * 1000)
            session.expunge_all()
    return statistics.median(found), len(page)


async def measure_searching(database: Database, events: int) -> None:
    middle = BEGIN + timedelta(seconds=5 * events)
    searches = {
        "everything": Filters(),
        "actor": Filters(actor_id=77),
        "action": Filters(actions=("access.denied",)),
        "three actions": Filters(actions=("access.denied", "user.signed_in", "folder.created")),
        "object": Filters(object="document:4711"),
        "address": Filters(address="192.0.2.7"),
        "folder": Filters(folder_ids=(1234,)),
        "1000 folders": Filters(folder_ids=tuple(range(1000))),
        "an hour": Filters(since=middle, until=middle + timedelta(hours=1)),
        "actor and action": Filters(actor_id=77, actions=("document.viewed",)),
        "session": Filters(session_id="0" * 32),
        "text in a day": Filters(text="99.pdf", since=middle, until=middle + timedelta(days=1)),
        "text, frequent": Filters(text="contract 1"),
        "text, nowhere": Filters(text="there is no such text"),
    }
    for name, filters in searches.items():
        first, count = await page_time(database, filters, None)
        later, _ = await page_time(database, filters, (middle, 1))
        print(f"{name:18}{first:9.1f} ms first page ({count}), {later:9.1f} ms in the middle")


async def run(settings: Settings, server: EmbeddedPostgres, events: int) -> None:
    owner = Database.connect(settings.model_copy(update={"database_url": server.url(Role.OWNER)}))
    database = Database.connect(settings)
    signer = Signer(Keyring.open(settings.keyring_path, settings.master_key()))
    await fill(owner, events)
    await measure_sealing(database, events)
    async with owner.transaction() as session:
        await session.execute(text("ANALYZE audit_events, audit_seals"))
    async with database.transaction(Tenant(ORG)) as session:
        await audit.make_checkpoint(session, signer, org_id=ORG)
    await measure_verifying(database, signer, events)
    await measure_searching(database, events)
    await measure_writing(database)
    await owner.close()
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as directory, embedded_postgres(Path(directory)) as server:
        asyncio.run(run(make_settings(Path(directory), server), server, events))


if __name__ == "__main__":
    main()
