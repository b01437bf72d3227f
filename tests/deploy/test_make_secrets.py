"""deploy/make-secrets."""

import base64
import stat
import subprocess
from pathlib import Path

from cryptography import x509

from tests.support.deployment import ROOT, Secrets


def test_the_key_is_one_and_nobody_else_can_look(tmp_path: Path) -> None:
    made = Secrets.make(tmp_path / "secrets")
    assert len(base64.b64decode(made.read("encryption_key"), validate=True)) == 32
    assert stat.S_IMODE(made.directory.stat().st_mode) == 0o700
    # The containers' users are others than this directory's owner.
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.directory.iterdir()} == {0o444}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    made = Secrets.make(tmp_path)
    before = {path.name: path.read_bytes() for path in made.directory.iterdir()}
    Secrets.make(tmp_path)
    assert {path.name: path.read_bytes() for path in made.directory.iterdir()} == before


def test_addresses_and_accounts_fit_together(tmp_path: Path) -> None:
    made = Secrets.make(tmp_path)
    app, redis = made.read("dms_app_password"), made.read("redis_password")
    assert made.read("database_url") == f"postgresql+asyncpg://dms_app:{app}@pgbouncer:6432/dms"
    assert made.read("pgbouncer_users") == f'"dms_app" "{app}"'
    assert made.read("redis_url") == f"redis://:{redis}@redis:6379/0"
    assert made.read("redis_auth") == f"requirepass {redis}"


def test_the_certificate_is_for_the_name(tmp_path: Path) -> None:
    script = ROOT / "deploy" / "make-secrets"
    subprocess.run([script, "dms.example.org", tmp_path], check=True, capture_output=True)
    certificate = x509.load_pem_x509_certificate((tmp_path / "tls_certificate").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["dms.example.org"]
