"""Running the `dms` command as an administrator does: in a process of its own.

Loading it takes a second of processor time, and the tests run it hundreds of times. So one process loads it and is
forked for each; what has to be killed or interrupted is started as it is in use (`command`).
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from backend.cli.main import COMMANDS, app
from backend.core.settings import Settings

ROOT = Path(__file__).parents[2]
_SECONDS = 120
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, *{place.partition(":")[0] for place in COMMANDS.values()}])


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """What leads a command to the installation of these settings."""
    key = settings.encryption_key
    return {
        "PATH": os.environ["PATH"],
        "DMS_DATA_DIR": str(settings.data_dir),
        "DMS_DATABASE_URL": str(settings.database_url),
        **({} if key is None else {"ENCRYPTION_KEY": key.get_secret_value()}),
        **more,
    }


def command(*arguments: str | Path) -> list[str]:
    """The `dms` command of this environment."""
    return [sys.executable, "-m", "backend.cli", *map(str, arguments)]


def dms(
    environment: Mapping[str, str], *arguments: str | Path, seconds: float = _SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    words = command(*arguments)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        paths = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        process = _FORKS.Process(target=_run, args=(dict(environment), words[2:], *paths))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, seconds)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, process.exitcode, out.read(), err.read())


def _run(environment: dict[str, str], words: list[str], out: str, err: str) -> None:
    """Become the command."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for number, path in enumerate((out, err), start=1):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = words
    app()
