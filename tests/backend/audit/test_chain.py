"""The chain: numbers without gaps, hashes that anyone can make again, whatever happens at the same time."""

import asyncio
import hashlib
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.audit import service as audit
from backend.audit.encoding import FIRST_HASH, EventFields, encode
from backend.audit.service import Deed
from backend.core.db import Database, Tenant
from backend.core.origin import bind_caller, bind_session
from tests.backend.audit.conftest import Trail

CHAIN = """
SELECT s.seq, s.hash, dms_audit_encoding(e, s.seq) AS encoded, e.id, e.at, e.actor_id, e.action, e.object, e.folder_id,
    e.address, e.request_id, e.session_id, e.data::text
FROM audit_seals s JOIN audit_events e ON e.id = s.event_id WHERE s.org_id = :org ORDER BY s.seq
"""
# What a text of PostgreSQL may hold.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


async def test_a_sealed_trail_verifies(trail: Trail) -> None:
    await trail.fill(25)
    done = await trail.verify()
    assert (done.faults, done.first_seq, done.last_seq, done.unsealed) == ([], 1, 25, 0)


async def test_what_waits_for_its_seal_is_shown_as_such(trail: Trail) -> None:
    await trail.fill(3)
    await trail.record(Deed("test.done", "test:late"))
    async with trail.database.transaction(Tenant(trail.org_id)) as session:
        state = await audit.chain_state(session, trail.org_id)
    assert (state.sealed, state.unsealed) == (3, 1)
    assert state.unsealed_since is not None
    done = await trail.verify()
    assert (done.faults, done.last_seq, done.unsealed) == ([], 3, 1)


async def test_the_hashes_are_as_they_are_documented(trail: Trail) -> None:
    await trail.fill(12)
    previous = FIRST_HASH
    for number, row in enumerate(await trail.rows(CHAIN), start=1):
        assert row.seq == number
        assert row.encoded == encode(trail.org_id, row.seq, EventFields(*row[3:]))
        previous = hashlib.sha256(previous + row.encoded).digest()
        assert row.hash == previous


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(action=TEXTS, subject=TEXTS, data=st.dictionaries(TEXTS, VALUES, max_size=4))
async def test_both_encodings_say_the_same_of_any_event(
    trail: Trail, action: str, subject: str, data: dict[str, object]
) -> None:
    await trail.record(Deed(action, subject, data))
    await trail.seal()
    row = (await trail.rows(CHAIN))[-1]
    assert row.encoded == encode(trail.org_id, row.seq, EventFields(*row[3:]))


async def test_an_event_knows_where_it_came_from(trail: Trail) -> None:
    bind_caller("192.0.2.7")
    bind_session("a-session")
    await trail.record(Deed("test.done", "test:1", folder_id=7))
    bind_caller(None)
    await trail.record(Deed("test.done", "test:2"))
    rows = await trail.rows(
        "SELECT address, session_id, folder_id FROM audit_events WHERE org_id = :org ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [("192.0.2.7", "a-session", 7), (None, None, None)]


async def test_a_deed_that_is_undone_leaves_no_event(trail: Trail) -> None:
    async def undone() -> None:
        async with trail.database.transaction(Tenant(trail.org_id)) as session:
            await audit.record(
                session, [Deed("test.done", "test:1")], org_id=trail.org_id, actor_id=1
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await undone()
    await trail.fill(1)
    done = await trail.verify()
    assert (done.faults, done.last_seq) == ([], 1)


async def test_a_late_commit_is_sealed_after_those_before_it(trail: Trail) -> None:
    async with trail.database.transaction(Tenant(trail.org_id)) as slow:
        await audit.record(slow, [Deed("test.slow", "test:0")], org_id=trail.org_id, actor_id=1)
        await trail.fill(3)
    await trail.seal()
    actions = [row.action for row in await trail.rows(CHAIN)]
    assert actions == ["test.done"] * 3 + ["test.slow"]
    assert (await trail.verify()).faults == []


async def test_many_sealers_and_writers_at_once_make_one_chain(trail: Trail) -> None:
    async def write() -> None:
        for number in range(20):
            await trail.record(*(Deed("test.done", f"test:{number}") for _ in range(3)))

    async def keep_sealing(writers: "asyncio.Future[list[None]]") -> None:
        while not writers.done():
            await audit.seal(trail.database, limit=7)

    writers = asyncio.gather(*(write() for _ in range(4)))
    await asyncio.gather(writers, *(keep_sealing(writers) for _ in range(3)))
    await trail.seal()
    done = await trail.verify()
    assert (done.faults, done.last_seq, done.unsealed) == ([], 240, 0)


async def test_a_sealing_that_is_cut_off_has_not_happened(trail: Trail) -> None:
    await trail.fill(2)
    await trail.record(*(Deed("test.done", f"test:{number}") for number in range(5)))

    async def broken_off() -> None:
        async with trail.database.transaction() as session:
            await session.execute(text("SELECT dms_audit_seal(3)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken_off()
    assert (await trail.verify()).unsealed == 5
    await trail.seal()
    done = await trail.verify()
    assert (done.faults, done.last_seq, done.unsealed) == ([], 7, 0)


async def test_a_sealer_in_the_middle_of_it_holds_up_nobody(trail: Trail) -> None:
    await trail.record(Deed("test.done", "test:1"))
    async with trail.database.transaction() as session:
        await session.execute(text("SELECT dms_audit_seal(10)"))
        # Not yet committed: others record, and find the chain taken.
        await trail.record(Deed("test.done", "test:2"))
        assert (await trail.verify()).unsealed == 2
    await trail.seal()
    done = await trail.verify()
    assert (done.faults, done.last_seq) == ([], 2)


async def test_a_sealer_in_an_old_snapshot_cannot_fork_the_chain(trail: Trail) -> None:
    await trail.record(Deed("test.done", "test:1"))
    async with trail.database.transaction() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await session.execute(text("SELECT 1"))
        await trail.seal()
        with pytest.raises(DBAPIError):
            async with session.begin_nested():
                await session.execute(text("SELECT dms_audit_seal(10)"))
    assert (await trail.verify()).faults == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET action = 'x'",
        "DELETE FROM audit_events",
        "INSERT INTO audit_seals (org_id, seq, event_id, hash) VALUES (1, 1, 1, '')",
        "UPDATE audit_seals SET hash = ''",
        "DELETE FROM audit_seals",
        "INSERT INTO audit_tail (org_id, event_id) VALUES (1, 1)",
        "DELETE FROM audit_tail",
        "UPDATE audit_checkpoints SET hash = ''",
        "DELETE FROM audit_checkpoints",
        "TRUNCATE audit_events",
        "ALTER TABLE audit_events DISABLE TRIGGER join_tail",
    ],
)
async def test_the_service_itself_can_change_nothing(trail: Trail, statement: str) -> None:
    async with trail.database.transaction(Tenant(trail.org_id)) as session:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            async with session.begin_nested():
                await session.execute(text(statement))


async def test_the_same_deed_in_a_short_time_is_recorded_once(trail: Trail) -> None:
    async def read(version: int, actor_id: int = 1) -> None:
        async with trail.database.transaction(Tenant(trail.org_id)) as session:
            await audit.record_once(
                session,
                Deed("document.downloaded", "document:1", {"version": version}),
                within=timedelta(minutes=10),
                org_id=trail.org_id,
                actor_id=actor_id,
            )

    await asyncio.gather(*(read(1) for _ in range(8)))
    await read(2)
    await read(1, actor_id=2)
    await trail.seal()
    assert (await trail.verify()).last_seq == 3


async def test_organisations_have_chains_of_their_own(
    trail: Trail, database: Database, owner: Database
) -> None:
    await trail.fill(4)
    [(other,)] = await trail.rows("INSERT INTO organisations (name) VALUES ('Other') RETURNING id")
    beside = Trail(database, owner, trail.signer, other)
    await beside.fill(3)
    await trail.fill(2)
    assert (await trail.verify()).last_seq == 6
    assert (await beside.verify()).last_seq == 3
