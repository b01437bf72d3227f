"""A real mail server, which keeps what it is given."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "dms", "a password: with 100 %"


@dataclass(frozen=True)
class Received:
    """A letter as the server was given it."""

    to: list[str]
    encrypted: bool
    user: str | None
    message: EmailMessage

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        content: str = part.get_content()
        return content.replace("\r\n", "\n")


@dataclass
class MailServer:
    """The server: what it was given, and what it answers instead of taking a letter."""

    refuse_data: str | None = None
    refuse_recipient: str | None = None
    waiting: int = 0
    """How many bring a letter and wait for the answer."""
    _at_leisure: threading.Event = field(default_factory=threading.Event)
    letters: list[Received] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if self.refuse_recipient is not None:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.refuse_data is not None:
            return self.refuse_data
        await self._wait_its_turn()
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        login = session.auth_data
        user = login.login.decode() if isinstance(login, LoginPassword) else None
        self.letters.append(Received(envelope.rcpt_tos, session.ssl is not None, user, message))
        return "250 OK"

    def to(self, address: str) -> list[Received]:
        """Return the letters to an address."""
        return [letter for letter in list(self.letters) if letter.to == [address]]

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let those who bring letters wait while the block runs: none is taken of those who hang up meanwhile."""
        self._at_leisure.clear()
        try:
            yield
        finally:
            self._at_leisure.set()

    async def _wait_its_turn(self) -> None:
        self.waiting += 1
        try:
            await asyncio.to_thread(self._at_leisure.wait)
        finally:
            self.waiting -= 1

    def __post_init__(self) -> None:
        self._at_leisure.set()


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword
) -> AuthResult:
    ok = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=ok, handled=False, auth_data=login)


@contextmanager
def mail_server(*, starttls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """Run a mail server; with STARTTLS it takes letters only encrypted and from its user."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = MailServer(port=probe.getsockname()[1])
    secured = {
        "require_starttls": True,
        "auth_required": True,
        "authenticator": _authenticate,
        "tls_context": starttls,
    }
    controller = Controller(
        server, hostname="127.0.0.1", port=server.port, **(secured if starttls is not None else {})
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def certificate(directory: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that vouches for itself; return the file of both."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
