"""SQL of the ways in. Used by `service` alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Document
from backend.intake.models import Item, ItemState, RuleList, Source, SourceKind

_LEASES_LOCK = 7312031


async def sources(session: AsyncSession, *, limit: int) -> Sequence[Source]:
    """Return the sources of the transaction's organisation, the oldest first."""
    return (await session.scalars(select(Source).order_by(Source.id).limit(limit))).all()


async def source(session: AsyncSession, source_id: int, *, lock: bool = False) -> Source | None:
    """Return a source as it is now."""
    return await session.get(Source, source_id, with_for_update=lock, populate_existing=True)


async def count_sources(session: AsyncSession) -> int:
    """Return how many sources there are."""
    return await session.scalar(select(func.count()).select_from(Source)) or 0


async def due_sources(session: AsyncSession, at: datetime, *, limit: int) -> Sequence[Source]:
    """Return, locked, sources that are to be looked at and that nobody looks at."""
    statement = (
        select(Source)
        .where(
            Source.enabled,
            Source.due_at <= at,
            or_(Source.lease_until.is_(None), Source.lease_until <= at),
        )
        .order_by(Source.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def due_organisations(session: AsyncSession) -> Sequence[int]:
    """Return the ids of organisations with sources that are to be looked at."""
    return (await session.scalars(text("SELECT * FROM dms_intake_due()"))).all()


async def lock_leases(session: AsyncSession) -> None:
    """Let nobody else take a lease until the end of the transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(_LEASES_LOCK)))


async def renew_lease(
    session: AsyncSession, source_id: int, lease: str | None, until: datetime
) -> None:
    """Make a lease last longer, unless somebody else has it by now."""
    await session.execute(
        update(Source)
        .where(Source.id == source_id, Source.lease == lease)
        .values(lease_until=until)
        .execution_options(synchronize_session=False)
    )


class Looks(NamedTuple):
    """How many sources are being looked at: of all organisations, and of the transaction's own."""

    all: int
    own: int


async def looks(session: AsyncSession, at: datetime) -> Looks:
    """Count the leases that have not run out."""
    own = select(func.count()).select_from(Source).where(Source.lease_until > at)
    counted = await session.execute(select(func.dms_intake_looks(), own.scalar_subquery()))
    return Looks(*counted.one())


async def update_source(session: AsyncSession, source_id: int, **values: Any) -> None:
    """Write what is known of a source; its revision stays."""
    await session.execute(
        update(Source)
        .where(Source.id == source_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


async def count_item(session: AsyncSession, source_id: int, state: ItemState) -> None:
    """Add one to what a source has filed, or had refused."""
    counter = {ItemState.FILED: Source.filed, ItemState.REFUSED: Source.refused}.get(state)
    if counter is not None:
        await update_source(session, source_id, **{counter.key: counter + 1})


class Address(NamedTuple):
    """Where letters to an address go."""

    org_id: int
    source_id: int
    enabled: bool
    """Letters are taken; else later perhaps."""


async def find_address(session: AsyncSession, address: str) -> Address | None:
    """Return the source, of whatever organisation, that letters to an address are for."""
    row = (
        await session.execute(
            text("SELECT org_id, source_id, enabled FROM dms_intake_address(:address)"),
            {"address": address},
        )
    ).one_or_none()
    return None if row is None else Address(row.org_id, row.source_id, row.enabled)


async def names_of(
    session: AsyncSession, source_ids: Sequence[int]
) -> dict[int, tuple[str, SourceKind]]:
    """Return names and kinds of sources."""
    rows = await session.execute(
        select(Source.id, Source.name, Source.kind).where(Source.id.in_(source_ids))
    )
    return {row.id: (row.name, row.kind) for row in rows}


async def items(
    session: AsyncSession,
    *,
    source_id: int | None,
    state: ItemState | None,
    document_id: int | None,
    before: int | None,
    limit: int,
) -> Sequence[Row[Item, str | None, int | None]]:
    """Return items, newest first, each with the name and the folder of its document."""
    statement = (
        select(Item, Document.name, Document.folder_id)
        .outerjoin(Document, (Document.id == Item.document_id) & Document.deleted_at.is_(None))
        .order_by(Item.id.desc())
        .limit(limit)
    )
    if source_id is not None:
        statement = statement.where(Item.source_id == source_id)
    if state is not None:
        statement = statement.where(Item.state == state)
    if document_id is not None:
        statement = statement.where(Item.document_id == document_id)
    if before is not None:
        statement = statement.where(Item.id < before)
    return (await session.execute(statement)).all()


async def item_of(session: AsyncSession, document_id: int) -> Row[Item, str, SourceKind] | None:
    """Return the item that became a document, with name and kind of its source; None where none did."""
    statement = (
        select(Item, Source.name, Source.kind)
        .join(Source, Source.id == Item.source_id)
        .where(Item.document_id == document_id)
        .order_by(Item.id)
        .limit(1)
    )
    return (await session.execute(statement)).one_or_none()


async def item(session: AsyncSession, item_id: int, *, lock: bool = False) -> Item | None:
    """Return an item as it is now."""
    return await session.get(Item, item_id, with_for_update=lock, populate_existing=True)


async def items_by_key(
    session: AsyncSession, source_id: int, keys: Sequence[str]
) -> dict[str, Item]:
    """Return those of a source's items that have these keys."""
    statement = select(Item).where(Item.source_id == source_id, Item.key.in_(keys))
    found = await session.scalars(statement.execution_options(populate_existing=True))
    return {one.key: one for one in found}


async def items_at(
    session: AsyncSession, source_id: int, places: Sequence[str]
) -> dict[str, list[Item]]:
    """Return a source's items by where it has them."""
    statement = select(Item).where(Item.source_id == source_id, _is_at(places)).order_by(Item.id)
    found: dict[str, list[Item]] = {}
    for one in await session.scalars(statement.execution_options(populate_existing=True)):
        found.setdefault(one.place, []).append(one)
    return found


def _is_at(places: Sequence[str]) -> ColumnElement[bool]:
    """Whether an item is in one of these places, as the index has them."""
    hashes = [func.hashtext(place) for place in places]
    return func.hashtext(Item.place).in_(hashes) & Item.place.in_(places)


async def due_items(
    session: AsyncSession, source_id: int, at: datetime, *, limit: int
) -> Sequence[Item]:
    """Return a source's items that are to be tried again."""
    statement = (
        select(Item)
        .where(Item.source_id == source_id, Item.retry_at <= at)
        .order_by(Item.retry_at)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def take_item(session: AsyncSession, values: Mapping[str, Any]) -> Row[int, ItemState, int]:
    """Take an item's row, new or not: (id, what became of it before, tries). Two at once wait for each other."""
    statement = insert(Item).values(state=ItemState.FAILED, **values)
    taken = statement.on_conflict_do_update(
        index_elements=[Item.source_id, Item.key],
        set_={"place": statement.excluded.place, "parts": statement.excluded.parts},
    ).returning(Item.id, Item.state, Item.tries)
    return (await session.execute(taken)).one()


async def update_item(session: AsyncSession, item_id: int, **values: Any) -> None:
    """Write what became of an item."""
    await session.execute(
        update(Item)
        .where(Item.id == item_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


async def move_items(session: AsyncSession, source_id: int, old: str, new: str) -> None:
    """Note that the source has what was in one place in another."""
    await session.execute(
        update(Item)
        .where(Item.source_id == source_id, _is_at([old]))
        .values(place=new)
        .execution_options(synchronize_session=False)
    )


async def awaiting(session: AsyncSession, version_id: int) -> Sequence[int]:
    """Return the items for which the text of a version was waited for."""
    return (
        await session.scalars(
            select(Item.id).where(Item.version_id == version_id, Item.awaits_text)
        )
    ).all()


async def rule_list(session: AsyncSession, org_id: int) -> RuleList | None:
    """Return the rules of an organisation as they are now; None where there never were any."""
    return await session.get(RuleList, org_id, populate_existing=True)


async def put_rules(session: AsyncSession, org_id: int) -> RuleList:
    """Return the organisation's row of rules, locked, made where it lacked."""
    await session.execute(
        insert(RuleList).values(org_id=org_id, revision=0).on_conflict_do_nothing()
    )
    return await session.get_one(RuleList, org_id, with_for_update=True, populate_existing=True)
