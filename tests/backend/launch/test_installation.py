"""The first start, and the starts after it: the master key and the first administrator's password."""

import base64
from pathlib import Path

import pytest

from backend.core.settings import Settings
from backend.launch.errors import LaunchError
from backend.launch.installation import CREATED, FirstAdministrator, provide_master_key
from backend.launch.layout import DataDirectory
from storage import Keyring

KEY = base64.b64encode(bytes(range(32))).decode()
KEY_SETTINGS = ("ENCRYPTION_KEY", "ENCRYPTION_KEY_FILE", "ENCRYPTION_KEY_COMMAND")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEY_SETTINGS, "DMS_ADMIN_PASSWORD", "DMS_ADMIN_EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory.at(tmp_path / "data")


def settings(data: DataDirectory, **given: object) -> Settings:
    return Settings(data_dir=data.root, **given)  # type: ignore[arg-type]  # pydantic checks them


def make_keyring(data: DataDirectory, key: str) -> None:
    Keyring.create(settings(data).keyring_path, base64.b64decode(key))


def test_the_first_start_makes_a_key_and_later_ones_use_it(data: DataDirectory) -> None:
    first = provide_master_key(settings(data), data)
    assert first.new_file == data.master_key
    assert first.environment == {"ENCRYPTION_KEY_FILE": str(data.master_key)}
    assert data.master_key.stat().st_mode & 0o777 == 0o600
    key = data.master_key.read_text()
    assert len(base64.b64decode(key)) == 32
    make_keyring(data, key)

    second = provide_master_key(settings(data), data)
    assert second.new_file is None
    assert data.master_key.read_text() == key


def test_a_key_from_the_environment_is_handed_on_and_not_stored(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY", KEY)
    key = provide_master_key(settings(data), data)
    assert key.environment == {"ENCRYPTION_KEY": KEY}
    assert not data.master_key.exists()


def test_a_lost_key_is_never_replaced(data: DataDirectory) -> None:
    make_keyring(data, KEY)
    with pytest.raises(LaunchError, match="The encryption key is missing"):
        provide_master_key(settings(data), data)
    assert not data.master_key.exists()


def test_a_lost_key_is_noticed_by_what_is_stored_too(data: DataDirectory) -> None:
    (data.store / "something").touch()
    with pytest.raises(LaunchError, match="The encryption key is missing"):
        provide_master_key(settings(data), data)


def test_a_wrong_or_malformed_key_is_refused(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_keyring(data, KEY)
    data.master_key.write_text(base64.b64encode(bytes(32)).decode())
    with pytest.raises(LaunchError, match="it is another key"):
        provide_master_key(settings(data), data)
    monkeypatch.setenv("ENCRYPTION_KEY", "no key")
    with pytest.raises(LaunchError, match="not Base64"):
        provide_master_key(settings(data), data)


def test_a_key_file_that_is_named_must_exist(data: DataDirectory, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="No such file"):
        provide_master_key(settings(data, encryption_key_file=tmp_path / "key"), data)


def test_a_command_is_handed_on_and_not_what_it_prints(data: DataDirectory) -> None:
    command = f"echo {KEY}"
    make_keyring(data, KEY)
    key = provide_master_key(settings(data, encryption_key_command=command), data)
    assert key.environment == {"ENCRYPTION_KEY_COMMAND": command}
    assert not data.master_key.exists()


def test_two_keys_are_refused(data: DataDirectory) -> None:
    with pytest.raises(LaunchError, match="which one holds"):
        provide_master_key(settings(data, encryption_key=KEY, encryption_key_command="x"), data)


def test_a_lost_keyring_is_never_replaced(data: DataDirectory) -> None:
    data.master_key.write_text(KEY)
    (data.store / "org-1").mkdir()
    with pytest.raises(LaunchError, match="The keyring is missing"):
        provide_master_key(settings(data), data)
    assert not settings(data).keyring_path.exists()


def test_a_damaged_keyring_is_explained(data: DataDirectory) -> None:
    data.master_key.write_text(KEY)
    make_keyring(data, KEY)
    settings(data).keyring_path.write_text("{}")
    with pytest.raises(LaunchError, match="is damaged"):
        provide_master_key(settings(data), data)


def test_an_interrupted_rotation_is_named(data: DataDirectory) -> None:
    data.master_key.write_text(KEY)
    make_keyring(data, base64.b64encode(bytes(32)).decode())
    data.master_key.with_name("master.key.new").write_text("the next")
    with pytest.raises(LaunchError, match="`dms keys rotate` finishes it"):
        provide_master_key(settings(data), data)


def test_a_generated_password_is_shown_once(data: DataDirectory) -> None:
    first = FirstAdministrator(settings(data), data)
    proposed = first.environment["DMS_ADMIN_PASSWORD"]
    first.note_line(f"{CREATED} admin@example.org")

    # The first start ended before it was shown.
    second = FirstAdministrator(settings(data), data)
    assert second.environment["DMS_ADMIN_PASSWORD"] != proposed
    assert second.password_to_show() == proposed
    second.forget()
    assert second.password_to_show() is None
    assert list(data.secrets.iterdir()) == []


def test_nothing_is_shown_where_an_administrator_exists(data: DataDirectory) -> None:
    administrator = FirstAdministrator(settings(data), data)
    assert administrator.environment["DMS_ADMIN_EMAIL"] == "admin@example.org"
    assert administrator.password_to_show() is None


def test_a_given_password_is_neither_stored_nor_shown(data: DataDirectory) -> None:
    administrator = FirstAdministrator(settings(data, admin_password="given by a person"), data)
    assert administrator.environment["DMS_ADMIN_PASSWORD"] == "given by a person"
    administrator.note_line(f"{CREATED} admin@example.org")
    assert administrator.password_to_show() is None
    assert list(data.secrets.iterdir()) == []
