"""Accounts, copies of programs for them, and children that do not outlive their parent."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.launch import processes
from backend.launch.errors import LaunchError
from backend.launch.processes import Account, processes_in, runnable_copy, server_account
from tests.support.programs import alive, wait_until

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another user")


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A program and the text it prints, where only their owner can read."""
    program = tmp_path / "tree" / "bin" / "program"
    program.parent.mkdir(parents=True, mode=0o700)
    program.write_text('#!/bin/sh\ncat "${0%/*}/text"\n')
    program.chmod(0o700)
    (program.parent / "text").write_text("it runs\n")
    return tmp_path / "tree"


@root_only
def test_each_directory_has_an_account_of_its_own_that_stays(tmp_path: Path) -> None:
    first, second = (server_account(tmp_path / name) for name in "ab")
    assert first != second
    assert first.uid in processes.PREFERRED_UIDS
    first.own(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "moved")
    assert server_account(tmp_path / "moved") == first


@root_only
def test_what_root_has_put_into_a_directory_is_given_to_its_account(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    (directory / "below").mkdir(parents=True)
    (directory / "below" / "file").touch()
    (directory / "link").symlink_to("/etc/passwd")
    Account(60_999, 60_999).own(directory)
    found = {path.lstat().st_uid for path in (directory, *directory.rglob("*"))}
    assert found == {60_999}
    assert Path("/etc/passwd").stat().st_uid == 0


def test_programs_that_can_be_run_are_not_copied(tree: Path) -> None:
    found = runnable_copy(
        tree, ("bin/program",), label="x-1", parts=("bin",), account=Account.current()
    )
    assert found == tree


@root_only
def test_programs_out_of_reach_are_copied(
    tree: Path, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROGRAM_CACHE", open_directory / "cache")
    account = Account(60_999, 60_999)

    def copy() -> Path:
        return runnable_copy(tree, ("bin/program",), label="x-1", parts=("bin",), account=account)

    found = copy()
    assert found == open_directory / "cache" / "x-1" == copy()
    completed = subprocess.run(
        [found / "bin/program"], capture_output=True, check=True, **account.popen_arguments()
    )
    assert completed.stdout == b"it runs\n"


@root_only
def test_programs_that_cannot_be_run_at_all_are_reported(
    tree: Path, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROGRAM_CACHE", open_directory / "cache")
    (tree / "bin" / "program").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(LaunchError, match="cannot be run as uid 60999"):
        runnable_copy(
            tree, ("bin/program",), label="x", parts=("bin",), account=Account(60_999, 60_999)
        )


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(LaunchError, match="no_such_package is not installed"):
        processes.package_directory("no_such_package")


PARENT = """
import signal, subprocess, sys
from backend.launch.processes import die_with_parent
child = subprocess.Popen(["/bin/sleep", "1000"], preexec_fn=die_with_parent(signal.SIGKILL))
print(child.pid, flush=True)
signal.pause()
"""


def test_a_child_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not alive(child))


def test_processes_are_found_by_their_working_directory(tmp_path: Path) -> None:
    assert processes_in(tmp_path) == []
    with subprocess.Popen(["/bin/sleep", "1000"], cwd=tmp_path) as sleeper:
        assert [process.pid for process in processes_in(tmp_path)] == [sleeper.pid]
        sleeper.kill()
