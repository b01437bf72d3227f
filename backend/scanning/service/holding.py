"""The quarantine: holding what is found, and what administrators decide about it."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.errors import NotFoundError
from backend.core.outbox import emit
from backend.core.pagination import decode_cursor, encode_cursor
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.documents.models import ScanStatus
from backend.documents.service import Reference, ScannableBlob
from backend.identity import service as identity
from backend.identity.models import organisation_of
from backend.notifications.mail import Letter
from backend.scanning import letters, queries
from backend.scanning.errors import NotReleasedError, QuarantineDecidedError
from backend.scanning.models import QuarantinedContent, QuarantineState
from backend.scanning.schemas import Decider, HeldDocument, QuarantineOut

QUARANTINE_CHANGED = "quarantine.changed"
"""The event that tells administrators; `data` holds the `id` and the `state` of what was found or decided."""
MAIL_DUE = "quarantine.mail_due"
"""The event that has a user told by mail; `data` holds `quarantine_id` and `user_id`."""
_DOCUMENTS = 10
_PATH = "/quarantine"


async def hold(
    session: AsyncSession,
    blob: ScannableBlob,
    *,
    org_id: int,
    signature: str,
    scanned_with: int | None,
) -> bool:
    """Put content in which malware was found into quarantine, and have those told whom it concerns.

    Returns False where an administrator has released it from this signature, or it is gone.
    """
    if await queries.is_excepted(session, blob.digest, signature):
        await documents.record_scan(
            session, blob.id, ScanStatus.RELEASED, detail=signature, scanned_with=scanned_with
        )
        return False
    held = await documents.quarantine(
        session, blob.id, signature=signature, scanned_with=scanned_with
    )
    if held is None:
        return False
    digest, found = held
    quarantine_id = await queries.put(
        session,
        org_id=org_id,
        digest=digest,
        size=blob.size,
        signature=signature,
        scanned_with=scanned_with,
    )
    if quarantine_id is None:
        return True  # two scanned it at once
    data = {"signature": signature, "documents": len({one.document_id for one in found})}
    await _record(session, "quarantine.held", digest, data, org_id=org_id, actor_id=None)
    await _changed(session, org_id, quarantine_id, QuarantineState.HELD)
    await _write_to(session, org_id, quarantine_id, found)
    return True


async def list_quarantine(
    session: AsyncSession, actor: Actor, *, state: QuarantineState, cursor: str | None, limit: int
) -> tuple[list[QuarantineOut], str | None]:
    """Return a page of what is in quarantine, or was, newest first, and the cursor of the next."""
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = await queries.page(session, state, before=before, limit=limit + 1)
    page = rows[:limit]
    shown = await _describe(session, actor, page)
    return shown, encode_cursor(page[-1].id) if len(rows) > limit else None


async def release(
    session: AsyncSession, actor: Actor, quarantine_id: int, *, reason: str
) -> QuarantineOut:
    """Let content be read again, and remember that it is no malware whatever this signature says.

    Raises:
        NotFoundError: the organisation has no such entry.
        QuarantineDecidedError: it was decided on before.
    """
    entry = await _held(session, quarantine_id)
    await documents.release(
        session, digest=entry.digest, signature=entry.signature, actor_id=actor.user_id
    )
    await _decide(session, actor, entry, QuarantineState.RELEASED, reason=reason)
    return (await _describe(session, actor, [entry]))[0]


async def revoke(session: AsyncSession, actor: Actor, quarantine_id: int) -> QuarantineOut:
    """Take a release back: the content is malware again, what of it is stored is held, and it is not taken any more.

    Raises:
        NotFoundError: the organisation has no such entry.
        NotReleasedError: it was not released, or that was taken back before.
    """
    entry = await _entry(session, quarantine_id)
    if entry.state is not QuarantineState.RELEASED:
        raise NotReleasedError(f"It is {entry.state}, not released.", state=entry.state)
    await _decide(session, actor, entry, QuarantineState.REVOKED, reason=entry.reason)
    for blob in await documents.unquarantined_blobs(session, [entry.digest]):
        await hold(
            session,
            blob,
            org_id=actor.org_id,
            signature=entry.signature,
            scanned_with=entry.scanned_with,
        )
    return (await _describe(session, actor, [entry]))[0]


async def is_released(database: Database, namespace: str, digest: bytes, signature: str) -> bool:
    """Tell whether an administrator of the namespace's organisation has released content from a signature.

    In a transaction of its own: asked while content is received, when none is open.
    """
    async with database.transaction(Tenant(organisation_of(namespace))) as session:
        return await queries.is_excepted(session, digest, signature)


async def delete(session: AsyncSession, actor: Actor, quarantine_id: int) -> None:
    """Delete every version with the content for good, and the documents that have no other. Raises like `release`."""
    entry = await _held(session, quarantine_id)
    await documents.delete_content(
        session, digest=entry.digest, signature=entry.signature, actor_id=actor.user_id
    )
    await _decide(session, actor, entry, QuarantineState.DELETED, reason=None)


async def letter(
    session: AsyncSession, quarantine_id: int, user_id: int, *, org_id: int, settings: Settings
) -> tuple[str, Letter] | None:
    """Return the address of a user, and what the user is told; None where there is nothing to tell any more."""
    entry = await queries.get(session, quarantine_id)
    found = await identity.addressee(session, org_id=org_id, user_id=user_id)
    if entry is None or entry.state is not QuarantineState.HELD or found is None:
        return None
    email, name = found
    own = await documents.names_of_content(session, digest=entry.digest, owner_id=user_id)
    administers = user_id in await identity.administrator_ids(session, org_id)
    link = f"{settings.web_url}{_PATH}" if administers else None
    return email, letters.found(name=name, signature=entry.signature, documents=own, link=link)


async def count_held_everywhere(session: AsyncSession) -> int:
    """Return how much content is in quarantine, in all organisations together."""
    return await queries.count_held_everywhere(session)


async def _entry(session: AsyncSession, quarantine_id: int) -> QuarantinedContent:
    entry = await queries.lock(session, quarantine_id)
    if entry is None:
        raise NotFoundError(f"There is no {quarantine_id} in quarantine.")
    return entry


async def _held(session: AsyncSession, quarantine_id: int) -> QuarantinedContent:
    entry = await _entry(session, quarantine_id)
    if entry.state is not QuarantineState.HELD:
        raise QuarantineDecidedError(f"It was {entry.state} before.", state=entry.state)
    return entry


async def _decide(
    session: AsyncSession,
    actor: Actor,
    entry: QuarantinedContent,
    state: QuarantineState,
    *,
    reason: str | None,
) -> None:
    entry.state, entry.reason = state, reason
    entry.decided_at, entry.decided_by = now(), actor.user_id
    await session.flush()
    data = {"signature": entry.signature, **({} if reason is None else {"reason": reason})}
    await _record(
        session,
        f"quarantine.{state}",
        entry.digest,
        data,
        org_id=actor.org_id,
        actor_id=actor.user_id,
    )
    await _changed(session, actor.org_id, entry.id, state)


async def _record(
    session: AsyncSession,
    action: str,
    digest: bytes,
    data: Mapping[str, object],
    *,
    org_id: int,
    actor_id: int | None,
) -> None:
    deed = Deed(action, f"blob:{digest.hex()}", data)
    await audit.record(session, [deed], org_id=org_id, actor_id=actor_id)


async def _changed(
    session: AsyncSession, org_id: int, quarantine_id: int, state: QuarantineState
) -> None:
    data = {"id": quarantine_id, "state": state}
    await emit(session, QUARANTINE_CHANGED, org_id=org_id, data=data)


async def _write_to(
    session: AsyncSession, org_id: int, quarantine_id: int, found: Sequence[Reference]
) -> None:
    """Have owners and administrators told by mail, each once."""
    administrators = await identity.administrator_ids(session, org_id)
    for user_id in sorted({*administrators, *(one.owner_id for one in found)}):
        data = {"quarantine_id": quarantine_id, "user_id": user_id}
        await emit(session, MAIL_DUE, org_id=org_id, data=data)


async def _describe(
    session: AsyncSession, actor: Actor, page: Sequence[QuarantinedContent]
) -> list[QuarantineOut]:
    by_digest = await documents.documents_with_blobs(
        session, [one.digest for one in page], limit=_DOCUMENTS
    )
    wanted = {document_id for ids in by_digest.values() for document_id in ids}
    named = {one.id: one for one in await documents.name_documents(session, actor, list(wanted))}
    names = await identity.user_names(
        session, [one.decided_by for one in page if one.decided_by is not None]
    )
    return [
        QuarantineOut(
            id=one.id,
            sha256=one.digest.hex(),
            size=one.size,
            signature=one.signature,
            scanned_with=one.scanned_with,
            state=one.state,
            found_at=one.found_at,
            decided_at=one.decided_at,
            decided_by=_decider(one, names),
            reason=one.reason,
            documents=[
                HeldDocument(
                    id=document.id,
                    name=document.name,
                    folder_id=document.folder_id,
                    is_trashed=document.is_trashed,
                )
                for document_id in by_digest.get(one.digest, [])
                if (document := named.get(document_id)) is not None
            ],
        )
        for one in page
    ]


def _decider(entry: QuarantinedContent, names: dict[int, str]) -> Decider | None:
    if entry.decided_by is None:
        return None
    return Decider(id=entry.decided_by, name=names.get(entry.decided_by, ""))
