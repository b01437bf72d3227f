"""Which texts are due and what comparing them found, for the worker; what resembles what, for readers.

What is read goes through the access filter: a pair is told of only to who may read both documents, and a group holds
together by such pairs alone, so that no document in between is hinted at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.core.actor import Actor
from backend.core.pagination import decode_cursor, encode_cursor
from backend.documents import service as documents
from backend.documents.models import Document
from backend.documents.schemas import DocumentOut
from backend.duplicates import queries
from backend.duplicates.queries import Member, Pair
from backend.duplicates.schemas import DuplicateGroup, RelatedOut, SimilarDocument
from backend.duplicates.texts import Candidate, Compared, Signature

NEARLY = 0.7
"""From this similarity on, two texts are nearly the same: about one word in seventeen differs."""
COMPARED = 20
"""With so many candidates at most a text is compared."""
_RELATED = 20
_COUNTED = 500
"""So many documents of a cluster are looked at."""
_SHOWN = 20
"""So many documents of a group are shown."""


async def take_due(session: AsyncSession, *, org_id: int, limit: int) -> list[Compared] | None:
    """Return documents whose text is to be compared, which nobody else does before the transaction ends.

    Versions that are no longer current are passed over. None: nothing is due, or somebody else compares.
    """
    if not await queries.take_turn(session, org_id):
        return None
    due = await queries.take_due(session, limit=limit)
    return await queries.current_ones(session, due) if due else None


async def candidates(session: AsyncSession, of: Compared, signature: Signature) -> list[Candidate]:
    """Return the documents whose texts are to be compared with a text."""
    return await queries.candidates(session, of.document_id, signature.bands, limit=COMPARED)


async def forget(session: AsyncSession, of: Compared) -> None:
    """Have a document resemble none."""
    await queries.forget(session, [of.document_id])


async def record(
    session: AsyncSession,
    of: Compared,
    signature: Signature,
    similarities: Mapping[int, float],
    *,
    org_id: int,
) -> None:
    """Take in a text's signature, and how similar other documents' texts are, in place of what was known."""
    await queries.forget(session, [of.document_id])
    await queries.add_signature(session, org_id, of, signature)
    pairs = [
        Pair(min(of.document_id, other), max(of.document_id, other), similarity)
        for other, similarity in similarities.items()
        if similarity >= NEARLY
    ]
    if pairs:
        await queries.add_pairs(session, org_id, pairs)
        await queries.join_clusters(session, {one for pair in pairs for one in pair[:2]})


async def related(session: AsyncSession, actor: Actor, document_id: int) -> RelatedOut:
    """Return what resembles a document, of what the actor may read.

    Raises:
        NotFoundError: the actor may not see the document.
    """
    document = await documents.get_document(session, actor, document_id)
    version = document.current_version
    same = await documents.same_content(
        session, actor, [version.blob.digest], but=document_id, limit=_RELATED
    )
    seen = await access.view(session, actor)
    similar = await queries.similar_to(
        session,
        Compared(document_id, version.id),
        seen.documents(Document.id, Document.folder_id),
        limit=_RELATED,
    )
    loaded = await _load(session, actor, list(similar))
    return RelatedOut(
        same_content=same.get(version.blob.digest, []),
        similar_text=[
            SimilarDocument(document=loaded[other], similarity=round(similarity, 4))
            for other, similarity in similar.items()
            if other in loaded
        ],
    )


async def groups(
    session: AsyncSession, actor: Actor, *, cursor: str | None, limit: int
) -> tuple[list[DuplicateGroup], str | None]:
    """Return a page of groups of documents with nearly the same text, of what the actor may read.

    A cluster whose documents are connected by what the actor may not read falls apart: there may be more groups on a
    page than `limit`, or fewer.
    """
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    seen = await access.view(session, actor)
    visible = seen.documents(Document.id, Document.folder_id)
    found = await queries.clusters(session, actor.org_id, visible, before=before, limit=limit + 1)
    page = found[:limit]
    members = await queries.members(session, actor.org_id, visible, page, limit=_COUNTED)
    pairs = await queries.pairs_among(session, [one.document_id for one in members])
    parts = _parts(members, pairs)
    shown = [one for part in parts for one in part.documents[:_SHOWN]]
    loaded = await _load(session, actor, shown)
    described = [_describe(part, loaded) for part in parts]
    next_cursor = encode_cursor(page[-1]) if len(found) > limit else None
    return described, next_cursor


@dataclass(frozen=True, slots=True)
class _Part:
    """Documents that pairs connect."""

    documents: Sequence[int]
    is_cut: bool
    similarities: Sequence[float]


def _parts(members: Sequence[Member], pairs: Sequence[Pair]) -> list[_Part]:
    """Return the documents that pairs connect, of each cluster, in the order of the clusters."""
    leader = {one.document_id: one.document_id for one in members}

    def lead(document_id: int) -> int:
        while leader[document_id] != document_id:
            leader[document_id] = leader[leader[document_id]]
            document_id = leader[document_id]
        return document_id

    for pair in pairs:
        leader[lead(pair.other_id)] = lead(pair.document_id)
    together: dict[int, list[int]] = {}
    cut: set[int] = set()
    for one in members:
        together.setdefault(lead(one.document_id), []).append(one.document_id)
        if one.of > _COUNTED:
            cut.add(lead(one.document_id))
    similarities: dict[int, list[float]] = {}
    for pair in pairs:
        similarities.setdefault(lead(pair.document_id), []).append(pair.similarity)
    return [
        _Part(ids, key in cut, similarities[key])
        for key, ids in together.items()
        if key in similarities
    ]


def _describe(part: _Part, loaded: Mapping[int, DocumentOut]) -> DuplicateGroup:
    return DuplicateGroup(
        documents=[loaded[one] for one in part.documents[:_SHOWN] if one in loaded],
        total=len(part.documents),
        total_is_lower_bound=part.is_cut,
        least_similarity=round(min(part.similarities), 4),
        greatest_similarity=round(max(part.similarities), 4),
    )


async def _load(
    session: AsyncSession, actor: Actor, document_ids: Sequence[int]
) -> dict[int, DocumentOut]:
    shown = await documents.load_documents(session, actor, document_ids) if document_ids else []
    return {one.id: one for one in shown}
