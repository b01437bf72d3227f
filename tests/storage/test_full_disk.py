"""No room left: the write fails as ``StoreFullError``, nothing is kept, and the store goes on.

A real full file system is a tmpfs of a few MiB, mounted by a child in a mount namespace of its own,
so nothing outside sees it. Where mounting is forbidden (some containers), a limit on the size of
files stands in: the write fails at the same places with another errno.
"""

import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from storage import FRAME_SIZE, BlobStore, Keyring, StoreFullError, StoreUnavailableError
from storage._osfiles import store_errors
from tests.storage.helpers import files_below, noise, put

SCENARIO = """
import resource, signal, sys
from pathlib import Path
from storage import BlobStore, Keyring, StoreFullError

place, limit = Path(sys.argv[1]), int(sys.argv[2])
sys.path.insert(0, sys.argv[3])
from tests.storage.helpers import NAMESPACE, files_below, get, noise, put

root = place / "blobs"
store = BlobStore(root, Keyring.create(place / "keyring.json", bytes(32)))
small = put(store, noise(1000))
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

def upload(content):
    with store.writer(NAMESPACE) as writer:
        for start in range(0, len(content), 100_000):
            writer.write(content[start : start + 100_000])
        writer.finish().publish()

for size in (9_000_000, 30_000_000, 60_000_000):
    try:
        upload(noise(size))
    except StoreFullError as error:
        print(type(error).__name__, error)
    else:
        raise SystemExit("it fitted")
    assert [path.name for path in files_below(root)] == [small.digest.hex()]
assert get(store, small.digest) == noise(1000)
assert put(store, noise(2000)).created
print("passed")
"""


@cache
def _private_mounts() -> list[str] | None:
    """The command prefix that gives a child its own mounts, or ``None`` where that is forbidden."""
    for prefix in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        trial = [*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            return prefix
    return None


def _run_scenario(place: Path) -> str:
    repository = str(Path(__file__).parents[2])
    prefix = _private_mounts()
    limit = "8000000" if prefix is None else "0"
    command = [sys.executable, "-c", SCENARIO, str(place), limit, repository]
    if prefix is not None:
        mount = 'mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@"'
        command = [*prefix, "sh", "-c", mount, str(place), *command]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_full_disk_leaves_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    output = _run_scenario(tmp_path)
    assert output.count("StoreFullError writing a blob:") == 3
    assert output.endswith("passed\n")


def test_a_file_size_limit_counts_as_full(store: BlobStore, root: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreFullError):
            put(store, noise(FRAME_SIZE // 2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_below(root) == []


def test_the_keyring_survives_a_full_disk(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path / "keyring.json", bytes(32))
    keyring.storage_key("org-1")
    before = (tmp_path / "keyring.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(StoreFullError, match="keyring"):
            keyring.storage_key("org-2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "keyring.json").read_bytes() == before
    assert keyring.storage_key("org-2").namespace == "org-2"


def test_other_refusals_are_unavailability() -> None:
    with (
        pytest.raises(StoreUnavailableError, match="doing it: Read-only"),
        store_errors("doing it"),
    ):
        raise OSError(30, "Read-only file system")
