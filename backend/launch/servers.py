"""What the embedded servers have in common: how one is started, awaited and stopped outside the supervisor.

The supervisor runs the same servers as its children, through the same attributes.
"""

import contextlib
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from backend.launch.errors import LaunchError
from backend.launch.processes import Account, die_with_parent, processes_in

OWN_DIRECTORY = "/proc/self/cwd"
"""How a server addresses its data: as its working directory, which it entered before it gave up root's rights.

Thus the directories above need not be open to its account (a data directory under /root; the mode 0700 of
ours). Every process of the server inherits the working directory.
"""

START_MAY_TAKE = 60.0
"""Seconds; recovery after a crash included."""

STOP_MAY_TAKE = 30.0
ORPHANS_MAY_TAKE = 20.0


class EmbeddedServer(ABC):
    """A server that this machine runs for this installation alone."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    """Ends the server soon and without loss, whatever its clients do."""

    account: Account

    @property
    @abstractmethod
    def directory(self) -> Path:
        """Where its data are; also its working directory."""

    @property
    @abstractmethod
    def log(self) -> Path:
        """Where its output goes."""

    @property
    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """All that it sees of an environment."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return its command, to be run as `account` in `directory`."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the directory ready for a start. Blocks; raises `LaunchError` where it cannot be."""

    @abstractmethod
    def ready(self) -> bool:
        """Return whether the server answers. Blocks for milliseconds."""

    def finish(self) -> None:  # noqa: B027 - not every server needs it
        """Do what can only be done in the running server and is needed by its clients."""

    def wait_for_orphans(self) -> None:
        """Wait until no process of a killed server uses the directory: two at once would destroy it.

        Raises:
            LaunchError: they stay, so a server is running.
        """
        deadline = time.monotonic() + ORPHANS_MAY_TAKE
        while orphans := processes_in(self.directory):
            if time.monotonic() > deadline:
                pid = min(process.pid for process in orphans)
                message = f"{self.name} is running in {self.directory} already (process {pid})."
                raise LaunchError(message)
            time.sleep(0.05)


@contextlib.contextmanager
def running(server: EmbeddedServer) -> Iterator[None]:
    """Run a server while the block runs. To be used in a thread that outlives the block.

    Raises:
        LaunchError: the server did not start; the message names its log.
    """
    server.prepare()
    with server.log.open("ab") as log:
        process = subprocess.Popen(
            server.command(),
            cwd=server.directory,
            env=server.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            preexec_fn=die_with_parent(server.stop_signal),  # noqa: PLW1509 - prctl, nothing else
            **server.account.popen_arguments(),
        )
    try:
        _wait_until_ready(server, process)
        server.finish()
        yield
    finally:
        _stop(server, process)


def _wait_until_ready(server: EmbeddedServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_MAY_TAKE
    while not server.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"{server.name} did not start; see {server.log}."
            raise LaunchError(message)
        time.sleep(0.02)


def _stop(server: EmbeddedServer, process: subprocess.Popen[bytes]) -> None:
    process.send_signal(server.stop_signal)
    try:
        process.wait(STOP_MAY_TAKE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
