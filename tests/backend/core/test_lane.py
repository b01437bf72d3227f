import asyncio
import threading

import pytest

from backend.core.lane import Lane, outlast


async def test_steps_run_one_at_a_time_while_the_owner_goes_on() -> None:
    running = 0
    seen: list[int] = []

    async def step(number: int) -> int:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        seen.append(number)
        return number

    async with Lane[int]() as lane:
        for number in range(3):
            await lane.start(step, number)
            assert seen == list(range(number))
        assert await lane.result() == 2
    assert seen == [0, 1, 2]


async def test_a_failed_step_is_told_where_it_is_waited_for() -> None:
    async def fail() -> None:
        raise ValueError("the step failed")

    with pytest.raises(ValueError, match="the step failed"):
        async with Lane[None]() as lane:
            await lane.start(fail)


async def test_the_owners_error_comes_first() -> None:
    async def fail() -> None:
        raise ValueError("the step failed")

    async def owner() -> None:
        async with Lane[None]() as lane:
            await lane.start(fail)
            raise KeyError("the owner failed first")

    with pytest.raises(KeyError, match="the owner"):
        await owner()


async def test_a_result_needs_a_step() -> None:
    async with Lane[None]() as lane:
        with pytest.raises(RuntimeError, match="no step"):
            await lane.result()


async def test_a_cancelled_owner_waits_for_its_thread() -> None:
    may_end, ended = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait()
        ended.set()

    async def owner() -> None:
        async with Lane[None]() as lane:
            await lane.start(asyncio.to_thread, work)
            await asyncio.Event().wait()

    task = asyncio.create_task(owner())
    await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_is_outlasted_gives_its_result() -> None:
    assert await outlast(asyncio.ensure_future(asyncio.sleep(0, "done"))) == "done"
