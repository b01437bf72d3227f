"""`dms audit`: verifying, signing, exporting and cutting the audit trail."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.audit import service as trail
from backend.audit.errors import CheckpointFileError, TrailDamagedError
from backend.audit.formats import json_line
from backend.audit.service import Filters, Verified
from backend.audit.statements import Signer, parse_exported, parse_public_key
from backend.cli.acts import operator, record_act
from backend.content.keys import open_keyring
from backend.core.db import Database, Tenant
from backend.core.logging import configure_logging
from backend.core.settings import Settings, get_settings
from backend.identity.service import organisation_ids
from storage import StoreError

R = TypeVar("R")


class ExitCode(IntEnum):
    """What a script may tell from how `dms audit` ended; the same numbers as of `dms fsck`."""

    WHOLE = 0
    """Everything was verified, and is as it was recorded."""
    DAMAGE = 1
    """A row was altered, deleted, inserted or reordered."""
    USAGE = 2
    """The options make no sense, or a file is not what it should be."""
    UNCHECKED = 3
    """Not everything could be verified: the database or the keyring was away."""


audit = typer.Typer(
    name="audit",
    help="Verify, sign, export and cut the audit trail.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Org = Annotated[
    list[int] | None, typer.Option("--org", help="Only this organisation; may be given again.")
]


@audit.command()
def verify(
    *,
    org: Org = None,
    from_checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Checkpoints that were exported earlier: what was cut off since is found.",
        ),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option(help="The public key that was kept, instead of this installation's."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per organisation.")
    ] = False,
) -> None:
    """Compare the trail with its hashes and signatures; name the first row that is not as it was.

    Exit codes: 0 all is whole; 1 a row was altered, deleted, inserted or reordered; 2 wrong usage; 3 the database or
    the keyring could not be reached.
    """

    async def run(database: Database, settings: Settings) -> ExitCode:
        exported = [] if from_checkpoint is None else parse_exported(from_checkpoint.read_text())
        key = (
            (await asyncio.to_thread(_signer, settings)).public_key
            if public_key is None
            else parse_public_key(public_key)
        )
        org_ids = await _organisations(database, org)
        unknown = {one.statement.org_id for one in exported} - set(org_ids)
        if org is None and unknown:
            raise TrailDamagedError(
                f"The file has checkpoints of organisation {min(unknown)}, which is gone with its trail."
            )
        whole = True
        for org_id in org_ids:
            done = await trail.verify(database, org_id, public_key=key, exported=exported)
            typer.echo(_as_json(done) if as_json else _as_text(done))
            whole = whole and not done.faults
        return ExitCode.WHOLE if whole else ExitCode.DAMAGE

    _run(run)


@audit.command()
def checkpoint(
    *,
    org: Org = None,
    export: Annotated[
        bool, typer.Option("--export", help="Print it, to be kept away from this machine.")
    ] = False,
) -> None:
    """Seal what is recorded and sign how the trail stands.

    What is exported proves later that nothing before it was removed: `dms audit verify --from-checkpoint`.
    """

    async def run(database: Database, settings: Settings) -> ExitCode:
        signer = await asyncio.to_thread(_signer, settings)
        while await trail.seal(database):
            pass
        for org_id in await _organisations(database, org):
            async with database.transaction(Tenant(org_id)) as session:
                signed = await trail.make_checkpoint(session, signer, org_id=org_id)
            if signed is None:
                typer.echo(f"organisation {org_id}: nothing is recorded yet", err=True)
            elif export:
                typer.echo(json.dumps(signed.export()))
            else:
                typer.echo(f"organisation {org_id}: signed up to row {signed.statement.seq}")
        return ExitCode.WHOLE

    _run(run)


@audit.command("export")
def export_trail(
    *, org: Annotated[int, typer.Option("--org", help="Of which organisation.")]
) -> None:
    """Print the trail, the oldest first: one JSON object per line, with number and hash."""

    async def run(database: Database, _: Settings) -> ExitCode:
        await _organisations(database, [org])
        await record_act(database, "audit.exported", f"organisation:{org}", {}, org_ids=[org])
        async for page in trail.read_events(database, org, Filters()):
            for found in page:
                typer.echo(json_line(found))
        return ExitCode.WHOLE

    _run(run)


@audit.command("public-key")
def show_public_key() -> None:
    """Print the key that verifies checkpoints: Base64 of an Ed25519 public key's 32 bytes."""
    typer.echo(_signer(get_settings()).encoded_public_key)


@audit.command()
def cut(
    *,
    org: Org = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Keep so many days, instead of DMS_AUDIT_RETENTION_DAYS."),
    ] = None,
) -> None:
    """Remove the part of the trail that is older than its retention, up to a checkpoint, which stays as the anchor.

    Needs DMS_DATABASE_OWNER_URL: the service itself cannot remove anything. The trail is verified first, and the cut is
    recorded in it.
    """
    settings = get_settings()
    keep = settings.audit_retention_days if days is None else days
    if not keep:
        typer.echo("DMS_AUDIT_RETENTION_DAYS is 0: the trail is kept for ever.", err=True)
        sys.exit(ExitCode.USAGE)
    if settings.database_owner_url is None:
        typer.echo(
            "Only the owner of the database removes from the trail: set DMS_DATABASE_OWNER_URL.",
            err=True,
        )
        sys.exit(ExitCode.USAGE)

    async def run(_: Database, settings: Settings) -> ExitCode:
        signer = await asyncio.to_thread(_signer, settings)
        owner = settings.model_copy(update={"database_url": settings.database_owner_url})
        async with _open(owner) as database:
            for org_id in await _organisations(database, org):
                done = await trail.cut(
                    database,
                    signer,
                    org_id=org_id,
                    keep=timedelta(days=keep),
                    operator=operator(),
                )
                what = (
                    "nothing to remove before a checkpoint"
                    if done is None
                    else f"{done.rows} rows removed; the chain goes on from row {done.seq}"
                )
                typer.echo(f"organisation {org_id}: {what}")
        return ExitCode.WHOLE

    _run(run)


def _run(work: Callable[[Database, Settings], Awaitable[ExitCode]]) -> None:
    settings = get_settings()
    configure_logging(settings)

    async def run() -> ExitCode:
        async with _open(settings) as database:
            return await work(database, settings)

    try:
        code = asyncio.run(run())
    except CheckpointFileError as error:
        typer.echo(error.detail, err=True)
        code = ExitCode.USAGE
    except TrailDamagedError as error:
        typer.echo(f"The trail does not verify: {error.detail}", err=True)
        code = ExitCode.DAMAGE
    except (StoreError, DBAPIError, PoolTimeoutError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        typer.echo(f"Not everything could be done: {cause}", err=True)
        code = ExitCode.UNCHECKED
    sys.exit(code)


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Database]:
    database = Database.connect(settings)
    try:
        yield database
    finally:
        await database.close()


async def _organisations(database: Database, given: Sequence[int] | None) -> Sequence[int]:
    async with database.transaction() as session:
        known = await organisation_ids(session)
    if given is None:
        return known
    unknown = set(given) - set(known)
    if unknown:
        raise CheckpointFileError(f"There is no organisation {min(unknown)}.")
    return given


def _signer(settings: Settings) -> Signer:
    return Signer(open_keyring(settings))


def _as_json(done: Verified) -> str:
    return json.dumps(
        {
            "organisation": done.org_id,
            "whole": not done.faults,
            "first": done.first_seq,
            "last": done.last_seq,
            "hash": done.last_hash.hex(),
            "unsealed": done.unsealed,
            "checkpoints": done.checkpoints,
            "faults": [asdict(fault) for fault in done.faults],
        }
    )


def _as_text(done: Verified) -> str:
    rows = done.last_seq - done.first_seq + 1
    head = f"organisation {done.org_id}: {rows} rows verified, {done.checkpoints} signatures agree"
    if done.unsealed:
        head += f", {done.unsealed} not sealed yet"
    if not done.faults:
        return f"{head}: whole"
    return "\n".join([head, *(f"  {fault.kind.upper()}: {fault.detail}" for fault in done.faults)])
