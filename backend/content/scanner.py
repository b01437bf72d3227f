"""The virus scanner: a client of clamd's INSTREAM command that takes chunks as they arrive.

Protocol: `man clamd`, COMMANDS. Why not a library: docs/adr/0006-clamd-client.md.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from backend.core.settings import ScanMode, Settings

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 5.0
_REPLY_LIMIT = 4_096
# clamd answers FOUND with this signature for what it did not look at in full.
_LIMITS_EXCEEDED = "Heuristics.Limits.Exceeded"


class Outcome(StrEnum):
    """What the scanner made of a stream."""

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_SCANNED = "not_scanned"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The scanner's answer; `detail` is the signature's name, or why it was not scanned."""

    outcome: Outcome
    detail: str = ""


class ScannerStatus(StrEnum):
    """Whether uploads are being scanned."""

    SCANNING = "scanning"
    UNAVAILABLE = "unavailable"
    OFF = "off"


def parse_reply(reply: str) -> Verdict:
    """Return the verdict in clamd's reply to INSTREAM."""
    text = reply.strip("\0\n ")
    if text.endswith(" FOUND"):
        signature = text.removesuffix(" FOUND").partition(": ")[2]
        if signature.startswith(_LIMITS_EXCEEDED):
            return Verdict(
                Outcome.NOT_SCANNED, f"larger or deeper than the scanner looks ({signature})"
            )
        return Verdict(Outcome.INFECTED, signature)
    if text.endswith(": OK"):
        return Verdict(Outcome.CLEAN)
    return Verdict(Outcome.NOT_SCANNED, text or "the scanner closed the connection")


class ScanStream(Protocol):
    """One stream being scanned. It never raises: what fails is a verdict of not scanned."""

    async def send(self, batch: Sequence[bytes]) -> None:
        """Hand over the next pieces; waits while the scanner is behind."""

    async def verdict(self) -> Verdict:
        """End the stream and return what the scanner says."""
        ...


class _ClamdStream:
    """A stream to clamd."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._timeout = timeout
        self._broken = False

    async def send(self, batch: Sequence[bytes]) -> None:
        length = sum(map(len, batch))
        if self._broken or not length:
            return
        try:
            async with asyncio.timeout(self._timeout):
                self._writer.writelines([struct.pack("!I", length), *batch])
                await self._writer.drain()
        except (OSError, TimeoutError):
            # clamd hangs up when its limits are passed; its reply may still be there to read.
            self._broken = True

    async def verdict(self) -> Verdict:
        try:
            async with asyncio.timeout(self._timeout):
                if not self._broken:
                    self._writer.write(struct.pack("!I", 0))
                    with contextlib.suppress(OSError):
                        await self._writer.drain()
                reply = await self._reader.read(_REPLY_LIMIT)
        except TimeoutError:
            return Verdict(
                Outcome.NOT_SCANNED, f"the scanner gave no answer within {self._timeout:g} s"
            )
        except OSError as error:
            return Verdict(Outcome.NOT_SCANNED, f"the scanner hung up ({error.strerror or error})")
        return parse_reply(reply.decode(errors="replace"))


class _NoStream:
    """Stands in where there is no scanner to send to."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def send(self, batch: Sequence[bytes]) -> None:
        pass

    async def verdict(self) -> Verdict:
        return Verdict(Outcome.NOT_SCANNED, self._reason)


class Scanner:
    """clamd at a Unix socket, or at `host:port`."""

    def __init__(self, settings: Settings) -> None:
        self.mode = settings.scan
        self._socket = settings.clamd_socket
        self._address = settings.clamd_address
        self._timeout = settings.scan_timeout

    async def status(self) -> tuple[ScannerStatus, str]:
        """Ask whether the scanner answers; return the status and a sentence about it."""
        if self.mode is ScanMode.OFF:
            return ScannerStatus.OFF, "Scanning is switched off (DMS_SCAN=off)."
        try:
            async with (
                asyncio.timeout(_CONNECT_SECONDS),
                self._connection(b"zVERSION\0") as (reader, _),
            ):
                version = (await reader.read(_REPLY_LIMIT)).decode(errors="replace").strip("\0\n ")
        except (OSError, TimeoutError) as error:
            return (
                ScannerStatus.UNAVAILABLE,
                f"No virus scanner answers at {self._where}: {_reason(error)}.",
            )
        return ScannerStatus.SCANNING, version

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[ScanStream]:
        """Open a stream to the scanner; without one, a stream whose verdict is not scanned."""
        if self.mode is ScanMode.OFF:
            yield _NoStream("scanning is switched off")
            return
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    reader, writer = await stack.enter_async_context(
                        self._connection(b"zINSTREAM\0")
                    )
            except (OSError, TimeoutError) as error:
                yield _NoStream(f"no virus scanner answers at {self._where}: {_reason(error)}")
                return
            yield _ClamdStream(reader, writer, self._timeout)

    @property
    def _where(self) -> str:
        return self._address or str(self._socket)

    @asynccontextmanager
    async def _connection(
        self, command: bytes
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if self._address is not None:
            host, _, port = self._address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
        else:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        try:
            writer.write(command)
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
