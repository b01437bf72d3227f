"""The whole service, started as a user starts it: `dms up`."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from backend.launch.layout import DataDirectory
from backend.launch.postgres import EmbeddedPostgres, Role
from tests.support.commands import dms

ROOT = Path(__file__).parents[2]
START_MAY_TAKE = 180.0


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Wait for a condition, looking ten times a second."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not so: {what}"
        time.sleep(0.1)


@dataclass
class Service:
    """A running service."""

    data_dir: Path
    environment: dict[str, str]
    port: int = 0
    admin_email: str = "admin@example.org"
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    process: subprocess.Popen[bytes] | None = None
    clients: list[httpx.Client] = field(default_factory=list)
    signed_in_until: float = 0.0
    """By the monotonic clock: a third of the time that a token holds, which leaves a test the rest."""

    def __post_init__(self) -> None:
        self.port = self.port or _free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data_dir / "up.log").read_text(errors="replace")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `dms` subcommand against this service's data."""
        return dms({**self._environment(), **self._addresses()}, *arguments, seconds=600)

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "up"],
                env=self._environment(),
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_ready()

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            return "Ready after" in self.log and self.is_ready()

        try:
            wait_until(ready, seconds=START_MAY_TAKE, what="the service is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-5_000:]}") from error

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.clients, self.signed_in_until = [], 0.0
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(90)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Return the service's processes whose command line has all these words."""
        assert self.process is not None
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if all(word in line for word in words):
                    found.append(process)
        return found

    def kill(self, *words: str) -> list[psutil.Process]:
        """Kill (SIGKILL) the processes whose command line has all these words; return them and all they had started."""
        victims = self.processes(*words)
        assert victims
        below = {one for victim in victims for one in victim.children(recursive=True)}
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        return [*{*victims, *below}]

    def sql(self, *statements: str) -> None:
        """Run statements as one who may change everything of everybody, in a transaction."""
        server = EmbeddedPostgres(DataDirectory.at(self.data_dir))
        address = server.url(Role.SUPERUSER, driver="postgresql")
        given = [word for statement in statements for word in ("-c", statement)]
        subprocess.run(
            [server.programs / "psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", *given, address],
            check=True,
        )

    @property
    def redis_url(self) -> str:
        return self._addresses()["DMS_REDIS_URL"]

    def backends(self) -> list[psutil.Process]:
        """Return the backend's processes: uvicorn, and the workers it started."""
        [master] = self.processes("uvicorn", "backend.main")
        return [master, *master.children(recursive=True)]

    def login(self) -> httpx.Client:
        """Return the client that the administrator is signed in with; paths are below /api/v1.

        It is closed when the service is stopped.
        """
        if time.monotonic() < self.signed_in_until:
            return self.clients[-1]
        client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=120)
        self.clients.append(client)
        answer = client.post(
            "/auth/login", json={"email": self.admin_email, "password": self.admin_password}
        )
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.signed_in_until = time.monotonic() + answer.json()["expires_in"] / 3
        return client

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DMS_")}
        return {
            **kept,
            "DMS_DATA_DIR": str(self.data_dir),
            "DMS_PORT": str(self.port),
            "DMS_ADMIN_EMAIL": self.admin_email,
            "DMS_ADMIN_PASSWORD": self.admin_password,
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }

    def _addresses(self) -> dict[str, str]:
        """What the supervisor tells the children, for commands run beside them; the database they find themselves."""
        [backend] = self.processes("uvicorn", "backend.main")
        told = backend.environ()
        names = ("DMS_REDIS_URL", "ENCRYPTION_KEY", "ENCRYPTION_KEY_FILE")
        return {name: told[name] for name in names if name in told}


@contextmanager
def running_service(data_dir: Path, **environment: str) -> Iterator[Service]:
    """Run the service while the block runs."""
    service = Service(data_dir, environment)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
