"""Content out of the store, in clear, for as long as a task works on it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backend.identity.models import store_namespace
from worker.runtime import Runtime


@asynccontextmanager
async def plaintext(runtime: Runtime, org_id: int, digest: bytes) -> AsyncIterator[Path]:
    """Put content into a file for as long as the block runs.

    The file has no name in the file system, only that of the descriptor: however this process ends, nothing that was
    encrypted in the store stays behind in clear.

    Raises:
        ContentDamagedError, StorageUnavailableError: it cannot be read.
    """
    runtime.settings.work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=runtime.settings.work_dir) as file:
        async with runtime.content.open(store_namespace(org_id), digest) as outgoing:
            async for chunk in outgoing.chunks():
                await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(file.flush)
        yield Path(f"/proc/self/fd/{file.fileno()}")
