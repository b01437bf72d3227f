"""Attempts that failed: recorded at once, then counted, and of many different ones only so many by name."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Attempt, Attempts
from backend.audit.service.attempts import NAMED, WINDOW
from backend.core.actor import Actor, Role
from backend.core.origin import bind_caller
from tests.backend.audit.conftest import Trail


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock=clock)


async def everything_is_hidden(session: AsyncSession, actor: Actor, found: str) -> bool:
    return found != "document:0"


async def write(attempts: Attempts, trail: Trail) -> list[tuple[str, int]]:
    """Let what is due be written; what came of it."""
    before = len(await recorded(trail))
    await attempts.write(trail.database, everything_is_hidden)
    return (await recorded(trail))[before:]


async def recorded(trail: Trail) -> list[tuple[str, int]]:
    rows: list[Any] = await trail.rows(
        "SELECT object, data FROM audit_events WHERE org_id = :org ORDER BY id"
    )
    return [(row.object, row.data["count"]) for row in rows]


def denied(trail: Trail, number: int = 1) -> Attempt:
    actor = Actor(7, trail.org_id, Role.MEMBER, "M")
    return Attempt("access.denied", f"document:{number}", trail.org_id, 7, hidden_from=actor)


async def test_the_first_is_recorded_at_once_and_the_rest_as_a_count(
    attempts: Attempts, clock: Clock, trail: Trail
) -> None:
    attempts.note(denied(trail))
    assert await write(attempts, trail) == [("document:1", 1)]
    for _ in range(100):
        attempts.note(denied(trail))
    assert await write(attempts, trail) == []
    clock.seconds += WINDOW
    assert await write(attempts, trail) == [("document:1", 100)]
    clock.seconds += WINDOW
    assert await write(attempts, trail) == []
    # Forgotten by then: the next one is a first one again.
    attempts.note(denied(trail))
    assert await write(attempts, trail) == [("document:1", 1)]


async def test_two_that_write_at_once_record_each_attempt_once(
    attempts: Attempts, trail: Trail
) -> None:
    attempts.note(denied(trail))
    written = await asyncio.gather(
        *(attempts.write(trail.database, everything_is_hidden) for _ in range(3))
    )
    assert sum(written) == 1
    assert await recorded(trail) == [("document:1", 1)]


async def test_only_so_many_are_named(attempts: Attempts, trail: Trail) -> None:
    for number in range(1, 1_001):
        attempts.note(denied(trail, number))
    found = await write(attempts, trail)
    assert found[:NAMED] == [(f"document:{number}", 1) for number in range(1, NAMED + 1)]
    assert found[NAMED:] == [("many:different", 1_000 - NAMED)]


async def test_callers_at_different_addresses_are_told_apart(
    attempts: Attempts, trail: Trail
) -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        bind_caller(address)
        attempts.note(denied(trail))
    bind_caller(None)
    assert await write(attempts, trail) == [("document:1", 1), ("document:1", 1)]
    rows = await trail.rows("SELECT address FROM audit_events WHERE org_id = :org ORDER BY id")
    assert [row.address for row in rows] == ["192.0.2.1", "192.0.2.2"]


async def test_what_is_not_there_was_not_denied(attempts: Attempts, trail: Trail) -> None:
    attempts.note(denied(trail, 0))
    assert await write(attempts, trail) == []
    assert await write(attempts, trail) == []


async def test_whoever_has_many_addresses_is_counted_by_the_account(
    attempts: Attempts, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.audit.service.attempts._CALLERS", 3)
    for number in range(10):
        bind_caller(f"192.0.2.{number}")
        attempts.note(denied(trail))
    bind_caller(None)
    assert await write(attempts, trail) == [("document:1", 1)] * 3 + [("document:1", 7)]
