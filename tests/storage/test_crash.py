"""kill -9 of a writing process at random moments: what was acknowledged is there, nothing is half there."""

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

from storage import BlobStore, Keyring
from tests.storage.helpers import NAMESPACE, files_below, put, sha256

KILLS = 12

WRITER = """
import itertools, os, sys
from pathlib import Path
from storage import BlobStore, Keyring

root, keys = Path(sys.argv[1]), Path(sys.argv[2])
store = BlobStore(root, Keyring.open(keys, bytes(range(32))))
print("ready", flush=True)
for number in itertools.count():
    size = (20_000, 3_000_000)[number % 2]
    with store.writer("org-1") as writer:
        writer.write(os.urandom(size))
        pending = writer.finish()
    digest = pending.publish().digest
    print(digest.hex(), flush=True)
"""


def _kill_while_writing(root: Path, keys: Path, moment: float) -> list[bytes]:
    """The digests that a writer acknowledged before it was killed."""
    command = [sys.executable, "-c", WRITER, str(root), str(keys)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # Nothing signals "in the middle of a write": the moment has to be a time.
        select.select([], [], [], moment)
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().split("\n")
    assert process.returncode == -signal.SIGKILL
    return [bytes.fromhex(line) for line in lines[:-1]]


def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(
    store: BlobStore, keyring: Keyring, root: Path, tmp_path: Path
) -> None:
    source = random.Random(os.getpid())  # noqa: S311 - any moment will do
    acknowledged: list[bytes] = []
    for _ in range(KILLS):
        moment = source.uniform(0.0, 0.25)
        acknowledged += _kill_while_writing(root, tmp_path / "keyring.json", moment)
        store.sweep_temporary(0)
        stored = list(store.digests(NAMESPACE))
        assert set(acknowledged) <= set(stored)
        assert [path.name for path in files_below(root)] == [digest.hex() for digest in stored]
    for digest in store.digests(NAMESPACE):
        store.verify(NAMESPACE, digest)
    assert store.namespaces() == [NAMESPACE]


def test_a_killed_keyring_writer_releases_its_lock(keyring: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    code = (
        "import fcntl, os, sys, time\n"
        "descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)\n"
        "fcntl.flock(descriptor, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(path) + ".lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        process.kill()
    assert keyring.storage_key("org-2").namespace == "org-2"


def test_a_finished_blob_of_a_dead_owner_is_swept(
    store: BlobStore, root: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from storage import BlobStore, Keyring\n"
        "keyring = Keyring.open(Path(sys.argv[2]), bytes(range(32)))\n"
        "writer = BlobStore(Path(sys.argv[1]), keyring).writer('org-1')\n"
        "writer.write(b'content')\n"
        "writer.finish()\n"
    )
    command = [sys.executable, "-c", code, str(root), str(tmp_path / "keyring.json")]
    subprocess.run(command, check=True)
    assert len(files_below(root)) == 1
    assert put(store, b"content").created
    assert store.sweep_temporary(0) == 1
    assert [path.name for path in files_below(root)] == [sha256(b"content").hex()]
