"""The keyring: wrong keys, damage, and several processes at once."""

import base64
import json
import multiprocessing
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import (
    BlobStore,
    Keyring,
    KeyringDamagedError,
    KeyringExistsError,
    KeyringNotFoundError,
    StoreUnavailableError,
    UnsupportedVersionError,
    WrongKeyError,
    parse_master_key,
)
from tests.storage.helpers import MASTER_KEY, get, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keyring.json"


def test_keys_stay_the_same(path: Path) -> None:
    first = Keyring.create(path, MASTER_KEY).storage_key("org-1")
    again = Keyring.open(path, MASTER_KEY).storage_key("org-1")
    assert (first.key_id, first.namespace) == (again.key_id, again.namespace)


def test_every_namespace_has_its_own(path: Path) -> None:
    keyring = Keyring.create(path, MASTER_KEY)
    one, two = keyring.storage_key("org-1"), keyring.storage_key("org-2")
    assert one.key_id != two.key_id
    assert one is keyring.storage_key("org-1")
    assert one is keyring.find(one.key_id)
    assert keyring.find(bytes(16)) is None


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    keyring = Keyring.create(path, MASTER_KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keyring.storage_key("org-1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_keyring_is_never_overwritten(path: Path) -> None:
    Keyring.create(path, MASTER_KEY)
    before = path.read_bytes()
    with pytest.raises(KeyringExistsError):
        Keyring.create(path, MASTER_KEY)
    assert before == path.read_bytes()


def test_a_missing_keyring_says_what_to_do(path: Path) -> None:
    with pytest.raises(KeyringNotFoundError, match="restored from the backup"):
        Keyring.open(path, MASTER_KEY)


def test_another_master_key_is_explained(path: Path) -> None:
    Keyring.create(path, MASTER_KEY).storage_key("org-1")
    with pytest.raises(WrongKeyError, match="is not the one that the keyring"):
        Keyring.open(path, bytes(32))


def test_a_new_keyring_does_not_open_old_blobs(path: Path, store: BlobStore, root: Path) -> None:
    digest = put(store, b"content").digest
    other = BlobStore(root, Keyring.create(path, MASTER_KEY))
    with pytest.raises(WrongKeyError, match="does not hold"):
        get(other, digest)


@pytest.mark.parametrize(
    ("given", "reason"),
    [("", "0 bytes"), ("AAAA", "3 bytes"), ("not base64!", "not Base64"), ("ключ", "not Base64")],
)
def test_a_malformed_master_key_is_explained(given: str, reason: str) -> None:
    with pytest.raises(WrongKeyError, match=reason):
        parse_master_key(given)


def test_the_master_key_is_base64() -> None:
    given = base64.b64encode(MASTER_KEY).decode()
    assert parse_master_key(f" {given}\n") == MASTER_KEY


def test_a_short_master_key_is_refused(path: Path) -> None:
    with pytest.raises(WrongKeyError, match="16 bytes instead of 32"):
        Keyring.create(path, bytes(16))


def _change(path: Path, change: Callable[[dict], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


DAMAGES: dict[str, Callable[[dict], object]] = {
    "another format": lambda d: d.update(format="other"),
    "no keys": lambda d: d.pop("keys"),
    "keys of another kind": lambda d: d.update(keys=3),
    "id not hexadecimal": lambda d: d.update(id="zz"),
    "check not Base64": lambda d: d.update(check="%"),
    "entry moved to another namespace": lambda d: d["keys"][0].update(namespace="org-2"),
    "namespace of another kind": lambda d: d["keys"][0].update(namespace=7),
    "entry changed": lambda d: d["keys"][0].update(wrapped=d["check"]),
    "entry cut": lambda d: d["keys"][0].update(wrapped=""),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_noticed(path: Path, name: str) -> None:
    Keyring.create(path, MASTER_KEY).storage_key("org-1")
    _change(path, DAMAGES[name])
    with pytest.raises(KeyringDamagedError, match="restore it from the backup"):
        Keyring.open(path, MASTER_KEY)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b'{"a":1}'])
def test_other_files_are_no_keyrings(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(KeyringDamagedError):
        Keyring.open(path, MASTER_KEY)


def test_a_file_far_too_large_is_not_read(path: Path) -> None:
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(KeyringDamagedError, match="far larger"):
        Keyring.open(path, MASTER_KEY)


def test_a_newer_version_is_named(path: Path) -> None:
    Keyring.create(path, MASTER_KEY)
    _change(path, lambda document: document.update(version=2))
    with pytest.raises(UnsupportedVersionError, match="version 2"):
        Keyring.open(path, MASTER_KEY)


def test_an_unreadable_path_is_unavailable(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreUnavailableError, match="reading the keyring"):
        Keyring.open(path, MASTER_KEY)


def test_a_crash_while_rewriting_leaves_the_old_keyring(path: Path) -> None:
    keyring = Keyring.create(path, MASTER_KEY)
    key = keyring.storage_key("org-1")
    path.with_name(path.name + ".new").write_bytes(b"half a key")
    keyring.storage_key("org-2")
    assert key.key_id == Keyring.open(path, MASTER_KEY).storage_key("org-1").key_id


def test_keys_made_by_another_process_are_seen(path: Path) -> None:
    ours = Keyring.create(path, MASTER_KEY)
    theirs = Keyring.open(path, MASTER_KEY)
    made = theirs.storage_key("org-1")
    assert made.key_id == ours.storage_key("org-1").key_id
    made = theirs.storage_key("org-2")
    found = ours.find(made.key_id)
    assert found is not None
    assert found.namespace == "org-2"


def _make_keys(path: Path, count: int) -> list[bytes]:
    keyring = Keyring.open(path, MASTER_KEY)
    return [keyring.storage_key(f"org-{number}").key_id for number in range(count)]


def test_processes_agree_on_every_key(path: Path) -> None:
    Keyring.create(path, MASTER_KEY)
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.starmap(_make_keys, [(path, 10)] * 4)
    assert [made[0]] * 4 == made
    assert len(json.loads(path.read_text())["keys"]) == 10
