"""The supervisor over real, small children: order, restarts, and that nothing is ever left running."""

import os
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.programs import Program, alive, running, wait_until


def service(directory: Path, case: str = "good") -> AbstractContextManager[Program]:
    return running([sys.executable, "-m", "tests.support.small_service", directory, case])


def pids(directory: Path, name: str) -> list[int]:
    """Return the process ids a child and the process it started have noted, the latest two."""
    path = directory / f"{name}.pids"
    return wait_until(
        lambda: [int(pid) for pid in path.read_text().split()] if path.exists() else None
    )[-2:]


def all_pids(directory: Path) -> list[int]:
    found = [int(pid) for path in directory.glob("*.pids") for pid in path.read_text().split()]
    assert found
    return found


def nothing_runs(directory: Path) -> bool:
    return not any(alive(pid) for pid in all_pids(directory))


def test_children_start_after_what_they_need_and_stop_before_it(tmp_path: Path) -> None:
    with service(tmp_path) as program:
        program.wait_for("ready after")
        assert program.interrupt() == 0
    events = (tmp_path / "events").read_text().splitlines()
    assert events == [
        "database starts",
        "prepare runs",
        "server starts",
        "server stops",
        "database stops",
    ]
    assert nothing_runs(tmp_path)


def test_progress_and_then_the_lines_of_the_children_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with service(tmp_path) as program:
        program.wait_for("ready after")
        os.kill(pids(tmp_path, "server")[-1], signal.SIGKILL)
        program.wait_for("server     | server says hello")
        wait_until(lambda: log.read_text() == "server says hello\n" * 2)
        program.interrupt()
    progress = [line.split()[0] for line in program.lines if line.startswith("  ")]
    assert progress == ["Database", "Prepare", "Server"]


def test_a_killed_child_and_what_it_had_started_are_replaced(tmp_path: Path) -> None:
    with service(tmp_path) as program:
        program.wait_for("ready after")
        first = pids(tmp_path, "server")
        os.kill(first[-1], signal.SIGKILL)
        program.wait_for("Server was killed by SIGKILL; starting it again.")
        program.wait_for("Server is back")
        second = pids(tmp_path, "server")
        assert set(first).isdisjoint(second)
        assert not any(alive(pid) for pid in first)
        assert all(alive(pid) for pid in second)


def test_sigterm_stops_the_service(tmp_path: Path) -> None:
    with service(tmp_path) as program:
        program.wait_for("ready after")
        program.process.terminate()
        assert program.ended() == 0
    assert nothing_runs(tmp_path)


def test_interrupted_while_it_starts_it_leaves_nothing(tmp_path: Path) -> None:
    with service(tmp_path) as program:
        pids(tmp_path, "database")
        assert program.interrupt() == 0
    assert nothing_runs(tmp_path)


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    with service(tmp_path, "stubborn") as program:
        program.wait_for("ready after")
        pids(tmp_path, "stubborn")
        assert program.interrupt() == 0
    assert nothing_runs(tmp_path)


def test_a_failed_stage_says_why_and_stops_everything(tmp_path: Path) -> None:
    with service(tmp_path, "failing") as program:
        assert program.ended() == 1
    assert program.lines[-3:] == [
        "Prepare ended with status 3.",
        "    preparing",
        "    the reason",
    ]
    assert nothing_runs(tmp_path)
    assert not (tmp_path / "server.pids").exists()


def test_a_child_that_cannot_be_prepared_is_a_failed_stage(tmp_path: Path) -> None:
    with service(tmp_path, "unprepared") as program:
        assert program.ended() == 1
    assert "Unprepared could not be prepared ([Errno 2] No such file" in program.output


def test_a_killed_supervisor_leaves_nothing(tmp_path: Path) -> None:
    with service(tmp_path) as program:
        program.wait_for("ready after")
        program.process.kill()
        assert wait_until(lambda: nothing_runs(tmp_path))
    with service(tmp_path) as program:
        program.wait_for("ready after")
        program.interrupt()


def test_what_ignores_the_death_of_its_supervisor_is_killed(tmp_path: Path) -> None:
    with service(tmp_path, "stubborn") as program:
        program.wait_for("ready after")
        pids(tmp_path, "stubborn")
        program.process.kill()
        assert wait_until(lambda: nothing_runs(tmp_path))
        # The guardian held the lock until then, so that this waited for it.
    with service(tmp_path, "stubborn") as program:
        program.wait_for("ready after")


def test_a_second_start_is_refused(tmp_path: Path) -> None:
    with service(tmp_path) as program:
        program.wait_for("ready after")
        with service(tmp_path) as second:
            assert second.ended() == 1
        expected = (
            f"The service is running already, as process {program.process.pid} at http://here."
        )
        assert second.lines == [expected]
        assert all(alive(pid) for pid in pids(tmp_path, "server"))
