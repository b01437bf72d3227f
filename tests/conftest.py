"""Real servers for every test: PostgreSQL, Valkey and clamd, one of each per test process.

Tests share them and stay apart by working in an organisation of their own.
"""

import base64
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from xdist.remote import Producer

from backend.audit.statements import Signer
from backend.core.actor import Role as UserRole
from backend.core.db import Database
from backend.core.settings import Settings
from backend.identity import passwords
from backend.identity.models import Organisation
from backend.launch.postgres import EmbeddedPostgres, Role, embedded_postgres
from backend.launch.valkey import EmbeddedValkey, embedded_valkey, free_port
from backend.main import create_app
from storage import Keyring
from tests.support.api import Api, new_user
from tests.support.archive import Archive, new_archive, open_content
from tests.support.clamd import Clamd, clamd
from tests.support.s3 import S3Server, s3_server
from tests.support.scheduling import StackScheduling
from tests.support.service import Service, running_service

ROOT = Path(__file__).parents[1]

# A long run of the tests that make their own input: --hypothesis-profile=fuzz
hypothesis.settings.register_profile("fuzz", max_examples=20_000)


@pytest.fixture(scope="session", autouse=True)
def strong_passwords() -> Iterator[PasswordHash]:
    """Hash passwords weakly: thousands are made, at a fifth of a second each. Returns what hashes them in earnest."""
    strong = passwords._HASHER
    weak = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHash((weak,)))
        yield strong


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def postgres(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    with embedded_postgres(data_dir, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(data_dir: Path) -> Iterator[EmbeddedValkey]:
    with embedded_valkey(data_dir, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with clamd(tmp_path_factory.mktemp("clamd")) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def settings(
    data_dir: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, scanner: Clamd
) -> Settings:
    """The settings of a service on the servers of this test process, its schema migrated, its keyring made."""
    environment = {
        "DMS_DATA_DIR": str(data_dir),
        "DMS_DATABASE_URL": postgres.url(),
        "DMS_REDIS_URL": valkey.url,
        "DMS_CLAMD_SOCKET": str(scanner.socket),
        "DMS_WEB_DIR": str(data_dir / "no-web-application"),
        "ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    migrate = [sys.executable, "-m", "alembic", "upgrade", "head"]
    owner = {"DMS_DATABASE_OWNER_URL": postgres.url(Role.OWNER)}
    subprocess.run(migrate, env={**environment, **owner}, cwd=ROOT, check=True)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in environment.items():
            patch.setenv(name, value)
        found = Settings()
    found.keyring_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    Keyring.create(found.keyring_path, found.master_key())
    return found


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database as the application's role sees it."""
    opened = Database.connect(settings)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def signer(settings: Settings) -> Signer:
    """What checkpoints of the audit trail are signed with."""
    return Signer(Keyring.open(settings.keyring_path, settings.master_key()))


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The running application."""
    created = create_app(settings)
    async with created.router.lifespan_context(created):
        yield created


@pytest.fixture
async def organisation(database: Database) -> int:
    """The id of a new organisation."""
    async with database.transaction() as session:
        created = Organisation(name=f"Organisation {secrets.token_hex(4)}")
        session.add(created)
        await session.flush()
        return created.id


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """A client of the application that nobody has signed in with."""
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://dms.test") as opened:
        yield opened


@pytest.fixture
def corpus() -> Path:
    """The folder of real documents, where it is."""
    folder = ROOT.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip("the corpus of real documents is not on this machine")
    return folder


@pytest.fixture
async def archive(settings: Settings, database: Database) -> AsyncIterator[Archive]:
    """An organisation of its own, its store opened."""
    content = open_content(settings)
    yield await new_archive(database, content)
    content.close()


@pytest.fixture
async def admin(client: AsyncClient, database: Database, organisation: int) -> Api:
    """An administrator of the organisation, signed in."""
    return await new_user(client, database, organisation, UserRole.ADMINISTRATOR)


@pytest.fixture
async def member(client: AsyncClient, database: Database, organisation: int) -> Api:
    """A member of the organisation, signed in; nothing is shared with them."""
    return await new_user(client, database, organisation, UserRole.MEMBER)


@pytest.fixture
async def stranger(client: AsyncClient, database: Database) -> Api:
    """An administrator of another organisation, signed in."""
    async with database.transaction() as session:
        elsewhere = Organisation(name=f"Elsewhere {secrets.token_hex(4)}")
        session.add(elsewhere)
        await session.flush()
    return await new_user(client, database, elsewhere.id, UserRole.ADMINISTRATOR)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, scanner: Clamd) -> Iterator[Service]:
    """The whole service as a user starts it, with scanner and letterbox; tests of it are `e2e`, in one process."""
    with running_service(
        tmp_path_factory.mktemp("service"),
        DMS_CLAMD_SOCKET=str(scanner.socket),
        DMS_SCAN="required",
        DMS_INTAKE_DIRS=str(tmp_path_factory.mktemp("intake")),
        DMS_INTAKE_SMTP_DOMAIN="in.example.org",
        DMS_INTAKE_SMTP_LISTEN=f"127.0.0.1:{free_port()}",
    ) as started:
        yield started


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> StackScheduling:
    """Keep the tests of one started stack in one process."""
    return StackScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of tests that need everything started that they are end to end."""
    for item in items:
        if {"service", "killed_service", "production"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.e2e)
