"""Changing a keyring: new storage keys, retired ones, another master key; and who notices when."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from storage import Keyring, KeyringDamagedError, StorageKey, StoreFullError, WrongKeyError
from storage._keyring_file import CHECK, Entry, KeyringDocument
from tests.storage.helpers import MASTER_KEY

NEW_KEY = bytes(reversed(range(32)))
ORGS = ("org-1", "org-2", "org-3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keyring.json"


@pytest.fixture
def ring(path: Path) -> Keyring:
    """A keyring with a key for each of `ORGS`."""
    keyring = Keyring.create(path, MASTER_KEY)
    for name in ORGS:
        keyring.storage_key(name)
    return keyring


def newest(keyring: Keyring) -> list[bytes]:
    return [keyring.storage_key(name).key_id for name in ORGS]


def secret_of(keyring: Keyring, key_id: bytes) -> bytes:
    """What the key makes of a known text: the same for the same key."""
    key = keyring.find(key_id)
    assert key is not None
    return key.cipher.encrypt(bytes(12), b"text", None)


# -- the master key ---------------------------------------------------------------------------


def test_rotation_changes_the_wrapping_and_nothing_else(ring: Keyring, path: Path) -> None:
    before = newest(ring)
    secrets = [secret_of(ring, key_id) for key_id in before]
    wrapped = [entry["wrapped"] for entry in json.loads(path.read_text())["keys"]]
    ring.rotate(NEW_KEY)
    again = Keyring.open(path, NEW_KEY)
    assert newest(again) == before
    assert [secret_of(again, key_id) for key_id in before] == secrets
    rewrapped = [entry["wrapped"] for entry in json.loads(path.read_text())["keys"]]
    assert not set(wrapped) & set(rewrapped)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(WrongKeyError, match="is not the one"):
        Keyring.open(path, MASTER_KEY)


def test_who_rotated_goes_on_with_the_new_key(ring: Keyring, path: Path) -> None:
    ring.rotate(NEW_KEY)
    made = ring.storage_key("org-4").key_id
    assert Keyring.open(path, NEW_KEY).storage_key("org-4").key_id == made


def test_the_key_in_use_is_no_new_one(ring: Keyring, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(WrongKeyError, match="is the one in use"):
        ring.rotate(MASTER_KEY)
    with pytest.raises(WrongKeyError, match="5 bytes instead of 32"):
        ring.rotate(b"short")
    assert path.read_bytes() == before


def test_a_damaged_entry_is_not_rotated_away(ring: Keyring, path: Path) -> None:
    document = json.loads(path.read_text())
    first, second = document["keys"][:2]
    first["wrapped"], second["wrapped"] = second["wrapped"], first["wrapped"]
    path.write_text(json.dumps(document))
    before = path.read_bytes()
    with pytest.raises(KeyringDamagedError, match="'org-1' fails its seal"):
        ring.rotate(NEW_KEY)
    assert path.read_bytes() == before


def test_a_running_process_keeps_what_it_holds_after_a_rotation(ring: Keyring, path: Path) -> None:
    running = Keyring.open(path, MASTER_KEY)
    held = newest(running)
    ring.rotate(NEW_KEY)
    assert newest(running) == held
    assert [running.find(key_id) is not None for key_id in held] == [True] * 3
    with running.newest_held("org-1") as key:
        assert key.key_id == held[0]
    assert running.key_ids("org-1") == [held[0]]
    ring.check()


@pytest.mark.parametrize(
    "use",
    [
        lambda keyring: keyring.check(),
        lambda keyring: keyring.storage_key("org-4"),
        lambda keyring: keyring.find(bytes(16)),
        lambda keyring: keyring.renew(["org-1"]),
        lambda keyring: keyring.retire("org-1", [bytes(16)]),
        lambda keyring: keyring.rotate(bytes(32)),
        lambda keyring: keyring.newest_held("org-4").__enter__(),
    ],
)
def test_what_needs_the_new_master_key_asks_for_a_restart(
    ring: Keyring, path: Path, use: Callable[[Keyring], object]
) -> None:
    running = Keyring.open(path, MASTER_KEY)
    ring.rotate(NEW_KEY)
    before = path.read_bytes()
    with pytest.raises(WrongKeyError, match="was rotated since this process opened it"):
        use(running)
    assert path.read_bytes() == before


def test_no_blob_is_written_under_an_old_key_after_rotation_and_renewal(
    ring: Keyring, path: Path
) -> None:
    running = Keyring.open(path, MASTER_KEY)
    ring.rotate(NEW_KEY)
    ring.renew(["org-1"])
    with pytest.raises(WrongKeyError, match="start the process again"):
        running.storage_key("org-1")
    assert running.storage_key("org-2").key_id == ring.storage_key("org-2").key_id


def test_another_keyring_in_its_place_is_refused(ring: Keyring, path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    Keyring.create(other, NEW_KEY)
    other.replace(path)
    with pytest.raises(WrongKeyError, match="is not the one that the keyring"):
        ring.storage_key("org-1")


# -- storage keys -----------------------------------------------------------------------------


def test_a_renewed_key_is_the_newest_and_the_old_one_stays(ring: Keyring, path: Path) -> None:
    before = newest(ring)
    older = ring.renew(["org-1", "org-3", "never-used"])
    assert older == {"org-1": [before[0]], "org-3": [before[2]]}
    after = newest(Keyring.open(path, MASTER_KEY))
    assert (after[0] != before[0], after[1] == before[1], after[2] != before[2]) == (True,) * 3
    assert [ring.find(key_id) is not None for key_id in before] == [True] * 3
    assert ring.key_ids("org-1") == [before[0], after[0]]
    assert ring.namespaces() == list(ORGS)


def test_an_unfinished_renewal_is_finished_before_another_begins(ring: Keyring) -> None:
    first = ring.renew(["org-1"])
    assert ring.renew(["org-1", "org-2"]) == first
    assert len(ring.key_ids("org-2")) == 1
    ring.retire("org-1", first["org-1"])
    assert ring.renew(["org-1", "org-2"]).keys() == {"org-1", "org-2"}


def test_nothing_used_is_nothing_to_renew(ring: Keyring, path: Path) -> None:
    before = path.read_bytes()
    assert ring.renew([]) == {}
    assert ring.renew(["never-used"]) == {}
    assert path.read_bytes() == before


def test_a_retired_key_is_gone_for_everybody(ring: Keyring, path: Path) -> None:
    running = Keyring.open(path, MASTER_KEY)
    [old] = ring.renew(["org-1"])["org-1"]
    assert running.storage_key("org-1").key_id != old
    ring.retire("org-1", [old])
    assert ring.find(old) is None
    assert running.storage_key("org-1").key_id == ring.storage_key("org-1").key_id
    assert running.find(old) is None
    assert old.hex() not in path.read_text()


def test_the_newest_key_is_never_retired(ring: Keyring) -> None:
    [key_id] = ring.key_ids("org-1")
    with pytest.raises(ValueError, match="newest key"):
        ring.retire("org-1", [key_id])
    assert ring.key_ids("org-1") == [key_id]


def test_retiring_what_is_gone_writes_nothing(ring: Keyring, path: Path) -> None:
    before = path.stat()
    ring.retire("org-1", [bytes(16)])
    # The key of another namespace is none of this one's.
    ring.retire("org-1", ring.key_ids("org-2"))
    assert path.stat() == before


def test_a_namespace_whose_keys_are_gone_takes_no_blob(ring: Keyring, path: Path) -> None:
    document = json.loads(path.read_text())
    del document["keys"][0]
    path.write_text(json.dumps(document))
    with pytest.raises(WrongKeyError, match="no key of namespace 'org-1' any more"):
        ring.newest_held("org-1").__enter__()


def test_every_change_is_noticed_however_quickly_it_follows(ring: Keyring, path: Path) -> None:
    """Renewed and retired within a tick of the clock, the file is as long as before."""
    running = Keyring.open(path, MASTER_KEY)
    stamps = set()
    for _ in range(20):
        [old] = ring.renew(["org-1"])["org-1"]
        ring.retire("org-1", [old])
        status = path.stat()
        stamps.add(status.st_mtime_ns)
        assert running.storage_key("org-1").key_id == ring.key_ids("org-1")[-1]
    assert len(stamps) == 20


def test_a_keyring_that_could_not_be_read_back_is_not_written() -> None:
    entries = tuple(Entry(number.to_bytes(16, "big"), "o", bytes(60)) for number in range(110_000))
    document = KeyringDocument(bytes(16), bytes(28 + len(CHECK)), entries)
    with pytest.raises(StoreFullError, match="the keyring is full"):
        document.dump()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "00" * 15),
        ("id", " ".join(["00"] * 17)),
        ("namespace", "../org-1"),
        ("namespace", ""),
        ("namespace", "\ud800"),
    ],
)
def test_a_malformed_entry_is_damage(ring: Keyring, path: Path, field: str, value: str) -> None:
    document = json.loads(path.read_text())
    document["keys"][0][field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringDamagedError, match="fields are not as they should be"):
        Keyring.open(path, MASTER_KEY)


@pytest.mark.parametrize(("field", "value"), [("version", True), ("version", 1.0), ("keys", {})])
def test_a_field_of_another_kind_is_damage(
    ring: Keyring, path: Path, field: str, value: object
) -> None:
    document = json.loads(path.read_text())
    document[field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringDamagedError, match="fields are not as they should be"):
        Keyring.open(path, MASTER_KEY)


def test_a_byte_moved_from_the_namespace_to_the_id_opens_no_key(ring: Keyring, path: Path) -> None:
    """Both are associated data, one after the other: only their lengths keep them apart."""
    document = json.loads(path.read_text())
    entry = document["keys"][0]
    entry["id"], entry["namespace"] = entry["id"] + "6f", "rg-1"
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringDamagedError):
        Keyring.open(path, MASTER_KEY)


def test_as_many_keys_as_fit_are_read_back(path: Path) -> None:
    entries = tuple(
        Entry(number.to_bytes(16, "big"), f"org-{number}", bytes(60)) for number in range(50_000)
    )
    document = KeyringDocument(bytes(16), bytes(28 + len(CHECK)), entries)
    assert KeyringDocument.parse(document.dump(), path) == document


# -- several at once ------------------------------------------------------------------------------


def test_a_change_waits_for_those_who_hold_the_newest_key(ring: Keyring, path: Path) -> None:
    other = Keyring.open(path, MASTER_KEY)
    done = threading.Event()

    def renew() -> None:
        other.renew(["org-1"])
        done.set()

    thread = threading.Thread(target=renew)
    with ring.newest_held("org-1") as key:
        thread.start()
        assert not done.wait(0.3)
        assert ring.storage_key("org-1").key_id == key.key_id
    thread.join(10)
    assert ring.storage_key("org-1").key_id != key.key_id


def test_holders_who_overlap_without_a_pause_do_not_keep_a_change_waiting(
    ring: Keyring, path: Path
) -> None:
    def enter() -> AbstractContextManager[StorageKey]:
        holder = ring.newest_held("org-1")
        holder.__enter__()
        return holder

    handed_over = 0
    with ThreadPoolExecutor(2) as pool:
        current = enter()
        change = pool.submit(Keyring.open(path, MASTER_KEY).renew, ["org-1"])
        while not change.done() and handed_over < 50:
            # The next is inside before this one leaves, unless the change is before it.
            following = pool.submit(enter)
            wait([following], timeout=0.2)
            current.__exit__(None, None, None)
            current = following.result(10)
            handed_over += 1
        current.__exit__(None, None, None)
        assert "org-1" in change.result(10)
    assert handed_over < 50


def test_waiting_for_the_lock_can_be_interrupted(ring: Keyring) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with ring.newest_held("org-1"):
            descriptors = len(list(Path("/proc/self/fd").iterdir()))
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            with pytest.raises(KeyboardInterrupt):
                ring.renew(["org-1"])
            assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(ring.key_ids("org-1")) == 1


def test_a_key_that_another_made_in_this_instant_is_used(ring: Keyring) -> None:
    before = ring.storage_key("org-1")
    assert ring._make_first("org-1") is before


def _rotate(path: Path, key: bytes) -> bytes | None:
    try:
        keyring = Keyring.open(path, MASTER_KEY)
        keyring.rotate(key)
    except WrongKeyError:
        return None
    return key


def test_of_two_rotations_at_once_one_wins(ring: Keyring, path: Path) -> None:
    before = newest(ring)
    keys = [bytes([number]) * 32 for number in range(4)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        [won] = [key for key in pool.starmap(_rotate, [(path, key) for key in keys]) if key]
    assert newest(Keyring.open(path, won)) == before


def _renew_and_retire(path: Path, count: int) -> None:
    keyring = Keyring.open(path, MASTER_KEY)
    for number in range(count):
        for name, older in keyring.renew(ORGS).items():
            keyring.retire(name, older)
        keyring.storage_key(f"new-{number}")


def test_processes_change_one_keyring_at_once(ring: Keyring, path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(_renew_and_retire, [(path, 8)] * 3)
    ids = [entry["id"] for entry in json.loads(path.read_text())["keys"]]
    assert len(ids) == len(set(ids))
    again = Keyring.open(path, MASTER_KEY)
    assert again.namespaces() == sorted([*ORGS, *(f"new-{number}" for number in range(8))])
    for name, older in again.renew([]).items():
        again.retire(name, older)
    assert newest(ring) == newest(again)


# -- crashes --------------------------------------------------------------------------------------

CRASHES = """
import os, sys
from pathlib import Path
from storage import Keyring

CALLS = {"open", "write", "fsync", "utime", "replace", "unlink", "close", "flock", "stat", "fstat"}
directory, change = Path(sys.argv[1]), sys.argv[2]

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
    keyring = Keyring.open(directory / str(number) / "keyring.json", bytes(range(32)))
    old = keyring.key_ids("org-1")[:-1]
    crash_before(number)
    if change == "rotate":
        keyring.rotate(bytes(reversed(range(32))))
    elif change == "renew":
        keyring.renew(["org-1", "org-2", "org-3"])
    elif change == "retire":
        keyring.retire("org-1", old)
    else:
        keyring.storage_key("org-4")
    os._exit(0)

number = 0
while True:
    (directory / str(number)).mkdir()
    (directory / str(number) / "keyring.json").write_bytes((directory / "keyring.json").read_bytes())
    child = os.fork()
    if child == 0:
        attempt(number)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    number += 1
print(number)
"""


def _crash_everywhere(directory: Path, change: str) -> list[Path]:
    """The keyrings left by a process that was killed before its 1st, 2nd, … system call."""
    command = [sys.executable, "-c", CRASHES, str(directory), change]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return [directory / str(number) / "keyring.json" for number in range(int(run.stdout))]


def test_a_crash_at_any_step_of_a_rotation_leaves_one_key_that_opens(
    ring: Keyring, path: Path
) -> None:
    before = newest(ring)
    left = _crash_everywhere(path.parent, "rotate")
    opened_by: list[bytes] = []
    for keyring in left:
        for key in (MASTER_KEY, NEW_KEY):
            try:
                found = Keyring.open(keyring, key)
            except WrongKeyError:
                continue
            assert newest(found) == before
            opened_by.append(key)
    assert len(opened_by) == len(left)
    # One of the steps is the one that counts.
    assert opened_by == sorted(opened_by)
    assert len(set(opened_by)) == 2


@pytest.mark.parametrize("change", ["renew", "retire", "make"])
def test_a_crash_at_any_step_of_another_change_leaves_all_of_it_or_nothing(
    ring: Keyring, path: Path, change: str
) -> None:
    if change == "retire":
        ring.renew(["org-1"])
    before = json.loads(path.read_text())["keys"]
    change_of_length = {"renew": 3, "retire": -1, "make": 1}[change]
    left = _crash_everywhere(path.parent, change)
    lengths = []
    for keyring in left:
        entries = json.loads(keyring.read_text())["keys"]
        lengths.append(len(entries) - len(before))
        assert Keyring.open(keyring, MASTER_KEY).namespaces()[:3] == list(ORGS)
        # And what the dead process left in the way is in nobody's way.
        assert Keyring.open(keyring, MASTER_KEY).storage_key("org-5").namespace == "org-5"
    assert set(lengths) == {0, change_of_length}
