"""The embedded PostgreSQL as a real server: what it contains, who it runs as, and that it comes back."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from backend.launch.errors import LaunchError
from backend.launch.layout import DataDirectory
from backend.launch.postgres import (
    EXTENSIONS,
    EmbeddedPostgres,
    Role,
    available_memory,
    embedded_postgres,
    memory_settings,
)
from backend.launch.processes import processes_in
from backend.launch.valkey import free_port

ROOT = Path(__file__).parents[3]


async def scalar(url: str, statement: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return (await connection.execute(text(statement))).scalar()
    finally:
        await engine.dispose()


async def test_the_service_finds_its_roles_database_and_extensions(
    postgres: EmbeddedPostgres,
) -> None:
    assert await scalar(postgres.url(), "SELECT current_user") == "dms_app"
    assert await scalar(postgres.url(Role.OWNER), "SELECT current_user") == "dms_owner"
    powers = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'dms%' AND (rolsuper OR rolbypassrls OR rolcreaterole)"
    assert await scalar(postgres.url(), powers) == 0
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'dms'"
    assert await scalar(postgres.url(), owner) == "dms_owner"
    names = "SELECT array_agg(extname::text) FROM pg_extension"
    found = await scalar(postgres.url(), names)
    assert isinstance(found, list)
    assert set(EXTENSIONS) <= set(found)
    assert await scalar(postgres.url(), "SHOW server_encoding") == "UTF8"
    assert await scalar(postgres.url(), "SHOW data_checksums") == "on"


async def test_a_wrong_password_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=postgres.host, port=postgres.port, user="dms_app", password="x", database="dms"
        )


def test_it_runs_as_nobody_else(postgres: EmbeddedPostgres) -> None:
    (server,) = {process.uids().effective for process in processes_in(postgres.directory)}
    if os.geteuid() == 0:
        with pytest.raises(KeyError):
            pwd.getpwuid(server)
    else:
        assert server == os.geteuid()


async def test_data_survive_a_restart_on_tcp_and_under_a_long_path(tmp_path: Path) -> None:
    data_dir = tmp_path / ("l&ng %41+" * 14)
    with embedded_postgres(data_dir, durable=False) as first:
        first.query("CREATE TABLE t AS SELECT 7 AS x; GRANT SELECT ON t TO dms_app", "dms")
        passwords = {path: path.read_text() for path in first.data.secrets.iterdir()}
    assert processes_in(first.directory) == []
    with embedded_postgres(data_dir, durable=False, tcp_port=free_port()) as second:
        assert await scalar(second.url(), "SELECT x FROM t") == 7
        assert await scalar(second.url(tcp=True), "SELECT x FROM t") == 7
    assert passwords == {path: path.read_text() for path in second.data.secrets.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in passwords} == {0o600}


@pytest.mark.parametrize(
    ("gibibytes", "buffers", "cache"),
    [(0.5, "256MB", "1024MB"), (24, "6144MB", "12288MB"), (256, "8192MB", "16384MB")],
)
def test_buffers_follow_the_memory(gibibytes: float, buffers: str, cache: str) -> None:
    assert memory_settings(int(gibibytes * 2**30)) == {
        "shared_buffers": buffers,
        "effective_cache_size": cache,
    }


@pytest.mark.parametrize(
    ("said", "limit"), [("2147483648\n", 2 << 30), ("max\n", None), (f"{1 << 60}\n", None)]
)
def test_memory_is_what_the_container_may_take(
    tmp_path: Path, said: str, limit: int | None
) -> None:
    (tmp_path / "memory.max").write_text(said)
    whole = psutil.virtual_memory().total
    assert available_memory(tmp_path / "memory.max") == min(whole, limit or whole)
    assert available_memory(tmp_path / "missing") == whole


async def test_it_recovers_what_was_committed_when_it_is_killed(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as first:
        first.query("CREATE TABLE t AS SELECT 7 AS x; GRANT SELECT ON t TO dms_app", "dms")
        engine = create_async_engine(first.url())
        async with engine.connect():  # a backend process, which must notice that its server is gone
            postmaster = int(
                (first.directory / "postmaster.pid").read_text(encoding="ascii").splitlines()[0]
            )
            os.kill(postmaster, signal.SIGKILL)
            # It is started while the killed server's processes may still be there, and with its lock file.
            with embedded_postgres(tmp_path) as second:
                assert await scalar(second.url(), "SELECT x FROM t") == 7
        await engine.dispose()


def test_locks_that_name_somebody_elses_process_do_not_stop_it(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False) as server:
        locks = {
            server.directory / name: (server.directory / name).read_text()
            for name in ("postmaster.pid", ".s.PGSQL.5432.lock")
        }
    stranger = subprocess.Popen(["/bin/sleep", "1000"], **server.account.popen_arguments(), cwd="/")
    try:
        for path, lock in locks.items():
            path.write_text("\n".join((str(stranger.pid), *lock.splitlines()[1:], "")))
            os.chown(path, server.account.uid, server.account.gid)
        with embedded_postgres(tmp_path, durable=False) as again:
            assert again.query("SELECT 1") == "1\n"
    finally:
        stranger.kill()
        stranger.wait()


def test_data_of_another_major_version_are_refused_with_the_way_out(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    data.postgres.mkdir(mode=0o700)
    (data.postgres / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(LaunchError, match=r"made by PostgreSQL 12.*Dump it"),
        embedded_postgres(tmp_path),
    ):
        pass


def test_data_without_their_password_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False) as server:
        (server.data.secrets / "postgres-postgres").unlink()
    with (
        pytest.raises(LaunchError, match="from the same backup"),
        embedded_postgres(tmp_path),
    ):
        pass


def test_an_unfinished_creation_is_started_over(tmp_path: Path) -> None:
    unfinished = DataDirectory.at(tmp_path).postgres.with_name("postgres.new")
    unfinished.mkdir()
    (unfinished / "base").mkdir()
    with embedded_postgres(tmp_path, durable=False) as server:
        assert server.query("SELECT 1") == "1\n"


AS_ANOTHER_USER = """
import contextlib, os, psutil, sys
from pathlib import Path
from backend.launch import postgres, processes, valkey
account = processes.Account(65534, 65534)
postgres._programs(account), valkey._program(account)  # made readable while there is the right to
os.setgroups([]), os.setgid(account.gid), os.setuid(account.uid)
with postgres.embedded_postgres(Path(sys.argv[1]), durable=False) as server:
    users = set()
    for process in processes.processes_in(server.directory):
        with contextlib.suppress(psutil.NoSuchProcess):  # some of the server's come and go
            users.add(process.uids().effective)
    print(server.query("SELECT 'answered'"), users, server.account)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="without root's rights every other test is this one")
def test_it_also_runs_for_a_user_who_is_not_root() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o777)
        completed = subprocess.run(
            [sys.executable, "-c", AS_ANOTHER_USER, f"{directory}/data"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    expected = "answered\n {65534} Account(uid=65534, gid=65534)\n"
    assert expected == completed.stdout, completed.stderr
