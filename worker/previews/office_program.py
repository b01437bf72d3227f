"""Locks itself in and becomes LibreOffice.

Run as `python -m worker.previews.office_program PARENT FOLDER MEMORY CPU FILE PROGRAM ARGUMENT…`: it dies with process
PARENT, writes in FOLDER alone, and may use MEMORY bytes, CPU seconds and FILE bytes in a file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from worker.extraction.sandbox.confine import confine_program, die_with_parent


def main(arguments: list[str]) -> None:
    """Replace this process by the program."""
    parent, folder, memory, cpu, file, program, *rest = arguments
    die_with_parent(int(parent))
    confine_program(
        Path(folder), memory_bytes=int(memory), cpu_seconds=int(cpu), file_bytes=int(file)
    )
    os.environ.pop("PYTHONPATH", None)
    os.execv(program, [program, *rest])  # noqa: S606 - without a shell, as it should be


if __name__ == "__main__":
    main(sys.argv[1:])
