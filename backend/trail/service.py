"""The trail with the names of people, by folder and by document."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.formats import COLUMNS, csv_lines, json_line, values
from backend.audit.service import ChainState, Deed, Filters, TrailEvent
from backend.audit.statements import Signed, Signer
from backend.core.actor import Actor
from backend.core.db import Database, Tenant
from backend.core.pagination import decode_cursor, encode_cursor
from backend.documents import service as documents
from backend.folders import service as folders
from backend.identity import service as identity
from backend.trail.schemas import (
    ActorRef,
    ChainStateOut,
    CheckpointOut,
    EventOut,
    ExportFormat,
    HistoryEntry,
)

HISTORY = (
    "document.created",
    "document.updated",
    "document.moved",
    "document.version_created",
    "document.version_restored",
    "document.trashed",
    "document.restored",
    "document.text_corrected",
    "document.text_restored",
    "document.ocr_requested",
)
"""What readers of a document are told of it: what became of it, not who else read it or tried to."""


async def within_folder(session: AsyncSession, filters: Filters, folder_id: int) -> Filters:
    """Narrow filters to a folder and all that is below it now; the folder itself may be gone."""
    below = await folders.ids_below(session, folder_id)
    return replace(filters, folder_ids=tuple(below) or (folder_id,))


async def list_events(
    session: AsyncSession, actor: Actor, filters: Filters, *, cursor: str | None, limit: int
) -> tuple[list[EventOut], str | None]:
    """Return a page of the organisation's events, the newest first."""
    page, next_cursor = await audit.list_events(
        session, actor.org_id, filters, cursor=cursor, limit=limit
    )
    people = await _people(session, page)
    return [_described(found, people) for found in page], next_cursor


async def history(
    session: AsyncSession, actor: Actor, document_id: int, *, cursor: str | None, limit: int
) -> tuple[list[HistoryEntry], str | None]:
    """Return a page of what became of a document, the newest first.

    Raises:
        NotFoundError: there is no such document, or the actor may not read it.
    """
    await documents.get_document(session, actor, document_id)
    filters = Filters(object=f"document:{document_id}", actions=HISTORY)
    page, next_cursor = await audit.list_events(
        session, actor.org_id, filters, cursor=cursor, limit=limit
    )
    people = await _people(session, page)
    visible = await folders.visible_names(session, actor, list(_folders_in(page)))
    return [
        HistoryEntry(
            id=event.id,
            at=event.at,
            actor=_actor(event.actor_id, people),
            action=event.action,
            data=_without_hidden(event.data, visible),
        )
        for event, _, _ in page
    ], next_cursor


async def record_export(
    session: AsyncSession, actor: Actor, form: ExportFormat, asked: Mapping[str, Any]
) -> None:
    """Record that the trail is taken out, and which part of it was asked for."""
    deed = Deed("audit.exported", f"organisation:{actor.org_id}", {"format": form, **asked})
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def export(
    database: Database, org_id: int, filters: Filters, form: ExportFormat
) -> AsyncIterator[str]:
    """Yield the events asked for, the oldest first, as a file; a page is in memory at a time."""
    if form is ExportFormat.CSV:
        yield csv_lines([COLUMNS])
    write: Callable[[TrailEvent, str | None], str] = (
        _csv_line if form is ExportFormat.CSV else _json_line
    )
    async for page in audit.read_events(database, org_id, filters):
        async with database.transaction(Tenant(org_id)) as session:
            people = await _people(session, page)
        yield "".join(write(found, people.get(found.event.actor_id or 0)) for found in page)


async def chain_state(
    session: AsyncSession, actor: Actor, *, signer: Signer, retention_days: int
) -> ChainStateOut:
    """Return how far the organisation's trail is sealed and signed."""
    state: ChainState = await audit.chain_state(session, actor.org_id)
    return ChainStateOut(
        sealed=state.sealed,
        unsealed=state.unsealed,
        unsealed_since=state.unsealed_since,
        begins_after=state.anchor.statement.seq if state.anchor else 0,
        last_checkpoint=_checkpoint(state.last_checkpoint) if state.last_checkpoint else None,
        public_key=signer.encoded_public_key,
        retention_days=retention_days,
    )


async def list_checkpoints(
    session: AsyncSession, actor: Actor, *, cursor: str | None, limit: int
) -> tuple[list[CheckpointOut], str | None]:
    """Return a page of the organisation's checkpoints, the newest first."""
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    found = await audit.list_checkpoints(
        session, org_id=actor.org_id, before=before, limit=limit + 1
    )
    page = found[:limit]
    more = len(found) > limit
    return [_checkpoint(one) for one in page], (
        encode_cursor(page[-1].statement.seq) if more else None
    )


async def make_checkpoint(
    session: AsyncSession, actor: Actor, signer: Signer
) -> CheckpointOut | None:
    """Sign how the organisation's trail stands; None where nothing is sealed yet.

    Raises:
        TrailDamagedError: what was sealed since the last one does not verify.
    """
    signed = await audit.make_checkpoint(session, signer, org_id=actor.org_id)
    return None if signed is None else _checkpoint(signed)


async def _people(session: AsyncSession, page: Sequence[TrailEvent]) -> dict[int, str]:
    ids = {event.actor_id for event, _, _ in page if event.actor_id is not None}
    return await identity.user_names(session, list(ids))


def _actor(actor_id: int | None, people: Mapping[int, str]) -> ActorRef | None:
    return None if actor_id is None else ActorRef(id=actor_id, name=people.get(actor_id))


def _described(found: TrailEvent, people: Mapping[int, str]) -> EventOut:
    event = found.event
    return EventOut(
        id=event.id,
        sequence=found.seq,
        hash=found.hash.hex() if found.hash else None,
        at=event.at,
        actor=_actor(event.actor_id, people),
        action=event.action,
        object=event.object,
        folder_id=event.folder_id,
        address=event.address,
        request_id=event.request_id,
        session_id=event.session_id,
        data=event.data,
    )


def _checkpoint(signed: Signed) -> CheckpointOut:
    body = signed.export()
    return CheckpointOut(
        sequence=body["sequence"],
        hash=body["hash"],
        count=body["count"],
        at=body["time"],
        signed=body["signed"],
        signature=body["signature"],
        public_key=body["public_key"],
    )


def _sides(data: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (side for side in (data.get("old"), data.get("new")) if isinstance(side, dict))


def _folders_in(page: Sequence[TrailEvent]) -> set[int]:
    sides = (side for event, _, _ in page for side in _sides(event.data))
    return {side["folder_id"] for side in sides if "folder_id" in side}


def _without_hidden(data: Mapping[str, Any], visible: Mapping[int, str]) -> dict[str, Any]:
    """Name folders instead of numbering them, and say nothing of those that the reader may not see."""
    shown = dict(data)
    for name in ("old", "new"):
        side = shown.get(name)
        if isinstance(side, dict) and "folder_id" in side:
            folder_id = side["folder_id"]
            is_visible = folder_id in visible
            shown[name] = {
                **side,
                "folder_id": folder_id if is_visible else None,
                "folder": visible.get(folder_id),
            }
    return shown


def _csv_line(found: TrailEvent, actor_name: str | None) -> str:
    return csv_lines([list(values(found, actor_name).values())])


def _json_line(found: TrailEvent, actor_name: str | None) -> str:
    return json_line(found, actor_name) + "\n"
