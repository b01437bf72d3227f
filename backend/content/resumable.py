"""Content that arrives over days: drafts of the store, and what a process remembers of them between two requests.

The digest and the scan follow the bytes. A process that took all of them has both at hand; another one, or this one
after a while, reads back what it missed while the next bytes arrive. No answer depends on which it is.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from backend.content.errors import DraftBusyError, DraftLostError
from backend.content.media_types import HEAD_BYTES
from backend.content.scanner import Outcome, ScanStream, Verdict
from backend.content.service import Batch, Content, Received, batches, storage_answers
from backend.core.lane import Lane
from storage import (
    BlobDamagedError,
    DraftNotFoundError,
    ResumableDraft,
    RunningDigest,
    WrongKeyError,
)
from storage import DraftBusyError as StoreDraftBusyError

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 50.0
"""How long a scan waits for more: clamd ends one that waits for longer than its ReadTimeout."""
_MOST_IDLE = 64
_POLL_SECONDS = 0.02


class Examination:
    """Digest and scan of one draft, as far as this process took them."""

    def __init__(self, digest: RunningDigest) -> None:
        self.digest = digest
        self.scanned = 0
        self.idled = False
        """Whether the scanner has waited for bytes between two requests: it may have hung up."""
        self.scan: ScanStream | None = None
        self._resources = AsyncExitStack()

    async def send(self, content: Content, batch: Batch) -> None:
        """Give the scanner the next bytes."""
        if self.scan is None:
            self.scan = await self._resources.enter_async_context(content.scanner.stream())
        await self.scan.send(batch)
        self.scanned += sum(map(len, batch))

    async def verdict(self, content: Content) -> Verdict:
        """End the scan."""
        await self.send(content, [])
        assert self.scan is not None  # noqa: S101  # sending has opened it
        return await self.scan.verdict()

    async def close(self) -> None:
        """Hang up."""
        await self._resources.aclose()


class Remembered:
    """The examinations of this process that wait for their uploads to go on. Few, and not for long."""

    def __init__(self, *, most: int = _MOST_IDLE) -> None:
        self._most = most
        self._kept: dict[str, tuple[float, Examination]] = {}

    def take(self, name: str) -> Examination | None:
        """Return the examination of a draft; it is not kept any more."""
        found = self._kept.pop(name, None)
        return None if found is None else found[1]

    async def keep(self, name: str, examination: Examination) -> None:
        """Keep one until the upload goes on, or for some seconds; the oldest go where there are too many."""
        await self.forget(name)
        examination.idled = True
        self._kept[name] = (time.monotonic(), examination)
        latest = time.monotonic() - _IDLE_SECONDS
        surplus = len(self._kept) - self._most
        for number, (old, (since, _)) in enumerate(list(self._kept.items())):
            if number < surplus or since < latest:
                await self.forget(old)

    async def forget(self, name: str) -> None:
        """Let go of one."""
        found = self.take(name)
        if found is not None:
            await found.close()

    async def close(self) -> None:
        """Let go of all."""
        for name in list(self._kept):
            await self.forget(name)


class Growing:
    """A draft that this process is writing."""

    def __init__(
        self,
        content: Content,
        namespace: str,
        name: str,
        draft: ResumableDraft,
        examination: Examination,
        *,
        examine: bool,
    ) -> None:
        self._content = content
        self._namespace = namespace
        self._name = name
        self._draft = draft
        self._examination = examination
        self._examine = examine

    @property
    def size(self) -> int:
        """Bytes there are."""
        return self._draft.size

    async def append(self, chunks: AsyncIterator[bytes]) -> None:
        """Take what arrives, until nothing more does.

        Raises:
            StorageFullError, StorageUnavailableError: what was acknowledged before is still there.
        """
        with storage_answers():
            if not self._examine:
                await self._only_write(chunks)
            elif self._draft.follows:
                await self._take_and_follow(chunks)
            else:
                await self._show_unsealed()
                await self._take(chunks)

    async def acknowledge(self) -> int:
        """Make what came durable; return how much there is.

        Raises:
            StorageFullError, StorageUnavailableError: what was acknowledged before is still there.
        """
        with storage_answers():
            return await self._content.complete(self._draft.sync)

    async def rewind(self, size: int) -> None:
        """Forget what came since there were `size` bytes. Nothing can be done with the draft afterwards."""
        with storage_answers():
            await self._content.complete(self._draft.rewind, size)

    async def complete(self) -> Received:
        """End the content: give its digest, its verdict, and the blob it became, without a name.

        Raises:
            VirusFoundError, UnscannableError, ScannerUnavailableError: as for any content.
            StorageFullError, StorageUnavailableError: what was acknowledged is still there.
        """
        with storage_answers():
            follows = self._draft.follows
            if not follows:
                await self._show_unsealed()
            await self._content.complete(self._draft.end)
            await self._follow()
            verdict = await self._examination.verdict(self._content)
            if verdict.outcome is Outcome.NOT_SCANNED and self._examination.idled:
                verdict = await self._examine_again()
            verdict = await self._content.judge(
                verdict,
                namespace=self._namespace,
                digest=self._draft.digest.digest(),
                size=self._draft.size,
            )
            head = await self._content.run(self._draft.head, HEAD_BYTES)
            pending = await self._content.complete(self._draft.finish)
        return Received.of(self._content, pending, verdict, head)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content, as much as there is."""
        pieces = self._draft.content()
        with storage_answers():
            while piece := await self._content.run(next, pieces, b""):
                yield piece

    async def _take(self, chunks: AsyncIterator[bytes]) -> None:
        async with Lane[None]() as lane:
            async for batch in batches(chunks):
                await lane.start(self._move, batch)

    async def _take_and_follow(self, chunks: AsyncIterator[bytes]) -> None:
        """Write what arrives, and beside that catch up with what was written."""
        arriving = asyncio.ensure_future(self._only_write(chunks))
        try:
            while not arriving.done():
                if not await self._follow_once():
                    await asyncio.wait([arriving], timeout=_POLL_SECONDS)
        except BaseException:
            arriving.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await arriving
            raise
        await arriving

    async def _only_write(self, chunks: AsyncIterator[bytes]) -> None:
        async with Lane[None]() as lane:
            async for batch in batches(chunks):
                await lane.start(self._write, batch)

    async def _write(self, batch: Batch) -> None:
        await self._content.run(_write, self._draft, batch)

    async def _move(self, batch: Batch) -> None:
        written, scanned = await asyncio.gather(
            self._write(batch), self._examination.send(self._content, batch), return_exceptions=True
        )
        for outcome in (written, scanned):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _follow(self) -> None:
        while await self._follow_once():
            pass

    async def _follow_once(self) -> bool:
        start = self._draft.digest.size
        piece = await self._content.complete(self._draft.catch_up)
        if piece and self._examination.scanned < start + len(piece):
            await self._examination.send(
                self._content, [piece[max(0, self._examination.scanned - start) :]]
            )
        return bool(piece)

    async def _show_unsealed(self) -> None:
        """Scan what is in no frame yet, where another process took it."""
        missing = self._draft.size - self._examination.scanned
        if missing > 0:
            await self._examination.send(self._content, [self._draft.unsealed[-missing:]])

    async def _examine_again(self) -> Verdict:
        """The scanner has hung up while the upload paused: scan all of it in one go."""
        await self._examination.close()
        self._examination = Examination(self._draft.begin_digest())
        await self._follow()
        return await self._examination.verdict(self._content)

    async def close(self, remembered: Remembered, *, keep: bool) -> None:
        """Let another process write; keep digest and scan for the next request where it makes sense."""
        await self._content.complete(self._draft.close)
        if keep:
            await remembered.keep(self._name, self._examination)
        else:
            await self._examination.close()


@asynccontextmanager
async def growing(
    content: Content,
    remembered: Remembered,
    *,
    namespace: str,
    name: str,
    create: bool,
    examine: bool = True,
) -> AsyncIterator[Growing]:
    """Open a draft for the block, alone; begin it where there is none and `create` says so.

    What `examine` excludes is neither hashed nor scanned, and cannot be completed: a part of something.

    Raises:
        DraftBusyError: somebody else is writing it.
        DraftLostError: it is not there, or does not open any more.
        StorageFullError, StorageUnavailableError: it cannot be begun.
    """
    draft = await content.complete(_open, content, namespace, name, create=create)
    examination = remembered.take(name)
    if examination is not None and not (
        draft.go_on_with(examination.digest) and examination.scanned <= draft.size
    ):
        await examination.close()
        examination = None
        draft.begin_digest()
    if not examine:
        draft.leave_digest()
    opened = Growing(
        content,
        namespace,
        name,
        draft,
        examination or Examination(draft.digest),
        examine=examine,
    )
    keep = False
    try:
        yield opened
        keep = True
    finally:
        await opened.close(remembered, keep=keep and examine)


async def received_size(content: Content, *, namespace: str, name: str) -> int:
    """Return how much of a draft there is, durably; 0 where none was begun.

    Raises:
        DraftLostError: it does not open any more.
        StorageUnavailableError: the store does not answer.
    """
    with storage_answers():
        try:
            return await content.run(content.store.draft_size, namespace, name)
        except DraftNotFoundError:
            return 0
        except (BlobDamagedError, WrongKeyError) as error:
            raise _lost(name, error) from error


async def drop(content: Content, *, namespace: str, name: str) -> bool:
    """Remove a draft; return false where somebody is writing it.

    Raises:
        StorageUnavailableError: the store does not answer.
    """
    with storage_answers():
        try:
            await content.complete(content.store.drop_draft, namespace, name)
        except StoreDraftBusyError:
            return False
    return True


def _open(content: Content, namespace: str, name: str, *, create: bool) -> ResumableDraft:
    with storage_answers():
        try:
            return content.store.open_draft(namespace, name)
        except DraftNotFoundError as error:
            if not create:
                raise _lost(name, error) from error
        except StoreDraftBusyError as error:
            raise DraftBusyError("Another request is sending bytes of this upload.") from error
        except (BlobDamagedError, WrongKeyError) as error:
            raise _lost(name, error) from error
        return content.store.create_draft(namespace, name)


def _lost(name: str, error: Exception) -> DraftLostError:
    log.error("draft_lost", draft=name, error=str(error))
    return DraftLostError("What was received of this upload is lost. Begin it anew.")


def _write(draft: ResumableDraft, batch: Batch) -> None:
    for chunk in batch:
        draft.write(chunk)
