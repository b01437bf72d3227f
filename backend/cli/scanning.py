"""`dms scan`."""

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.cli.acts import record_act
from backend.cli.running import opened_store, stopping
from backend.content.errors import StorageUnavailableError
from backend.core.clock import now
from backend.core.db import Database
from backend.core.errors import ConflictError
from backend.core.logging import configure_logging
from backend.core.pace import Pace, parse_rate
from backend.core.settings import Settings, get_settings
from backend.scanning import service as scanning
from backend.scanning.errors import NoScannerError
from backend.scanning.models import ScanRun
from backend.scanning.service import Found, ScannerGoneError, Wanted
from storage import StoreError

_TOLD_EVERY = 10.0
_AGO = re.compile(r"(\d+)([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


class ExitCode(IntEnum):
    """What a script may tell from how `dms scan` ended."""

    CLEAN = 0
    """Everything was scanned, and nothing was found."""
    FOUND = 1
    """Malware was found, and is in quarantine."""
    USAGE = 2
    """The options make no sense, or there is no run to resume."""
    UNSCANNED = 3
    """Not everything could be scanned: the scanner, the store or the database was away, or it was interrupted."""


@dataclass(frozen=True, slots=True)
class _Options:
    wanted: Wanted | None
    """None: that of the run to resume."""
    rate: int | None
    as_json: bool


def scan(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Scan everything that is stored.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="What was stored since: 2026-03-01, or 12h, 7d, 2w ago."),
    ] = None,
    unscanned: Annotated[
        bool, typer.Option("--unscanned", help="Only what is marked as not scanned.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was interrupted.")
    ] = False,
    rate: Annotated[str | None, typer.Option(help="Scan at most so much, such as 50MB/s.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Give stored content to the virus scanner again, and quarantine what its signatures know by now.

    Ctrl-C keeps what was done for --resume.

    Exit codes: 0 nothing was found; 1 malware was found and is in quarantine; 2 wrong usage; 3 not everything could be
    scanned.
    """
    if [everything, since is not None, unscanned, resume].count(True) != 1:
        raise typer.BadParameter("Give one of --all, --since, --unscanned and --resume.")
    try:
        stored_since = None if since is None else _when(since)
        wanted = None if resume else Wanted(unscanned, stored_since)
        options = _Options(wanted, None if rate is None else parse_rate(rate), as_json)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    sys.exit(_run(options))


def _when(text: str) -> datetime:
    """Return the time of `2026-03-01`, `2026-03-01T12:00+01:00`, or `7d` ago.

    Raises:
        ValueError: it is none.
    """
    match = _AGO.fullmatch(text)
    if match is not None:
        return now() - timedelta(hours=int(match[1]) * _HOURS[match[2]])
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no time; write it like 2026-03-01, 12h, 7d or 2w"
        raise ValueError(message) from None
    return given.astimezone() if given.tzinfo is None else given


def _run(options: _Options) -> ExitCode:
    settings = get_settings()
    configure_logging(settings)
    try:
        return asyncio.run(_scan(settings, options))
    except NoScannerError as error:
        typer.echo(error.detail, err=True)
        return ExitCode.UNSCANNED
    except ConflictError as error:
        typer.echo(error.detail, err=True)
        return ExitCode.USAGE
    except (ScannerGoneError, StoreError, DBAPIError, PoolTimeoutError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        typer.echo(f"Not everything could be scanned: {cause}", err=True)
        return ExitCode.UNSCANNED
    except StorageUnavailableError as error:
        typer.echo(f"Not everything could be scanned: {error.detail}", err=True)
        return ExitCode.UNSCANNED


async def _scan(settings: Settings, options: _Options) -> ExitCode:
    pace = Pace(rate=options.rate)
    database = Database.connect(settings)
    try:
        with opened_store(settings) as content, stopping(pace):
            async with database.transaction() as session:
                if options.wanted is None:
                    run = await scanning.resume(session)
                else:
                    run = await scanning.begin(session, options.wanted)
            progress = _Progress(*await scanning.backlog(database, run), as_json=options.as_json)
            try:
                finished = await scanning.run_scan(
                    database, content, run, pace=pace, report=progress.report
                )
            finally:
                async with database.transaction() as session:
                    run = await scanning.get(session, run.id)
        facts = {"finished": finished, "unscanned_only": run.unscanned_only}
        await record_act(database, "store.scanned", f"scan:{run.id}", facts)
    finally:
        await database.close()
    typer.echo(_summary_json(run) if options.as_json else _summary(run))
    if run.infected:
        return ExitCode.FOUND
    return ExitCode.CLEAN if finished else ExitCode.UNSCANNED


class _Progress:
    """Says what was found at once, and from time to time how far the run has come."""

    def __init__(self, blobs: int, size: int, *, as_json: bool) -> None:
        self._blobs, self._size, self._as_json = blobs, size, as_json
        self._done = self._done_size = 0
        self._told = time.monotonic()

    def report(self, found: Found) -> None:
        self._done += 1
        self._done_size += found.size
        if found.detail:
            typer.echo(_as_json(found) if self._as_json else _as_text(found))
        if time.monotonic() - self._told >= _TOLD_EVERY:
            self._told = time.monotonic()
            share = self._done_size * 100 // max(self._size, 1)
            typer.echo(f"{self._done} of {self._blobs} scanned ({share} % of the bytes)", err=True)


def _as_json(found: Found) -> str:
    return json.dumps(
        {
            "organisation": found.org_id,
            "sha256": found.digest.hex(),
            "size": found.size,
            "outcome": found.kind,
            "detail": found.detail,
        }
    )


def _as_text(found: Found) -> str:
    return f"{found.kind}: {found.digest.hex()} of organisation {found.org_id}: {found.detail}"


def _summary_json(run: ScanRun) -> str:
    return json.dumps(
        {
            "run": run.id,
            "finished": run.finished_at is not None,
            "scanned": run.scanned,
            "scanned_bytes": run.scanned_bytes,
            "infected": run.infected,
            "unscannable": run.unscannable,
        }
    )


def _summary(run: ScanRun) -> str:
    found = f"{run.infected} INFECTED, in quarantine" if run.infected else "nothing found"
    lines = [f"{run.scanned} blobs scanned, {run.scanned_bytes} bytes: {found}"]
    if run.unscannable:
        lines.append(f"{run.unscannable} could not be scanned in full.")
    if run.finished_at is None:
        lines.append("Interrupted: go on with dms scan --resume.")
    return "\n".join(lines)
