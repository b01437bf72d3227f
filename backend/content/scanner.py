"""The virus scanner: a client of clamd's INSTREAM command that takes chunks as they arrive.

Protocol: `man clamd`, COMMANDS. Why not a library: docs/adr/0006-clamd-client.md. What becomes of what is not scanned:
docs/adr/0019-scanning.md.
"""

import asyncio
import errno
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import structlog

from backend.core.settings import ScanMode, Settings

log = structlog.get_logger(__name__)
T = TypeVar("T")

_CONNECT_SECONDS = 5.0
_FULL_BACKLOG_SECONDS = 0.05
_LOOK_SECONDS = 15.0
"""How long clamd may be silent before it is asked whether it still lives."""
_ANSWER_SECONDS = 10.0
_RECONNECT_SECONDS = 0.2
_VERSION_SECONDS = 60.0
"""How long an answer to VERSION is believed."""
_REPLY_LIMIT = 4_096
_KEPT_BYTES = 8 * 2**20
"""A stream that is no longer is kept until clamd has spoken, to be sent once more."""
# clamd answers FOUND with this signature for what it did not look at in full.
_LIMITS_EXCEEDED = "Heuristics.Limits.Exceeded"
_TOO_LONG = "INSTREAM size limit exceeded"
_DATABASE_VERSION = re.compile(r"ClamAV [^/]*/(\d+)/")


class Outcome(StrEnum):
    """What the scanner made of a stream."""

    CLEAN = "clean"
    INFECTED = "infected"
    RELEASED = "released"
    """It finds malware, and an administrator has decided that it is none; the scanner itself never says so."""
    BEYOND_LIMITS = "beyond_limits"
    """It is longer or deeper than the scanner looks: another try has the same end."""
    NOT_SCANNED = "not_scanned"
    """The scanner is switched off, away, overloaded, or was ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The scanner's answer; `detail` is the signature's name, or why it was not scanned."""

    outcome: Outcome
    detail: str = ""
    database: int | None = None
    """The version of the signatures that it was looked at with, where clamd tells."""


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
                Outcome.BEYOND_LIMITS, f"larger or deeper than the scanner looks ({signature})"
            )
        return Verdict(Outcome.INFECTED, signature)
    if text.endswith(": OK"):
        return Verdict(Outcome.CLEAN)
    if text.startswith(_TOO_LONG):
        return Verdict(Outcome.BEYOND_LIMITS, "larger than the scanner takes (StreamMaxLength)")
    return Verdict(Outcome.NOT_SCANNED, text or "the scanner closed the connection")


def parse_version(reply: str) -> int | None:
    """Return the version of the signatures in clamd's reply to VERSION; None where it has none of ClamAV's own."""
    match = _DATABASE_VERSION.match(reply)
    return None if match is None else int(match[1])


class ScanStream(Protocol):
    """One stream being scanned. It never raises: what fails is a verdict of not scanned."""

    async def send(self, batch: Sequence[bytes]) -> None:
        """Hand over the next pieces; waits while the scanner is behind."""

    async def verdict(self) -> Verdict:
        """End the stream and return what the scanner says."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the scanner takes no more, whatever is sent."""
        ...


class _SilentError(Exception):
    """clamd neither takes nor says anything, and does not answer when it is asked whether it lives."""


class _Connection:
    """A connection to clamd.

    A socket rather than asyncio's streams: these throw away what clamd said before it hung up, and that is how it says
    that a stream is too long.
    """

    def __init__(self, scanner: "Scanner", opened: socket.socket) -> None:
        self._scanner = scanner
        self._socket = opened
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError, TimeoutError, _SilentError: clamd hung up, or takes nothing any more.
        """
        await self._patiently(self._loop.sock_sendall(self._socket, data))

    async def receive(self) -> str:
        """Return what clamd says; empty where it hung up without a word. Raises like `send`."""
        reply = b""
        while not reply.endswith(b"\0") and len(reply) < _REPLY_LIMIT:
            part = await self._patiently(self._loop.sock_recv(self._socket, _REPLY_LIMIT))
            if not part:
                break
            reply += part
        return reply.decode(errors="replace")

    async def _patiently(self, step: Coroutine[Any, Any, T]) -> T:
        """Wait for a step as long as scans may take, but no longer than clamd lives."""
        waiting = asyncio.ensure_future(step)
        until = time.monotonic() + self._scanner.timeout
        try:
            while True:
                left = until - time.monotonic()
                await asyncio.wait([waiting], timeout=min(_LOOK_SECONDS, max(left, 0)))
                if waiting.done():
                    return waiting.result()
                if time.monotonic() >= until:
                    raise TimeoutError
                if not await self._scanner.lives():
                    raise _SilentError
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait([waiting])


class _Stream:
    """A stream to clamd. What is short is kept, and sent once more where clamd was ended in the middle of it."""

    def __init__(self, scanner: "Scanner", connection: _Connection, database: int | None) -> None:
        self._scanner = scanner
        self._connection = connection
        self._database = database
        self._failure: str | None = None
        self._hung_up = False
        self._kept: list[bytes] = []
        self._length = 0

    async def send(self, batch: Sequence[bytes]) -> None:
        length = sum(map(len, batch))
        if not length:
            return
        self._keep(batch, length)
        if self._failure is None:
            await self._try(b"".join([struct.pack("!I", length), *batch]))

    async def verdict(self) -> Verdict:
        verdict = await self._end()
        if self._hung_up and verdict.outcome is Outcome.NOT_SCANNED and self._is_at_hand:
            log.info("scan_repeated", reason=verdict.detail, size=self._length)
            return await self._scanner.repeat(self._kept)
        return verdict

    @property
    def is_over(self) -> bool:
        return self._failure is not None

    @property
    def _is_at_hand(self) -> bool:
        return self._length <= _KEPT_BYTES

    def _keep(self, batch: Sequence[bytes], length: int) -> None:
        self._length += length
        if self._is_at_hand:
            self._kept += batch
        else:
            self._kept.clear()

    async def _try(self, data: bytes) -> None:
        try:
            await self._connection.send(data)
        except (OSError, _SilentError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._hung_up = not isinstance(error, TimeoutError | _SilentError)
        if isinstance(error, TimeoutError):
            self._failure = f"the scanner gave no answer within {self._scanner.timeout:g} s"
        elif self._hung_up:
            self._failure = f"the scanner hung up ({_reason(error)})"
        else:
            self._failure = _reason(error)

    async def _end(self) -> Verdict:
        if self._failure is None:
            await self._try(struct.pack("!I", 0))
        if self._failure is not None and not self._hung_up:
            return Verdict(Outcome.NOT_SCANNED, self._failure)
        try:
            # Also after it hung up: clamd says why before it does.
            reply = await self._connection.receive()
        except (OSError, _SilentError) as error:
            self._fail(error)
            return Verdict(Outcome.NOT_SCANNED, self._failure or "")
        self._hung_up = self._hung_up or not reply
        return replace(parse_reply(reply), database=self._database)


class _NoStream:
    """Stands in where there is no scanner to send to."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def send(self, batch: Sequence[bytes]) -> None:
        pass

    async def verdict(self) -> Verdict:
        return Verdict(Outcome.NOT_SCANNED, self._reason)

    @property
    def is_over(self) -> bool:
        return True


class Scanner:
    """clamd at a Unix socket, or at `host:port`."""

    def __init__(self, settings: Settings) -> None:
        self.mode = settings.scan
        self.limits = settings.limits_policy
        self.timeout = settings.scan_timeout
        self._socket = settings.clamd_socket
        self._address = settings.clamd_address
        self._database: tuple[float, int | None] | None = None

    async def status(self) -> tuple[ScannerStatus, str]:
        """Ask whether the scanner answers; return the status and a sentence about it."""
        if self.mode is ScanMode.OFF:
            return ScannerStatus.OFF, "Scanning is switched off (DMS_SCAN=off)."
        try:
            version = await self._ask(b"zVERSION\0")
        except OSError as error:
            return (
                ScannerStatus.UNAVAILABLE,
                f"No virus scanner answers at {self._where}: {_reason(error)}.",
            )
        return ScannerStatus.SCANNING, version

    async def lives(self) -> bool:
        """Ask whether clamd answers at all. It does while it scans for others: only its scans wait for each other."""
        try:
            return await self._ask(b"zPING\0") == "PONG"
        except OSError:
            return False

    async def is_back(self) -> bool:
        """Wait for some seconds until clamd answers; return whether it does."""
        until = time.monotonic() + _CONNECT_SECONDS
        while True:
            if await self.lives():
                return True
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def database(self) -> int | None:
        """Return the version of clamd's signatures, as it was a minute ago or since; None where it does not tell."""
        if self._database is None or self._database[0] < time.monotonic():
            try:
                known = parse_version(await self._ask(b"zVERSION\0"))
            except OSError:
                return None
            self._database = (time.monotonic() + _VERSION_SECONDS, known)
        return self._database[1]

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[ScanStream]:
        """Open a stream to the scanner; without one, a stream whose verdict is not scanned."""
        if self.mode is ScanMode.OFF:
            yield _NoStream("scanning is switched off")
            return
        try:
            # Asked before: what is loaded meanwhile is not what this was looked at with.
            database = await self.database()
            connection = await self._open(b"zINSTREAM\0")
        except OSError as error:
            yield _NoStream(f"no virus scanner answers at {self._where}: {_reason(error)}")
            return
        with closing(connection):
            yield _Stream(self, _Connection(self, connection), database)

    async def repeat(self, batch: Sequence[bytes]) -> Verdict:
        """Scan what was sent once before, as soon as clamd is back; it is waited for some seconds."""
        until = time.monotonic() + _CONNECT_SECONDS
        while True:
            try:
                opened = await self._open(b"zINSTREAM\0")
                break
            except OSError as error:
                if time.monotonic() >= until:
                    reason = f"the scanner was ended and is not back: {_reason(error)}"
                    return Verdict(Outcome.NOT_SCANNED, reason)
            await asyncio.sleep(_RECONNECT_SECONDS)
        with closing(opened):
            connection = _Connection(self, opened)
            length = sum(map(len, batch))
            try:
                await connection.send(b"".join([struct.pack("!I", length), *batch]) + bytes(4))
                return parse_reply(await connection.receive())
            except (OSError, _SilentError) as error:
                return Verdict(Outcome.NOT_SCANNED, f"at the second try, {_reason(error)}")

    @property
    def _where(self) -> str:
        return self._address or str(self._socket)

    async def _ask(self, command: bytes) -> str:
        """Return clamd's answer to a command that it answers at once.

        Raises:
            OSError, TimeoutError: it does not.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_ANSWER_SECONDS):
            with closing(await self._open(command)) as opened:
                reply = await loop.sock_recv(opened, _REPLY_LIMIT)
        return reply.decode(errors="replace").strip("\0\n ")

    async def _open(self, command: bytes) -> socket.socket:
        """Connect and send a command.

        Raises:
            OSError, TimeoutError: clamd is not there, or has no room for another connection.
        """
        async with asyncio.timeout(_CONNECT_SECONDS):
            opened = await self._connect()
            try:
                await asyncio.get_running_loop().sock_sendall(opened, command)
            except BaseException:
                opened.close()
                raise
        return opened

    async def _connect(self) -> socket.socket:
        if self._address is None:
            return await _connect_unix(str(self._socket))
        host, _, port = self._address.rpartition(":")
        loop = asyncio.get_running_loop()
        places = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        failure: OSError | None = None
        for family, kind, protocol, _, place in places:
            opened = socket.socket(family, kind, protocol)
            opened.settimeout(0)
            try:
                await loop.sock_connect(opened, place)
            except BaseException as error:
                opened.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
                continue
            return opened
        raise failure or OSError(errno.EHOSTUNREACH, "it has no address")


async def _connect_unix(path: str) -> socket.socket:
    """Connect to a Unix socket; while too many others wait to be accepted, wait for a turn."""
    opened = socket.socket(socket.AF_UNIX)
    opened.settimeout(0)
    try:
        while True:
            try:
                # It connects at once or not at all; asyncio takes the latter for a connection under way.
                opened.connect(path)
            except BlockingIOError:
                await asyncio.sleep(_FULL_BACKLOG_SECONDS)
            else:
                return opened
    except BaseException:
        opened.close()
        raise


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, _SilentError):
        return "the scanner is overloaded or hangs: it does not answer"
    return getattr(error, "strerror", None) or type(error).__name__
