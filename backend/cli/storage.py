"""`dms storage`: what is done to the store as a whole."""

import asyncio
import json
import os
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from backend.cli.acts import record_act, record_act_of_files
from backend.compaction.service import Compacted, compact, survey
from backend.content.keys import open_keyring
from backend.content.service import Content
from backend.content.stores import open_store
from backend.core.clock import now
from backend.core.db import Database
from backend.core.logging import configure_logging
from backend.core.settings import get_settings
from backend.identity.service import organisation_ids
from storage import BlobStore, Migrated, StoreError, migrate

_EXIT_UNREADABLE = 1
_EXIT_USAGE = 2
_EXIT_UNAVAILABLE = 3
_LOWEST_PRIORITY = 19
_PROGRESS = 1000
_AGE = re.compile(r"(\d+)\s*([dhw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

storage = typer.Typer(
    name="storage",
    help="Look after the store as a whole.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@storage.callback()
def _describe() -> None:
    """Look after the store as a whole."""


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter("give a number and h, d or w: --older-than 90d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@dataclass(slots=True)
class _Report:
    blobs: int = 0
    before: int = 0
    after: int = 0
    unreadable: int = 0

    def add(self, done: Compacted) -> None:
        self.blobs += 1
        self.before += done.before
        self.after += done.after
        self.unreadable += done.fault is not None


@storage.command(name="compact")
def compact_command(
    *,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Only what was stored so long ago: 90d, 12h, 4w.")
    ] = "90d",
    level: Annotated[int, typer.Option(min=1, max=22, help="zstd's level.")] = 19,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell how much would be looked at.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per organisation.")
    ] = False,
) -> None:
    """Compress what was stored long ago again, harder, wherever that saves at least one part in 64.

    Runs beside the service, at the lowest priority; nobody who reads or writes is disturbed. If it is interrupted, run
    it again: what is done is skipped.

    Exits with 1 if something stored could not be read (`dms fsck` says more), with 3 if the store or the database
    cannot be reached.
    """
    configure_logging(get_settings())
    os.nice(_LOWEST_PRIORITY)
    before = now() - _age(older_than)
    try:
        unreadable = asyncio.run(_compact(before, level, dry_run=dry_run, as_json=as_json))
    except (StoreError, DBAPIError, OSError) as error:
        typer.echo(
            f"The compaction did not get to its end: {error}. Run it again to go on.", err=True
        )
        raise typer.Exit(_EXIT_UNAVAILABLE) from None
    if unreadable:
        raise typer.Exit(_EXIT_UNREADABLE)


async def _compact(before: datetime, level: int, *, dry_run: bool, as_json: bool) -> int:
    settings = get_settings()
    database = Database.connect(settings)
    content = Content.open_store(settings)
    unreadable = 0
    try:
        async with database.transaction() as session:
            org_ids = await organisation_ids(session)
        for org_id in org_ids:
            report = _Report()
            if dry_run:
                report.blobs, report.before = await survey(
                    database, org_id, before=before, level=level
                )
                report.after = report.before
            else:
                async for done in compact(database, content, org_id, before=before, level=level):
                    report.add(done)
                await record_act(
                    database, "store.compacted", "store:content", asdict(report), org_ids=[org_id]
                )
            typer.echo(
                _as_json(org_id, report) if as_json else _as_text(org_id, report, dry_run=dry_run)
            )
            unreadable += report.unreadable
    finally:
        await database.close()
        await asyncio.to_thread(content.close)
    return unreadable


def _as_json(org_id: int, report: _Report) -> str:
    return json.dumps(
        {
            "organisation": org_id,
            "blobs": report.blobs,
            "stored_before": report.before,
            "stored_after": report.after,
            "unreadable": report.unreadable,
        }
    )


def _as_text(org_id: int, report: _Report, *, dry_run: bool) -> str:
    who = f"organisation {org_id}: {report.blobs}"
    if dry_run:
        return f"{who} would be compressed again; they take {report.before} bytes"
    saved = report.before - report.after
    text = f"{who} compressed again; they took {report.before} bytes, {saved} were saved"
    return f"{text}; {report.unreadable} COULD NOT BE READ" if report.unreadable else text


@storage.command(name="migrate")
def migrate_command(
    *,
    parallel: Annotated[
        int, typer.Option(min=1, max=64, help="How many blobs to copy at a time.")
    ] = 4,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per blob, then one with the counts.")
    ] = False,
) -> None:
    """Copy everything from the store of DMS_STORAGE_FALLBACK_URL into that of DMS_STORAGE_URL.

    Runs beside the service. Each copy is verified; nothing is decrypted on disk, and nothing changes in the first. If
    it is interrupted, run it again: what is there is skipped.

    Exits with 1 if something could not be copied, with 2 if the settings name no two stores, with 3 if one of them
    cannot be reached.
    """
    settings = get_settings()
    configure_logging(settings)
    try:
        target = open_store(settings, open_keyring(settings))
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_EXIT_USAGE) from None
    source = target.fallback
    try:
        if source is None:
            typer.echo("DMS_STORAGE_FALLBACK_URL is not set", err=True)
            raise typer.Exit(_EXIT_USAGE)
        failed = _migrate(source, target, parallel=parallel, as_json=as_json)
        record_act_of_files(settings, "store.migrated", "store:content", {"not_copied": failed})
    except StoreError as error:
        typer.echo(
            f"The migration did not get to its end: {error}. Run it again to go on.", err=True
        )
        raise typer.Exit(_EXIT_UNAVAILABLE) from None
    finally:
        target.close()
    if failed:
        raise typer.Exit(_EXIT_UNREADABLE)


def _migrate(source: BlobStore, target: BlobStore, *, parallel: int, as_json: bool) -> int:
    """Copy, telling of each blob or now and then; return how many could not be."""
    copied = stored = failed = 0
    for number, blob in enumerate(migrate(source, target, parallel=parallel), start=1):
        copied += bool(blob.copied)
        stored += blob.copied
        failed += blob.error is not None
        if as_json:
            typer.echo(json.dumps(_fields(blob)))
        elif blob.error is not None:
            typer.echo(f"NOT COPIED: {blob.digest.hex()} of {blob.namespace}: {blob.error}")
        elif number % _PROGRESS == 0:
            typer.echo(f"{copied} copied so far, {stored} bytes")
    counts = {"copied": copied, "stored_bytes": stored, "not_copied": failed}
    verdict = f"; {failed} COULD NOT BE COPIED" if failed else ""
    typer.echo(json.dumps(counts) if as_json else f"{copied} copied, {stored} bytes{verdict}")
    return failed


def _fields(blob: Migrated) -> dict[str, str | int | None]:
    return {
        "namespace": blob.namespace,
        "sha256": blob.digest.hex(),
        "copied_bytes": blob.copied,
        "error": None if blob.error is None else str(blob.error),
    }
