"""SQL of duplicates. Used by `service` alone."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    any_,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.documents.models import Document
from backend.duplicates.models import (
    DueText,
    NearPair,
    TextBand,
    TextSignature,
    cluster_numbers,
)
from backend.duplicates.texts import Candidate, Compared, Signature

_TURN = 0x6475_706C
"""The class of the advisory lock that an organisation's comparisons take."""


class Member(NamedTuple):
    """A document of a cluster, of which there are so many."""

    cluster: int
    document_id: int
    of: int


class Pair(NamedTuple):
    """Two documents and how alike their texts are."""

    document_id: int
    other_id: int
    similarity: float


async def take_turn(session: AsyncSession, org_id: int) -> bool:
    """Keep everybody else from comparing the organisation's texts until the transaction ends; False: somebody does."""
    statement = text("SELECT pg_try_advisory_xact_lock(:turn, hashint8(:org))")
    return bool(await session.scalar(statement, {"turn": _TURN, "org": org_id}))


async def take_due(session: AsyncSession, *, limit: int) -> list[int]:
    """Return the versions of some texts that are due, and forget that they are."""
    some = (
        select(DueText.version_id)
        .order_by(DueText.version_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = await session.scalars(
        delete(DueText).where(DueText.version_id.in_(some)).returning(DueText.version_id)
    )
    return sorted(rows)


async def current_ones(session: AsyncSession, version_ids: Collection[int]) -> list[Compared]:
    """Return those of the versions that are current, with their documents, in the order of their ids."""
    statement = (
        select(Document.id, Document.current_version_id)
        .where(Document.current_version_id.in_(version_ids))
        .order_by(Document.current_version_id)
    )
    rows = await session.execute(statement)
    return [Compared(row[0], row[1]) for row in rows if row[1] is not None]


async def candidates(
    session: AsyncSession, document_id: int, bands: Collection[int], *, limit: int
) -> list[Candidate]:
    """Return the documents that have most bands in common with these, the newest of them first."""
    common = (
        select(TextBand.document_id, func.count().label("count"))
        .where(TextBand.band == any_(_array(bands)), TextBand.document_id != document_id)
        .group_by(TextBand.document_id)
        .order_by(func.count().desc(), TextBand.document_id.desc())
        .limit(limit)
        .subquery()
    )
    statement = (
        select(TextSignature.document_id, TextSignature.version_id, TextSignature.digest)
        .join(common, common.c.document_id == TextSignature.document_id)
        .join(Document, Document.id == TextSignature.document_id)
        .where(Document.current_version_id == TextSignature.version_id)
        .order_by(common.c.count.desc(), TextSignature.document_id.desc())
    )
    return [Candidate(*row) for row in await session.execute(statement)]


async def forget(session: AsyncSession, document_ids: Collection[int]) -> None:
    """Delete signatures, and with them their bands and pairs."""
    await session.execute(delete(TextSignature).where(TextSignature.document_id.in_(document_ids)))


async def add_signature(
    session: AsyncSession,
    org_id: int,
    of: Compared,
    signature: Signature,
) -> None:
    """Write the signature of a text that has none."""
    await session.execute(
        insert(TextSignature).values(
            org_id=org_id,
            document_id=of.document_id,
            version_id=of.version_id,
            shingles=signature.shingles,
            digest=signature.digest,
        )
    )
    rows = [
        {"org_id": org_id, "document_id": of.document_id, "band": band} for band in signature.bands
    ]
    await session.execute(insert(TextBand).values(rows))


async def add_pairs(session: AsyncSession, org_id: int, pairs: Sequence[Pair]) -> None:
    """Write pairs that there are not yet."""
    rows = [{"org_id": org_id, **pair._asdict()} for pair in pairs]
    await session.execute(insert(NearPair).values(rows))


async def join_clusters(session: AsyncSession, document_ids: Collection[int]) -> None:
    """Make one cluster of the clusters that some documents are in, and of those that are in none."""
    theirs = await session.scalars(
        select(TextSignature.cluster)
        .where(TextSignature.document_id.in_(document_ids), TextSignature.cluster.is_not(None))
        .distinct()
    )
    clusters = sorted(one for one in theirs if one is not None)
    cluster = clusters[0] if clusters else await session.scalar(cluster_numbers.next_value())
    await session.execute(
        update(TextSignature)
        .where(
            or_(
                TextSignature.document_id.in_(document_ids) & TextSignature.cluster.is_(None),
                TextSignature.cluster.in_(clusters[1:]),
            )
        )
        .values(cluster=cluster)
        .execution_options(synchronize_session=False)
    )


def _holds() -> ColumnElement[bool]:
    """Return the condition that a document's signature is of its current text, and it is not in the trash itself."""
    return (Document.current_version_id == TextSignature.version_id) & Document.deleted_at.is_(None)


async def clusters(
    session: AsyncSession,
    org_id: int,
    visible: ColumnElement[bool],
    *,
    before: int | None,
    limit: int,
) -> list[int]:
    """Return the clusters with two readable documents or more, newest first, from `before` on."""
    statement = (
        select(TextSignature.cluster)
        .join(Document, Document.id == TextSignature.document_id)
        .where(
            TextSignature.org_id == org_id, TextSignature.cluster.is_not(None), _holds(), visible
        )
        .group_by(TextSignature.cluster)
        .having(func.count() > 1)
        .order_by(TextSignature.cluster.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(TextSignature.cluster < before)
    return [one for one in await session.scalars(statement) if one is not None]


async def members(
    session: AsyncSession,
    org_id: int,
    visible: ColumnElement[bool],
    of: Collection[int],
    *,
    limit: int,
) -> list[Member]:
    """Return the first `limit` readable documents of each of some clusters, oldest first."""
    cluster = TextSignature.cluster
    position = func.row_number().over(partition_by=cluster, order_by=TextSignature.document_id)
    found = (
        select(
            TextSignature.cluster,
            TextSignature.document_id,
            func.count().over(partition_by=cluster).label("of"),
            position.label("position"),
        )
        .join(Document, Document.id == TextSignature.document_id)
        .where(TextSignature.org_id == org_id, TextSignature.cluster.in_(of), _holds(), visible)
        .subquery()
    )
    statement = (
        select(found.c.cluster, found.c.document_id, found.c.of)
        .where(found.c.position <= limit)
        .order_by(found.c.cluster.desc(), found.c.document_id)
    )
    return [Member(*row) for row in await session.execute(statement)]


async def pairs_among(session: AsyncSession, document_ids: Collection[int]) -> list[Pair]:
    """Return the pairs of which both documents are among these."""
    among = _array(document_ids)
    statement = select(NearPair.document_id, NearPair.other_id, NearPair.similarity).where(
        NearPair.document_id == any_(among), NearPair.other_id == any_(among)
    )
    return [Pair(*row) for row in await session.execute(statement)]


async def similar_to(
    session: AsyncSession, of: Compared, visible: ColumnElement[bool], *, limit: int
) -> dict[int, float]:
    """Return the readable documents that a document's current text makes a pair with, most alike first."""
    is_first = NearPair.document_id == of.document_id
    mine = TextSignature.__table__.alias("mine")
    statement = (
        select(TextSignature.document_id, NearPair.similarity)
        .join(
            TextSignature,
            or_(
                is_first & (TextSignature.document_id == NearPair.other_id),
                (NearPair.other_id == of.document_id)
                & (TextSignature.document_id == NearPair.document_id),
            ),
        )
        .select_from(NearPair)
        .join(mine, mine.c.document_id == of.document_id)
        .join(Document, Document.id == TextSignature.document_id)
        .where(
            or_(is_first, NearPair.other_id == of.document_id),
            mine.c.version_id == of.version_id,
            _holds(),
            visible,
        )
        .order_by(NearPair.similarity.desc(), TextSignature.document_id)
        .limit(limit)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


def _array(values: Collection[int]) -> ColumnElement[Sequence[int]]:
    return literal(list(values), ARRAY(BigInteger))
