"""Locks of this machine for what lies where no locks are: files in a directory of their own."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from storage._osfiles import exclusive_lock, make_directory, store_errors


class LockDirectory:
    """Locks by name, for all processes that share a directory. 256 files serve every name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Keep out whoever else would hold this name, or by chance another one."""
        path = self._directory / hashlib.sha256(name.encode()).hexdigest()[:2]
        with ExitStack() as held:
            with store_errors("locking a blob"):
                make_directory(self._directory)
                held.enter_context(exclusive_lock(path))
            yield
