"""A real IMAP server: Dovecot, run by whoever runs the tests, over TLS, STARTTLS and in the clear."""

import grp
import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.launch.valkey import free_port
from tests.support.mail import certificate

USER = "scans@example.org"
PASSWORD = 'pass "word" \\ with 100 %'
_PATIENCE = 60.0

# Debian's Dovecot is 2.3. Nothing of /etc/dovecot is read, and no user of its own is needed.
_CONFIGURATION = """
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {owner}
default_login_user = {owner}
default_internal_group = {group}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{home}/mail/%u
mail_uid = {owner}
mail_gid = {group}
disable_plaintext_auth = no
auth_mechanisms = plain login
ssl = yes
ssl_cert = <{home}/server.pem
ssl_key = <{home}/server.pem
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {home}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={home}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass
class Dovecot:
    """A running IMAP server with one account."""

    home: Path
    owner: pwd.struct_passwd
    plain_port: int
    tls_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def certificate(self) -> Path:
        return self.home / "server.pem"

    @contextmanager
    def connected(self, mailbox: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """A connection of another program to the account."""
        with imaplib.IMAP4("127.0.0.1", self.plain_port, timeout=30) as client:
            client.login(USER, PASSWORD)
            client.select(mailbox)
            yield client

    def create(self, mailbox: str) -> None:
        with self.connected() as client:
            client.create(mailbox)

    def deliver(self, letter: bytes, mailbox: str = "INBOX") -> None:
        """Put a letter into a mailbox."""
        with self.connected() as client:
            status, answer = client.append(mailbox, "", "", letter)
            assert status == "OK", answer

    def flags(self, mailbox: str = "INBOX") -> list[set[str]]:
        """The flags of each letter, in their order."""
        with self.connected(mailbox) as client:
            _, answer = client.fetch("1:*", "(FLAGS)")
            lines = [one for one in answer if isinstance(one, bytes)]
            return [
                {flag.decode() for flag in imaplib.ParseFlags(line)} - {r"\Recent"}
                for line in lines
            ]

    def start(self) -> None:
        program = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
        assert program, "the tests need dovecot: tools/install-test-packages"
        command = [program, "-F", "-c", self.home / "dovecot.conf"]
        whose: dict[str, Any] = {}
        if os.getuid() == 0:
            whose = {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}
        self.process = subprocess.Popen(command, **whose)
        ends = time.monotonic() + _PATIENCE
        while time.monotonic() < ends:
            assert self.process.poll() is None, (self.home / "log").read_text()
            if self._listens():
                return
            time.sleep(0.05)
        raise AssertionError("dovecot did not start")

    def kill(self) -> None:
        """End it at once, with all connections."""
        assert self.process is not None
        children = self._children()
        for process in (self.process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait(30)
        self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def _children(self) -> list[int]:
        assert self.process is not None
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(one) for one in found.split()]

    def _listens(self) -> bool:
        with suppress(OSError):
            for port in (self.plain_port, self.tls_port):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return True
        return False


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """Run an IMAP server whose account has an empty mailbox."""
    # It never opens a mailbox as root: then it is nobody's, who must be able to reach its directory.
    owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    home = Path(tempfile.mkdtemp(prefix="dovecot-"))
    home.chmod(0o755)
    server = Dovecot(home, owner, free_port(), free_port())
    try:
        _prepare(server)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


def _prepare(server: Dovecot) -> None:
    for name in ("run", "mail"):
        (server.home / name).mkdir()
    certificate(server.home)
    (server.home / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    settings = {
        "home": server.home,
        "owner": server.owner.pw_name,
        "group": grp.getgrgid(server.owner.pw_gid).gr_name,
        "plain_port": server.plain_port,
        "tls_port": server.tls_port,
    }
    (server.home / "dovecot.conf").write_text(_CONFIGURATION.format(**settings))
    for path in (server.home, *server.home.iterdir()):
        os.chown(path, server.owner.pw_uid, server.owner.pw_gid)
