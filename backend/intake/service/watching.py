"""Looking into a watched directory: files that rest are filed, and only then deleted or put aside.

Killed between the two, the journal knows the file by its key: it is put aside without being filed again.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import PurePosixPath

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.db import Tenant
from backend.core.errors import DomainError, ForbiddenError
from backend.intake import directories, queries
from backend.intake.directories import FileChangedError, FoundFile
from backend.intake.errors import SourceUnreachableError, UnforeseenError
from backend.intake.models import Item, ItemState, Source
from backend.intake.schemas import AfterFile, FolderSettings
from backend.intake.service.filing import (
    UNFORESEEN,
    Arrival,
    Desk,
    Outcome,
    file_item,
    is_past,
    note_failure,
)
from backend.intake.service.looking import Hindrance, Looked

log = structlog.get_logger(__name__)

_BATCH = 100
_SECONDS = 60
"""After so long others have their turn; the rest is gone on with at once."""
_CHUNK = 1024 * 1024
_COUNTED = 10_000
_GONE = "The file is not there any more, or was changed."


@dataclass(slots=True)
class _Round:
    """One look into a directory."""

    desk: Desk
    source: Source
    settings: FolderSettings
    directory: int
    """Its descriptor."""
    outcomes: list[Outcome] = field(default_factory=list)
    hindrance: Hindrance = field(default_factory=Hindrance)
    reached: str | None = None
    """The place of the last file there was time for."""

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction in the source's organisation."""
        return self.desk.database.transaction(Tenant(self.source.org_id))


async def watch(desk: Desk, source: Source, root: PurePosixPath) -> Looked:
    """File the files of a directory, which lies below an allowed one, that were not filed before."""
    settings = FolderSettings.model_validate(source.settings)
    try:
        with directories.opened(root, settings.directory) as directory:
            return await _looked(_Round(desk, source, settings, directory))
    except SourceUnreachableError as error:
        return Looked(error=str(error))


async def _looked(looking: _Round) -> Looked:
    with suppress(SourceUnreachableError):  # the hindrance says so
        await _look(looking)
    fresh = [one.state for one in looking.outcomes if one.is_new]
    return Looked(
        filed=fresh.count(ItemState.FILED),
        refused=fresh.count(ItemState.REFUSED),
        error=looking.hindrance.told,
        has_more=looking.reached is not None,
        reached=looking.reached,
    )


def look(settings: FolderSettings, root: PurePosixPath) -> str:
    """Look into a directory and say what a person needs to know. Blocking.

    Raises:
        SourceUnreachableError: it cannot be read; or changed, and is to be.
    """
    with directories.opened(root, settings.directory) as directory:
        if settings.after is not AfterFile.KEEP and not _is_writable(directory):
            raise SourceUnreachableError(
                f"The service may read {settings.directory}, but not take anything out of it."
            )
        waiting = directories.count_files(directory, most=_COUNTED)
    if waiting == 1:
        return f"1 file is in {settings.directory}."
    more = " or more" if waiting == _COUNTED else ""
    return f"{waiting:,}{more} files are in {settings.directory}."


def _is_writable(directory: int) -> bool:
    return os.access(".", os.W_OK | os.X_OK, dir_fd=directory, effective_ids=True)


async def _look(looking: _Round) -> None:
    """Go through the files, from where there was no time for more, as far as there is time for now."""
    until = time.monotonic() + _SECONDS
    await _retry(looking, until)
    reached = looking.source.reached
    found = directories.files(
        looking.directory,
        stable_seconds=looking.settings.stable_seconds,
        after=() if reached is None else directories.steps_of(reached),
    )
    while batch := await asyncio.to_thread(_some, found):
        async with looking.transaction() as session:
            keys = [file.key for file in batch]
            known = await queries.items_by_key(session, looking.source.id, keys)
        for file in batch:
            await _handle(looking, file, known.get(file.key))
            if time.monotonic() > until:
                looking.reached = file.place
                return


def _some(found: Iterator[FoundFile]) -> list[FoundFile]:
    return list(islice(found, _BATCH))


async def _handle(looking: _Round, file: FoundFile, item: Item | None) -> None:
    """Do with a file what is to be done: file it, or only put it aside."""
    if item is None or is_past(item.retry_at):
        await _take(looking, file)
    else:
        await _put_aside(looking, file, Outcome(item.state, item.reason, is_new=False))


async def _retry(looking: _Round, until: float) -> None:
    """Try again what is due, wherever it was put; of what is gone, say so."""
    async with looking.transaction() as session:
        due = await queries.due_items(session, looking.source.id, now(), limit=_BATCH)
    for item in due:
        if time.monotonic() > until:
            return
        steps = directories.steps_of(item.place)
        inode, size, modified_ns = map(int, directories.identity_of(item.key).split(":"))
        file = FoundFile(steps, size, inode, modified_ns)
        which = (looking.directory, steps, file.identity)
        if not await asyncio.to_thread(directories.is_there, *which):
            async with looking.transaction() as session:
                await queries.update_item(session, item.id, reason=_GONE, retry_at=None, at=now())
        else:
            await _take(looking, file, key=item.key)


async def _take(looking: _Round, file: FoundFile, *, key: str | None = None) -> None:
    """File a file, and put it aside; `key` is that of its item, where it was moved since.

    Whatever goes wrong with it holds up no other.
    """
    arrival = _arrival(looking.settings, file, key or file.key)
    try:
        await _file(looking, file, arrival)
    except (SourceUnreachableError, DomainError):
        raise  # this is about the source
    except Exception:
        log.exception("file_not_filed", source_id=looking.source.id, place=file.place)
        await _note(looking, arrival, UnforeseenError(UNFORESEEN))


async def _file(looking: _Round, file: FoundFile, arrival: Arrival) -> None:
    try:
        descriptor = await asyncio.to_thread(
            directories.open_file, looking.directory, file.steps, file.identity
        )
    except FileChangedError:
        return
    except OSError as error:
        await _note(looking, arrival, _unreadable(error))
        return
    try:
        outcome = await file_item(
            looking.desk,
            org_id=looking.source.org_id,
            source_id=looking.source.id,
            arrival=arrival,
            chunks=_chunks(descriptor, file),
        )
    except FileChangedError:
        return  # it is found again when it has come to rest
    except _ReadError as error:
        await _note(looking, arrival, _unreadable(error.error))
        return
    finally:
        os.close(descriptor)
    if outcome.is_outage:
        looking.hindrance.meet(outcome)
        return
    looking.outcomes.append(outcome)
    await _put_aside(looking, file, outcome)


async def _put_aside(looking: _Round, file: FoundFile, outcome: Outcome) -> None:
    after, is_filed = looking.settings.after, outcome.state is ItemState.FILED
    is_there_already = not is_filed and file.steps[0] == directories.REFUSED
    if outcome.state is ItemState.FAILED or after is AfterFile.KEEP or is_there_already:
        return
    which = (looking.directory, file.steps, file.identity)
    try:
        if is_filed and after is AfterFile.DELETE:
            await asyncio.to_thread(directories.remove, *which)
            return
        steps = await asyncio.to_thread(
            directories.put_aside,
            *which,
            into=directories.FILED if is_filed else directories.REFUSED,
            reason=None if is_filed else outcome.reason,
        )
    except FileChangedError:
        return
    except OSError as error:
        name = directories.shown("/".join(file.steps))
        looking.hindrance.told = f"{name} cannot be taken out of the directory: {error.strerror}."
        return
    moved = FoundFile(steps, file.size, file.inode, file.modified_ns)
    async with looking.transaction() as session:
        await queries.move_items(session, looking.source.id, file.place, moved.place)


async def _note(looking: _Round, arrival: Arrival, error: DomainError) -> None:
    """Enter into the journal why a file was not filed."""
    async with looking.transaction() as session:
        outcome = await note_failure(session, looking.source.id, arrival, error)
    looking.outcomes.append(outcome)


def _unreadable(error: OSError) -> ForbiddenError:
    return ForbiddenError(f"The file cannot be read: {error.strerror}.")


class _ReadError(Exception):
    """Reading a file failed."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


async def _chunks(descriptor: int, file: FoundFile) -> AsyncIterator[bytes]:
    """Yield what is in a file.

    Raises:
        FileChangedError: somebody wrote to it meanwhile.
        _ReadError: it cannot be read on.
    """
    left = file.size  # what is added meanwhile is not waited for: it has changed then
    with directories.unchanged(descriptor, file.identity):
        try:
            while left and (
                chunk := await asyncio.to_thread(os.read, descriptor, min(left, _CHUNK))
            ):
                left -= len(chunk)
                yield chunk
        except OSError as error:
            raise _ReadError(error) from error


def _arrival(settings: FolderSettings, file: FoundFile, key: str) -> Arrival:
    steps: Sequence[str] = [directories.shown(step) for step in file.steps]
    if file.steps[0] == directories.REFUSED:
        steps = steps[1:]
    return Arrival(
        key=key,
        place=file.place,
        name=steps[-1],
        at=_time(file),
        size=file.size,
        folders=tuple(steps[:-1]) if settings.keeps_tree else (),
    )


def _time(file: FoundFile) -> datetime:
    """Return when a file was last written; now, where no calendar goes so far."""
    try:
        return datetime.fromtimestamp(file.modified_ns / 1e9, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return now()
