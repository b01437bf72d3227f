"""The letterbox: takes letters that other mail servers deliver to addresses of ours (`dms smtp`).

It lets go of a letter, which its sender then forgets, only once all of it that is kept is filed. It relays nothing,
signs nobody in and answers for no address but those of the sources; whoever is unsure is told to try again.
"""

import asyncio
import ipaddress
import logging
import re
import secrets
import signal
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.content.keys import follow_keyring, open_keyring
from backend.content.service import Content
from backend.core.db import Database
from backend.core.settings import LetterboxAddress, Settings
from backend.intake import service as intake
from backend.intake.errors import SettingsRefusedError, SourceNotFoundError
from backend.intake.letters import LARGEST_LETTER
from backend.intake.models import ItemState
from backend.intake.permitted import check_address, letterbox_name
from backend.intake.service import Desk, Outcome
from backend.scanning.service import is_released

log = structlog.get_logger(__name__)

MOST_CONNECTIONS = 64
MOST_OF_ONE_ADDRESS = 16
MOST_LETTERS = 8
"""So many letters arrive and are filed at a time: each may take ten times its size in memory while it is read, and one
of short lines `MOST_LINES` times 80 bytes while it arrives."""
MOST_LETTERS_OF_ONE_ADDRESS = 2
"""For a letter may take ten minutes to arrive."""
MOST_LINES = 2_000_000
_MARGIN = 2**20
"""Bytes that a letter may have beyond the limit before the connection is cut: until then the answer can be heard."""
MOST_RECIPIENTS = 100
_SILENCE = 600.0
"""Seconds that a command, or a whole letter, may take (RFC 5321, 4.5.3.2: at least five minutes)."""
_LONGEST_LINE = 2**16
"""Bytes. RFC 5321 allows 1000; letters come with longer ones all the same, and nothing is lost by taking them."""
_MOST_COMMANDS = 1_000
_WAITING = 100.0
"""Seconds that a letter waits for its turn: senders wait two minutes (RFC 5321, 4.5.3.2.4)."""
_STOPPING = 30.0
_ABSENT = (DBAPIError, PoolTimeoutError, OSError)
_LATER = "451 4.3.0 It cannot be filed now; try again later"
_NO_SUCH = "550 5.1.1 There is no such address here"
_NOT_IN_TRACE = re.compile(r"[^\x21-\x27\x2a-\x3b\x3d\x3f-\x7e]")


@dataclass
class Doorman:
    """Counts who is connected, and which of them must not be interrupted."""

    connected: Counter[str] = field(default_factory=Counter)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_LETTERS))
    arriving: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    filing: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no letter that has arrived is being filed."""

    def __post_init__(self) -> None:
        self.idle.set()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let nobody interrupt the block."""
        self.filing += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.filing -= 1
            if not self.filing:
                self.idle.set()

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait until a letter of somebody who is connected may arrive.

        Raises:
            TimeoutError: that takes longer than senders wait.
        """
        own = self.arriving[address]
        async with AsyncExitStack() as held:
            async with asyncio.timeout(_WAITING):
                for slots in (own, self.slots):
                    await held.enter_async_context(slots)
            yield

    def admit(self, address: str) -> bool:
        """Let somebody in, unless too many are."""
        full = self.connected.total() >= MOST_CONNECTIONS
        if full or self.connected[address] >= MOST_OF_ONE_ADDRESS:
            return False
        self.connected[address] += 1
        self.arriving.setdefault(address, asyncio.Semaphore(MOST_LETTERS_OF_ONE_ADDRESS))
        return True

    def leave(self, address: str) -> None:
        """Note that somebody has gone."""
        self.connected[address] -= 1
        if not self.connected[address]:
            del self.connected[address], self.arriving[address]


class Letterbox:
    """What is answered to the commands of those who deliver. The names of its methods are aiosmtpd's."""

    def __init__(self, desk: Desk, doorman: Doorman, *, settings: Settings) -> None:
        self._desk = desk
        self._doorman = doorman
        self._settings = settings

    async def handle_EHLO(  # noqa: N802
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Say what can be done here: everything but signing in."""
        session.host_name = hostname
        return [one for one in responses if not one.startswith("250-AUTH")]

    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take a recipient who is an address of a source that lets the sender in."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            objection = await self._objection(address, envelope.mail_from or "")
        except (SourceNotFoundError, SettingsRefusedError):
            return _NO_SUCH
        except _ABSENT as error:
            log.warning("recipient_not_looked_up", error=type(error).__name__)
            return _LATER
        if objection is not None:
            return objection
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """File a letter that has arrived whole, for all its recipients; only then is it ours."""
        try:
            with self._doorman.busy():
                return await self._file(session, envelope)
        except _ABSENT as error:
            log.warning("letter_not_filed", error=type(error).__name__)
            return _LATER

    async def handle_exception(self, error: Exception) -> str:
        """Answer where something is wrong with us: the sender keeps the letter."""
        log.error("letterbox_failed", exc_info=error)
        return _LATER

    async def _objection(self, address: str, sender: str) -> str | None:
        """Return why a recipient is not taken; None where it is.

        Raises:
            SourceNotFoundError: the source was deleted meanwhile.
            SettingsRefusedError: letters to this address are not taken any more.
        """
        found = await intake.find_address(self._desk, address)
        if found is None:
            return _NO_SUCH
        check_address(self._settings, found.org_id, address)
        if not found.enabled:
            return "450 4.2.1 Letters to this address are not taken at the moment"
        if not await intake.lets_in(self._desk, found, sender):
            return "550 5.7.1 Letters of this sender are not taken here"
        return None

    async def _file(self, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)  # noqa: S101  # it is told not to decode it
        name = secrets.token_hex(8)
        data = self._trace(session, envelope, name) + content
        # An address may be spelled in many ways.
        sources = {
            await intake.find_address(self._desk, address): None
            for address in dict.fromkeys(one.casefold() for one in envelope.rcpt_tos)
        }
        outcomes: list[Outcome] = []
        for found in sources:
            # It was let in: where that has changed, the next answer says why.
            if found is None or not found.enabled:
                return _LATER
            outcomes += await intake.file_letter(
                self._desk,
                org_id=found.org_id,
                source_id=found.source_id,
                place=f"smtp:{name}",
                data=data,
            )
        return _answer(outcomes, name)

    def _trace(self, session: Session, envelope: Envelope, name: str) -> bytes:
        """Return the lines that say where a letter came from and who took it (RFC 5321, 4.4)."""
        protocol = "ESMTP" if session.extended_smtp else "SMTP"
        protocol += "S" if session.ssl is not None else ""
        sender = _NOT_IN_TRACE.sub("", envelope.mail_from or "")
        host = _NOT_IN_TRACE.sub("", session.host_name or "") or "unknown"
        lines = (
            f"Return-Path: <{sender}>",
            f"Received: from {host} ([{peer_of(session.peer)}])",
            f"\tby {letterbox_name(self._settings)} with {protocol} id {name}; {formatdate()}",
        )
        return "".join(f"{line}\r\n" for line in lines).encode()


def _answer(outcomes: Sequence[Outcome], name: str) -> str:
    """Return what the sender is told: to forget the letter, to give it up, or to keep it and try again."""
    if any(one.state is ItemState.FAILED for one in outcomes):
        return _LATER
    codes = {one.code for one in outcomes if one.state is ItemState.REFUSED}
    if "virus_found" in codes:
        return "554 5.7.1 The letter contains malware"
    if "upload_too_large" in codes:
        return "552 5.3.4 The letter, or something in it, is too large"
    if codes:
        return "554 5.6.0 The letter, or something in it, is not taken here"
    return f"250 2.0.0 Filed: {name}"


def site_of(address: str) -> str:
    """Return what connections are counted by: a site has 2^64 addresses of IPv6, and one of IPv4."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))


def peer_of(peer: object) -> str:
    """Return the network address of who is connected."""
    return str(peer[0]) if isinstance(peer, tuple) and peer else "unknown"


@dataclass
class Arriving:
    """Counts what has come of a letter."""

    most: int
    """Bytes."""
    size: int = 0
    lines: int = 0

    def has_room_for(self, data: bytes) -> bool:
        """Count some more; tell whether the letter is still within all limits."""
        self.size += len(data)
        self.lines += data.count(b"\n")
        return self.size <= self.most and self.lines <= MOST_LINES


class Connection(SMTP):
    """One connection. aiosmtpd speaks the protocol; what is bounded here, it does not bound."""

    line_length_limit = _LONGEST_LINE

    def __init__(
        self,
        letterbox: Letterbox,
        doorman: Doorman,
        *,
        settings: Settings,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(
            letterbox,
            data_size_limit=size_limit(settings),
            enable_SMTPUTF8=True,
            hostname=letterbox_name(settings),
            ident="DMS Enterprise",
            tls_context=tls,
            timeout=_SILENCE,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            command_call_limit={"*": _MOST_COMMANDS},
            loop=asyncio.get_running_loop(),
        )
        self._doorman = doorman
        self._address: str | None = None
        self._is_refused = False
        self._most = size_limit(settings) + _MARGIN
        self._arriving: Arriving | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in whom there is room for. Called once more when the connection has become encrypted."""
        if self._address is None:
            address = site_of(peer_of(transport.get_extra_info("peername")))
            if not self._doorman.admit(address):
                self._is_refused = True
                assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101  # a socket
                transport.write(b"421 4.7.0 Too many connections; try again later\r\n")
                transport.close()
                return
            self._address = address
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Make room."""
        if self._is_refused:
            return
        if self._address is not None:
            self._doorman.leave(self._address)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Take bytes of those who were let in, until a letter is beyond all limits."""
        if self._is_refused:
            return
        if self._arriving is not None and not self._arriving.has_room_for(data):
            self._cut()
        else:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """Close."""
        return False if self._is_refused else super().eof_received()

    def _timeout_cb(self) -> None:
        """End the connection of who is silent, though they do not take what we answer: closing would wait for that."""
        assert isinstance(self.transport, asyncio.WriteTransport)  # noqa: S101  # a socket
        self.transport.abort()

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: ARG002, N802
        """Sign nobody in."""
        await self.push("502 5.5.1 Nobody signs in here")

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: ARG002, N802
        """Tell nobody which addresses there are."""
        await self.push("252 2.1.5 Send a letter, and it will be seen")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take a letter when it is its turn."""
        assert self._address is not None  # noqa: S101  # who is not let in says nothing
        try:
            async with self._doorman.turn(self._address):
                self._arriving = Arriving(self._most)
                try:
                    await super().smtp_DATA(arg)
                finally:
                    self._arriving = None
        except TimeoutError:
            await self.push("451 4.3.2 Too many letters arrive; try again later")

    def _cut(self) -> None:
        """End the connection in the middle of a letter: aiosmtpd would collect what has no end."""
        assert isinstance(self.transport, asyncio.WriteTransport)  # noqa: S101  # a socket
        self.transport.write(b"552 5.3.4 The letter is too large\r\n")
        self.transport.abort()


def size_limit(settings: Settings) -> int:
    """Return how many bytes a letter may have."""
    return min(settings.max_upload_size, LARGEST_LETTER)


class Certificate:
    """The certificate of the settings, loaded anew when its file has changed: it is renewed every few weeks."""

    def __init__(self, address: LetterboxAddress) -> None:
        self._address = address
        self._loaded: tuple[int, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext | None:
        """Return what connections are encrypted with; None where there is no certificate.

        Raises:
            OSError: it cannot be read, or is none, and none was read before.
        """
        if self._address.certificate is None:
            return None
        try:
            changed = self._address.certificate.stat().st_mtime_ns
            if self._loaded is None or self._loaded[0] != changed:
                made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                made.load_cert_chain(self._address.certificate, self._address.key)
                self._loaded = (changed, made)
        except OSError as error:
            if self._loaded is None:
                raise
            log.warning("certificate_not_loaded", error=str(error))
        return self._loaded[1]


async def run(settings: Settings, address: LetterboxAddress) -> None:
    """Take letters until told to stop; those that have arrived whole by then are filed."""
    logging.getLogger("mail.log").setLevel(
        logging.WARNING
    )  # aiosmtpd's: it tells who writes to whom
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    database = Database.connect(settings)
    keyring = await asyncio.to_thread(open_keyring, settings)
    content = Content.open_store(settings, keyring, released=partial(is_released, database))
    following = asyncio.create_task(follow_keyring(keyring))
    try:
        await _serve(settings, address, Desk(database, content), stopped)
    finally:
        following.cancel()
        await database.close()
        await asyncio.to_thread(content.close)


async def _serve(
    settings: Settings, address: LetterboxAddress, desk: Desk, stopped: asyncio.Event
) -> None:
    doorman = Doorman()
    letterbox = Letterbox(desk, doorman, settings=settings)
    certificate = Certificate(address)
    certificate.context()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(letterbox, doorman, settings=settings, tls=certificate.context()),
        address.host,
        address.port,
    )
    log.info("letterbox_listens", host=address.host, port=address.port)  # `dms up` waits for this
    await stopped.wait()
    server.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(doorman.idle.wait(), _STOPPING)
