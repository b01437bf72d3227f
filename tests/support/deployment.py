"""What `docker-compose.yml` starts, started natively: its own commands, configuration files and scripts, with nothing
changed but addresses and paths. Every replacement must find what it replaces, or the test fails.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from backend.launch.layout import DataDirectory
from backend.launch.postgres import EmbeddedPostgres
from backend.launch.valkey import EmbeddedValkey, free_port
from tests.support.clamd import EICAR, SIGNATURE
from tests.support.programs import Program, running, wait_until

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv" / "bin"
PROGRAMS = {"HOME": "/tmp", "LC_ALL": "C.UTF-8"}  # noqa: S108  # as in the image

PGBOUNCER = "/usr/sbin/pgbouncer"
SIGNATURES = f"{SIGNATURE}:0:0:{EICAR.hex()}\n"

Service = dict[str, Any]


def compose() -> dict[str, Any]:
    """Return docker-compose.yml with its variables at their defaults."""
    text = (ROOT / "docker-compose.yml").read_text()
    document: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    return document


def service(name: str) -> Service:
    """Return a service of docker-compose.yml."""
    found: Service = compose()["services"][name]
    return found


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """Replace each key by its value; every key must be there."""
    for old, new in replacements.items():
        assert old in text, f"{old!r} is not in:\n{text}"
        text = text.replace(old, new)
    return text


def command(name: str, replacements: Mapping[str, str] | None = None) -> list[str]:
    """Return the command of a service of ours, as its image runs it: through the entrypoint."""
    words = replaced("\0".join(service(name)["command"]), replacements or {}).split("\0")
    return [str(ROOT / "deploy" / "entrypoint"), *words]


def environment(name: str, secrets: Path, changed: Mapping[str, str]) -> dict[str, str]:
    """Return all that a service of ours sees: its environment with the secrets in `secrets`, and `changed` settings.

    A secret that it names and is not given fails the test; and so does a setting that is changed but not there.
    """
    declared = service(name)
    given = {key: str(value) for key, value in declared["environment"].items()}
    for key, value in given.items():
        if value.startswith("/run/secrets/"):
            secret = value.removeprefix("/run/secrets/")
            assert secret in declared["secrets"], f"{name} is not given {secret}"
            given[key] = str(secrets / secret)
    assert set(changed) <= set(given), f"{name} has no {set(changed) - set(given)}"
    path = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    image = {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1", "DMS_LOG_FORMAT": "json"}
    return {**PROGRAMS, **path, **image, **given, **changed}


@dataclass(frozen=True)
class Secrets:
    """The files of `deploy/make-secrets`."""

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> "Secrets":
        """Make them, for the name 127.0.0.1."""
        words = [str(ROOT / "deploy/make-secrets"), "127.0.0.1", str(directory)]
        subprocess.run(words, check=True, capture_output=True)
        return cls(directory)

    def read(self, name: str) -> str:
        return (self.directory / name).read_text().strip()

    def move(self, name: str, address: str, to: str) -> None:
        """Change an address in one of them: `postgres:5432`, say, to where that server is in this test."""
        path = self.directory / name
        text = replaced(path.read_text(), {f"@{address}/": f"@{to}/"})
        path.unlink()
        path.write_text(text)


@dataclass
class Cluster(EmbeddedPostgres):
    """PostgreSQL as the `postgres` service runs it: with its settings, set up by deploy/postgres/init.sh alone."""

    secrets: Secrets = field(kw_only=True)

    def command(self) -> list[str]:
        declared = service("postgres")["command"]
        assert declared[0] == "postgres"
        return [*super().command(), *declared[1:]]

    def finish(self) -> None:
        subprocess.run(
            ["bash", ROOT / "deploy/postgres/init.sh"],
            check=True,
            env={
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                "POSTGRES_USER": "postgres",
                "DMS_SECRETS_DIR": str(self.secrets.directory),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.port),
                "PGPASSWORD": self.data.secret("postgres-postgres"),
            },
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def redis(directory: Path, secrets: Secrets) -> Iterator[str]:
    """Run the embedded Valkey with deploy/redis/redis.conf while the block runs; give its `host:port`."""
    server = EmbeddedValkey(DataDirectory.at(directory))
    configuration = directory / "redis.conf"
    configuration.write_text(
        replaced(
            (ROOT / "deploy/redis/redis.conf").read_text(),
            {
                "bind 0.0.0.0": "bind 127.0.0.1",
                "port 6379": f"port {server.port}",
                "dir /data": f"dir {directory}",
                secrets_path("redis_auth"): str(secrets.directory / "redis_auth"),
            },
        )
    )
    assert service("redis")["command"] == ["redis-server", "/etc/dms/redis.conf"]
    with running([server.program, configuration]) as program:
        program.wait_for("Ready to accept connections")
        yield f"127.0.0.1:{server.port}"


def keeps_prepared_statements() -> bool:
    """Return whether this machine's PgBouncer is as new as production's: 1.21; Debian 12 has 1.18."""
    shown = subprocess.run([PGBOUNCER, "--version"], check=True, capture_output=True, text=True)
    _, major, minor = re.split(r"[ .]", shown.stdout.splitlines()[0])[:3]
    return (int(major), int(minor)) >= (1, 21)


@contextmanager
def pgbouncer(directory: Path, cluster: Cluster, secrets: Secrets) -> Iterator["PgBouncer"]:
    """Run PgBouncer with deploy/pgbouncer/pgbouncer.ini before the cluster, while the block runs."""
    port = free_port()
    old = {} if keeps_prepared_statements() else {"max_prepared_statements = 200": ""}
    files = {
        "users": secrets.read("pgbouncer_users"),
        "pgbouncer.ini": replaced(
            (ROOT / "deploy/pgbouncer/pgbouncer.ini").read_text(),
            {
                "host=postgres port=5432": f"host=127.0.0.1 port={cluster.port}",
                "listen_addr = *": "listen_addr = 127.0.0.1",
                "listen_port = 6432": f"listen_port = {port}",
                secrets_path("pgbouncer_users"): "users",
                **old,
            },
        ),
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    cluster.account.own(directory)  # it refuses root
    said = directory / "log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [PGBOUNCER, "pgbouncer.ini"],
            cwd=directory,
            stdout=log,
            stderr=log,
            **cluster.account.popen_arguments(),
        )
    try:
        wait_until(
            lambda: "process up" in said.read_text(),
            explain=said.read_text,
            give_up=lambda: process.poll() is not None,
        )
        yield PgBouncer(port, cluster, secrets)
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class PgBouncer:
    """A running PgBouncer."""

    port: int
    cluster: Cluster
    secrets: Secrets

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def pool(self) -> dict[str, int]:
        """Return the row of the service's pool in `SHOW POOLS`: its numbers only."""
        shown = subprocess.run(
            [
                self.cluster.programs / "psql",
                *("-X", "-w", "--csv", "-h", "127.0.0.1", "-p", str(self.port)),
                *("-U", "dms_app", "-c", "SHOW POOLS", "pgbouncer"),
            ],
            env={"PGPASSWORD": self.secrets.read("dms_app_password")},
            check=True,
            capture_output=True,
            text=True,
        )
        header, *rows = (line.split(",") for line in shown.stdout.splitlines())
        named = [dict(zip(header, row, strict=True)) for row in rows]
        (pool,) = (row for row in named if row["database"] == "dms")
        return {key: int(value) for key, value in pool.items() if value.isdecimal()}


def secrets_path(name: str) -> str:
    """Return where a container finds a secret."""
    return f"/run/secrets/{name}"


@contextmanager
def clamd(directory: Path) -> Iterator[str]:
    """Run clamd with deploy/clamav/clamd.conf and one signature while the block runs; give its `host:port`."""
    address = f"127.0.0.1:{free_port()}"
    for part in ("signatures", "temporary"):
        (directory / part).mkdir(parents=True)
    (directory / "signatures" / "eicar.ndb").write_text(SIGNATURES)
    configuration = directory / "clamd.conf"
    configuration.write_text(
        replaced(
            (ROOT / "deploy/clamav/clamd.conf").read_text(),
            {
                "TCPSocket 3310": f"TCPSocket {address.rpartition(':')[2]}",
                "TCPAddr 0.0.0.0": "TCPAddr 127.0.0.1",
                "DatabaseDirectory /var/lib/clamav": f"DatabaseDirectory {directory}/signatures",
                "TemporaryDirectory /tmp": f"TemporaryDirectory {directory}/temporary",
            },
        )
    )
    words = replaced(
        "\0".join(service("clamd")["entrypoint"]), {"/etc/dms/clamd.conf": str(configuration)}
    )
    with running(words.split("\0")) as program:
        program.wait_for("Self checking every")
        yield address


@dataclass
class Backend:
    """One backend, as compose starts it; it can be killed and started again at the same port."""

    port: int
    environment: dict[str, str] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    program: Program | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it takes requests."""
        words = command(
            "backend",
            {
                "--host=0.0.0.0": "--host=127.0.0.1",
                "--port=8000": f"--port={self.port}",
                "172.30.77.10": "127.0.0.1",
            },
        )
        self.program = self._stack.enter_context(running(words, environment=self.environment))
        self.program.wait_for("Uvicorn running")

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.program is not None
        self.program.process.kill()
        self.program.ended()

    def stop(self) -> None:
        self._stack.close()


@dataclass(frozen=True)
class Nginx:
    """nginx with the configuration of nginx/."""

    directory: Path
    http_port: int
    https_port: int
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.https_port}"

    def spooled(self) -> list[Path]:
        """Return the files with which nginx keeps bodies on disk."""
        return [path for path in (self.directory / "tmp").rglob("*") if path.is_file()]


@contextmanager
def nginx(
    directory: Path, secrets: Secrets, web: Path, backends: Sequence[Backend], *, own: str = ""
) -> Iterator[Nginx]:
    """Run nginx with nginx/*.conf before `backends`, while the block runs. `own` is put into local.d.

    compose.conf, which holds in the compose network only, is replaced, and with it what Debian's nginx does not know.
    """
    http, https = free_port(), free_port()
    servers = "\n".join(
        f"server 127.0.0.1:{backend.port} max_fails=1 fail_timeout=5s;" for backend in backends
    )
    (directory / "local.d").mkdir(parents=True)
    (directory / "tmp").mkdir()
    (directory / "mime.types").write_text(Path("/etc/nginx/mime.types").read_text())
    for source in (ROOT / "nginx").glob("*.conf"):
        (directory / source.name).write_text(source.read_text())
    (directory / "local.d" / "own.conf").write_text(own)
    compose_only = (ROOT / "nginx/compose.conf").read_text()
    (directory / "compose.conf").write_text(
        replaced(
            compose_only,
            {
                "resolver 127.0.0.11 valid=2s ipv6=off;": "",
                "server backend:8000 resolve max_fails=1 fail_timeout=5s;": servers,
                "http2 on;": "",
            },
        )
    )
    _change(directory / "nginx.conf", {"/tmp": str(directory / "tmp")})  # noqa: S108  # the container's
    _change(directory / "static.conf", {"/srv/web": str(web)})
    _change(
        directory / "site.conf",
        {
            "listen 8080;": f"listen 127.0.0.1:{http};",
            "listen 8443 ssl;": f"listen 127.0.0.1:{https} ssl http2;",
            secrets_path("tls_certificate"): str(secrets.directory / "tls_certificate"),
            secrets_path("tls_key"): str(secrets.directory / "tls_key"),
            "/srv/acme": str(directory / "acme"),
        },
    )
    # pytest's directories are closed to everybody else, so root's nginx must not change its user.
    user = "user root;" if os.geteuid() == 0 else ""
    words = ["/usr/sbin/nginx", "-g", f"daemon off; {user}", *service("nginx")["command"]]
    with running([*words, "-c", directory / "nginx.conf"]) as program:
        started = Nginx(directory, http, https, secrets.directory / "tls_certificate")
        wait_until(
            (directory / "tmp" / "nginx.pid").exists,
            explain=lambda: program.output,
            give_up=lambda: program.process.poll() is not None,
        )
        yield started


def _change(path: Path, replacements: Mapping[str, str]) -> None:
    path.write_text(replaced(path.read_text(), replacements))
