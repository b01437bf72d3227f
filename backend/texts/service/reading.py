"""Looking at the text of pages. Every read goes through the access filter."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.documents import service as documents
from backend.documents.models import Document, Version
from backend.documents.schemas import PersonRef
from backend.search import service as search
from backend.search.matching import find_hits
from backend.texts import queries
from backend.texts.errors import LayerNotFoundError, NoTextError, PageNotFoundError
from backend.texts.models import ShownPage, TextPage
from backend.texts.pages import UNIT, PageStatus, Word, unpack
from backend.texts.schemas import (
    BeyondOut,
    LayerOut,
    PageOut,
    PagesOut,
    PageTextOut,
    TextOut,
    WordOut,
    WordsOut,
)

_MOST_NAMED = 10
"""Files inside a document that are named as those with hits."""


async def list_pages(
    session: AsyncSession,
    actor: Actor,
    document_id: int,
    *,
    version: int | None = None,
    q: str | None = None,
    shown: bool = False,
) -> PagesOut:
    """Return the pages of a document's version; with `q`, how often it is found on each.

    With `shown` they are the ones that are looked at, where those of the file have no places for their words.

    Raises:
        NotFoundError: the actor may not see the document, or it has no such version.
        InvalidQueryError: a filter in the query has a value it cannot take.
    """
    document, chosen = await _version(session, actor, document_id, version)
    own = await queries.pages(session, chosen.id)
    looked_at = await _looked_at(session, chosen.id, own) if shown else []
    found: Sequence[queries.AnyRow] | Sequence[ShownPage] = looked_at or own
    waiting = await queries.waiting_numbers(session, chosen.id)
    hits: dict[int, int] = {}
    beyond = None
    if q is not None:
        await documents.record_text_reading(session, actor, document, chosen.number)
        texts = looked_at or await queries.whole_pages(session, chosen.id)
        numbers = [page.page for page in texts]
        per_page = await _hits(session, actor, chosen.id, q, [_page_words(one) for one in texts])
        hits = {number: len(of) for number, of in zip(numbers, per_page, strict=True)}
        if numbers and not any(hits.values()):
            beyond = await _beyond(session, actor, document, chosen, q)
    pages = [
        PageOut(
            number=page.page,
            status=page.status,
            reason=page.reason,
            source=page.source,
            engine=page.engine,
            layer=page.layer,
            width=page.width,
            height=page.height,
            rotation=page.rotation,
            confidence=page.confidence,
            is_waiting=page.page in waiting,
            hits=None if q is None else hits.get(page.page, 0),
        )
        for page in found
    ]
    return PagesOut(
        version=chosen.number,
        layer=await queries.newest_layer(session, chosen.id),
        pages=pages,
        waiting=len(waiting),
        failed=sum(page.status is PageStatus.FAILED for page in found),
        beyond=beyond,
    )


async def read_words(
    session: AsyncSession,
    actor: Actor,
    document_id: int,
    number: int,
    *,
    version: int | None = None,
    q: str = "",
    shown: bool = False,
) -> WordsOut:
    """Return the words of a page with their places, and which of them `q` finds.

    With `shown` it is the page that is looked at, where that of the file has no places for its words.

    Raises:
        NotFoundError: the actor may not see the document, or it has no such version.
        PageNotFoundError: it has no such page, or none was read.
        InvalidQueryError: a filter in the query has a value it cannot take.
    """
    document, chosen = await _version(session, actor, document_id, version)
    own = await queries.whole_pages(session, chosen.id, numbers=[number])
    found = (await _looked_at(session, chosen.id, own, number) if shown else []) or own
    if not found:
        raise PageNotFoundError(f"No page {number} of {document.name!r} was read.")
    page = found[0]
    await documents.record_text_reading(session, actor, document, chosen.number)
    words = unpack(page.words, len(page.text))
    [hits] = await _hits(session, actor, chosen.id, q, [_page_words(page) if words else []])
    return WordsOut(
        version=chosen.number,
        number=page.page,
        status=page.status,
        source=page.source,
        layer=page.layer,
        width=page.width,
        height=page.height,
        rotation=page.rotation,
        words=_described(page.text, words),
        hits=[list(hit) for hit in hits],
    )


async def read_text(
    session: AsyncSession,
    actor: Actor,
    document_id: int,
    *,
    version: int | None = None,
    layer: int | None = None,
) -> TextOut:
    """Return the text of a document's version as it is searched; with `layer`, as it was when that was the newest.

    Raises:
        NotFoundError: the actor may not see the document, or it has no such version.
        LayerNotFoundError: the version has no such layer.
        NoTextError: no text was read out of the version, or not yet.
    """
    document, chosen = await _version(session, actor, document_id, version)
    newest = await queries.newest_layer(session, chosen.id)
    if layer is not None and not 1 <= layer <= newest:
        raise LayerNotFoundError(f"There is no text layer {layer} of {document.name!r}.")
    pages = await queries.page_texts(session, chosen.id, up_to=layer)
    searched = await search.get_text(session, chosen.id)
    if searched is None and not pages:
        raise NoTextError(
            f"There is no text of {document.name!r}.",
            index_status=chosen.index_status,
            index_detail=chosen.index_detail,
        )
    await documents.record_text_reading(session, actor, document, chosen.number)
    is_past = layer is not None and layer != newest
    text = searched.text if searched is not None and not is_past else joined(pages)
    return TextOut(
        text=text,
        page_count=searched.page_count if searched else chosen.page_count,
        language=searched.language if searched else None,
        engine=engines_of(pages) or (searched.engine if searched else ""),
        truncated=searched.truncated if searched else False,
        version=chosen.number,
        layer=newest if layer is None else layer,
        etag=text_etag(chosen.number, newest),
        pages=[
            PageTextOut(
                number=page.page,
                text=page.text,
                status=page.status,
                reason=page.reason,
                source=page.source,
                confidence=page.confidence,
                layer=page.layer,
            )
            for page in pages
        ],
    )


async def list_layers(
    session: AsyncSession, actor: Actor, document_id: int, *, version: int | None = None
) -> list[LayerOut]:
    """Return the text layers of a document's version, newest first.

    Raises:
        NotFoundError: the actor may not see the document, or it has no such version.
    """
    _, chosen = await _version(session, actor, document_id, version)
    counts = {row.layer: row for row in await queries.page_counts(session, chosen.id)}
    shown = []
    for layer in await queries.layers(session, chosen.id):
        of = counts.get(layer.number)
        shown.append(
            LayerOut(
                number=layer.number,
                kind=layer.kind,
                created_at=layer.created_at,
                created_by=None
                if layer.creator is None
                else PersonRef(id=layer.creator.id, name=layer.creator.name),
                comment=layer.comment,
                engines=sorted({name for one in (of.engines or []) for name in one.split("+")})
                if of
                else [],
                languages=layer.languages,
                pages=sorted(of.numbers) if of else [],
                waiting=of.waiting if of else 0,
                failed=of.failed if of else 0,
                confidence=of.confidence if of else None,
                restored_from=layer.restored_from,
            )
        )
    return shown


def text_etag(version: int, layer: int) -> str:
    """Return the entity tag of a version's text, by the numbers of version and newest layer."""
    return f'"{version}.{layer}"'


def joined(pages: Sequence[queries.AnyRow]) -> str:
    """Return the text of pages one after the other."""
    return "\n".join(page.text for page in pages if page.text)


def engines_of(pages: Sequence[queries.AnyRow]) -> str:
    """Return the names of what read pages, each once, in the order of their first pages."""
    names = [name for page in pages for name in page.engine.split("+") if name]
    return "+".join(dict.fromkeys(names))


async def _version(
    session: AsyncSession, actor: Actor, document_id: int, number: int | None
) -> tuple[Document, Version]:
    document = await documents.get_document(session, actor, document_id)
    return document, await documents.get_version(session, document, number)


async def _looked_at(
    session: AsyncSession,
    version_id: int,
    own: Sequence[queries.AnyRow] | Sequence[TextPage],
    *numbers: int,
) -> Sequence[ShownPage]:
    """Return the pages that a version was converted to, or some of them; none where its own have places for words."""
    if any(page.width is not None for page in own):
        return []
    return await queries.shown_pages(session, version_id, numbers=numbers or None)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A word put together again from its parts, which are words `first` to before `last` of the page."""

    text: str
    first: int
    last: int


def _page_words(page: TextPage | ShownPage) -> list[_Whole]:
    words = unpack(page.words, len(page.text))
    if not words:
        # A sheet or a slide: its words have no places, but can be counted.
        return [_Whole(word, place, place + 1) for place, word in enumerate(page.text.split())]
    whole: list[_Whole] = []
    for place, word in enumerate(words):
        text = page.text[word.start : word.end]
        if place and words[place - 1].end == word.start:
            before = whole.pop()
            whole.append(_Whole(before.text + text, before.first, place + 1))
        else:
            whole.append(_Whole(text, place, place + 1))
    return whole


async def _hits(
    session: AsyncSession, actor: Actor, version_id: int, q: str, pages: Sequence[list[_Whole]]
) -> list[list[list[int]]]:
    """Return for each page its hits, each as the places of the page's words."""
    if not q.strip():
        return [[] for _ in pages]
    searched = await search.get_text(session, version_id)
    found = await find_hits(
        session,
        actor.org_id,
        q=q,
        language=searched.language if searched else None,
        pages=[[word.text for word in page] for page in pages],
    )
    return [
        [
            [place for word in hit for place in range(page[word].first, page[word].last)]
            for hit in hits
        ]
        for page, hits in zip(pages, found, strict=True)
    ]


async def _beyond(
    session: AsyncSession, actor: Actor, document: Document, version: Version, q: str
) -> BeyondOut | None:
    """Return what a query finds in the text of a version that is on no page; None where that is nothing."""
    lines = [line.split() for line in (await _text_beyond(session, version.id)).splitlines()]
    # Without places: only which of them are found counts.
    words = [_Whole(word, number, number + 1) for number, line in enumerate(lines) for word in line]
    [hits] = await _hits(session, actor, version.id, q, [words])
    if not hits:
        return None
    known = await documents.get_metadata(session, actor, document.id, version=version.number)
    named = known.extra.get("attachments")
    files = _names_above(lines, named if isinstance(named, list) else [])
    found = dict.fromkeys(files[hit[0]] for hit in hits)
    return BeyondOut(hits=len(hits), files=[name for name in found if name][:_MOST_NAMED])


def _names_above(lines: Sequence[Sequence[str]], names: Collection[str]) -> list[str]:
    """Return for each line, given as its words, the last of some names that is a line above it; empty without one."""
    above: list[str] = []
    for line in map(" ".join, lines):
        above.append(line if line in names else above[-1] if above else "")
    return above


async def _text_beyond(session: AsyncSession, version_id: int) -> str:
    """Return the text of a version that is on no page of its own; all of it where it has none."""
    whole = await queries.whole_layer(session, version_id)
    if whole is not None:
        return whole.beyond
    searched = await search.get_text(session, version_id)
    return searched.text if searched is not None else ""


def _described(text: str, words: Sequence[Word]) -> list[WordOut]:
    following = [word.start for word in words[1:]]
    return [
        WordOut(
            text=text[word.start : word.end],
            box=(
                word.left / UNIT,
                word.top / UNIT,
                word.right / UNIT,
                word.bottom / UNIT,
            ),
            confidence=word.confidence / 100,
            is_divided=after == word.end,
        )
        # Not strictly: a page may have no words with places.
        for word, after in zip(words, [*following, -1], strict=False)
    ]
