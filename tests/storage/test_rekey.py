"""A namespace gets a newer storage key while blobs are written and read, and the old one is retired.

What must hold: a blob with a name opens, and once the older keys are retired none names them.
"""

import multiprocessing
import os
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from storage import (
    FRAME_SIZE,
    BlobDamagedError,
    BlobNotFoundError,
    BlobStore,
    Keyring,
    StorageKey,
    WrongKeyError,
)
from storage._format import parse_header
from storage._pools import Recycler
from storage._unseal import ReadBuffers, SealedFile
from tests.storage.helpers import (
    MASTER_KEY,
    NAMESPACE,
    file_of,
    files_below,
    get,
    noise,
    put,
    sha256,
)

SIZES = [0, 100, 3 * FRAME_SIZE]


def named_keys(path: Path) -> list[bytes]:
    """The storage keys that a blob's file names."""
    return [slot.key_id for slot in parse_header(path.read_bytes()[:192]).slots if slot is not None]


def rekey_all(store: BlobStore, keyring: Keyring) -> list[bytes]:
    """A newer key, the names there are brought under it, the older ones retired; returns these.

    One pass is enough here: whatever gets its name after it began has it under the newest key.
    """
    [older] = keyring.renew([NAMESPACE]).values()
    for digest in store.digests(NAMESPACE):
        store.rekey(NAMESPACE, digest)
    keyring.retire(NAMESPACE, older)
    return older


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_begun_before_gets_its_name_under_the_newest_key(
    store: BlobStore, keyring: Keyring, root: Path, size: int
) -> None:
    content = noise(size)
    with store.writer(NAMESPACE) as writer:
        writer.write(content)
        pending = writer.finish()
    rekey_all(store, keyring)
    digest = pending.publish().digest
    assert [store.rekey(NAMESPACE, digest), get(store, digest)] == [False, content]
    assert named_keys(file_of(root, digest)) == keyring.key_ids(NAMESPACE)
    assert store.verify(NAMESPACE, digest).size == size
    assert file_of(root, digest).stat().st_mode & 0o777 == 0o400


def test_a_writer_begun_after_uses_the_newest_key_at_once(
    store: BlobStore, keyring: Keyring, root: Path, tmp_path: Path
) -> None:
    put(store, b"before")
    Keyring.open(tmp_path / "keyring.json", MASTER_KEY).renew([NAMESPACE])
    digest = put(store, b"after").digest
    assert named_keys(file_of(root, digest)) == keyring.key_ids(NAMESPACE)[-1:]


def test_without_the_newest_key_a_blob_gets_no_name(
    store: BlobStore, keyring: Keyring, root: Path, tmp_path: Path
) -> None:
    """The master key was rotated, then the storage key renewed: this process cannot use it."""
    other = Keyring.open(tmp_path / "keyring.json", MASTER_KEY)
    with store.writer(NAMESPACE) as writer:
        writer.write(b"content")
        pending = writer.finish()
    other.rotate(bytes(32))
    other.renew([NAMESPACE])
    with pytest.raises(WrongKeyError, match="start the process again"):
        pending.publish()
    assert files_below(root) == []


def test_after_a_rotation_alone_writing_goes_on_and_it_shows(
    store: BlobStore, keyring: Keyring, tmp_path: Path
) -> None:
    put(store, b"before")
    store.check_keyring()
    Keyring.open(tmp_path / "keyring.json", MASTER_KEY).rotate(bytes(32))
    assert get(store, put(store, b"after").digest) == b"after"
    with pytest.raises(WrongKeyError, match="start the process again"):
        store.check_keyring()


def test_a_rekeying_that_was_overtaken_uses_the_newer_key(
    store: BlobStore, keyring: Keyring, root: Path, tmp_path: Path
) -> None:
    """Another process renews and retires just before the blob is changed."""
    digest = put(store, b"content").digest
    keyring.renew([NAMESPACE])
    other = Keyring.open(tmp_path / "keyring.json", MASTER_KEY)
    other.retire(NAMESPACE, [])
    first, second = keyring.key_ids(NAMESPACE)
    assert BlobStore(root, other).rekey(NAMESPACE, digest)
    other.retire(NAMESPACE, [first])
    other.renew([NAMESPACE])
    assert store.rekey(NAMESPACE, digest)
    assert named_keys(file_of(root, digest)) == other.key_ids(NAMESPACE)[-1:]
    assert second not in named_keys(file_of(root, digest))


def test_rekeying_holds_the_key_that_it_wraps_under(
    store: BlobStore, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digest = put(store, b"content").digest
    keyring.renew([NAMESPACE])
    change = store._backend.change_slots
    waiting = threading.Thread(
        target=Keyring.open(tmp_path / "keyring.json", MASTER_KEY).retire,
        args=(NAMESPACE, keyring.key_ids(NAMESPACE)[:1]),
    )

    def while_another_retires(*arguments: object) -> bool:
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        return change(*arguments)  # type: ignore[arg-type]  # passed on as given

    monkeypatch.setattr(store._backend, "change_slots", while_another_retires)
    assert store.rekey(NAMESPACE, digest)
    waiting.join(10)
    assert len(keyring.key_ids(NAMESPACE)) == 1
    assert get(store, digest) == b"content"


def test_a_reader_who_meets_a_key_retired_in_this_instant_looks_again(
    store: BlobStore, keyring: Keyring, root: Path
) -> None:
    """It has read the header, and asks for the key that it names: that has just gone."""
    digest = put(store, noise(FRAME_SIZE + 1)).digest

    def gone_meanwhile(key_id: bytes) -> StorageKey | None:
        if len(asked) == 0:
            rekey_all(store, keyring)
        asked.append(key_id)
        return keyring.find(key_id)

    asked: list[bytes] = []
    source = store._backend.open(NAMESPACE, digest)
    opened = SealedFile(
        source,
        namespace=NAMESPACE,
        find_key=gone_meanwhile,
        buffers=Recycler(ReadBuffers, keep=1),
    )
    source.close()
    assert len(asked) == 2
    assert [opened.header.slots[1].key_id] == keyring.key_ids(NAMESPACE)  # type: ignore[union-attr]


def test_a_reader_opened_before_reads_on_to_the_end(store: BlobStore, keyring: Keyring) -> None:
    content = noise(3 * FRAME_SIZE)
    digest = put(store, content).digest
    with store.open(NAMESPACE, digest) as reader:
        pieces = reader.iter()
        first = next(pieces)
        rekey_all(store, keyring)
        rekey_all(store, keyring)
        assert first + b"".join(pieces) == content


def _publish_when_told(root: Path, keys: Path, size: int, connection: Connection) -> None:
    store = BlobStore(root, Keyring.open(keys, MASTER_KEY))
    with store.writer(NAMESPACE) as writer:
        writer.write(noise(size))
        pending = writer.finish()
    connection.send("finished")
    connection.recv()
    connection.send(pending.publish().digest)
    store.close()


@pytest.mark.parametrize("size", SIZES)
def test_another_process_learns_of_the_newest_key(
    store: BlobStore, keyring: Keyring, root: Path, tmp_path: Path, size: int
) -> None:
    """It sealed its blob long ago, under a key that is retired when the blob gets its name."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_publish_when_told, args=(root, tmp_path / "keyring.json", size, theirs)
    )
    process.start()
    assert ours.recv() == "finished"
    retired = rekey_all(store, keyring)
    assert len(retired) == 1
    ours.send("publish")
    digest = ours.recv()
    process.join(10)
    assert get(store, digest) == noise(size)
    assert named_keys(file_of(root, digest)) == keyring.key_ids(NAMESPACE)


WRITER = """
import os, sys
from pathlib import Path
from storage import BlobStore, Keyring

store = BlobStore(Path(sys.argv[1]), Keyring.open(Path(sys.argv[2]), bytes(range(32))))
print("ready", flush=True)
waiting = []
while not Path(sys.argv[3]).exists():
    with store.writer("org-1") as writer:
        writer.write(os.urandom(1000))
        waiting.append(writer.finish())
    if len(waiting) > 20:
        print(waiting.pop(0).publish().digest.hex(), flush=True)
for pending in waiting:
    pending.discard()
store.close()
"""


def test_nothing_is_lost_while_keys_come_and_go(
    store: BlobStore, keyring: Keyring, root: Path, tmp_path: Path
) -> None:
    """Two processes write, and name later what they wrote, while a third renews, rekeys, retires."""
    put(store, b"the first")
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", WRITER, str(root), str(tmp_path / "keyring.json"), str(stop)]
    outputs = [tmp_path / "out-1", tmp_path / "out-2"]
    writers = []
    for output in outputs:
        with output.open("wb") as file:
            writers.append(subprocess.Popen(command, stdout=file, env=os.environ))
    try:
        while not all(output.read_bytes().count(b"\n") > 1 for output in outputs):
            assert [writer.poll() for writer in writers] == [None, None]
        retired = [rekey_all(store, keyring) for _ in range(4)]
    finally:
        stop.touch()
        assert [writer.wait(30) for writer in writers] == [0, 0]
    assert len({key_id for older in retired for key_id in older}) == 4
    written = [line for output in outputs for line in output.read_text().split()[1:]]
    assert len(written) > 10
    assert {bytes.fromhex(line) for line in written} < set(store.digests(NAMESPACE))
    for digest in store.digests(NAMESPACE):
        assert named_keys(file_of(root, digest)) == keyring.key_ids(NAMESPACE)
        store.verify(NAMESPACE, digest)


CRASHES = """
import os, sys
from pathlib import Path
from storage import BlobStore, Keyring

CALLS = {"open", "pwrite", "fsync", "fchmod", "link", "unlink", "close", "flock", "mkdir"}
directory = Path(sys.argv[1])

def crash_before(number):
    left = number
    def watch(frame, event, called):
        nonlocal left
        if event == "c_call" and called.__name__ in CALLS and called.__module__ in ("posix", "fcntl"):
            if left == 0:
                os._exit(9)
            left -= 1
    sys.setprofile(watch)

def attempt(number):
    keyring = Keyring.open(directory / "keyring.json", bytes(range(32)))
    store = BlobStore(directory / "blobs", keyring)
    with store.writer("org-1") as writer:
        writer.write(str(number).encode())
        pending = writer.finish()
    for name, older in keyring.renew(["org-1"]).items():
        keyring.retire(name, older)
    crash_before(number)
    pending.publish()
    os._exit(0)

number = 0
while True:
    child = os.fork()
    if child == 0:
        attempt(number)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    number += 1
print(number)
"""


def test_a_crash_at_any_step_of_naming_leaves_a_blob_that_opens_or_none(
    keyring: Keyring, tmp_path: Path
) -> None:
    """The older keys are retired without a pass each time: only the blob begun before needs one."""
    keyring.storage_key(NAMESPACE)
    command = [sys.executable, "-c", CRASHES, str(tmp_path)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    steps = int(run.stdout)
    assert steps > 10
    root = tmp_path / "blobs"
    store = BlobStore(root, keyring)
    store.sweep_temporary(0)
    named = list(store.digests(NAMESPACE))
    assert {path.name for path in files_below(root)} == {digest.hex() for digest in named}
    assert sha256(str(steps).encode()) in named
    assert len(named) < steps


def test_what_needs_rekeying_is_told_without_doing_it(
    store: BlobStore, keyring: Keyring, root: Path
) -> None:
    digest = put(store, b"content").digest
    path = file_of(root, digest)
    assert store.is_rekeyed(NAMESPACE, digest)
    keyring.renew([NAMESPACE])
    before = path.read_bytes()
    assert not store.is_rekeyed(NAMESPACE, digest)
    assert path.read_bytes() == before
    store.rekey(NAMESPACE, digest)
    assert store.is_rekeyed(NAMESPACE, digest)


def test_a_file_without_a_header_needs_no_guess(store: BlobStore, root: Path) -> None:
    digest = put(store, b"content").digest
    path = file_of(root, digest)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:191])
    with pytest.raises(BlobDamagedError, match="shorter than a header"):
        store.is_rekeyed(NAMESPACE, digest)
    with pytest.raises(BlobNotFoundError):
        store.is_rekeyed(NAMESPACE, bytes(32))
