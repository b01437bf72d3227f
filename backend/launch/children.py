"""What a child of the supervisor is, said as data: its command, what it waits for, how it ends."""

import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backend.launch.processes import Account
from backend.launch.servers import EmbeddedServer


@dataclass(frozen=True)
class ChildSpec:
    """One process of the installation. Hooks may block, as they run in threads. Times are seconds."""

    name: str
    """Short: the prefix of its lines and the name of its log file."""
    title: str
    """For the progress line."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it; nothing is inherited."""
    directory: Path = Path("/")
    account: Account = field(default_factory=Account.current)
    after: tuple[str, ...] = ()
    """The children that must be ready before it starts, and that stop only after it has stopped."""

    task: bool = False
    """It runs to its end (exit status 0) and is not started again."""
    prepare: Callable[[], None] | None = None
    """Runs before each start, also before a restart."""
    ready: Callable[[], bool] | None = None
    """Asked until it says yes."""
    ready_line: re.Pattern[str] | None = None
    """Alternatively, the output line that says so. With neither, a started child is ready."""
    finish: Callable[[], None] | None = None
    """Runs each time the child has become ready, before others learn of it."""

    on_line: Callable[[str], None] | None = None
    """Hears every line of its output. Must not block."""

    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace: float = 10.0
    """After this it is killed."""
    start_timeout: float = 180.0
    on_console: bool = True
    """Whether its lines are shown; they are always in its log file."""

    @classmethod
    def of_server(cls, server: EmbeddedServer, *, name: str) -> "ChildSpec":
        """Return the child that runs an embedded server. Its log is a file that few need to see."""
        return cls(
            name=name,
            title=server.name,
            command=tuple(server.command()),
            environment=server.environment,
            directory=server.directory,
            account=server.account,
            prepare=server.prepare,
            ready=server.ready,
            finish=server.finish,
            stop_signal=server.stop_signal,
            stop_grace=30.0,
            on_console=False,
        )
