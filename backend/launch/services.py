"""What runs on one machine: the children of `dms up`, what each waits for, and what each is told.

A child is told no secret that it does not need: the owner's database address goes to the migrations alone,
the master key to those that open the store.
"""

import json
import logging
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend.core.settings import Settings
from backend.launch.children import ChildSpec
from backend.launch.installation import FirstAdministrator, MasterKey
from backend.launch.layout import DataDirectory
from backend.launch.postgres import EmbeddedPostgres, Role
from backend.launch.valkey import EmbeddedValkey

NOT_INHERITED = frozenset(
    {
        "DMS_ADMIN_PASSWORD",
        "DMS_DATABASE_OWNER_URL",
        "DMS_SMTP_PASSWORD",
        "ENCRYPTION_KEY",
        "ENCRYPTION_KEY_COMMAND",
        "ENCRYPTION_KEY_FILE",
        "PYTHONPATH",
    }
)
MOST_BACKEND_WORKERS = 4
FAST_TASKS_PER_CORE = 2
FEWEST_FAST_TASKS = 4
"""Three may be looks at ways in, which take a minute each (`MOST_LOOKS`)."""
REQUESTS_MAY_TAKE = 30
"""Seconds that requests have to end when the service is stopped."""
LETTERS_MAY_TAKE = 30
"""Seconds that letters which have arrived have to be filed then."""


@dataclass(frozen=True)
class Addresses:
    """Where the database and the broker are, and the embedded servers that must run for it."""

    database: str
    database_owner: str
    redis: str
    servers: tuple[ChildSpec, ...]


def addresses(settings: Settings, data: DataDirectory) -> Addresses:
    """Return the addresses that the settings give; where they give none, an embedded server's."""
    servers = []
    if "database_url" in settings.model_fields_set:
        database = str(settings.database_url)
        owner = str(settings.database_owner_url or settings.database_url)
    else:
        postgres = EmbeddedPostgres(data)
        database, owner = postgres.url(Role.APP), postgres.url(Role.OWNER)
        servers.append(ChildSpec.of_server(postgres, name="postgres"))
    if "redis_url" in settings.model_fields_set:
        redis = str(settings.redis_url)
    else:
        valkey = EmbeddedValkey(data)
        redis = valkey.url
        servers.append(ChildSpec.of_server(valkey, name="valkey"))
    return Addresses(database, owner, redis, tuple(servers))


def children(
    settings: Settings, data: DataDirectory, key: MasterKey, administrator: FirstAdministrator
) -> list[ChildSpec]:
    """Return everything that runs, the embedded servers first."""
    where = addresses(settings, data)
    common = _environment(settings, data, where)
    with_key = common | key.environment
    cores = len(os.sched_getaffinity(0))
    child = partial(ChildSpec, directory=data.run)
    worker = partial(
        child,
        after=("prepare",),
        ready_line=_said_at_info(settings, r"@\S+ ready\."),
    )
    return [
        *where.servers,
        child(
            name="prepare",
            title="Schema and administrator",
            command=_python("backend.cli", "prepare"),
            environment=with_key
            | {"DMS_DATABASE_OWNER_URL": where.database_owner}
            | administrator.environment,
            after=tuple(server.name for server in where.servers),
            task=True,
            on_line=administrator.note_line,
            start_timeout=3600.0,  # a large installation's migration must not be cut off
        ),
        child(
            name="backend",
            title="Backend",
            command=_backend(settings, workers=min(cores, MOST_BACKEND_WORKERS)),
            environment=with_key,
            after=("prepare",),
            ready=partial(_answers, settings),
            stop_grace=REQUESTS_MAY_TAKE + 5.0,
        ),
        child(
            name="relay",
            title="Event relay",
            command=_python("backend.cli", "relay"),
            environment=common,
            after=("prepare",),
            ready_line=_said_at_info(settings, r"relay_starts"),
        ),
        worker(
            name="worker-fast",
            title="Fast worker",
            environment=with_key | _mail_password(settings),
            command=_worker(
                "fast", concurrency=max(cores * FAST_TASKS_PER_CORE, FEWEST_FAST_TASKS)
            ),
        ),
        worker(
            name="worker-heavy",
            title="Heavy worker",
            environment=with_key,
            command=_worker("heavy", concurrency=cores),
        ),
        child(
            name="scheduler",
            title="Scheduler",
            command=_scheduler(data.run / "scheduler"),
            environment=common,
            after=("prepare",),
            ready_line=re.compile(r"beat v\S+ .*is starting"),
        ),
        *_letterbox(settings, data, with_key),
    ]


def _letterbox(
    settings: Settings, data: DataDirectory, environment: Mapping[str, str]
) -> list[ChildSpec]:
    """Return what takes letters from other mail servers, where the settings say that they are taken."""
    address = settings.letterbox
    if address is None:
        return []
    files = {
        "DMS_INTAKE_SMTP_CERTIFICATE": address.certificate,
        "DMS_INTAKE_SMTP_KEY": address.key,
    }
    given = {name: str(path) for name, path in files.items() if path is not None}
    return [
        ChildSpec(
            name="letterbox",
            title="Letterbox",
            command=_python("backend.cli", "smtp"),
            environment=dict(environment) | given,
            directory=data.run,
            after=("prepare",),
            ready_line=_said_at_info(settings, r"letterbox_listens"),
            stop_grace=LETTERS_MAY_TAKE + 5.0,
        )
    ]


def readiness(settings: Settings) -> Mapping[str, object] | None:
    """Return what the running backend says of its dependencies, or None while it does not answer."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/readyz"
    try:
        # A proxy that the environment names is not for this machine's own addresses.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=10) as response:
            answer = json.load(response)
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def _answers(settings: Settings) -> bool:
    return readiness(settings) is not None


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _environment(settings: Settings, data: DataDirectory, where: Addresses) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return inherited | {
        "DMS_DATA_DIR": str(data.root),
        "DMS_WEB_DIR": str(settings.web_dir),
        "DMS_HOST": settings.host,
        "DMS_PORT": str(settings.port),
        "DMS_DATABASE_URL": where.database,
        "DMS_REDIS_URL": where.redis,
        "DMS_SCAN": settings.scan,
        "DMS_CLAMD_SOCKET": str(settings.clamd_socket.absolute()),
        "PYTHONUNBUFFERED": "1",
        # The working directory is no place to import from.
        "PYTHONSAFEPATH": "1",
    }


def _mail_password(settings: Settings) -> dict[str, str]:
    password = settings.smtp_password
    return {} if password is None else {"DMS_SMTP_PASSWORD": password.get_secret_value()}


def _backend(settings: Settings, *, workers: int) -> tuple[str, ...]:
    return _python(
        *("uvicorn", "--factory", "backend.main:create_app"),
        *("--host", settings.host, "--port", str(settings.port), "--workers", str(workers)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header"),
        *("--timeout-keep-alive", "75"),  # longer than a proxy keeps its connections to us
        *("--timeout-graceful-shutdown", str(REQUESTS_MAY_TAKE)),
        # A worker that is only slow for some seconds must not be killed in the middle of uploads.
        *("--timeout-worker-healthcheck", "60"),
    )


def _worker(queue: str, *, concurrency: int) -> tuple[str, ...]:
    return _python(
        *("celery", "-A", "worker.app", "worker", "-Q", queue, "-n", f"{queue}@%h"),
        *("--concurrency", str(concurrency), "--prefetch-multiplier", "1"),
        # Nobody reads the workers' events; without the chatter they start a second sooner.
        *("--without-gossip", "--without-mingle"),
    )


def _scheduler(schedule: Path) -> tuple[str, ...]:
    return _python("celery", "-A", "worker.app", "beat", "--pidfile=", "--schedule", str(schedule))


def _said_at_info(settings: Settings, line: str) -> re.Pattern[str] | None:
    """Return the pattern of a line that is logged at level INFO, unless the log level hides it."""
    hidden = logging.getLevelNamesMapping()[settings.log_level] > logging.INFO
    return None if hidden else re.compile(line)
