"""One file: read, and recorded as a document together with its line in the journal."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.errors import StorageFullError, VirusFoundError
from backend.content.service import Content, Received
from backend.core.actor import Actor
from backend.core.db import Database
from backend.core.errors import (
    DomainError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from backend.core.origin import on_behalf_of
from backend.core.pace import Pace
from backend.documents.schemas import OnConflict
from backend.documents.service import changing, reading, uploading
from backend.documents.service.uploading import About
from backend.identity.models import store_namespace
from backend.identity.standing_in import act_for
from backend.imports import queries
from backend.imports.errors import DocumentGoneError
from backend.imports.models import ImportedFile
from backend.imports.naming import shown
from backend.imports.tree import Entry, OpenedFile, Tree

MODIFIED = "file_modified"
"""The property of a document that says when its file was last written, in UTC (ISO 8601)."""
NOT_OF_THE_FILE = (UnavailableError, StorageFullError, UnauthenticatedError)
"""What is against every file, and not against this one: the import ends, to be gone on with."""
_COMMENT_LENGTH = 2_000


class Outcome(StrEnum):
    """What became of a file."""

    FILED = "filed"
    VERSION = "version"
    """It has changed since it was filed, and is the next version of its document."""
    SAME = "same"
    """It was written again since it was filed, and says the same."""
    ELSEWHERE = "elsewhere"
    """Another import of the same directory filed it meanwhile."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """A file, and what became of it; `reason` is a code, `detail` a sentence, where it was refused."""

    path: bytes
    outcome: Outcome
    size: int = 0
    document_id: int | None = None
    name: str | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is to be filed: where, under which name, and what is known of it from before."""

    entry: Entry
    folder_id: int
    name: str
    known: ImportedFile | None

    @property
    def is_new(self) -> bool:
        """Whether no document was made of it yet: it is not known, or was an empty directory."""
        return self.known is None or self.known.digest is None


def refused(entry: Entry, error: DomainError) -> Result:
    """Return what is told of a file that cannot be filed."""
    size = entry.size
    return Result(entry.path, Outcome.REFUSED, size, reason=error.code, detail=error.detail)


def path_digest(path: bytes) -> bytes:
    """Return what the journal knows a path by."""
    return hashlib.sha256(path).digest()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where files are filed: for one import, in one person's name."""

    database: Database
    content: Content
    tree: Tree
    import_id: int
    org_id: int
    user_id: int
    pace: Pace

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[AsyncSession, Actor]]:
        """Open one transaction, with the person as of now. What is recorded in it names the import as the session."""
        with on_behalf_of(f"import:{self.import_id}"):
            async with self.database.transaction() as session:
                yield session, await act_for(session, org_id=self.org_id, user_id=self.user_id)

    async def file(self, wanted: Wanted) -> Result:
        """File one file, if nothing is against it.

        Raises:
            StoppedError: the pace was stopped; nothing was filed.
            UnavailableError, StorageFullError, SQLAlchemyError, OSError: what files are put into is away or full.
            UnauthenticatedError: the person may not file anything any more.
        """
        try:
            await self._check(wanted)
            return await self._read(wanted)
        except NOT_OF_THE_FILE:
            raise
        except VirusFoundError as error:
            await self._record_refusal(wanted, error)
            return refused(wanted.entry, error)
        except DomainError as error:
            return refused(wanted.entry, error)

    async def note_empty(self, entry: Entry) -> None:
        """Write into the journal that a directory without anything in it has become a folder."""
        async with self.begin() as (session, _):
            await queries.claim(session, self._row(entry.path, 0, 0, None))

    async def _check(self, wanted: Wanted) -> None:
        """Refuse before it is read what would be refused in the end."""
        async with self.begin() as (session, actor):
            if wanted.known is None or wanted.is_new:
                await uploading.check_upload(
                    session,
                    actor,
                    folder_id=wanted.folder_id,
                    name=wanted.name,
                    on_conflict=OnConflict.RENAME,
                    size=wanted.entry.size,
                )
                return
            document_id = _document_of(wanted.known)
            try:
                await uploading.check_new_version(
                    session, actor, document_id, if_match=None, size=wanted.entry.size
                )
            except NotFoundError as error:
                raise _gone(document_id) from error

    async def _read(self, wanted: Wanted) -> Result:
        opened = await self.content.run(self.tree.open, wanted.entry.path)
        with closing(opened):
            namespace = store_namespace(self.org_id)
            async with (
                self.content.receive(self._chunks(opened), namespace=namespace) as received,
                self.begin() as (session, actor),
            ):
                return await self._record(session, actor, wanted, opened, received)

    async def _chunks(self, opened: OpenedFile) -> AsyncIterator[bytes]:
        while piece := await self.content.run(opened.read):
            yield piece
            await self.content.run(self.pace.spend, len(piece))

    async def _record(
        self,
        session: AsyncSession,
        actor: Actor,
        wanted: Wanted,
        opened: OpenedFile,
        received: Received,
    ) -> Result:
        """Write document and journal in one transaction: the journal first, where others at the same file wait."""
        path, known = wanted.entry.path, wanted.known
        row = self._row(path, opened.size, opened.mtime_ns, received.digest)
        if known is None:
            is_ours = await queries.claim(session, row)
        else:
            is_ours = await queries.claim_change(session, known, row)
        if not is_ours:
            return Result(path, Outcome.ELSEWHERE)
        if known is None or wanted.is_new:
            recorded = await uploading.record_document(
                session,
                actor,
                received,
                folder_id=wanted.folder_id,
                name=wanted.name,
                on_conflict=OnConflict.RENAME,
                comment=_comment(path),
                about=About(properties={MODIFIED: _time(opened)}),
            )
            await queries.set_document(session, row, recorded.document_id)
            document_id, name = recorded.document_id, recorded.name
            return Result(path, Outcome.FILED, received.size, document_id, name)
        if known.digest == received.digest:
            return Result(path, Outcome.SAME, received.size, known.document_id)
        return await self._record_version(session, actor, wanted, opened, received)

    async def _record_version(
        self,
        session: AsyncSession,
        actor: Actor,
        wanted: Wanted,
        opened: OpenedFile,
        received: Received,
    ) -> Result:
        assert wanted.known is not None  # noqa: S101  # what is new has no earlier version
        document_id = _document_of(wanted.known)
        await uploading.record_version(
            session,
            actor,
            received,
            document_id=document_id,
            comment=_comment(wanted.entry.path),
        )
        document = await reading.get_document(session, actor, document_id)
        properties = {**document.properties, MODIFIED: _time(opened)}
        await changing.update_document(session, actor, document_id, properties=properties)
        path = wanted.entry.path
        return Result(path, Outcome.VERSION, received.size, document_id, document.name)

    async def _record_refusal(self, wanted: Wanted, error: VirusFoundError) -> None:
        async with self.begin() as (session, actor):
            await uploading.record_refusal(
                session,
                actor,
                error,
                name=wanted.name,
                folder_id=wanted.folder_id,
                document_id=None if wanted.known is None else wanted.known.document_id,
            )

    def _row(self, path: bytes, size: int, mtime_ns: int, digest: bytes | None) -> ImportedFile:
        return ImportedFile(
            import_id=self.import_id,
            path_digest=path_digest(path),
            org_id=self.org_id,
            path=shown(path),
            size=size,
            mtime_ns=mtime_ns,
            digest=digest,
        )


def _document_of(known: ImportedFile) -> int:
    if known.document_id is None:
        raise DocumentGoneError(
            "It has changed since it was filed, and its document was deleted for good."
        )
    return known.document_id


def _gone(document_id: int) -> DocumentGoneError:
    return DocumentGoneError(
        f"It has changed since it was filed, and its document ({document_id}) is in the trash, or may not be seen.",
        document_id=document_id,
    )


def _comment(path: bytes) -> str:
    return f"Imported: {shown(path)}"[:_COMMENT_LENGTH]


def _time(opened: OpenedFile) -> str:
    """Return when a file was last written, to the second; the number of seconds where no calendar goes so far."""
    seconds = opened.mtime_ns // 10**9
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return str(seconds)
