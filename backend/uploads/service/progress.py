"""What one process knows of the uploads it is receiving."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from backend.content.resumable import Remembered
from backend.uploads.service.arriving import Arriving

_YIELDING_SECONDS = 10.0


class Live:
    """A request of this process that is writing an upload."""

    def __init__(self, arriving: Arriving) -> None:
        self.arriving = arriving
        self.ended = asyncio.Event()


class InProgress:
    """The uploads that this process is receiving, and what it remembers of those it received lately."""

    def __init__(self) -> None:
        self.remembered = Remembered()
        self._live: dict[str, Live] = {}

    @contextmanager
    def writing(self, upload_id: str, arriving: Arriving) -> Iterator[None]:
        """Be the one of this process who writes an upload, while the block runs."""
        live = Live(arriving)
        self._live[upload_id] = live
        try:
            yield
        finally:
            live.ended.set()
            if self._live.get(upload_id) is live:
                del self._live[upload_id]

    async def take_over(self, upload_id: str) -> None:
        """End the request of this process that writes an upload, if there is one, and wait until it let go."""
        live = self._live.get(upload_id)
        if live is None:
            return
        live.arriving.stop()
        try:
            async with asyncio.timeout(_YIELDING_SECONDS):
                await live.ended.wait()
        except TimeoutError:
            return  # it is finishing the upload; the draft's lock says so

    async def close(self) -> None:
        """Let go of all."""
        await self.remembered.close()
