"""The master key as settings give it: from the environment, from a file, from a command."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.core import encryption_key
from backend.core.encryption_key import EncryptionKeyError
from backend.core.settings import Settings

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENCRYPTION_KEY", "ENCRYPTION_KEY_FILE", "ENCRYPTION_KEY_COMMAND"):
        monkeypatch.delenv(name, raising=False)


def refusal(**given: object) -> str:
    """What is said where these settings give no key."""
    with pytest.raises(EncryptionKeyError) as caught:
        Settings(**given).master_key()  # type: ignore[arg-type]  # pydantic checks them
    return str(caught.value)


def script(path: Path, text: str) -> str:
    """A command that runs this Python program."""
    path.write_text(text)
    return f"{sys.executable} '{path}'"


def test_the_key_comes_from_the_environment_a_file_or_a_command(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(TEXT + "\n")
    assert Settings(encryption_key=TEXT).master_key() == KEY
    assert Settings(encryption_key_file=path).master_key() == KEY
    assert Settings(encryption_key_command=f"cat '{path}'").master_key() == KEY


def test_the_names_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY_COMMAND", f"echo {TEXT}")
    assert Settings().master_key() == KEY
    assert Settings().key_source.name == "ENCRYPTION_KEY_COMMAND"


def test_the_key_that_dms_up_made_is_used_where_none_is_given(tmp_path: Path) -> None:
    assert "No encryption key is given" in refusal(data_dir=tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "master.key").write_text(TEXT)
    settings = Settings(data_dir=tmp_path)
    assert settings.master_key() == KEY
    assert settings.key_source.is_own
    named = Settings(data_dir=tmp_path, encryption_key_file=tmp_path / "keys" / "master.key")
    assert named.key_source.is_own
    assert not Settings(data_dir=tmp_path, encryption_key_file=tmp_path / "key").key_source.is_own
    other = Settings(data_dir=tmp_path, encryption_key=base64.b64encode(bytes(32)).decode())
    assert other.master_key() == bytes(32)
    assert not other.key_source.is_own


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(KEY[:31]).decode(), "ключ"])
def test_a_malformed_key_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    for given in (
        {"encryption_key": text},
        {"encryption_key_file": path},
        {"encryption_key_command": f"cat '{path}'"},
    ):
        said = refusal(**given)
        assert "is no encryption key" in said
        assert not text or text not in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert f"cannot be read from {path} (ENCRYPTION_KEY_FILE)" in refusal(encryption_key_file=path)
    path.mkdir()
    assert "Is a directory" in refusal(encryption_key_file=path)


def test_two_sources_are_refused(tmp_path: Path) -> None:
    said = refusal(encryption_key=TEXT, encryption_key_file=tmp_path)
    assert said.startswith("ENCRYPTION_KEY and ENCRYPTION_KEY_FILE are given together")
    assert TEXT not in said


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    said = refusal(encryption_key_command=f"echo {TEXT}; touch '{marker}' $HOME")
    assert "is no encryption key" in said
    assert not marker.exists()


def test_a_command_that_fails_is_told_with_its_errors_and_without_its_output(
    tmp_path: Path,
) -> None:
    command = script(
        tmp_path / "kms",
        f"import sys; print('{TEXT}'); print('no such key: dms', file=sys.stderr); sys.exit(7)",
    )
    said = refusal(encryption_key_command=command)
    assert "failed with status 7. It said: no such key: dms" in said
    assert TEXT not in said


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("", "is empty"),
        ("'unbalanced", "is not a command line"),
        ("/no/such/program key", "cannot be run: /no/such/program: No such file"),
        ("false", "failed with status 1. It said: (nothing)"),
    ],
)
def test_a_command_that_cannot_be_run_is_explained(command: str, reason: str) -> None:
    assert reason in refusal(encryption_key_command=command)


def test_a_command_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption_key, "COMMAND_MAY_TAKE", 1.0)
    pid = tmp_path / "pid"
    command = script(
        tmp_path / "kms",
        f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        f"print('{TEXT}', flush=True); time.sleep(600)",
    )
    said = refusal(encryption_key_command=command)
    assert "did not end within 1 seconds" in said
    assert TEXT not in said
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_key_is_in_no_representation() -> None:
    for settings in (
        Settings(encryption_key=TEXT),
        Settings(encryption_key_command=f"echo {TEXT}"),
    ):
        assert TEXT not in repr(settings)
        assert TEXT not in repr(settings.key_source)


def test_the_key_is_in_no_traceback(tmp_path: Path) -> None:
    """Not in that of the error, nor in those of the errors it came from."""
    (tmp_path / "key").write_text(f"{TEXT} and more")
    program = "from backend.core.settings import Settings; Settings().master_key()"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.defpath, "ENCRYPTION_KEY_FILE": str(tmp_path / "key")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "EncryptionKeyError" in run.stderr
    assert TEXT[:10] not in run.stderr
