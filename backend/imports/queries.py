"""SQL of imports. Used by `service` alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.imports.models import Import, ImportedFile


async def find_or_make(
    session: AsyncSession, *, org_id: int, folder_id: int, source: str, source_digest: bytes
) -> int:
    """Return the id of the import of a directory into a folder."""
    await session.execute(
        insert(Import)
        .values(org_id=org_id, folder_id=folder_id, source=source, source_digest=source_digest)
        .on_conflict_do_nothing()
    )
    statement = select(Import.id).where(
        Import.folder_id == folder_id, Import.source_digest == source_digest
    )
    return (await session.scalars(statement)).one()


async def find(session: AsyncSession, *, folder_id: int, source_digest: bytes) -> int | None:
    """Return the id of the import of a directory into a folder, if there ever was one."""
    return await session.scalar(
        select(Import.id).where(
            Import.folder_id == folder_id, Import.source_digest == source_digest
        )
    )


async def filed(
    session: AsyncSession, import_id: int, path_digests: Sequence[bytes]
) -> Sequence[ImportedFile]:
    """Return the rows of those of the files that were filed."""
    statement = select(ImportedFile).where(
        ImportedFile.import_id == import_id, ImportedFile.path_digest.in_(path_digests)
    )
    return (await session.scalars(statement)).all()


async def claim(session: AsyncSession, row: ImportedFile) -> bool:
    """Write a file into the journal; False where it is there. Waits for whoever is just filing it."""
    statement = insert(ImportedFile).values(
        import_id=row.import_id,
        path_digest=row.path_digest,
        org_id=row.org_id,
        path=row.path,
        size=row.size,
        mtime_ns=row.mtime_ns,
        digest=row.digest,
    )
    claimed = await session.scalar(
        statement.on_conflict_do_nothing().returning(ImportedFile.import_id)
    )
    return claimed is not None


async def claim_change(session: AsyncSession, known: ImportedFile, row: ImportedFile) -> bool:
    """Write into the journal what a file is now; False where that is not what was `known` of it any more."""
    statement = (
        update(ImportedFile)
        .where(
            ImportedFile.import_id == known.import_id,
            ImportedFile.path_digest == known.path_digest,
            ImportedFile.size == known.size,
            ImportedFile.mtime_ns == known.mtime_ns,
        )
        .values(size=row.size, mtime_ns=row.mtime_ns, digest=row.digest, filed_at=now())
        .returning(ImportedFile.import_id)
    )
    return await session.scalar(statement) is not None


async def set_document(session: AsyncSession, row: ImportedFile, document_id: int) -> None:
    """Say which document a file became."""
    await session.execute(
        update(ImportedFile)
        .where(ImportedFile.import_id == row.import_id, ImportedFile.path_digest == row.path_digest)
        .values(document_id=document_id)
    )


class ImportedFrom(NamedTuple):
    """Where a document's file was found, and when it was last brought from there."""

    directory: str
    """As the import knows it."""
    path: str
    """Below the directory."""
    at: datetime


async def origin(session: AsyncSession, document_id: int) -> ImportedFrom | None:
    """Return where the file that became a document was found; None where no import brought it."""
    statement = (
        select(Import.source, ImportedFile.path, ImportedFile.filed_at)
        .join(Import, Import.id == ImportedFile.import_id)
        .where(ImportedFile.document_id == document_id)
        .order_by(ImportedFile.filed_at.desc())
        .limit(1)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else ImportedFrom(*row)
