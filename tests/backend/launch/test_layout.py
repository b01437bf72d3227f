"""Paths, modes and secrets of a data directory."""

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from backend.launch.errors import LaunchError
from backend.launch.layout import DataDirectory, short_path


def test_nobody_else_may_look_into_a_data_directory(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path / "data")
    assert data.root.stat().st_mode & 0o777 == 0o700


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    secret = data.secret("x")
    assert len(secret) >= 43
    assert secret == data.secret("x") != data.secret("y")
    assert (data.secrets / "x").stat().st_mode & 0o777 == 0o600


def test_a_short_path_is_used_as_it_is(tmp_path: Path) -> None:
    assert tmp_path == short_path(tmp_path, socket_name="s")


def test_a_socket_under_a_long_path_can_be_reached(tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 120)
    directory.mkdir()
    short = short_path(directory, socket_name="s")
    assert short == short_path(directory, socket_name="s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(short / "s"))
        server.listen()
        client.connect(str(short / "s"))
    assert (directory / "s").is_socket()


def test_a_directory_that_others_can_change_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    directory = tmp_path / ("x" * 120)
    directory.mkdir()
    short_path(directory, socket_name="s").parent.chmod(0o777)
    with pytest.raises(LaunchError, match="not a private directory"):
        short_path(directory, socket_name="s")


def test_a_directory_of_another_user_is_refused_with_the_way_out(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from backend.launch.layout import DataDirectory\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "DataDirectory.at(Path(sys.argv[1]))"
    )
    tmp_path.chmod(0o500)
    completed = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "cannot be used by this user" in completed.stderr
