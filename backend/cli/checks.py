"""`dms fsck`: checking what is stored, and repairing it."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.cli.acts import record_act
from backend.cli.running import opened_store, stopping
from backend.content.keys import open_keyring
from backend.content.service import Content
from backend.content.stores import open_copy
from backend.core.db import Database
from backend.core.errors import ConflictError
from backend.core.logging import configure_logging
from backend.core.settings import Settings, get_settings
from backend.identity.models import store_namespace
from backend.identity.service import organisation_ids
from backend.uploads import service as uploads
from backend.verification import service as verification
from backend.verification.models import CheckMode, StoreCheck, Trigger
from backend.verification.service import Finding, Pace, Sample, Scope
from storage import BlobStore, Keyring, StoreError


class ExitCode(IntEnum):
    """What a script may tell from how `dms fsck` ended."""

    WHOLE = 0
    """Everything was checked, and all content is there and whole."""
    DAMAGE = 1
    """Content is missing, damaged or unreadable, and was not repaired."""
    USAGE = 2
    """The options make no sense, or there is no check to resume."""
    UNCHECKED = 3
    """Not everything could be checked: database or store were away, or it was interrupted."""


@dataclass(frozen=True, slots=True)
class _Options:
    scope: Scope | None
    """None: that of the check to resume."""
    seed_given: bool
    rate: int | None
    repair_from: str | None
    as_json: bool


def fsck(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Open every blob, but do not read all of it.")
    ] = False,
    sample: Annotated[
        str | None,
        typer.Option(help="Open only a part, such as 5%; the next such check takes another part."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Which part --sample takes; default: the next one.")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Read at most so much, such as 50MB/s.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the check that was interrupted.")
    ] = False,
    repair_from: Annotated[
        str | None,
        typer.Option(
            metavar="URL|DIRECTORY", help="Replace what is missing or damaged by what is there."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Check that the store has everything the database refers to, and has it whole.

    Reads every blob against its digest, and compares database and store both ways. Names what is missing, damaged or
    unreadable with the documents it belongs to. Ctrl-C keeps what was done for --resume.

    Exit codes: 0 all is whole; 1 content is missing, damaged or unreadable; 2 wrong usage; 3 not everything could be
    checked: database or store were away, or it was interrupted.
    """
    if resume and (quick or sample is not None or seed is not None):
        raise typer.BadParameter("--resume goes on as it was begun: give it no other choice.")
    if seed is not None and sample is None:
        raise typer.BadParameter("--seed says which part --sample takes.")
    if rate is not None and quick:
        raise typer.BadParameter("--rate bounds the reading of content, which --quick leaves out.")
    try:
        part = None if sample is None else Sample(verification.parse_percentage(sample), seed or 0)
        options = _Options(
            scope=None if resume else Scope(CheckMode.QUICK if quick else CheckMode.FULL, part),
            seed_given=seed is not None,
            rate=None if rate is None else verification.parse_rate(rate),
            repair_from=repair_from,
            as_json=as_json,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    sys.exit(_run(options))


def _run(options: _Options) -> ExitCode:
    settings = get_settings()
    configure_logging(settings)
    try:
        return asyncio.run(_check(settings, options))
    except ConflictError as error:
        typer.echo(error.detail, err=True)
        return ExitCode.USAGE
    except (StoreError, DBAPIError, PoolTimeoutError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        typer.echo(f"Not everything could be checked: {cause}", err=True)
        return ExitCode.UNCHECKED


async def _check(settings: Settings, options: _Options) -> ExitCode:
    pace = Pace(rate=options.rate)
    database = Database.connect(settings)
    try:
        with ExitStack() as stack:
            content = stack.enter_context(opened_store(settings))
            source = None
            if options.repair_from is not None:
                source = stack.enter_context(_source(settings, options.repair_from))
            check = await _begin(database, options)
            stack.enter_context(stopping(pace))
            finished = await verification.run_check(
                database,
                content,
                check,
                pace=pace,
                report=lambda one: typer.echo(_as_json(one) if options.as_json else _as_text(one)),
                source=source,
            )
            unknown = await _unknown_namespaces(database, content)
            lost = await _lost_uploads(database, content, as_json=options.as_json)
        async with database.transaction() as session:
            check = await verification.get(session, check.id)
        await record_act(database, "store.checked", f"check:{check.id}", _facts(check))
    finally:
        await database.close()
    typer.echo(_summary_json(check, unknown) if options.as_json else _summary(check, unknown))
    if check.damaged or lost:
        return ExitCode.DAMAGE
    return ExitCode.WHOLE if finished else ExitCode.UNCHECKED


def _facts(check: StoreCheck) -> dict[str, int | str | bool]:
    """Return what the audit trail tells of a check: nothing of what one organisation has is told to another."""
    return {
        "mode": check.mode,
        "finished": check.finished_at is not None,
        "repairs": check.repaired > 0,
    }


@contextmanager
def _source(settings: Settings, where: str) -> Iterator[BlobStore]:
    """Open the store that repairs come from: a store's address or directory, or a data directory with its keyring."""
    store = _copy_at(settings, where) if "://" in where else _copy_in(settings, Path(where))
    try:
        yield store
    finally:
        store.close()


def _copy_at(settings: Settings, url: str) -> BlobStore:
    try:
        return open_copy(settings, url, open_keyring(settings))
    except ValueError as error:
        raise typer.BadParameter(f"--repair-from: {error}.") from None


def _copy_in(settings: Settings, directory: Path) -> BlobStore:
    if not directory.is_dir():
        raise typer.BadParameter(f"--repair-from: there is no directory {directory}.")
    keyring = directory / "keys" / "keyring"
    return BlobStore(
        directory / "store" if (directory / "store").is_dir() else directory,
        Keyring.open(
            keyring if keyring.is_file() else settings.keyring_path, settings.master_key()
        ),
    )


async def _begin(database: Database, options: _Options) -> StoreCheck:
    async with database.transaction() as session:
        scope = options.scope
        if scope is None:
            return await verification.resume(session)
        if scope.sample is not None and not options.seed_given:
            seed = await verification.next_seed(session)
            scope = replace(scope, sample=replace(scope.sample, seed=seed))
        return await verification.begin(session, trigger=Trigger.COMMAND, scope=scope)


async def _lost_uploads(database: Database, content: Content, *, as_json: bool) -> bool:
    """Name the unfinished uploads whose acknowledged bytes are not there any more; whether there are any."""
    found = False
    async with database.transaction() as session:
        org_ids = await organisation_ids(session)
    for org_id in org_ids:
        for upload_id in await uploads.find_lost(database, content, org_id):
            found = True
            fact = {"fault": "upload_lost", "org_id": org_id, "upload": upload_id}
            text = f"Lost: the unfinished upload {upload_id} of organisation {org_id}; it must begin anew."
            typer.echo(json.dumps(fact) if as_json else text)
    return found


async def _unknown_namespaces(database: Database, content: Content) -> list[str]:
    """Return the namespaces of the store that belong to no organisation."""
    async with database.transaction() as session:
        known = {store_namespace(org_id) for org_id in await organisation_ids(session)}
    return [name for name in await content.run(content.store.namespaces) if name not in known]


def _as_json(finding: Finding) -> str:
    return json.dumps(
        {
            "organisation": finding.org_id,
            "sha256": finding.digest.hex(),
            "fault": finding.fault,
            "detail": finding.detail,
            "documents": finding.documents,
            "repaired": finding.repaired,
        }
    )


def _as_text(finding: Finding) -> str:
    affected = ", ".join(map(str, finding.documents))
    suffix = f" (documents {affected})" if affected else ""
    kind = f"{finding.fault}, repaired" if finding.repaired else finding.fault
    return (
        f"{kind}: {finding.digest.hex()} of organisation {finding.org_id}: {finding.detail}{suffix}"
    )


def _summary_json(check: StoreCheck, unknown: list[str]) -> str:
    return json.dumps(
        {
            "check": check.id,
            "mode": check.mode,
            "sample_ppm": check.sample_ppm,
            "seed": check.sample_seed,
            "finished": check.finished_at is not None,
            "checked": check.blobs,
            "opened": check.opened,
            "read_bytes": check.read_bytes,
            "damaged": check.damaged,
            "repaired": check.repaired,
            "wrong_sizes": check.wrong_sizes,
            "orphans": check.orphans,
            "orphan_bytes": check.orphan_bytes,
            "unknown_namespaces": unknown,
        }
    )


def _summary(check: StoreCheck, unknown: list[str]) -> str:
    lines = [
        f"{check.blobs} blobs checked, {check.opened} of them opened, {check.read_bytes} bytes read: "
        + (f"{check.damaged} DAMAGED OR MISSING" if check.damaged else "all whole")
    ]
    if check.repaired:
        lines.append(f"{check.repaired} were repaired.")
    if check.wrong_sizes:
        lines.append(
            f"{check.wrong_sizes} have another size than recorded; --repair-from corrects that."
        )
    if check.orphans:
        lines.append(
            f"{check.orphans} ({check.orphan_bytes} bytes) are not referred to: dms gc frees them."
        )
    if unknown:
        lines.append(f"Of no organisation: {', '.join(unknown)}.")
    if check.sample_ppm is not None and check.sample_seed is not None:
        part = Sample(check.sample_ppm, check.sample_seed)
        lines.append(f"This was part {part.seed % part.rounds + 1} of {part.rounds}.")
    if check.finished_at is None:
        lines.append("Interrupted: go on with dms fsck --resume.")
    return "\n".join(lines)
