"""Work in threads beside its owner: nobody can cancel a thread, so a cancelled owner waits for its work to end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def outlast(work: asyncio.Future[R]) -> R:
    """Wait for work and return what it returns; when cancelled, wait for its end before saying so."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        raise


class Lane(Generic[R]):
    """Runs at most one step at a time while its owner goes on; no step outlives the lane.

    So whatever the steps use may be closed once the lane is left, however it is left.
    """

    def __init__(self) -> None:
        self._step: asyncio.Future[R] | None = None

    async def start(
        self, step: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Start a step once the last one has ended; raises what the last one raised."""
        if self._step is not None:
            await self.result()
        self._step = asyncio.ensure_future(step(*args, **kwargs))

    async def result(self) -> R:
        """Wait for the step under way and return what it returns."""
        if self._step is None:
            raise RuntimeError("no step was started")
        step, self._step = self._step, None
        return await outlast(step)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._step is None:
            return
        if error is None:
            await self.result()
        else:
            with suppress(Exception):  # the error that ended the lane came first
                await self.result()
