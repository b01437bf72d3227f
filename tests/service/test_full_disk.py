"""The disk full: an upload is refused, and nothing of it stays."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import AsyncClient

from backend.core.actor import Role
from backend.core.db import Database
from backend.core.settings import Settings
from tests.support.api import new_user
from tests.support.backend import running_backend

pytestmark = pytest.mark.e2e


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """The store of a new data directory, on a disk of 24 MiB."""
    store = tmp_path / "data" / "store"
    store.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(store)], check=True)
    yield store
    subprocess.run(["umount", str(store)], check=True)


async def test_a_full_disk_refuses_the_upload_and_leaves_nothing(
    store: Path, settings: Settings, database: Database, organisation: int
) -> None:
    scanner = str(settings.clamd_socket)
    with running_backend(settings, store.parent, DMS_CLAMD_SOCKET=scanner) as backend:
        async with AsyncClient(base_url=backend.url, timeout=120) as client:
            admin = await new_user(client, database, organisation, Role.ADMINISTRATOR)
            folder = await admin.folder("Full")
            kept = await admin.document(folder, "kept", b"small")
            before = used(store)
            refused = await admin.upload(folder, "large", os.urandom(32 * 2**20))
            assert (refused.status_code, refused.json()["code"]) == (507, "insufficient_storage")
            assert used(store) == before
            listed = (await admin.get(f"/folders/{folder}/children")).json()["documents"]
            assert [item["id"] for item in listed] == [kept["id"]]
            await admin.document(folder, "fits", os.urandom(2**20))


def used(directory: Path) -> int:
    """Return the bytes in use of the file system at a directory."""
    status = os.statvfs(directory)
    return (status.f_blocks - status.f_bfree) * status.f_frsize
