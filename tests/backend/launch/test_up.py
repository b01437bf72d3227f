"""`dms up` as a new user meets it: the first start, kills, Ctrl-C, the second start."""

import os
import signal
import socket
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import psutil
import pytest

from backend.launch.valkey import free_port
from tests.support.programs import Program, alive, running, wait_until

DMS = Path(sys.executable).parent / "dms"
LONG_ENOUGH = 180
CHILDREN = {
    "PostgreSQL": "postgres",
    "Valkey": "valkey-server",
    "Backend": "uvicorn",
    "Event relay": "relay",
    "Fast worker": "fast@",
    "Scheduler": "beat",
}
"""Their titles, and what tells their commands apart."""


class Service:
    """An installation that can be started."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def up(self) -> AbstractContextManager[Program]:
        command: list[str | Path] = [
            DMS,
            "up",
            "--data-dir",
            self.data_dir,
            "--port",
            str(self.port),
        ]
        environment = {
            "PATH": os.environ["PATH"],
            "DMS_CLAMD_SOCKET": str(self.data_dir / "no-scanner"),
        }
        return running(command, environment=environment)

    def sign_in(self, password: str) -> int:
        credentials = {"email": "admin@example.org", "password": password}
        answer = httpx.post(f"{self.address}/api/v1/auth/login", json=credentials, timeout=60)
        return answer.status_code


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def child(program: Program, word: str) -> psutil.Process:
    """Return the supervisor's child whose command contains `word`."""

    def find() -> psutil.Process | None:
        for process in psutil.Process(program.process.pid).children():
            if any(word in part for part in process.cmdline()):
                return process
        return None

    return wait_until(find)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_the_first_start_to_the_second(service: Service) -> None:
    with service.up() as program:
        program.wait_for("Keep a copy of this file")
        program.wait_for("Viruses are not being looked for", seconds=LONG_ENOUGH)
        password = program.wait_for("password  ").split()[-1]
        assert service.sign_in(password) == 200

        for title, word in CHILDREN.items():
            child(program, word).send_signal(signal.SIGKILL)
            program.wait_for(f"{title} was killed by SIGKILL; starting it again", seconds=10)
            program.wait_for(f"{title} is back", seconds=LONG_ENOUGH)
        ready = f"{service.address}/readyz"
        wait_until(
            lambda: httpx.get(ready, timeout=60).json()["dependencies"]["redis"]["status"] == "ok"
        )
        assert service.sign_in(password) == 200

        with service.up() as second:
            assert second.ended() == 1
        expected = f"as process {program.process.pid} at {service.address}"
        assert expected in second.output

        processes = psutil.Process(program.process.pid).children(recursive=True)
        assert len(processes) > len(CHILDREN)
        assert program.interrupt() == 0
        assert not any(alive(process.pid) for process in processes)

    with service.up() as program:
        program.wait_for(f"Open {service.address}", seconds=LONG_ENOUGH)
        assert service.sign_in(password) == 200
        assert program.interrupt() == 0
    assert "password" not in program.output
    assert "encryption key" not in program.output


def test_a_port_that_is_taken_is_said_so_at_once(service: Service) -> None:
    with socket.create_server(("127.0.0.1", service.port)), service.up() as program:
        assert program.ended() == 1
    assert f"port {service.port}, cannot be used (Address already in use)" in program.output
