"""`dms import`."""

import asyncio
import base64
import json
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.cli.acts import record_act
from backend.cli.running import opened_store, stopping
from backend.core.db import Database
from backend.core.errors import DomainError
from backend.core.logging import configure_logging
from backend.core.pace import Pace
from backend.core.settings import Settings, get_settings
from backend.identity.errors import UserNotFoundError
from backend.identity.standing_in import find_user
from backend.imports import service as imports
from backend.imports.naming import Naming, shown
from backend.imports.service import Choice, Found, Outcome, Result, Run
from backend.imports.tree import Tree
from backend.scanning.service import is_released
from storage import StoreError

_MOST_JOBS = 32
_TOLD_EVERY = 10.0
_TOLD_EVERY_AT_A_TERMINAL = 0.5


class ExitCode(IntEnum):
    """What a script may tell from how `dms import` ended."""

    DONE = 0
    """Everything there is, is filed."""
    REFUSED = 1
    """All was looked at, and some of it cannot be filed: it was named."""
    USAGE = 2
    """The options make no sense, or the person may not file there."""
    INTERRUPTED = 3
    """Not all was looked at: it was interrupted, or database, store or scanner were away."""


@dataclass(frozen=True, slots=True)
class _Options:
    directory: Path
    into: str
    email: str
    organisation: str | None
    choice: Choice
    jobs: int
    dry_run: bool
    report: Path | None


def import_directory(  # noqa: PLR0913  # each is an option of the command
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The directory on this machine.", file_okay=False),
    ],
    *,
    into: Annotated[
        str,
        typer.Option(metavar="FOLDER", help="The folder it goes into: Legal/Contracts, or its id."),
    ],
    email: Annotated[
        str, typer.Option("--as", metavar="EMAIL", help="In whose name, and with whose rights.")
    ],
    organisation: Annotated[
        str | None,
        typer.Option(help="Id or name, where that person belongs to several organisations."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be filed, and what cannot be.")
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=1, max=_MOST_JOBS, help="How many files to file at a time.")
    ] = 4,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Leave out names, or paths below DIR; may be repeated."),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            metavar="ENCODING",
            help="Mend names: read what is no UTF-8 in this encoding (cp1252), replace by _ what no name may have.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the journal knows DIR by; default: its path."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what became of each file (JSON Lines)."),
    ] = None,
) -> None:
    """Bring a whole directory of this machine in, and keep its tree.

    Files take the way of every upload, with the rights of the person they are filed for. Nothing is changed on disk.
    What was filed before and has not changed is skipped unread; what has changed becomes the next version. So if it is
    interrupted (Ctrl-C, a crash), call it again in the same way. Symbolic links are not followed.

    Exit codes: 0 everything is filed; 1 some files cannot be, and were named; 2 wrong usage, or no right; 3 not all was
    looked at: interrupted, or database, store or scanner were away.
    """
    try:
        "".encode(names or "ascii")
        options = _Options(
            directory=directory.resolve(),
            into=into,
            email=email,
            organisation=organisation,
            choice=Choice(
                os.fsencode(source or directory.resolve()),
                Naming(names),
                tuple(exclude or ()),
            ),
            jobs=jobs,
            dry_run=dry_run,
            report=report,
        )
    except (ValueError, LookupError) as error:
        raise typer.BadParameter(str(error)) from error
    sys.exit(_run(options))


def _run(options: _Options) -> ExitCode:
    settings = get_settings()
    configure_logging(settings)
    data = settings.data_dir.resolve()
    if data.is_relative_to(options.directory) or options.directory.is_relative_to(data):
        typer.echo(f"{options.directory} and the service's own data are in one another.", err=True)
        return ExitCode.USAGE
    try:
        with ExitStack() as stack:
            try:
                tree = stack.enter_context(Tree(options.directory))
                lines = _open_report(stack, options.report)
            except OSError as error:
                typer.echo(f"{error.filename}: {error.strerror}", err=True)
                return ExitCode.USAGE
            return asyncio.run(_import(settings, options, tree, lines))
    except (StoreError, DBAPIError, PoolTimeoutError, OSError) as error:
        return _interrupted(str(getattr(error, "orig", None) or error))
    except UserNotFoundError as error:
        typer.echo(error.detail, err=True)
        return ExitCode.USAGE
    except DomainError as error:
        return _interrupted(error.detail)


def _open_report(stack: ExitStack, path: Path | None) -> TextIO | None:
    """Open a report that nobody else reads: it names files that few may know of.

    Through no link: who may write to its directory could have whoever calls this, root perhaps, empty another file.
    """
    if path is None:
        return None
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    report = stack.enter_context(os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8"))
    os.fchmod(report.fileno(), 0o600)  # it may have been there
    return report


def _interrupted(cause: str) -> ExitCode:
    typer.echo(
        f"Not everything was looked at: {cause} What was filed is filed; call it again in the same way to go on.",
        err=True,
    )
    return ExitCode.INTERRUPTED


async def _import(
    settings: Settings, options: _Options, tree: Tree, lines: TextIO | None
) -> ExitCode:
    pace = Pace()
    database = Database.connect(settings)
    try:
        with (
            opened_store(settings, released=partial(is_released, database)) as content,
            stopping(pace),
        ):
            try:
                run = await _prepare(database, options)
            except DomainError as error:
                typer.echo(error.detail, err=True)
                return ExitCode.USAGE
            if options.dry_run:
                return await _look(database, tree, run, pace, _Report(Found(), lines))
            found = await imports.survey(database, tree, run, pace=pace, report=_ignore)
            report = _Report(found, lines)
            await _record(database, options, run, "import.started", {})
            try:
                finished = await imports.run_import(
                    database, content, tree, run, jobs=options.jobs, pace=pace, report=report.tell
                )
            except Exception:
                report.end()
                with suppress(DBAPIError, PoolTimeoutError, OSError):  # what ended it, perhaps
                    await _record_end(database, options, run, report, finished=False)
                raise
            report.end()
            await _record_end(database, options, run, report, finished=finished)
    finally:
        await database.close()
    typer.echo(report.summary())
    if not finished:
        return _interrupted("it was stopped.")
    return ExitCode.REFUSED if report.refused else ExitCode.DONE


async def _prepare(database: Database, options: _Options) -> Run:
    async with database.transaction() as session:
        actor = await find_user(session, email=options.email, organisation=options.organisation)
        folder = await imports.resolve_folder(session, actor, options.into)
        return await imports.prepare(
            session, actor, folder, options.choice, record=not options.dry_run
        )


async def _look(
    database: Database, tree: Tree, run: Run, pace: Pace, report: "_Report"
) -> ExitCode:
    found = await imports.survey(database, tree, run, pace=pace, report=report.tell)
    report.end()
    typer.echo(
        f"{found.files} files ({_bytes(found.size)}) would be filed; {found.unchanged} were filed before and have"
        f" not changed; {found.refused} cannot be filed."
    )
    if pace.is_stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.REFUSED if found.refused else ExitCode.DONE


async def _record_end(
    database: Database, options: _Options, run: Run, report: "_Report", *, finished: bool
) -> None:
    facts = {**report.facts(), "finished": finished}
    await _record(database, options, run, "import.ended", facts)


async def _record(
    database: Database, options: _Options, run: Run, action: str, facts: dict[str, int | bool]
) -> None:
    data = {
        "directory": shown(os.fsencode(options.directory)),
        "folder_id": run.folder_id,
        "acts_as": run.actor.user_id,
        **facts,
    }
    org_ids = [run.actor.org_id]
    await record_act(database, action, f"import:{run.import_id}", data, org_ids=org_ids)


def _ignore(result: Result) -> None:
    """What cannot be filed is told when its turn comes."""


class _Report:
    """Says how far the import has come, keeps what cannot be filed for the end, and writes the report."""

    def __init__(self, found: Found, lines: TextIO | None) -> None:
        self._found = found
        self._lines = lines
        self._refused: list[Result] = []
        self._counts: Counter[Outcome] = Counter()
        self._size = 0
        self._began = self._told = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    @property
    def refused(self) -> int:
        """How many files cannot be filed."""
        return len(self._refused)

    def tell(self, result: Result) -> None:
        """Take note of a file, and say how far it is if that is due."""
        self._counts[result.outcome] += 1
        if result.outcome is Outcome.REFUSED:
            self._refused.append(result)
        else:
            self._size += result.size
        if self._lines is not None:
            self._lines.write(json.dumps(_fields(result)) + "\n")
            self._lines.flush()
        every = _TOLD_EVERY_AT_A_TERMINAL if self._is_terminal else _TOLD_EVERY
        if time.monotonic() - self._told >= every:
            self._told = time.monotonic()
            self._say(self._progress())

    def end(self) -> None:
        """Name what cannot be filed, and why."""
        if self._is_terminal:
            typer.echo("\r\x1b[K", err=True, nl=False)
        for one in sorted(self._refused, key=lambda one: one.path):
            typer.echo(f"NOT FILED: {shown(one.path) or '.'}: {one.reason}: {one.detail}")

    def facts(self) -> dict[str, int | bool]:
        """Return the counts, for the trail."""
        return {outcome.value: self._counts[outcome] for outcome in Outcome} | {"bytes": self._size}

    def summary(self) -> str:
        """Return the last line."""
        counts, found = self._counts, self._found
        seconds = max(time.monotonic() - self._began, 1e-3)
        done = counts[Outcome.FILED] + counts[Outcome.VERSION]
        rate = f"{_bytes(self._size)}, {done / seconds:.1f} files/s"
        parts = [
            f"{counts[Outcome.FILED]} filed, {counts[Outcome.VERSION]} as a new version ({rate})",
            f"{found.unchanged + counts[Outcome.SAME]} were filed before and have not changed",
        ]
        if counts[Outcome.ELSEWHERE]:
            parts.append(f"{counts[Outcome.ELSEWHERE]} were filed by another import meanwhile")
        parts.append(f"{self.refused} CANNOT BE FILED" if self.refused else "nothing was refused")
        return "; ".join(parts) + "."

    def _progress(self) -> str:
        seconds = time.monotonic() - self._began
        files = sum(self._counts.values())
        rate = self._size / seconds
        left = max(self._found.files - files, 0) * seconds / max(files, 1)
        return (
            f"{files} of {self._found.files} files, {_bytes(self._size)} of {_bytes(self._found.size)},"
            f" {files / seconds:.1f} files/s, {_bytes(int(rate))}/s, about {_duration(left)} left"
        )

    def _say(self, text: str) -> None:
        if self._is_terminal:
            typer.echo(f"\r{text}\x1b[K", err=True, nl=False)
        else:
            typer.echo(text, err=True)


def _fields(result: Result) -> dict[str, str | int]:
    """Return what the report says of a file; the path's bytes too, where they are no text."""
    exact = base64.b64encode(result.path).decode() if not _is_text(result.path) else None
    fields = {
        "path": shown(result.path),
        "path_base64": exact,
        "outcome": result.outcome.value,
        "size": result.size,
        "document_id": result.document_id,
        "name": result.name,
        "reason": result.reason,
        "detail": result.detail,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _is_text(path: bytes) -> bool:
    return shown(path).encode() == path


def _bytes(size: int) -> str:
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
