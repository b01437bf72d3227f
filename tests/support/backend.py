"""The backend alone, on the servers of the test process: for what concerns no other part of the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from backend.core.settings import Settings
from backend.launch import services
from backend.launch.valkey import free_port
from storage import Keyring
from tests.support.commands import environment_of
from tests.support.programs import running


@dataclass(frozen=True)
class Backend:
    """A running backend."""

    url: str
    process: psutil.Process


@contextmanager
def running_backend(settings: Settings, data_dir: Path, **environment: str) -> Iterator[Backend]:
    """Run it as `dms up` does, with a data directory of its own, while the block runs."""
    here = settings.model_copy(update={"data_dir": data_dir, "port": free_port()})
    here.keyring_path.parent.mkdir(mode=0o700, parents=True)
    Keyring.create(here.keyring_path, here.master_key())
    told = environment_of(here, DMS_REDIS_URL=str(here.redis_url), **environment)
    with running(services._backend(here, workers=1), environment=told) as program:
        program.wait_for("Uvicorn running")
        yield Backend(f"http://{here.host}:{here.port}", psutil.Process(program.process.pid))
