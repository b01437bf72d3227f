"""SQL of text layers. Used by `service` alone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, defer, joinedload

from backend.core.clock import now
from backend.documents.models import Version
from backend.texts.models import ShownPage, TextLayer, TextPage, TextSettings
from backend.texts.pages import PageStatus, PageText

AnyRow = Row[*tuple[Any, ...]]


async def lock_layers(session: AsyncSession, version_id: int) -> int:
    """Hold off other changes to a version's text until the transaction ends; return its newest layer's number, or 0."""
    # The version's row: a quarantine holds it while it forgets the layers, and there may be none yet.
    await session.execute(
        select(Version.id).where(Version.id == version_id).with_for_update(key_share=True)
    )
    return await newest_layer(session, version_id)


async def newest_layer(session: AsyncSession, version_id: int) -> int:
    """Return the number of a version's newest layer, 0 where it has none."""
    newest = select(func.max(TextLayer.number)).where(TextLayer.version_id == version_id)
    return await session.scalar(newest) or 0


async def layers(session: AsyncSession, version_id: int) -> Sequence[TextLayer]:
    """Return a version's layers, newest first."""
    statement = (
        select(TextLayer)
        .where(TextLayer.version_id == version_id)
        .options(joinedload(TextLayer.creator), defer(TextLayer.beyond))
        .order_by(TextLayer.number.desc())
    )
    return (await session.scalars(statement)).all()


async def layer(session: AsyncSession, version_id: int, number: int) -> TextLayer | None:
    """Return one layer of a version."""
    return await session.get(TextLayer, (version_id, number))


async def whole_layer(
    session: AsyncSession, version_id: int, *, up_to: int | None = None
) -> TextLayer | None:
    """Return the newest layer of a version that read the whole document, of those up to a number."""
    statement = (
        select(TextLayer)
        .where(TextLayer.version_id == version_id, TextLayer.is_whole)
        .order_by(TextLayer.number.desc())
        .limit(1)
    )
    if up_to is not None:
        statement = statement.where(TextLayer.number <= up_to)
    return await session.scalar(statement)


async def page_counts(session: AsyncSession, version_id: int) -> Sequence[AnyRow]:
    """Return of each layer of a version: number, pages, those that wait, those that failed, mean confidence."""
    length = func.greatest(func.length(TextPage.text), 1)
    recognised = TextPage.confidence.is_not(None)
    statement = (
        select(
            TextPage.layer,
            func.count().label("pages"),
            func.count().filter(TextPage.status == PageStatus.WAITING).label("waiting"),
            func.count().filter(TextPage.status == PageStatus.FAILED).label("failed"),
            (
                func.sum(TextPage.confidence * length).filter(recognised)
                / func.sum(length).filter(recognised)
            ).label("confidence"),
            func.array_agg(TextPage.page).label("numbers"),
            func.array_agg(TextPage.engine.distinct())
            .filter(TextPage.engine != "")
            .label("engines"),
        )
        .where(TextPage.version_id == version_id)
        .group_by(TextPage.layer)
    )
    return (await session.execute(statement)).all()


def _counting(
    version_id: int, up_to: int | None, columns: Sequence[Any]
) -> Select[*tuple[Any, ...]]:
    """Select columns of the reading that counts of each page: the newest that is no failure, of layers up to one."""
    worth = case((TextPage.status == PageStatus.READ, 0), (TextPage.status == PageStatus.FAILED, 1))
    statement = (
        select(*columns)
        .ext(distinct_on(TextPage.page))
        .where(TextPage.version_id == version_id)
        .order_by(TextPage.page, worth.asc().nulls_last(), TextPage.layer.desc())
    )
    return statement if up_to is None else statement.where(TextPage.layer <= up_to)


_FACTS: tuple[InstrumentedAttribute[Any], ...] = (
    TextPage.page, TextPage.layer, TextPage.status, TextPage.reason, TextPage.source,
    TextPage.engine, TextPage.width, TextPage.height, TextPage.rotation, TextPage.confidence,
)  # fmt: skip


async def pages(
    session: AsyncSession, version_id: int, *, up_to: int | None = None
) -> Sequence[AnyRow]:
    """Return what is known of each page but its text, by number."""
    return (await session.execute(_counting(version_id, up_to, _FACTS))).all()


async def page_texts(
    session: AsyncSession, version_id: int, *, up_to: int | None = None
) -> Sequence[AnyRow]:
    """Return the same with the text."""
    return (await session.execute(_counting(version_id, up_to, (*_FACTS, TextPage.text)))).all()


async def whole_pages(
    session: AsyncSession,
    version_id: int,
    *,
    up_to: int | None = None,
    numbers: Collection[int] | None = None,
) -> Sequence[TextPage]:
    """Return the reading that counts of each page, or of some of them, by number."""
    statement = _counting(version_id, up_to, (TextPage,))
    if numbers is not None:
        statement = statement.where(TextPage.page.in_(numbers))
    return (await session.scalars(statement)).all()


async def waiting_numbers(session: AsyncSession, version_id: int) -> set[int]:
    """Return the pages of a version that wait to be recognised."""
    statement = select(TextPage.page).where(
        TextPage.version_id == version_id, TextPage.status == PageStatus.WAITING
    )
    return set(await session.scalars(statement))


# Built once: it is asked of every version that is read.
_OLDEST_WAITING = select(func.min(TextPage.layer)).where(
    TextPage.version_id == bindparam("version_id"), TextPage.status == PageStatus.WAITING
)


async def next_waiting(
    session: AsyncSession, version_id: int, *, limit: int
) -> tuple[TextLayer, list[int]] | None:
    """Return the oldest layer with pages that wait, and the first of these; None where no page waits."""
    oldest = await session.scalar(_OLDEST_WAITING, {"version_id": version_id})
    if oldest is None:
        return None
    waits = (TextPage.version_id == version_id, TextPage.status == PageStatus.WAITING)
    numbers = await session.scalars(
        select(TextPage.page)
        .where(*waits, TextPage.layer == oldest)
        .order_by(TextPage.page)
        .limit(limit)
    )
    found = await layer(session, version_id, oldest)
    return None if found is None else (found, list(numbers))


async def add_layer(session: AsyncSession, new: TextLayer) -> None:
    """Add a layer."""
    session.add(new)
    await session.flush()


async def add_pages(
    session: AsyncSession,
    *,
    org_id: int,
    version_id: int,
    layer_number: int,
    new: Sequence[PageText],
) -> None:
    """Add what a layer says of pages."""
    rows = [
        {"org_id": org_id, "version_id": version_id, "layer": layer_number, **values_of(page)}
        for page in new
    ]
    if rows:
        await session.execute(insert(TextPage), rows)


def values_of(page: PageText) -> dict[str, Any]:
    """Return the columns of what was read on a page."""
    return {
        "page": page.number,
        "status": page.status,
        "reason": page.reason,
        "source": page.source,
        "engine": page.engine,
        "width": page.width,
        "height": page.height,
        "rotation": page.rotation,
        "confidence": page.confidence,
        "text": page.text,
        "words": page.words,
    }


async def settle_page(
    session: AsyncSession, version_id: int, layer_number: int, values: Mapping[str, Any]
) -> bool:
    """Record what became of a page that waits; return False where it does not any more."""
    statement = (
        update(TextPage)
        .where(
            TextPage.version_id == version_id,
            TextPage.layer == layer_number,
            TextPage.page == values["page"],
            TextPage.status == PageStatus.WAITING,
        )
        .values(**values, read_at=now())
        .returning(TextPage.page)
    )
    return (
        await session.scalar(statement, execution_options={"synchronize_session": False})
        is not None
    )


async def count_attempt(
    session: AsyncSession, version_id: int, layer_number: int, page: int
) -> int:
    """Note that reading a page ended the process that read it; return how often that was."""
    statement = (
        update(TextPage)
        .where(
            TextPage.version_id == version_id,
            TextPage.layer == layer_number,
            TextPage.page == page,
        )
        .values(attempts=TextPage.attempts + 1)
        .returning(TextPage.attempts)
    )
    attempts = await session.scalar(statement, execution_options={"synchronize_session": False})
    return attempts or 0


async def languages(session: AsyncSession, org_id: int) -> list[str]:
    """Return the languages an organisation's scans are written in; none where nobody said."""
    found = await session.scalar(
        select(TextSettings.languages).where(TextSettings.org_id == org_id)
    )
    return found or []


async def set_languages(session: AsyncSession, org_id: int, codes: Sequence[str]) -> None:
    """Set the languages an organisation's scans are written in."""
    statement = insert(TextSettings).values(org_id=org_id, languages=list(codes))
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["org_id"], set_={"languages": statement.excluded.languages}
        )
    )


async def replace_shown(
    session: AsyncSession, *, org_id: int, version_id: int, new: Sequence[PageText]
) -> None:
    """Keep what stands on the pages of a version as they are shown, and nothing of what was known of them."""
    await session.execute(delete(ShownPage).where(ShownPage.version_id == version_id))
    rows = [
        {
            "org_id": org_id,
            "version_id": version_id,
            "page": page.number,
            "width": page.width,
            "height": page.height,
            "text": page.text,
            "words": page.words,
        }
        for page in new
    ]
    if rows:
        await session.execute(insert(ShownPage), rows)


async def shown_pages(
    session: AsyncSession, version_id: int, *, numbers: Collection[int] | None = None
) -> Sequence[ShownPage]:
    """Return what stands on the pages of a version as they are shown, or on some of them, by number."""
    statement = select(ShownPage).where(ShownPage.version_id == version_id).order_by(ShownPage.page)
    if numbers is not None:
        statement = statement.where(ShownPage.page.in_(numbers))
    return (await session.scalars(statement)).all()
