"""Production on one machine: nginx, two backends, the relay, PgBouncer and clamd, as compose configures them."""

import secrets
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from httpx import AsyncClient, AsyncHTTPTransport

from backend.launch.layout import DataDirectory
from backend.launch.servers import running as running_server
from backend.launch.valkey import free_port
from tests.support.api import Api
from tests.support.deployment import (
    Backend,
    Cluster,
    Nginx,
    PgBouncer,
    Secrets,
    clamd,
    command,
    environment,
    keeps_prepared_statements,
    nginx,
    pgbouncer,
    redis,
)
from tests.support.programs import running

PAGE = "<!doctype html><title>DMS Enterprise</title>"


@dataclass(frozen=True)
class Production:
    """What runs."""

    secrets: Secrets
    cluster: Cluster
    pgbouncer: PgBouncer
    data_dir: Path
    backends: list[Backend]
    nginx: Nginx

    def environment(self, service: str, **more: str) -> dict[str, str]:
        """Return the environment of a service, changed to what is here."""
        declared = environment(service, self.secrets.directory, more)
        here = {"DMS_DATA_DIR": str(self.data_dir), "DMS_WEB_DIR": "/nonexistent"}
        if not keeps_prepared_statements():
            here["DMS_DATABASE_PREPARED_STATEMENTS"] = "false"
        return declared | {name: value for name, value in here.items() if name in declared}


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small web application, built."""
    directory = tmp_path_factory.mktemp("web")
    (directory / "index.html").write_text(PAGE)
    (directory / "favicon.svg").write_text("<svg/>")
    (directory / "assets").mkdir()
    (directory / "assets" / "index-CQMr1gy4.js").write_text("export const wide = 1;\n" * 200)
    (directory / "assets" / "pdf.worker.min-C8PGFc0r.mjs").write_text("export {};\n")
    return directory


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory, web: Path) -> Iterator[Production]:
    """Everything, from empty: what `docker compose up` does, in its order."""
    secrets = Secrets.make(tmp_path_factory.mktemp("secrets"))
    data = DataDirectory.at(tmp_path_factory.mktemp("production"))
    cluster = Cluster(data, tcp_port=free_port(), durable=False, secrets=secrets)
    with ExitStack() as stack:
        stack.enter_context(running_server(cluster))
        for name in ("database_owner_url", "database_direct_url"):
            secrets.move(name, "postgres:5432", cluster.address)
        bouncer = pgbouncer(tmp_path_factory.mktemp("pgbouncer"), cluster, secrets)
        pool = stack.enter_context(bouncer)
        secrets.move("database_url", "pgbouncer:6432", pool.address)
        broker = stack.enter_context(redis(tmp_path_factory.mktemp("redis"), secrets))
        secrets.move("redis_url", "redis:6379", broker)
        scanner = stack.enter_context(clamd(tmp_path_factory.mktemp("clamd-of-compose")))
        backends = [Backend(free_port()) for _ in range(2)]
        proxy = stack.enter_context(
            nginx(tmp_path_factory.mktemp("nginx") / "etc", secrets, web, backends)
        )
        started = Production(secrets, cluster, pool, data.root, backends, proxy)
        for once in ("migrate", "init"):
            subprocess.run(command(once), env=started.environment(once), check=True, cwd="/")
        stack.callback(_stop, backends)
        for backend in backends:
            backend.environment = started.environment("backend", DMS_CLAMD_ADDRESS=scanner)
            backend.start()
        stack.enter_context(running(command("relay"), environment=started.environment("relay")))
        yield started


def _stop(backends: list[Backend]) -> None:
    """Stop them together: each waits half a minute for requests that do not end."""
    with ThreadPoolExecutor() as at_once:
        list(at_once.map(Backend.stop, backends))


ClientFrom = Callable[[str], AsyncClient]


@pytest.fixture
async def client_from(production: Production) -> AsyncIterator[ClientFrom]:
    """A function that gives a client of nginx at another address of this machine (127.0.0.0/8)."""
    context = ssl.create_default_context(cafile=production.nginx.certificate)
    async with AsyncExitStack() as stack:

        def client(address: str) -> AsyncClient:
            transport = AsyncHTTPTransport(verify=context, local_address=address)
            opened = AsyncClient(transport=transport, base_url=production.nginx.url, timeout=30)
            stack.push_async_callback(opened.aclose)
            return opened

        yield client


@pytest.fixture
async def through(client_from: ClientFrom) -> AsyncClient:
    """A client of nginx that nobody has signed in with."""
    return client_from("127.0.0.1")


@pytest.fixture
async def librarian(production: Production, through: AsyncClient) -> Api:
    """The administrator that `dms init` made, signed in through nginx."""
    body = {"email": "admin@example.org", "password": production.secrets.read("admin_password")}
    answer = await through.post("/api/v1/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    me = (await through.get("/api/v1/me", headers=headers)).json()
    return Api(through, headers, me["user"]["id"], me["organisation"]["id"])


@pytest.fixture
async def cabinet(librarian: Api) -> int:
    return await librarian.folder(f"Cabinet {secrets.token_hex(4)}", kind="cabinet")
