"""Celery workers as the service starts them, on the servers of a test, with tasks that misbehave."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from celery import Celery

from backend.core.queues import Queue, celery_app
from backend.core.settings import Settings
from tests.conftest import ROOT

_TOGETHER = ("--without-gossip", "--without-mingle", "--prefetch-multiplier", "1")


@dataclass
class Workers:
    """The workers of a test, and what sends to them."""

    settings: Settings
    log: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def app(self) -> Celery:
        return celery_app(self.settings)

    def send(self, task: str, *, queue: Queue = Queue.FAST, **arguments: object) -> None:
        self.app.send_task(task, kwargs=arguments, queue=queue)

    def start(self, queue: Queue, *, concurrency: int = 1) -> subprocess.Popen[bytes]:
        """Start a worker; it takes what waits as soon as it can."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DMS_")},
            "DMS_DATA_DIR": str(self.settings.data_dir),
            "DMS_DATABASE_URL": str(self.settings.database_url),
            "DMS_REDIS_URL": str(self.settings.redis_url),
            "DMS_WORKER_SILENCE_SECONDS": str(self.settings.worker_silence_seconds),
            "DMS_SCAN": "off",
            "DMS_LOG_FORMAT": "json",
            "ENCRYPTION_KEY": _key(self.settings),
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "worker.app", "worker"),
                    *("-I", "tests.support.job_tasks", "-Q", queue),
                    *("-n", f"{queue}-{len(self.running)}@%h"),
                    *("--concurrency", str(concurrency), *_TOGETHER),
                ],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Let a worker end what it is at, and give back what else it has."""
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a worker with all its processes, at once."""
        found = psutil.Process(process.pid)
        for one in [*found.children(recursive=True), found]:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        process.wait()


def _key(settings: Settings) -> str:
    assert settings.encryption_key is not None
    return settings.encryption_key.get_secret_value()


@contextmanager
def workers(settings: Settings, log: Path) -> Iterator[Workers]:
    """Give workers; those that still run are killed at the end."""
    found = Workers(settings, log)
    try:
        yield found
    finally:
        for process in found.running:
            if process.poll() is None:
                found.kill(process)
