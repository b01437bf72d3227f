"""The bytes of one request, up to where they end, however they end."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum, auto

from backend.content.errors import UploadIncompleteError
from backend.uploads.protocol import Checksum


class End(Enum):
    """How the bytes of a request ended."""

    WHOLE = auto()
    BROKEN = auto()
    """The connection was lost."""
    STOPPED = auto()
    """Another request took the upload over."""
    EXCEEDED = auto()
    """There were more than there may be."""


class Arriving:
    """Bytes that arrive. The iteration never raises: what came is kept, and `end` says why no more did."""

    def __init__(
        self,
        stream: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
    ) -> None:
        self._stream = stream
        self._most: int | None = None
        self._checksum = checksum
        self._hash = None if checksum is None else checksum.begin()
        self._stop = asyncio.Event()
        self._waiting: asyncio.Task[object] | None = None
        self.size = 0
        self.end = End.WHOLE

    def limit(self, most: int | None) -> None:
        """Take no more bytes than this."""
        self._most = most

    def stop(self) -> None:
        """End the bytes here."""
        self._stop.set()
        if self._waiting is not None:
            self._waiting.cancel()

    @property
    def is_whole(self) -> bool:
        """Whether all bytes came."""
        return self.end is End.WHOLE

    @property
    def is_as_announced(self) -> bool:
        """Whether the bytes have the checksum they were sent with, if they were sent with one."""
        if self._hash is None or self._checksum is None:
            return True
        return self.is_whole and self._hash.digest() == self._checksum.digest

    async def chunks(self, *, skip: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes but the first `skip`."""
        while (chunk := await self._next()) is not None:
            if self._hash is not None:
                self._hash.update(chunk)
            if self._most is not None and self.size + len(chunk) > self._most:
                self.end = End.EXCEEDED
                return
            self.size += len(chunk)
            if skip:
                skip, chunk = max(0, skip - len(chunk)), chunk[skip:]
            if chunk:
                yield chunk

    async def _next(self) -> bytes | None:
        if self._stop.is_set():
            self.end = End.STOPPED
            return None
        self._waiting = asyncio.current_task()
        try:
            return await anext(self._stream, None)
        except UploadIncompleteError:
            self.end = End.BROKEN
            return None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not self._stop.is_set():
                raise
            task.uncancel()
            self.end = End.STOPPED
            return None
        finally:
            self._waiting = None
