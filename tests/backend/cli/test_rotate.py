"""`dms keys rotate`: another master key, by the command as it is run."""

import base64
import os
import pty
import re
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import PostgresDsn

from backend.content.keys import open_keyring
from backend.core.encryption_key import EncryptionKeyError
from backend.core.settings import Settings
from backend.launch.rotation import rotate_own_key
from storage import BlobStore, Keyring, WrongKeyError
from tests.conftest import ROOT
from tests.support.commands import command, dms, environment_of

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()
CONTENTS = [f"content {number}".encode() * 20 for number in range(5)]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENCRYPTION_KEY", "ENCRYPTION_KEY_FILE", "ENCRYPTION_KEY_COMMAND"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    """An installation with something stored for two organisations. Its database cannot be reached."""
    found = Settings(
        data_dir=tmp_path / "data",
        encryption_key=TEXT,
        database_url=PostgresDsn("postgresql+asyncpg://dms_app@127.0.0.1:1/dms"),
    )
    store = BlobStore(found.store_dir, Keyring.create(found.keyring_path, KEY))
    for org in ("org-1", "org-2"):
        for content in CONTENTS:
            with store.writer(org) as writer:
                writer.write(content)
                writer.finish().publish()
    store.close()
    return found


def environment(installation: Settings, **more: str) -> dict[str, str]:
    """Without the key in the settings: each test says where the command finds it."""
    return environment_of(installation.model_copy(update={"encryption_key": None}), **more)


def keys(
    installation: Settings, *arguments: str | Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run `dms keys`, with the key in use if no other way to one is given."""
    return dms(environment(installation, **(more or {"ENCRYPTION_KEY": TEXT})), "keys", *arguments)


def read_all(installation: Settings, key: bytes) -> list[bytes]:
    """Everything stored, read with this master key."""
    store = BlobStore(installation.store_dir, Keyring.open(installation.keyring_path, key))
    found = []
    for org in store.namespaces():
        for digest in store.digests(org):
            with store.open(org, digest) as reader:
                found.append(b"".join(reader.iter()))
    store.close()
    return found


def own_key(installation: Settings) -> Path:
    path = installation.key_source.own_file
    path.write_text(TEXT + "\n")
    path.chmod(0o600)
    return path


def test_a_new_key_is_made_in_the_file_asked_for(installation: Settings, tmp_path: Path) -> None:
    path = tmp_path / "next"
    files = [file for file in installation.store_dir.rglob("*") if file.is_file()]
    blobs = {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in files}
    run = keys(installation, "rotate", "--new-key-file", path)
    assert run.returncode == 0, run.stderr
    assert "Give it to the service now, by ENCRYPTION_KEY." in run.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text().strip()
    assert text not in run.stdout + run.stderr
    assert len(read_all(installation, base64.b64decode(text))) == 10
    assert {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in files} == blobs
    with pytest.raises(WrongKeyError):
        Keyring.open(installation.keyring_path, KEY)


def test_a_new_key_is_taken_from_a_file_or_from_a_pipe(
    installation: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "next"
    path.write_text(base64.b64encode(bytes(32)).decode())
    assert keys(installation, "rotate", "--new-key-file", path).returncode == 0
    run = subprocess.run(
        command("keys", "rotate", "--new-key-file", "/dev/stdin"),
        env=environment(installation, ENCRYPTION_KEY_FILE=str(path)),
        cwd=ROOT,
        input=TEXT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert len(read_all(installation, KEY)) == 10


@pytest.mark.parametrize(
    ("new", "said"),
    [("no key", "is no encryption key"), (TEXT, "is the one in use"), ("", "is no encryption key")],
)
def test_what_is_no_new_key_changes_nothing(
    installation: Settings, tmp_path: Path, new: str, said: str
) -> None:
    path = tmp_path / "next"
    path.write_text(new)
    before = installation.keyring_path.read_bytes()
    run = keys(installation, "rotate", "--new-key-file", path)
    assert run.returncode == 3
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert installation.keyring_path.read_bytes() == before


def test_only_who_has_the_key_in_use_may_change_it(installation: Settings, tmp_path: Path) -> None:
    other = base64.b64encode(bytes(32)).decode()
    run = keys(installation, "rotate", "--new-key-file", tmp_path / "next", ENCRYPTION_KEY=other)
    assert run.returncode == 3
    assert "it is another key" in run.stderr
    assert not (tmp_path / "next").exists()


def test_a_new_key_is_shown_to_no_pipe(installation: Settings) -> None:
    run = keys(installation, "rotate")
    assert run.returncode == 2
    assert "shown on a terminal only" in run.stderr
    assert len(read_all(installation, KEY)) == 10


def _on_a_terminal(installation: Settings, answer: str | None) -> tuple[int, str, str]:
    """Rotate on a terminal and type the end of what is shown, or `answer`; status, output and key shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("keys", "rotate"),
        env=environment(installation, ENCRYPTION_KEY=TEXT, TERM="dumb"),
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output, shown, answered = "", "", False
    while select.select([ours], [], [], 60)[0]:
        try:
            output += os.read(ours, 4096).decode()
        except OSError:  # the terminal's other end was closed
            break
        if not answered and "characters" in output and output.rstrip().endswith(":"):
            [shown] = re.findall(r"\s([A-Za-z0-9+/]{43}=)\s", output)
            os.write(ours, f"{answer or shown[-6:]}\n".encode())
            answered = True
    os.close(ours)
    return process.wait(60), output, shown


def test_on_a_terminal_the_new_key_is_shown_once(installation: Settings) -> None:
    status, output, shown = _on_a_terminal(installation, None)
    assert status == 0, output
    assert output.count(shown) == 1
    assert len(read_all(installation, base64.b64decode(shown))) == 10


def test_a_key_that_was_not_kept_is_not_used(installation: Settings) -> None:
    status, output, _ = _on_a_terminal(installation, "other!")
    assert status == 2
    assert "Nothing was changed" in output
    assert len(read_all(installation, KEY)) == 10


def test_the_key_of_dms_up_is_changed_in_its_place(installation: Settings) -> None:
    path = own_key(installation)
    run = keys(installation, "rotate", DMS_PORT="8000")
    assert run.returncode == 0, run.stderr
    assert path.read_text().strip() not in run.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(read_all(installation, base64.b64decode(path.read_text()))) == 10
    [former] = path.parent.glob("master.key.until-*")
    assert former.read_text().strip() == TEXT
    assert stat.S_IMODE(former.stat().st_mode) == 0o600
    assert str(former) in run.stdout
    assert not path.with_name("master.key.new").exists()


def refusal(installation: Settings) -> str | None:
    """What a start says, if it is refused."""
    try:
        open_keyring(installation)
    except EncryptionKeyError as error:
        return str(error)
    return None


CRASHES = """
import os, sys
from pathlib import Path
from backend.core.settings import Settings
from backend.launch.rotation import rotate_own_key

CALLS = {"open", "write", "fsync", "replace", "rename", "link", "unlink", "close", "flock", "fchown"}
directory = Path(sys.argv[1])

def crash_before(number):
    left = number
    def watch(frame, event, called):
        nonlocal left
        modules = ("posix", "fcntl", "_io")
        if event == "c_call" and called.__name__ in CALLS and called.__module__ in modules:
            if left == 0:
                os._exit(9)
            left -= 1
    sys.setprofile(watch)

def attempt(number):
    settings = Settings(data_dir=directory / str(number))
    crash_before(number)
    rotate_own_key(settings)
    os._exit(0)

number = 0
while True:
    keys = directory / str(number) / "keys"
    keys.mkdir(parents=True)
    for name in ("keyring", "master.key"):
        (keys / name).write_bytes((directory / "keys" / name).read_bytes())
    child = os.fork()
    if child == 0:
        attempt(number)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    number += 1
print(number)
"""


def test_a_rotation_interrupted_at_any_step_loses_no_key_and_is_finished_by_the_next(
    installation: Settings,
) -> None:
    own_key(installation)
    command = [sys.executable, "-c", CRASHES, str(installation.data_dir)]
    run = subprocess.run(
        command,
        env=environment(installation),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    steps = int(run.stdout)
    assert steps > 20
    said = []
    for number in range(steps):
        left = Settings(data_dir=installation.data_dir / str(number))
        said.append(refusal(left))
        rotate_own_key(left)
        assert refusal(left) is None
        formers = left.keyring_path.parent.glob("master.key.until-*")
        assert TEXT in {former.read_text().strip() for former in formers}
    refused = [message for message in said if message is not None]
    assert 0 < len(refused) < steps
    assert all("a rotation was interrupted" in message for message in refused)


def test_a_lost_own_key_is_not_rotated(installation: Settings) -> None:
    path = own_key(installation)
    path.write_text(base64.b64encode(bytes(32)).decode())
    run = keys(installation, "rotate", DMS_PORT="8000")
    assert run.returncode == 3
    assert "opens the keyring" in run.stderr
    assert len(read_all(installation, KEY)) == 10
