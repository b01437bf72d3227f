"""A supervisor over small children, run as a program: what tests of the supervisor start, signal and kill.

    python -m tests.support.small_service DIRECTORY CASE

Each child is a shell that writes what happens to it into `DIRECTORY/events`.
"""

import asyncio
import os
import re
import sys
from pathlib import Path

from backend.launch.children import ChildSpec
from backend.launch.console import Console
from backend.launch.errors import LaunchError
from backend.launch.supervisor import Supervisor, exclusive, serve

# It starts a process of its own, as uvicorn and Celery do, and both note their process ids.
LASTING = """
echo "$0 starts" >>events
sleep 1000 & echo $! >>"$0.pids"; echo $$ >>"$0.pids"
trap 'echo "$0 stops" >>events; exit 0' TERM
echo "$0 says hello"
wait
"""
STUBBORN = """
(trap '' TERM; while :; do sleep 1; done) & echo $! >>"$0.pids"; echo $$ >>"$0.pids"
trap '' TERM
echo "$0 says hello"
while :; do sleep 1; done
"""


def child(directory: Path, name: str, script: str = LASTING, **rest: object) -> ChildSpec:
    """Return a child that runs a shell script with its name as `$0`."""
    return ChildSpec(
        name=name,
        title=name.capitalize(),
        command=("/bin/sh", "-c", script, name),
        environment={"PATH": os.defpath},
        directory=directory,
        **rest,  # type: ignore[arg-type]  # passed on as given
    )


def children(directory: Path, case: str) -> list[ChildSpec]:
    """Return the children of a case."""
    database = child(directory, "database", ready=(directory / "database.pids").exists)
    prepare = child(directory, "prepare", 'echo "$0 runs" >>events', after=("database",), task=True)
    hello = re.compile("says hello")
    server = child(directory, "server", after=("prepare",), ready_line=hello)
    if case == "good":
        return [server, prepare, database]
    if case == "unprepared":
        return [child(directory, "unprepared", prepare=(directory / "no" / "file").touch)]
    if case == "stubborn":
        return [child(directory, "stubborn", STUBBORN, stop_grace=0.5, ready_line=hello)]
    failing = "echo preparing; echo the reason >&2; exit 3"
    return [server, database, child(directory, "prepare", failing, after=("database",), task=True)]


async def _welcome(console: Console, seconds: float) -> None:
    console.say(f"ready after {seconds:.1f} s")


def main(directory: Path, case: str) -> int:
    """Run the service."""
    console = Console()
    try:
        with exclusive(directory / "lock", address="http://here") as lock:
            supervisor = Supervisor(
                children(directory, case), logs=directory, console=console, lock=lock
            )
            asyncio.run(serve(supervisor, console, lambda seconds: _welcome(console, seconds)))
    except LaunchError as error:
        console.say(str(error))
        return 1
    finally:
        console.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
