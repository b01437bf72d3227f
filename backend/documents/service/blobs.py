"""Blobs as the database knows them, for those who compare them with the store. Nothing here touches the store.

Every function works in the organisation its transaction is bound to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backend.access import service as access
from backend.core.actor import Actor
from backend.documents import queries


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A row of `blobs`: content bytes and stored bytes as they were recorded."""

    id: int
    digest: bytes
    size: int
    stored_size: int


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """What a document is called, and where it is."""

    id: int
    name: str
    folder_id: int
    is_trashed: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """A number of blobs, the bytes of their content, and what they take in the store."""

    blobs: int
    size: int
    stored_size: int


async def blobs_after(session: AsyncSession, digest: bytes, *, limit: int) -> list[StoredBlob]:
    """Return blobs in the order of their digests, from after one on."""
    return [
        StoredBlob(*row) for row in await queries.blobs.blobs_after(session, digest, limit=limit)
    ]


async def hold_blobs(session: AsyncSession, blob_ids: Sequence[int]) -> dict[int, StoredBlob]:
    """Return those of the blobs that still exist, as they are now, and keep them until the transaction ends.

    Waits for whoever is collecting or rewriting one of them.
    """
    return {row[0]: StoredBlob(*row) for row in await queries.blobs.hold_blobs(session, blob_ids)}


async def recorded_digests(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
    """Return those of the digests that the database has a row for."""
    return await queries.blobs.recorded_digests(session, digests)


async def reserve_digests(
    session: AsyncSession, org_id: int, digests: Sequence[bytes]
) -> set[bytes]:
    """Return those of the digests that have no row, and let nobody give them one before the transaction ends.

    Waits for whoever is just recording one of them. The transaction must be rolled back.
    """
    return await queries.blobs.reserve_digests(session, org_id, digests)


async def documents_with_blobs(
    session: AsyncSession, digests: Sequence[bytes], *, limit: int
) -> dict[bytes, list[int]]:
    """Return, by digest, the ids of the first `limit` documents that have a version with this content."""
    found: dict[bytes, list[int]] = {}
    for digest, document_id in await queries.blobs.documents_with_blobs(
        session, digests, limit=limit
    ):
        found.setdefault(digest, []).append(document_id)
    return found


async def name_documents(
    session: AsyncSession, actor: Actor, document_ids: Sequence[int]
) -> list[NamedDocument]:
    """Return those of the documents that the actor may see, those in the trash too, in no order."""
    known = await access.readable_ids(session, actor, document_ids, include_trashed=True)
    return [NamedDocument(*row) for row in await queries.documents.names(session, known)]


async def name_versions(
    session: AsyncSession, actor: Actor, version_ids: Sequence[int]
) -> dict[int, NamedDocument]:
    """Return, by version, the documents of those of the versions that the actor may see, those in the trash too."""
    ids = await queries.holders.documents_of(session, version_ids)
    named = {one.id: one for one in await name_documents(session, actor, list(set(ids.values())))}
    return {
        version_id: named[document_id]
        for version_id, document_id in ids.items()
        if document_id in named
    }


async def correct_sizes(
    session: AsyncSession, blob_id: int, *, size: int, stored_size: int
) -> None:
    """Record what the sealed content of a blob says of its sizes."""
    await queries.blobs.set_sizes(session, blob_id, size=size, stored_size=stored_size)


async def stored_totals(
    session: AsyncSession, *, unreferenced_by: Sequence[InstrumentedAttribute[Any]] = ()
) -> Totals:
    """Return how much the organisation has in the store, or has there though none of these columns refers to it.

    Reads all its rows: some 100 ms for a million.
    """
    return Totals(*await queries.blobs.stored_totals(session, unreferenced_by))
