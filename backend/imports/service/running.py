"""A whole directory: what of it is to be filed, and several files at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.content.service import Content
from backend.core.actor import Actor
from backend.core.db import Database, Tenant
from backend.core.errors import DomainError
from backend.core.pace import Pace, StoppedError
from backend.folders.models import Folder
from backend.imports import queries
from backend.imports.errors import SpecialFileError, SymbolicLinkError
from backend.imports.models import ImportedFile
from backend.imports.naming import Naming, shown
from backend.imports.service.filing import (
    NOT_OF_THE_FILE,
    Desk,
    Result,
    Wanted,
    path_digest,
    refused,
)
from backend.imports.service.placing import Folders
from backend.imports.tree import Entry, Kind, Tree

_Waiting = asyncio.Queue[Wanted | None]
"""Files that are to be filed; None: there are no more."""
_BATCH = 1_000
"""How many files of a directory are looked up in the journal at a time."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a directory is to be imported, and how its names are read.

    `source` is what the journal knows the directory by. `exclude` are patterns of names, and of paths below it.
    """

    source: bytes
    naming: Naming = field(default_factory=Naming)
    exclude: Sequence[str] = ()

    def excludes(self, entry: Entry) -> bool:
        """Tell whether it is left out, a directory with all that is below it."""
        texts = (shown(entry.name), shown(entry.path))
        return any(fnmatchcase(text, pattern) for text in texts for pattern in self.exclude)


@dataclass(frozen=True, slots=True)
class Run:
    """An import that may begin. `import_id` is None where there was none before, and it is only to be looked at."""

    import_id: int | None
    actor: Actor
    folder_id: int
    choice: Choice


@dataclass(slots=True)
class Found:
    """What a look at a directory tells: bytes and numbers of files."""

    files: int = 0
    size: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _ToDo:
    """A file that is not in the journal as it is now, or a directory without anything in it."""

    entry: Entry
    name: str
    known: ImportedFile | None


_NEVER_FILED = {
    Kind.LINK: SymbolicLinkError("It is a symbolic link, which is not followed."),
    Kind.SPECIAL: SpecialFileError("It is a device, a socket or a pipe."),
}


async def prepare(
    session: AsyncSession, actor: Actor, folder: Folder, choice: Choice, *, record: bool
) -> Run:
    """Return the import of a directory into a folder; `record` makes its journal where there is none.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the folder, or not add documents and folders to it.
    """
    for action in (Action.DOCUMENT_CREATE, Action.FOLDER_CREATE):
        await access.require(session, actor, action, folder_id=folder.id)
    digest = path_digest(choice.source)
    if record:
        import_id: int | None = await queries.find_or_make(
            session,
            org_id=actor.org_id,
            folder_id=folder.id,
            source=shown(choice.source),
            source_digest=digest,
        )
    else:
        import_id = await queries.find(session, folder_id=folder.id, source_digest=digest)
    return Run(import_id, actor, folder.id, choice)


async def survey(
    database: Database, tree: Tree, run: Run, *, pace: Pace, report: Callable[[Result], None]
) -> Found:
    """Look at a directory without reading a file of it: report what cannot be filed, and count what would be."""
    found = Found()
    async for item in _walk(database, tree, run, pace, found):
        if isinstance(item, Result):
            found.refused += 1
            report(item)
        elif item.entry.kind is Kind.FILE:
            found.files += 1
            found.size += item.entry.size
    return found


async def run_import(
    database: Database,
    content: Content,
    tree: Tree,
    run: Run,
    *,
    jobs: int,
    pace: Pace,
    report: Callable[[Result], None],
) -> bool:
    """File what is to be filed, `jobs` files at a time; return whether the end was reached.

    Raises:
        UnavailableError, StorageFullError, SQLAlchemyError, OSError: what files are put into is away or full.
        UnauthenticatedError: the person may not file anything any more.
    """
    assert run.import_id is not None  # noqa: S101  # it was prepared to be run
    actor = run.actor
    desk = Desk(database, content, tree, run.import_id, actor.org_id, actor.user_id, pace)
    waiting: _Waiting = asyncio.Queue(jobs)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_look(desk, run, waiting, jobs=jobs, report=report))
            for _ in range(jobs):
                group.create_task(_work(desk, waiting, report))
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return not pace.is_stopped


async def _look(
    desk: Desk, run: Run, waiting: _Waiting, *, jobs: int, report: Callable[[Result], None]
) -> None:
    """Find what is to be filed, make the folders it goes into, and have it filed."""
    folders = Folders(desk.begin, run.folder_id, run.choice.naming)
    async for item in _walk(desk.database, desk.tree, run, desk.pace, Found()):
        placed = item if isinstance(item, Result) else await _place(desk, folders, item)
        if isinstance(placed, Result):
            report(placed)
        elif placed is not None:
            await waiting.put(placed)
    for _ in range(jobs):
        await waiting.put(None)


async def _work(desk: Desk, waiting: _Waiting, report: Callable[[Result], None]) -> None:
    while (wanted := await waiting.get()) is not None:
        if not desk.pace.is_stopped:
            with suppress(StoppedError):
                report(await desk.file(wanted))


async def _place(desk: Desk, folders: Folders, item: _ToDo) -> Wanted | Result | None:
    """Return where a file is to be filed, or what is against it; an empty directory is made, and that is all."""
    entry = item.entry
    try:
        if entry.kind is Kind.DIRECTORY:
            await folders.id_of(entry.path)
            await desk.note_empty(entry)
            return None
        folder_id = await folders.id_of(entry.path.rpartition(b"/")[0])
    except NOT_OF_THE_FILE:
        raise
    except DomainError as error:
        return refused(entry, error)
    return Wanted(entry, folder_id, item.name, item.known)


async def _walk(
    database: Database, tree: Tree, run: Run, pace: Pace, counted: Found
) -> AsyncIterator[_ToDo | Result]:
    """Go through a tree, by name: what is to be filed, and what cannot be. Counts what was filed before."""
    left = [Entry(b"", Kind.DIRECTORY, 0, 0)]
    while left and not pace.is_stopped:
        directory = left.pop()
        try:
            if directory.path:
                run.choice.naming.name(directory.name)
            listed = await asyncio.to_thread(tree.entries, directory.path)
        except DomainError as error:
            yield refused(directory, error)
            continue
        entries = [one for one in listed if not run.choice.excludes(one)]
        left += reversed([one for one in entries if one.kind is Kind.DIRECTORY])
        for one in entries:
            if one.kind in _NEVER_FILED:
                yield refused(one, _NEVER_FILED[one.kind])
        files = [one for one in entries if one.kind is Kind.FILE]
        if directory.path and not listed:
            files = [directory]
        for start in range(0, len(files), _BATCH):
            for item in await _unfiled(database, run, files[start : start + _BATCH], counted):
                if pace.is_over:
                    return
                yield item


async def _unfiled(
    database: Database, run: Run, entries: Sequence[Entry], counted: Found
) -> list[_ToDo | Result]:
    """Return those of the entries that the journal does not know as they are."""
    known: dict[bytes, ImportedFile] = {}
    if run.import_id is not None:
        digests = [path_digest(one.path) for one in entries]
        async with database.transaction(Tenant(run.actor.org_id)) as session:
            rows = await queries.filed(session, run.import_id, digests)
        known = {row.path_digest: row for row in rows}
    todo: list[_ToDo | Result] = []
    for entry in entries:
        row = known.get(path_digest(entry.path))
        if row is not None and _is_as_filed(entry, row):
            counted.unchanged += entry.kind is Kind.FILE
            continue
        try:
            todo.append(_ToDo(entry, run.choice.naming.name(entry.name), row))
        except DomainError as error:
            todo.append(refused(entry, error))
    return todo


def _is_as_filed(entry: Entry, row: ImportedFile) -> bool:
    if entry.kind is Kind.DIRECTORY:
        return row.digest is None
    return row.digest is not None and (entry.size, entry.mtime_ns) == (row.size, row.mtime_ns)


def _first(error: BaseException) -> BaseException:
    """Return what went wrong first: the rest of the group was ended by it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
