"""What a search finds: a page of matches and what is known of them all, told by one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Row,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

EXACT_COUNT = 5_000
"""Up to so many matches are counted and, sorted by date, collected; beyond, there are samples and walks."""
_MAX_FACET_VALUES = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A match: enough to order it, nothing to show."""

    document_id: int
    created_at: datetime
    score: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A page of matches, and on a first page what is known of them all."""

    hits: list[Hit]
    total: int = 0
    total_is_estimate: bool = False
    families: dict[str, int] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    facets_are_estimates: bool = False


async def run(
    session: AsyncSession,
    found: CTE,
    page: Select[Any] | None,
    *,
    is_first: bool,
    is_sample: bool = False,
) -> Outcome:
    """Run a page and, if it is the first, its totals and facets, in one statement over the same matches."""
    nothing = [null().label(name) for name in ("label", "count", "share")]
    parts: list[Select[Any]] = []
    if page is not None:
        hit = page.subquery("page")
        parts.append(
            select(
                literal("hit").label("kind"),
                hit.c.document_id,
                hit.c.created_at,
                hit.c.score,
                cast(nothing[0], Text).label("label"),
                cast(nothing[1], BigInteger).label("count"),
                cast(nothing[2], BigInteger).label("share"),
            )
        )
    if is_first:
        parts += _summary(found, is_sample=is_sample)
    rows = (await session.execute(union_all(*parts))).all()
    counts: dict[str, dict[str, int]] = {"total": {"": 0}, "type": {}, "tag": {}}
    share = 1
    for row in rows:
        if row.kind != "hit":
            counts[row.kind][row.label] = row.count * row.share
            share = max(share, row.share)
    return Outcome(
        hits=as_hits([row for row in rows if row.kind == "hit"]),
        total=counts["total"][""],
        families=counts["type"],
        tags=counts["tag"],
        facets_are_estimates=share > 1,
    )


def _summary(found: CTE, *, is_sample: bool) -> list[Select[Any]]:
    """Return the selects of the total and of the facets.

    Facets are counted over all matches where they are at most 5,000, else over those of every 16th document, or
    every 256th: a sample by the hash of the id has no bias. What is such a sample itself is counted whole.
    """
    total = select(func.count().label("count")).select_from(found).cte("total")
    size = select(total.c.count).scalar_subquery()
    of_many = case((size <= EXACT_COUNT, 0), (size <= EXACT_COUNT * 16, 15), else_=255)
    mask = literal(0, BigInteger) if is_sample else of_many.cast(BigInteger)
    sampled = (
        select(found.c.family, found.c.tags)
        .where(func.hashint8extended(found.c.document_id, 0, type_=BigInteger).op("&")(mask) == 0)
        .cte("sampled")
    )
    tag = func.unnest(sampled.c.tags).label("label")
    each = select(tag).subquery("each_tag")
    tags = (
        select(each.c.label, func.count().label("count"))
        .group_by(each.c.label)
        .order_by(func.count().desc(), each.c.label)
        .limit(_MAX_FACET_VALUES)
        .subquery("top_tags")
    )
    families = (
        select(sampled.c.family.label("label"), func.count().label("count"))
        .group_by(sampled.c.family)
        .subquery("families")
    )
    return [
        _count("total", literal(""), total.c.count, literal(1, BigInteger)),
        _count("type", families.c.label, families.c.count, mask + 1),
        _count("tag", tags.c.label, tags.c.count, mask + 1),
    ]


def _count(
    kind: str, label: ColumnElement[Any], count: ColumnElement[Any], share: ColumnElement[Any]
) -> Select[Any]:
    return select(
        literal(kind).label("kind"),
        cast(null(), BigInteger).label("document_id"),
        cast(null(), DateTime(timezone=True)).label("created_at"),
        cast(null(), Double).label("score"),
        label.label("label"),
        count.label("count"),
        share.label("share"),
    )


def as_hits(rows: Sequence[Row[Any]]) -> list[Hit]:
    """Return matches as they were selected: id, date and score."""
    return [Hit(row.document_id, row.created_at, row.score) for row in rows]
