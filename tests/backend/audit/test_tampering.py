"""Whoever owns the database can change the trail, and is found: the first row that is not as it was sealed is named."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backend.audit.encoding import EventFields, next_hash
from backend.audit.service import FaultKind, verify
from tests.backend.audit.conftest import Trail

ROWS = 12


@pytest.fixture
async def sealed(trail: Trail) -> Trail:
    await trail.fill(ROWS, at_once=5)
    return trail


def alter(column: str, value: str) -> Callable[[Trail, int], Awaitable[None]]:
    async def change(trail: Trail, seq: int) -> None:
        await trail.tamper(
            f"UPDATE audit_events SET {column} = {value} WHERE id = :id",  # noqa: S608
            id=await trail.event_id(seq),
        )

    return change


ALTERATIONS = {
    "time": alter("at", "at + interval '1 microsecond'"),
    "actor": alter("actor_id", "2"),
    "no actor": alter("actor_id", "NULL"),
    "action": alter("action", "'test.undone'"),
    "object": alter("object", "object || '0'"),
    "folder": alter("folder_id", "7"),
    "address": alter("address", "'192.0.2.1'"),
    "request": alter("request_id", "coalesce(request_id, '') || 'x'"),
    "session": alter("session_id", "'x'"),
    "data": alter("data", "data || '{\"number\": 1000}'"),
    "a member more": alter("data", "data || '{\"more\": null}'"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
@pytest.mark.parametrize("seq", [1, 7, ROWS])
async def test_an_altered_row_is_named(sealed: Trail, name: str, seq: int) -> None:
    event_id = await sealed.event_id(seq)
    await ALTERATIONS[name](sealed, seq)
    done = await sealed.verify()
    [fault] = done.faults
    assert (fault.kind, fault.seq, fault.event_id) == (FaultKind.ALTERED, seq, event_id)
    assert done.last_seq == seq - 1


async def test_a_deleted_event_is_named(sealed: Trail) -> None:
    event_id = await sealed.event_id(5)
    await sealed.tamper("DELETE FROM audit_events WHERE id = :id", id=event_id)
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq, fault.event_id) == (FaultKind.DELETED, 5, event_id)


async def test_an_event_given_to_another_organisation_is_missed(sealed: Trail) -> None:
    event_id = await sealed.event_id(5)
    [(other,)] = await sealed.rows("INSERT INTO organisations (name) VALUES ('O') RETURNING id")
    await sealed.tamper(
        "UPDATE audit_events SET org_id = :other WHERE id = :id", other=other, id=event_id
    )
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.DELETED, 5)


async def test_a_row_deleted_with_its_seal_is_named(sealed: Trail) -> None:
    await delete_row(sealed, 5)
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.DELETED, 5)


async def test_a_row_deleted_and_the_rest_numbered_anew_is_named(sealed: Trail) -> None:
    await delete_row(sealed, 5)
    await close_gap(sealed, 5)
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.ALTERED, 5)


async def test_an_inserted_event_is_named(sealed: Trail) -> None:
    await sealed.tamper("ALTER TABLE audit_events DISABLE TRIGGER join_tail")
    [(event_id,)] = await sealed.rows(
        "INSERT INTO audit_events (org_id, action, object, data)"
        " VALUES (:org, 'test.invented', 'test:1', '{}') RETURNING id"
    )
    await sealed.tamper("ALTER TABLE audit_events ENABLE TRIGGER join_tail")
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq, fault.event_id) == (FaultKind.INSERTED, None, event_id)


async def test_reordered_rows_are_named(sealed: Trail) -> None:
    await swap(sealed, "event_id", 4, 9)
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.REORDERED, 4)


async def test_rows_reordered_with_their_seals_are_named(sealed: Trail) -> None:
    await swap(sealed, "event_id", 4, 9)
    await swap(sealed, "hash", 4, 9)
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.REORDERED, 4)


async def test_an_event_taken_from_the_tail_is_named(sealed: Trail) -> None:
    await sealed.record()
    await sealed.tamper("INSERT INTO audit_tail (org_id, event_id) VALUES (:org, 9000000000000)")
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.event_id) == (FaultKind.DELETED, 9_000_000_000_000)


async def test_hashes_made_anew_do_not_fit_what_was_signed(sealed: Trail) -> None:
    await sealed.checkpoint()
    await sealed.fill(4)
    await ALTERATIONS["action"](sealed, 6)
    await rehash(sealed, 6)
    [fault] = (await sealed.verify()).faults
    assert fault.kind is FaultKind.REWRITTEN
    assert fault.seq == 1
    assert "rows 1 to 12" in fault.detail


async def test_hashes_made_anew_are_narrowed_down_to_between_two_checkpoints(
    sealed: Trail,
) -> None:
    await sealed.checkpoint()
    await sealed.fill(4)
    await sealed.checkpoint()
    await ALTERATIONS["action"](sealed, 14)
    await rehash(sealed, 14)
    done = await sealed.verify()
    [fault] = done.faults
    assert (fault.kind, fault.seq, done.checkpoints) == (FaultKind.REWRITTEN, 13, 1)


async def test_a_tail_cut_off_is_found_by_a_checkpoint(sealed: Trail) -> None:
    await sealed.checkpoint()
    await truncate(sealed, 10)
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.TRUNCATED, 11)


async def test_a_tail_cut_off_with_its_checkpoints_is_found_by_an_exported_one(
    sealed: Trail,
) -> None:
    exported = await sealed.checkpoint()
    await truncate(sealed, 10)
    await sealed.tamper("DELETE FROM audit_checkpoints WHERE org_id = :org")
    assert (await sealed.verify()).faults == []
    [fault] = (await sealed.verify(exported)).faults
    assert (fault.kind, fault.seq) == (FaultKind.TRUNCATED, 11)
    # Even when it has grown again beyond what was exported.
    await sealed.fill(6)
    [fault] = (await sealed.verify(exported)).faults
    assert fault.kind is FaultKind.REWRITTEN


async def test_a_whole_trail_removed_is_found_by_an_exported_checkpoint(sealed: Trail) -> None:
    exported = await sealed.checkpoint()
    await truncate(sealed, 0)
    await sealed.tamper("DELETE FROM audit_checkpoints WHERE org_id = :org")
    [fault] = (await sealed.verify(exported)).faults
    assert (fault.kind, fault.seq) == (FaultKind.TRUNCATED, 1)


@pytest.mark.parametrize(
    "change",
    ["hash = sha256('x')", "count = count + 1", "at = at - interval '1 s'", "signature = 'x'"],
)
async def test_an_altered_checkpoint_is_named(sealed: Trail, change: str) -> None:
    await sealed.checkpoint()
    await sealed.tamper(f"UPDATE audit_checkpoints SET {change} WHERE org_id = :org")  # noqa: S608
    [fault] = (await sealed.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.FORGED, ROWS)


async def test_a_checkpoint_of_another_key_is_worth_nothing(sealed: Trail) -> None:
    await sealed.checkpoint()
    other = hashlib.sha256(b"another").digest()
    done = await verify(sealed.database, sealed.org_id, public_key=other)
    assert [fault.kind for fault in done.faults] == [FaultKind.FORGED]


async def test_an_anchor_cannot_be_made_without_the_key(sealed: Trail) -> None:
    """The owner cannot remove a part and call it the retention's doing."""
    await sealed.checkpoint()
    await sealed.fill(3)
    await sealed.tamper(
        "INSERT INTO audit_checkpoints SELECT org_id, seq, 'anchor', hash, count, at, public_key, signature"
        " FROM audit_checkpoints WHERE org_id = :org"
    )
    await sealed.tamper(
        "DELETE FROM audit_events WHERE id IN"
        " (SELECT event_id FROM audit_seals WHERE org_id = :org AND seq <= 12)"
    )
    await sealed.tamper("DELETE FROM audit_seals WHERE org_id = :org AND seq <= 12")
    [fault] = (await sealed.verify()).faults
    assert fault.kind is FaultKind.FORGED


async def delete_row(trail: Trail, seq: int) -> None:
    await trail.tamper("DELETE FROM audit_events WHERE id = :id", id=await trail.event_id(seq))
    await trail.tamper("DELETE FROM audit_seals WHERE org_id = :org AND seq = :seq", seq=seq)


async def close_gap(trail: Trail, seq: int) -> None:
    for later in range(seq + 1, ROWS + 1):
        await trail.tamper(
            "UPDATE audit_seals SET seq = seq - 1 WHERE org_id = :org AND seq = :seq", seq=later
        )


async def swap(trail: Trail, column: str, one: int, other: int) -> None:
    rows = await trail.rows(
        f"SELECT seq, {column} FROM audit_seals WHERE org_id = :org AND seq IN (:one, :other)",  # noqa: S608
        one=one,
        other=other,
    )
    found = {seq: value for seq, value in rows}  # noqa: C416 - rows are not pairs to mypy
    # One after the other: an event has one seal.
    placeholder: Any = -1 if column == "event_id" else b""
    for seq, value in ((one, placeholder), (other, found[one]), (one, found[other])):
        await trail.tamper(
            f"UPDATE audit_seals SET {column} = :value WHERE org_id = :org AND seq = :seq",  # noqa: S608
            seq=seq,
            value=value,
        )


async def truncate(trail: Trail, keep: int) -> None:
    await trail.tamper(
        "DELETE FROM audit_events WHERE id IN"
        " (SELECT event_id FROM audit_seals WHERE org_id = :org AND seq > :keep)",
        keep=keep,
    )
    await trail.tamper("DELETE FROM audit_seals WHERE org_id = :org AND seq > :keep", keep=keep)


async def rehash(trail: Trail, first: int) -> None:
    """Make all hashes from a row on anew, as the owner can who knows the format."""
    rows = await trail.rows(
        "SELECT s.seq, s.hash, e.id, e.at, e.actor_id, e.action, e.object, e.folder_id, e.address, e.request_id,"
        " e.session_id, e.data::text FROM audit_seals s JOIN audit_events e ON e.id = s.event_id"
        " WHERE s.org_id = :org ORDER BY s.seq"
    )
    previous = bytes(32)
    for row in rows:
        made = next_hash(previous, trail.org_id, row.seq, EventFields(*row[2:]))
        if row.seq >= first:
            await trail.tamper(
                "UPDATE audit_seals SET hash = :hash WHERE org_id = :org AND seq = :seq",
                seq=row.seq,
                hash=made,
            )
        previous = made


@dataclass(frozen=True)
class Tampering:
    """One thing the owner does, and the first row at which it must be found."""

    kind: str
    seq: int
    other: int
    alteration: str


TAMPERINGS = st.builds(
    Tampering,
    kind=st.sampled_from(["alter", "alter and hash", "delete", "delete event", "swap", "truncate"]),
    seq=st.integers(1, ROWS - 1),
    other=st.integers(1, ROWS - 1),
    alteration=st.sampled_from(sorted(ALTERATIONS)),
)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(tamperings=[Tampering("alter and hash", seq, 1, "a member more") for seq in (10, 11)])
@given(
    tamperings=st.lists(
        TAMPERINGS, min_size=1, max_size=3, unique_by=lambda one: one.kind == "swap" or one.seq
    )
)
async def test_whatever_the_owner_does_is_found_at_its_first_row(
    trail: Trail, tamperings: list[Tampering]
) -> None:
    fresh = await new_trail(trail)
    exported = await fresh.checkpoint()
    first = min([await apply(fresh, one) for one in tamperings])
    done = await fresh.verify(exported)
    assert done.faults, tamperings
    found = done.faults[0].seq
    assert found is not None
    # Rows altered together with their own seals, one after the other, are told from true ones by their successor alone.
    hashed = {one.seq for one in tamperings if one.kind == "alter and hash"}
    last = first + bool(hashed)
    while last in hashed:
        last += 1
    assert first <= found <= last


async def new_trail(trail: Trail) -> Trail:
    [(org_id,)] = await trail.rows("INSERT INTO organisations (name) VALUES ('T') RETURNING id")
    fresh = Trail(trail.database, trail.owner, trail.signer, org_id)
    await fresh.fill(ROWS, at_once=ROWS)
    return fresh


async def apply(trail: Trail, tampering: Tampering) -> int:
    """Tamper, and return the first row concerned; where an earlier deed removed the row, that one named an earlier."""
    seq, other = tampering.seq, tampering.other
    there = {row.seq for row in await trail.rows("SELECT seq FROM audit_seals WHERE org_id = :org")}
    if seq not in there:
        return seq
    if tampering.kind == "truncate":
        await truncate(trail, seq - 1)
    elif tampering.kind == "delete":
        await delete_row(trail, seq)
    elif tampering.kind == "delete event":
        await trail.tamper("DELETE FROM audit_events WHERE id = :id", id=await trail.event_id(seq))
    elif tampering.kind == "swap" and other != seq and other in there:
        await swap(trail, "event_id", seq, other)
        return min(seq, other)
    else:
        await ALTERATIONS[tampering.alteration](trail, seq)
        if tampering.kind == "alter and hash":
            await hash_alone(trail, seq)
    return seq


async def hash_alone(trail: Trail, seq: int) -> None:
    """Make the hash of one row anew, over the hash before it as that stands."""
    rows = await trail.rows(
        "SELECT s.seq, s.hash, e.id, e.at, e.actor_id, e.action, e.object, e.folder_id, e.address, e.request_id,"
        " e.session_id, e.data::text FROM audit_seals s LEFT JOIN audit_events e ON e.id = s.event_id"
        " WHERE s.org_id = :org AND s.seq IN (:before, :seq) ORDER BY s.seq",
        before=seq - 1,
        seq=seq,
    )
    row = rows[-1]
    if row.id is None:
        return
    previous = rows[0].hash if rows[0].seq == seq - 1 else bytes(32)
    await trail.tamper(
        "UPDATE audit_seals SET hash = :hash WHERE org_id = :org AND seq = :seq",
        seq=seq,
        hash=next_hash(previous, trail.org_id, seq, EventFields(*row[2:])),
    )
