"""One step of work beside its owner: the next step starts when the last has ended, and none outlives the owner."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Lane(Generic[R]):
    """Runs at most one step at a time while its owner goes on.

    A step may stand for a thread, which nobody can cancel: so a cancelled owner waits for it too, and whatever the step
    uses may be closed once the lane is left.
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
        await asyncio.wait([self._step])
        step, self._step = self._step, None
        return step.result()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._step is not None:
            await asyncio.wait([self._step])
            failure = self._step.exception()
            if error is None and failure is not None:
                raise failure
