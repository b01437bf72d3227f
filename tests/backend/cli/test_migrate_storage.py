"""`dms storage migrate`: from the data directory into the bucket of a real S3 server, by the command as it is run."""

import base64
import json
import os
import secrets
from pathlib import Path

import pytest

from storage import BlobStore, Keyring, open_backend
from tests.support.commands import dms
from tests.support.s3 import S3Server

KEY = bytes(range(32))
CONTENTS = [f"content {number}".encode() * 20 for number in range(3)] + [os.urandom(9 << 20)]
EXIT_NOT_COPIED, EXIT_USAGE, EXIT_UNAVAILABLE = 1, 2, 3


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with something stored for two organisations."""
    keyring = Keyring.create(tmp_path / "keys" / "keyring", KEY)
    store = BlobStore(tmp_path / "store", keyring)
    for org in ("org-1", "org-2"):
        for content in CONTENTS:
            with store.writer(org) as writer:
                writer.write(content)
                writer.finish().publish()
    store.close()
    return tmp_path


@pytest.fixture
def environment(data: Path, s3: S3Server) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ENCRYPTION_KEY": base64.b64encode(KEY).decode(),
        "DMS_DATA_DIR": str(data),
        "DMS_STORAGE_URL": s3.url(f"migrate/{secrets.token_hex(8)}"),
        "DMS_STORAGE_ACCESS_KEY_ID": s3.credentials.key_id,
        "DMS_STORAGE_SECRET_ACCESS_KEY": s3.credentials.secret,
        "DMS_STORAGE_FALLBACK_URL": (data / "store").as_uri(),
    }


def test_everything_is_copied_once(environment: dict[str, str], data: Path, s3: S3Server) -> None:
    first = dms(environment, "storage", "migrate")
    assert first.returncode == 0
    # Its database cannot be reached, and nothing else is said.
    assert first.stderr.count("\n") == 1
    assert "(store.migrated) is not in the audit trail" in first.stderr
    assert first.stdout.startswith("8 copied, ")
    again = dms(environment, "storage", "migrate", "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout) == {"copied": 0, "stored_bytes": 0, "not_copied": 0}
    backend = open_backend(environment["DMS_STORAGE_URL"], s3.credentials)
    moved = BlobStore(backend, Keyring.open(data / "keys" / "keyring", KEY))
    old = BlobStore(data / "store", Keyring.open(data / "keys" / "keyring", KEY))
    for org in ("org-1", "org-2"):
        assert list(moved.entries(org)) == list(old.entries(org))
        for digest in old.digests(org):
            assert moved.verify(org, digest) == old.verify(org, digest)
    assert s3.credentials.secret not in first.stdout + again.stdout


def test_what_cannot_be_copied_is_named(environment: dict[str, str], data: Path) -> None:
    bad = next((data / "store" / "org-1").glob("*/*/*"))
    bad.chmod(0o600)
    os.truncate(bad, 300)
    text = dms(environment, "storage", "migrate")
    assert text.returncode == EXIT_NOT_COPIED
    assert f"NOT COPIED: {bad.name} of org-1" in text.stdout
    assert text.stdout.endswith("1 COULD NOT BE COPIED\n")
    lines = dms(environment, "storage", "migrate", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines[1:]] == [
        {"copied": 0, "stored_bytes": 0, "not_copied": 1}
    ]
    assert json.loads(lines[0])["sha256"] == bad.name
    assert json.loads(lines[0])["error"]


def test_two_stores_must_be_named(environment: dict[str, str]) -> None:
    del environment["DMS_STORAGE_FALLBACK_URL"]
    found = dms(environment, "storage", "migrate")
    assert found.returncode == EXIT_USAGE
    assert found.stderr == "DMS_STORAGE_FALLBACK_URL is not set\n"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DMS_STORAGE_URL", "https://example.org", "DMS_STORAGE_URL: 'https://example.org' is"),
        ("DMS_STORAGE_SECRET_ACCESS_KEY", None, "DMS_STORAGE_SECRET_ACCESS_KEY belong together"),
        ("DMS_STORAGE_FALLBACK_ACCESS_KEY_ID", "x", "DMS_STORAGE_FALLBACK_SECRET_ACCESS_KEY"),
    ],
)
def test_malformed_settings_are_refused(
    environment: dict[str, str], name: str, value: str | None, reason: str
) -> None:
    changed = {key: text for key, text in environment.items() if key != name}
    found = dms(changed | ({name: value} if value else {}), "storage", "migrate")
    assert found.returncode == EXIT_USAGE
    assert reason in found.stderr


def test_a_store_that_is_away_ends_it(environment: dict[str, str], s3: S3Server) -> None:
    environment["DMS_STORAGE_URL"] = environment["DMS_STORAGE_URL"].replace(f":{s3.port}", ":9")
    found = dms(environment, "storage", "migrate")
    assert found.returncode == EXIT_UNAVAILABLE
    assert "Run it again to go on" in found.stderr


def test_keys_are_not_renewed_while_content_may_lie_elsewhere(environment: dict[str, str]) -> None:
    found = dms(environment, "keys", "rekey")
    assert found.returncode == EXIT_USAGE
    assert "dms storage migrate" in found.stderr
