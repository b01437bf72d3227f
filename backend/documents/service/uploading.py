"""Recording received content as a document or as a version, and publishing it in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.content.errors import VirusFoundError
from backend.content.media_types import media_type_of
from backend.content.service import Received
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import ConflictError, StaleError
from backend.core.names import numbered_name
from backend.core.outbox import emit
from backend.documents import queries
from backend.documents.errors import DocumentNameTakenError
from backend.documents.models import Document, IndexStatus, ScanStatus, Version
from backend.documents.schemas import OnConflict, PropertyValue
from backend.documents.service import limits
from backend.documents.service.reading import etag, get_document, get_version

_CANDIDATES = 50
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an upload became, and what that is called."""

    document_id: int
    created: bool
    name: str


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a document from the beginning."""

    tags: Sequence[str] = ()
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return what there is of it, for the audit trail."""
        said = {"tags": list(self.tags), "properties": dict(self.properties)}
        return {name: value for name, value in said.items() if value}


_NOTHING = About()


async def check_upload(
    session: AsyncSession,
    actor: Actor,
    *,
    folder_id: int,
    name: str,
    on_conflict: OnConflict,
    size: int | None = None,
) -> None:
    """Refuse before the first byte what would be refused after the last; `size` is bytes, where it is known.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the folder, or not add to it.
        DocumentNameTakenError: the name is taken, and `on_conflict` leaves it at that.
        UploadTooLargeError, FileTypeRefusedError, QuotaExceededError: the organisation does not take it.
    """
    await access.require(session, actor, Action.DOCUMENT_CREATE, folder_id=folder_id)
    await limits.check_announced(session, actor, name=name, size=size)
    if on_conflict is OnConflict.ERROR:
        taken_by = await queries.documents.id_by_name(session, folder_id, name)
        if taken_by is not None:
            raise await name_taken(session, actor, folder_id, name, taken_by)


async def check_new_version(
    session: AsyncSession,
    actor: Actor,
    document_id: int,
    *,
    if_match: str | None,
    size: int | None = None,
) -> None:
    """Refuse a new version before its first byte: as `record_version` would after the last."""
    document = await get_document(session, actor, document_id)
    await access.require_document(session, actor, Action.DOCUMENT_UPDATE, document_id=document_id)
    check_fresh(document, if_match)
    if size is not None:
        await limits.check_announced(session, actor, name=document.name, size=size)


async def record_document(
    session: AsyncSession,
    actor: Actor,
    received: Received,
    *,
    folder_id: int,
    name: str,
    on_conflict: OnConflict,
    comment: str | None,
    about: About = _NOTHING,
) -> Recorded:
    """Make received content a document, or by `on_conflict` a version of the one that has its name.

    `about` is what is said of a new document.
    """
    await access.require(session, actor, Action.DOCUMENT_CREATE, folder_id=folder_id)
    free = name
    for _ in range(_ATTEMPTS):
        document_id = await queries.documents.insert_document(
            session,
            org_id=actor.org_id,
            folder_id=folder_id,
            name=free,
            owner_id=actor.user_id,
            tags=about.tags,
            properties=about.properties,
        )
        if document_id is not None:
            version = await _new_version(
                session,
                actor,
                received,
                document_id=document_id,
                name=free,
                number=1,
                comment=comment,
            )
            await queries.documents.set_first_version(session, document_id, version.id)
            await _announce(session, "document.created", version, folder_id=folder_id)
            await _record_content(
                session,
                actor,
                "document.created",
                version,
                received,
                folder_id,
                name=free,
                **about.facts(),
            )
            return Recorded(document_id, created=True, name=free)
        taken_by = await queries.documents.id_by_name(session, folder_id, free)
        if taken_by is None:
            continue  # given back between the insert and the look
        is_version = on_conflict is OnConflict.VERSION
        if on_conflict is OnConflict.ERROR or (
            is_version and not await access.readable_ids(session, actor, [taken_by])
        ):
            raise await name_taken(session, actor, folder_id, name, taken_by)
        if is_version:
            await record_version(session, actor, received, document_id=taken_by, comment=comment)
            return Recorded(taken_by, created=False, name=free)
        free = await free_name(session, folder_id, name)
    raise DocumentNameTakenError(
        f"The name {name!r} is being taken over and over; try again.", name=name
    )


async def record_version(
    session: AsyncSession,
    actor: Actor,
    received: Received,
    *,
    document_id: int,
    comment: str | None,
    if_match: str | None = None,
) -> None:
    """Make received content the current version of a document.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the document, or not change it.
        StaleError: `if_match` is not its present ETag.
    """
    await queries.documents.lock(session, document_id)
    await check_new_version(session, actor, document_id, if_match=if_match)
    document = await get_document(session, actor, document_id)
    version = await _new_version(
        session,
        actor,
        received,
        document_id=document_id,
        name=document.name,
        number=await queries.versions.last_number(session, document_id) + 1,
        comment=comment,
    )
    await queries.documents.set_next_version(session, document_id, version.id)
    await _announce(session, "document.version_created", version, folder_id=document.folder_id)
    await _record_content(
        session, actor, "document.version_created", version, received, document.folder_id
    )


async def restore_version(
    session: AsyncSession, actor: Actor, document_id: int, number: int
) -> None:
    """Make the content of an earlier version current again, as a new version."""
    await queries.documents.lock(session, document_id)
    await check_new_version(session, actor, document_id, if_match=None)
    document = await get_document(session, actor, document_id)
    earlier = await get_version(session, document, number)
    if await queries.blobs.hold_blob(session, earlier.blob_id) is not None:
        raise ConflictError("The content of this version was just put into quarantine.")
    version = Version(
        org_id=actor.org_id,
        document_id=document.id,
        number=await queries.versions.last_number(session, document.id) + 1,
        blob_id=earlier.blob_id,
        media_type=earlier.media_type,
        scan_status=earlier.scan_status,
        scan_detail=earlier.scan_detail,
        index_status=IndexStatus.PENDING,
        comment=f"Restored from version {number}",
        created_by=actor.user_id,
    )
    session.add(version)
    await session.flush()
    await queries.documents.set_next_version(session, document_id, version.id)
    await _announce(session, "document.version_created", version, folder_id=document.folder_id)
    deed = Deed(
        "document.version_restored",
        f"document:{document.id}",
        {"version": version.number, "from": number, "sha256": earlier.blob.digest.hex()},
        folder_id=document.folder_id,
    )
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def record_refusal(
    session: AsyncSession,
    actor: Actor,
    error: VirusFoundError,
    *,
    name: str | None,
    folder_id: int | None = None,
    document_id: int | None = None,
) -> None:
    """Record that malware was about to be stored, in a transaction of its own: that of the upload is rolled back."""
    subject = f"folder:{folder_id}" if document_id is None else f"document:{document_id}"
    deed = Deed("upload.refused", subject, {"name": name, **error.data}, folder_id)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


def check_fresh(document: Document, if_match: str | None) -> None:
    """Refuse a change that is based on an earlier state.

    Raises:
        StaleError: with the present `etag`.
    """
    if if_match not in {None, "*", etag(document)}:
        raise StaleError(
            "The document was changed since you read it; read it again.", etag=etag(document)
        )


async def free_name(session: AsyncSession, folder_id: int, name: str) -> str:
    """Return the name with a free number, and one before it that is taken: `report (1).pdf`.

    It is the first free one where few are taken; ten thousand take four questions, and not two hundred.
    """
    taken_up_to, step = 0, 1
    while True:
        numbers = [taken_up_to + step * count for count in range(1, _CANDIDATES + 1)]
        candidates = [numbered_name(name, number) for number in numbers]
        taken = await queries.documents.taken_positions(session, folder_id, candidates)
        free = next((place for place in range(_CANDIDATES) if place not in taken), None)
        if free is None:
            taken_up_to, step = numbers[-1], step * _CANDIDATES
        elif step == 1:
            return candidates[free]
        else:
            taken_up_to, step = numbers[free] - step, step // _CANDIDATES


async def name_taken(
    session: AsyncSession, actor: Actor, folder_id: int, name: str, document_id: int
) -> DocumentNameTakenError:
    """Return the error that tells who has the name, and the ways out; of what the actor may not read, nothing."""
    rename = {"rename": await free_name(session, folder_id, name)}
    if not await access.readable_ids(session, actor, [document_id]):
        return DocumentNameTakenError(
            f"The name {name!r} cannot be had in this folder. Nothing was changed; upload it under another name "
            "(?on_conflict=rename).",
            on_conflict=[OnConflict.RENAME],
            suggestions=rename,
        )
    return DocumentNameTakenError(
        f"There is already a document named {name!r} in this folder. Nothing was changed; upload it as a new "
        "version of that one (?on_conflict=version), or under another name (?on_conflict=rename).",
        document_id=document_id,
        on_conflict=[OnConflict.VERSION, OnConflict.RENAME],
        suggestions=rename,
    )


async def _new_version(
    session: AsyncSession,
    actor: Actor,
    received: Received,
    *,
    document_id: int,
    name: str,
    number: int,
    comment: str | None,
) -> Version:
    media_type = media_type_of(received.head, name)
    await limits.check_received(session, actor, received, name=name, media_type=media_type)
    version = Version(
        org_id=actor.org_id,
        document_id=document_id,
        number=number,
        blob_id=await publish(session, received, org_id=actor.org_id),
        media_type=media_type,
        scan_status=_scan_status(received),
        scan_detail=received.released_from or received.unscanned_because,
        index_status=IndexStatus.PENDING,
        comment=comment,
        created_by=actor.user_id,
    )
    session.add(version)
    await session.flush()
    return version


def _scan_status(received: Received) -> ScanStatus:
    if received.released_from is not None:
        return ScanStatus.RELEASED
    return ScanStatus.CLEAN if received.scanned else ScanStatus.UNSCANNED


async def publish(session: AsyncSession, received: Received, *, org_id: int) -> int:
    """Take the blob's row, then name its content; the id of the row.

    In this order, and late in the transaction: the row keeps the collection away from the content until something
    refers to it, and whatever was to be refused was refused while there was nothing to clear away.
    """
    blob_id, stored_size, signature = await queries.blobs.put_blob(
        session,
        org_id=org_id,
        digest=received.digest,
        size=received.size,
        stored_size=received.stored_size,
        scan_tried_at=now() if received.scan_tried else None,
        scanned_with=received.scanned_with,
    )
    if signature is not None:
        raise VirusFoundError(
            f"This content is in quarantine: the virus scanner recognised {signature} in it. It was not stored.",
            signature=signature,
            sha256=received.digest.hex(),
            size=received.size,
        )
    created = await received.publish()
    if created and stored_size != received.stored_size:
        # The row outlived its content: a collection was broken off between the two.
        await queries.blobs.set_stored_size(session, blob_id, received.stored_size)
    return blob_id


async def _announce(session: AsyncSession, event: str, version: Version, *, folder_id: int) -> None:
    await emit(
        session,
        event,
        org_id=version.org_id,
        data={
            "document_id": version.document_id,
            "version_id": version.id,
            "folder_id": folder_id,
        },
    )


async def _record_content(
    session: AsyncSession,
    actor: Actor,
    action: str,
    version: Version,
    received: Received,
    folder_id: int,
    **facts: Any,
) -> None:
    """Record that content was stored: which, by its digest, and nothing of what it says."""
    deed = Deed(
        action,
        f"document:{version.document_id}",
        {
            **facts,
            "version": version.number,
            "sha256": received.digest.hex(),
            "size": received.size,
            "media_type": version.media_type,
            **({"released_from": received.released_from} if received.released_from else {}),
        },
        folder_id=folder_id,
    )
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
