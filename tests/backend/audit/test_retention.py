"""Checkpoints, and cutting the oldest part of the trail: at a signed place, by the owner, on record."""

import json
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from backend.audit import service as audit
from backend.audit.errors import CheckpointFileError, TrailDamagedError
from backend.audit.models import Purpose
from backend.audit.service import FaultKind
from backend.audit.statements import Signed, Signer, Statement, parse_exported, parse_public_key
from backend.core.clock import now
from backend.core.settings import Settings
from backend.launch.postgres import EmbeddedPostgres, Role
from storage import Keyring
from tests.backend.audit.conftest import Trail
from tests.support.commands import dms as run_dms

NOTHING = timedelta()


async def cut(trail: Trail, keep: timedelta = NOTHING) -> audit.Cut | None:
    return await audit.cut(
        trail.owner, trail.signer, org_id=trail.org_id, keep=keep, operator="root@here"
    )


async def test_the_oldest_part_goes_up_to_a_checkpoint(trail: Trail) -> None:
    await trail.fill(10)
    await trail.checkpoint()
    await trail.fill(5)
    done = await cut(trail)
    assert (done.seq, done.rows) == (10, 10) if done else False
    await trail.seal()
    verified = await trail.verify()
    assert (verified.faults, verified.first_seq, verified.last_seq) == ([], 11, 16)
    [row] = await trail.rows(
        "SELECT * FROM audit_events WHERE org_id = :org AND action = 'audit.cut'"
    )
    assert (row.data["through"], row.data["rows"], row.data["operator"]) == (10, 10, "root@here")
    assert await cut(trail, timedelta(days=1)) is None


async def test_what_is_young_stays(trail: Trail) -> None:
    await trail.fill(4)
    await trail.checkpoint()
    assert await cut(trail, timedelta(days=1)) is None
    assert (await trail.verify()).first_seq == 1


async def test_a_trail_that_was_cut_whole_goes_on(trail: Trail) -> None:
    await trail.fill(4)
    await trail.checkpoint()
    await cut(trail)
    verified = await trail.verify()
    assert (verified.faults, verified.last_seq, verified.unsealed) == ([], 4, 1)
    await trail.fill(2)
    await trail.checkpoint()
    verified = await trail.verify()
    assert (verified.faults, verified.first_seq, verified.last_seq) == ([], 5, 7)
    # And is cut again.
    done = await cut(trail)
    assert done is not None
    assert done.seq == 7
    await trail.seal()
    assert (await trail.verify()).faults == []


async def test_a_damaged_trail_is_not_cut(trail: Trail) -> None:
    await trail.fill(4)
    await trail.checkpoint()
    await trail.tamper("UPDATE audit_events SET action = 'x' WHERE org_id = :org")
    with pytest.raises(TrailDamagedError, match="Row 1"):
        await cut(trail)


async def test_a_damaged_trail_is_not_signed(trail: Trail) -> None:
    await trail.fill(4)
    await trail.checkpoint()
    await trail.fill(4)
    await trail.tamper(
        "UPDATE audit_events SET action = 'x' WHERE id = :id", id=await trail.event_id(6)
    )
    with pytest.raises(TrailDamagedError, match="Row 6"):
        await trail.checkpoint()


async def test_more_cannot_be_removed_than_was_signed_away(trail: Trail) -> None:
    await trail.fill(6)
    await trail.checkpoint()
    await trail.fill(6)
    await cut(trail)
    await trail.seal()
    await trail.tamper("DELETE FROM audit_events WHERE id = :id", id=await trail.event_id(7))
    await trail.tamper("DELETE FROM audit_seals WHERE org_id = :org AND seq = 7")
    [fault] = (await trail.verify()).faults
    assert (fault.kind, fault.seq) == (FaultKind.DELETED, 7)


async def test_the_service_cannot_cut(trail: Trail) -> None:
    await trail.fill(3)
    await trail.checkpoint()
    with pytest.raises(DBAPIError, match="permission denied"):
        await audit.cut(
            trail.database, trail.signer, org_id=trail.org_id, keep=NOTHING, operator="service"
        )
    verified = await trail.verify()
    assert (verified.faults, verified.first_seq, verified.last_seq) == ([], 1, 3)


async def test_checkpoints_exported_before_a_cut_still_hold_where_they_can(trail: Trail) -> None:
    await trail.fill(3)
    first = await trail.checkpoint()
    await trail.fill(3)
    second = await trail.checkpoint()
    await cut(trail)
    await trail.seal()
    verified = await trail.verify(first, second)
    assert verified.faults == []


def test_the_signing_key_outlives_the_master_key(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path / "keyring", bytes(32))
    before = Signer(keyring).public_key
    keyring.rotate(bytes([1]) * 32)
    again = Signer(Keyring.open(tmp_path / "keyring", bytes([1]) * 32))
    assert again.public_key == before
    assert Signer(Keyring.create(tmp_path / "other", bytes(32))).public_key != before


def test_a_statement_is_taken_only_as_it_was_signed(signer: Signer) -> None:
    statement = Statement(Purpose.CHECKPOINT, 7, 12, bytes(32), 12, now())
    signed = signer.sign(statement)
    [read] = parse_exported(json.dumps(signed.export()))
    assert read == signed
    assert read.is_by(signer.public_key)
    for changed in (
        replace(statement, org_id=8),
        replace(statement, seq=11),
        replace(statement, count=11),
        replace(statement, purpose=Purpose.ANCHOR),
        replace(statement, hash=bytes(31) + b"1"),
        replace(statement, at=statement.at + timedelta(seconds=1)),
    ):
        assert not Signed(changed, signed.public_key, signed.signature).is_by(signer.public_key)


@pytest.mark.parametrize("text", ["x", "{}", "[]", '{"signed": "x"}', '{"signed": 1}', "null"])
def test_a_file_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(CheckpointFileError, match="Line 1"):
        parse_exported(text)


@pytest.mark.parametrize("text", ["", "x", "AAAA"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(CheckpointFileError):
        parse_public_key(text)


def dms(
    settings: Settings, *arguments: str, owner: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command in the environment of the tests' settings."""
    key = settings.encryption_key
    assert key is not None
    environment = {
        "PATH": "/usr/bin:/bin",
        "DMS_DATA_DIR": str(settings.data_dir),
        "DMS_DATABASE_URL": str(settings.database_url),
        "ENCRYPTION_KEY": key.get_secret_value(),
        **({} if owner is None else {"DMS_DATABASE_OWNER_URL": owner}),
    }
    return run_dms(environment, "audit", *arguments)


async def test_the_commands(
    trail: Trail, settings: Settings, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    org = ["--org", str(trail.org_id)]
    await trail.fill(6)
    exported = dms(settings, "checkpoint", "--export", *org)
    assert exported.returncode == 0, exported.stderr
    kept = tmp_path / "checkpoints.jsonl"
    kept.write_text(exported.stdout)
    whole = dms(settings, "verify", "--json", "--from-checkpoint", str(kept), *org)
    assert whole.returncode == 0, whole.stderr
    told = json.loads(whole.stdout)
    assert (told["whole"], told["last"], told["checkpoints"]) == (True, 6, 2)

    written = dms(settings, "export", *org)
    lines = [json.loads(line) for line in written.stdout.splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4, 5, 6, None]

    assert dms(settings, "cut", *org).returncode == 2
    assert dms(settings, "cut", "--days", "1", *org).returncode == 2
    kept_all = dms(settings, "cut", "--days", "1", *org, owner=postgres.url(Role.OWNER))
    assert kept_all.returncode == 0, kept_all.stderr
    assert "nothing to remove" in kept_all.stdout

    await trail.tamper("UPDATE audit_events SET action = 'x' WHERE id = :id", id=lines[2]["id"])
    damaged = dms(settings, "verify", *org)
    assert damaged.returncode == 1
    assert "ALTERED: Row 3" in damaged.stdout
    assert dms(settings, "verify", "--org", "999999999").returncode == 2
    elsewhere = trail.signer.sign(Statement(Purpose.CHECKPOINT, 10**9, 1, b"", 1, now()))
    kept.write_text(json.dumps(elsewhere.export()))
    gone = dms(settings, "verify", "--from-checkpoint", str(kept))
    assert (gone.returncode, "is gone with its trail" in gone.stderr) == (1, True)
    key = dms(settings, "public-key").stdout.strip()
    assert parse_public_key(key) == trail.signer.public_key
    away = settings.model_copy(
        update={"database_url": "postgresql+asyncpg://dms_app@127.0.0.1:1/dms"}
    )
    assert dms(away, "verify", *org).returncode == 3
