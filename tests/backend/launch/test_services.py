"""What `dms up` runs, and that no child is told a secret it does not need."""

from pathlib import Path

import pytest

from backend.core.settings import Settings
from backend.launch.children import ChildSpec
from backend.launch.installation import FirstAdministrator, provide_master_key
from backend.launch.layout import DataDirectory
from backend.launch.services import children

OWN = "postgresql+asyncpg://dms_app:app@db.example.org/dms"
OWNER = "postgresql+asyncpg://dms_owner:owner@db.example.org/dms"


def planned(tmp_path: Path, **given: object) -> dict[str, ChildSpec]:
    data = DataDirectory.at(tmp_path)
    settings = Settings(data_dir=data.root, **given)  # type: ignore[arg-type]  # pydantic checks them
    key = provide_master_key(settings, data)
    specs = children(settings, data, key, FirstAdministrator(settings, data))
    return {spec.name: spec for spec in specs}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DMS_DATABASE_URL", "DMS_REDIS_URL", "ENCRYPTION_KEY", "ENCRYPTION_KEY_COMMAND"):
        monkeypatch.delenv(name, raising=False)


def test_every_child_waits_only_for_children_there_are(tmp_path: Path) -> None:
    specs = planned(tmp_path)
    assert {"postgres", "valkey"} <= specs.keys()
    assert {name for spec in specs.values() for name in spec.after} <= specs.keys()


def test_servers_that_are_given_are_used_instead_of_embedded_ones(tmp_path: Path) -> None:
    specs = planned(
        tmp_path,
        database_url=OWN,
        database_owner_url=OWNER,
        redis_url="redis://redis.example.org/0",
    )
    assert {"postgres", "valkey"}.isdisjoint(specs)
    assert specs["prepare"].after == ()
    assert specs["backend"].environment["DMS_DATABASE_URL"] == OWN
    assert specs["backend"].environment["DMS_REDIS_URL"] == "redis://redis.example.org/0"
    assert specs["prepare"].environment["DMS_DATABASE_OWNER_URL"] == OWNER


def test_the_command_that_gets_the_key_is_run_by_those_who_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"echo {'A' * 43}="
    monkeypatch.setenv("ENCRYPTION_KEY_COMMAND", command)
    specs = planned(tmp_path, database_url=OWN)
    told = {name for name, spec in specs.items() if "ENCRYPTION_KEY_COMMAND" in spec.environment}
    assert told == {"prepare", "backend", "worker-fast", "worker-heavy"}
    assert specs["backend"].environment["ENCRYPTION_KEY_COMMAND"] == command


@pytest.mark.parametrize(
    ("secret", "who"),
    [
        ("DMS_DATABASE_OWNER_URL", {"prepare"}),
        ("DMS_ADMIN_PASSWORD", {"prepare"}),
        ("ENCRYPTION_KEY", {"prepare", "backend", "worker-fast", "worker-heavy"}),
        ("DMS_SMTP_PASSWORD", {"worker-fast"}),
    ],
)
def test_a_secret_is_told_only_to_those_who_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, who: set[str]
) -> None:
    values = {
        "DMS_DATABASE_OWNER_URL": OWNER,
        "DMS_ADMIN_PASSWORD": "a long password",
        "ENCRYPTION_KEY": "A" * 43 + "=",
        "DMS_SMTP_PASSWORD": "another long password",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    specs = planned(tmp_path, database_url=OWN)
    told = {name for name, spec in specs.items() if spec.environment.get(secret) == values[secret]}
    assert told == who


def test_letters_are_taken_only_where_address_and_domain_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listen = {"intake_smtp_listen": "0.0.0.0:2525"}
    domain = {"intake_smtp_domain": "in.example.org"}
    for given in ({}, listen, domain):
        assert "letterbox" not in planned(tmp_path, **given)
    files = {"intake_smtp_certificate": Path("mail.pem")}
    letterbox = planned(tmp_path, **listen, **domain, **files)["letterbox"]
    assert letterbox.command[-1] == "smtp"
    # It is started elsewhere.
    told = letterbox.environment["DMS_INTAKE_SMTP_CERTIFICATE"]
    assert told == str(tmp_path / "mail.pem")
    assert "DMS_DATABASE_OWNER_URL" not in letterbox.environment
    for wrong in ("2525", "127.0.0.1", "::1:x", "host:port"):
        with pytest.raises(ValueError, match="DMS_INTAKE_SMTP_LISTEN"):
            Settings(intake_smtp_listen=wrong)
