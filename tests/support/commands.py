"""Running the `dms` command as an administrator does: in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from backend.core.settings import Settings
from tests.conftest import ROOT

_SECONDS = 120


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


def dms(environment: Mapping[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments),
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
