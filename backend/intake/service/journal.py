"""The journal: what sources brought, and what became of it."""

from collections.abc import Sequence

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.pagination import decode_cursor, encode_cursor
from backend.intake import queries
from backend.intake.errors import ItemFiledError, ItemNotFoundError, NotOfThisKindError
from backend.intake.models import Item, ItemState, SourceKind
from backend.intake.schemas import ItemDocument, ItemOut, ItemSource
from backend.intake.service.sources import get_source, wake


async def list_items(
    session: AsyncSession,
    actor: Actor,
    *,
    source_id: int | None,
    state: ItemState | None,
    document_id: int | None,
    cursor: str | None,
    limit: int,
) -> tuple[list[ItemOut], str | None]:
    """Return a page of the journal, newest first, and the cursor of the next.

    Of a document that the actor may not read there is nothing: that it came in would tell that it is there.
    """
    if document_id is not None and not await access.readable_ids(session, actor, [document_id]):
        return [], None
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = await queries.items(
        session,
        source_id=source_id,
        state=state,
        document_id=document_id,
        before=before,
        limit=limit + 1,
    )
    page = rows[:limit]
    more = len(rows) > limit
    shown = await _describe(session, actor, page)
    return shown, encode_cursor(page[-1][0].id) if more else None


async def request_retry(session: AsyncSession, actor: Actor, item_id: int) -> None:
    """Have an item that was refused, or failed, tried again now.

    Raises:
        ItemNotFoundError: the organisation has no such item.
        ItemFiledError: it has been filed.
        NotOfThisKindError: nothing of it is here, and nobody could fetch it.
        SourcePausedError: its source is switched off.
    """
    item = await queries.item(session, item_id, lock=True)
    if item is None:
        raise ItemNotFoundError(f"There is no item {item_id}.")
    if item.state is ItemState.FILED:
        raise ItemFiledError("It has been filed; there is nothing to try again.")
    source = await get_source(session, item.source_id, lock=True)
    if source.kind is SourceKind.SMTP:
        raise NotOfThisKindError("The letter was turned away; its sender must send it again.")
    item.retry_at = now()
    item.tries = 0
    await wake(session, source)
    deed = Deed("intake.retry_requested", f"source:{source.id}", {"name": item.name})
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def _describe(
    session: AsyncSession, actor: Actor, rows: Sequence[Row[Item, str | None, int | None]]
) -> list[ItemOut]:
    named = await queries.names_of(session, list({row[0].source_id for row in rows}))
    documents = [row[0].document_id for row in rows if row[1] is not None]
    readable = await access.readable_ids(session, actor, [one for one in documents if one])
    return [_shown(row, named, readable) for row in rows]


def _shown(
    row: Row[Item, str | None, int | None],
    named: dict[int, tuple[str, SourceKind]],
    readable: set[int],
) -> ItemOut:
    item, document_name, folder_id = row
    document = None
    if item.document_id in readable and document_name is not None and folder_id is not None:
        document = ItemDocument(id=item.document_id, name=document_name, folder_id=folder_id)
    is_shown = document is not None or item.state is not ItemState.FILED
    name, kind = named[item.source_id]
    return ItemOut(
        id=item.id,
        source=ItemSource(id=item.source_id, name=name, kind=kind),
        name=item.name if is_shown else None,
        sender=item.sender if is_shown else None,
        subject=item.subject if is_shown else None,
        size=item.size if is_shown else None,
        state=item.state,
        reason=item.reason if is_shown else None,
        tries=item.tries,
        document=document,
        rules=item.rules if is_shown else [],
        at=item.at,
    )
