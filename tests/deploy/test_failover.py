"""One backend dies: the others carry on, and when it is back it is used again."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient, RemoteProtocolError

from tests.deploy.conftest import Production
from tests.support.api import Api
from tests.support.programs import wait_until


@pytest.fixture
async def wounded(production: Production) -> AsyncIterator[Production]:
    """Production in which the first backend may be killed; it is there again afterwards."""
    yield production
    await asyncio.to_thread(production.backends[0].start)


async def test_killing_a_backend_loses_no_other_request(
    wounded: Production, librarian: Api, cabinet: int
) -> None:
    statuses: list[int] = []
    broken_off: list[RemoteProtocolError] = []
    killed = asyncio.Event()

    async def keep_reading() -> None:
        after_the_kill = 0
        while after_the_kill < 20:
            try:
                answer = await librarian.get(f"/folders/{cabinet}")
            except RemoteProtocolError as error:
                broken_off.append(error)
                continue
            statuses.append(answer.status_code)
            after_the_kill += killed.is_set()

    readers = [asyncio.create_task(keep_reading()) for _ in range(8)]
    await asyncio.to_thread(wait_until, lambda: len(statuses) > 40)
    await asyncio.to_thread(wounded.backends[0].kill)
    killed.set()
    await asyncio.gather(*readers)
    # A request that it was answering is asked of the other; reading twice does no harm.
    assert set(statuses) == {200}
    # Except the one whose head had gone out when the rest was about to: a backend writes one answer at a time.
    assert len(broken_off) <= 1, broken_off
    # And a change, which is never sent twice, finds the other at once.
    for number in range(5):
        await librarian.document(cabinet, f"{number}.txt")


async def test_without_any_backend_the_answer_says_so(
    production: Production, through: AsyncClient
) -> None:
    for backend in production.backends:
        await asyncio.to_thread(backend.kill)
    try:
        answer = await through.get("/api/v1/me")
        page = await through.get("/")
    finally:
        for backend in production.backends:
            await asyncio.to_thread(backend.start)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["code"] == "service_unavailable"
    assert page.status_code == 200
    deadline = time.monotonic() + 60
    while (await through.get("/healthz")).status_code != 200:
        assert time.monotonic() < deadline, "the backends are back and are not asked"
        await asyncio.sleep(0.1)
