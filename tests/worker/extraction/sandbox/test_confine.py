"""What a helper knows of itself."""

import subprocess
import sys

from worker.extraction.sandbox.confine import resident

SHOW = "from worker.extraction.sandbox.confine import resident; print(resident())"


def test_the_memory_of_a_process_is_not_that_of_the_one_which_started_it() -> None:
    ballast = bytes(1) * (256 << 20)
    shown = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, check=True).stdout
    assert 0 < int(shown) < len(ballast) < resident()
