"""SQL of what keeps the routes good. It counts documents and words, and hands none of them out."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, cast, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.search.models import DocumentSearch, SearchLexeme, SearchStatistics, search_champions

_doc = DocumentSearch.__table__.c


async def count_documents(session: AsyncSession, org_id: int) -> int:
    """Return how many documents of an organisation are searched."""
    statement = select(func.count()).where(_doc.org_id == org_id, ~_doc.is_deleted)
    return (await session.execute(statement)).scalar_one()


async def last_count(session: AsyncSession, org_id: int) -> SearchStatistics | None:
    """Return what was counted last."""
    statement = select(SearchStatistics).where(SearchStatistics.org_id == org_id)
    return await session.scalar(statement)


async def count_words(
    session: AsyncSession, org_id: int, *, common: int, sampled_from: int
) -> None:
    """Count the documents each lexeme is in, for those in more than `common`; from a sample where there are many."""
    await session.execute(
        select(func.dms_search_count(literal(org_id, BigInteger), common, sampled_from))
    )


async def mark_drifted(session: AsyncSession, org_id: int, *, size: int) -> None:
    """Have lists gathered anew that have grown to twice their size, or shrunk to half although there are documents."""
    listed = search_champions.c
    lengths = (
        select(listed.lexeme, func.count().label("length"))
        .where(listed.org_id == org_id)
        .group_by(listed.lexeme)
        .subquery("lengths")
    )
    length = func.coalesce(
        select(lengths.c.length).where(lengths.c.lexeme == SearchLexeme.lexeme).scalar_subquery(), 0
    )
    shrunk = (length * 2 < size) & (length * 2 < SearchLexeme.documents)
    await session.execute(
        update(SearchLexeme)
        .where(
            SearchLexeme.org_id == org_id, SearchLexeme.is_listed, or_(length > 2 * size, shrunk)
        )
        .values(is_due=True)
        .execution_options(synchronize_session=False)
    )


async def arm(session: AsyncSession, org_id: int, *, limit: int) -> Sequence[str]:
    """Have whoever writes a document enter it for some lexemes whose champions are due, whatever it weighs."""
    due = (
        select(SearchLexeme.lexeme)
        .where(SearchLexeme.org_id == org_id, SearchLexeme.is_due)
        .order_by(SearchLexeme.lexeme)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    armed = await session.scalars(
        update(SearchLexeme)
        .where(SearchLexeme.org_id == org_id, SearchLexeme.lexeme.in_(due))
        .values(threshold=0)
        .returning(SearchLexeme.lexeme)
        .execution_options(synchronize_session=False)
    )
    return armed.all()


async def gather(session: AsyncSession, org_id: int, lexeme: str, *, size: int) -> bool:
    """Gather the champions of a lexeme; tell whether they were due, and nobody else does it."""
    done = func.dms_search_gather(literal(org_id, BigInteger), lexeme, size)
    return bool(await session.scalar(select(done)))


@dataclass(frozen=True, slots=True)
class Running:
    """The transactions that write, by their numbers."""

    oldest: int
    """Every one before has ended."""
    following: int
    """No one from here on had begun."""


async def running(session: AsyncSession) -> Running:
    """Return which transactions write now, of any organisation."""
    snapshot = func.pg_current_snapshot()
    oldest, following = (
        cast(cast(bound(snapshot), Text), BigInteger)
        for bound in (func.pg_snapshot_xmin, func.pg_snapshot_xmax)
    )
    row = (await session.execute(select(oldest, following))).one()
    return Running(row[0], row[1])
