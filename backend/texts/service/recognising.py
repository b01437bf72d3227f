"""What workers do with text layers: store what was read, ask what waits, hand the whole to the search.

Every writer locks the version's layers first, so that of two, the second sees what the first wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.search import service as search
from backend.texts import queries
from backend.texts.models import LayerKind, TextLayer, TextPage
from backend.texts.pages import PageSource, PageStatus, PageText
from backend.texts.service.reading import engines_of, joined

MAX_TEXT = 2_000_000
"""Characters of a version that are searched."""
_MOST_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a whole document gave besides its pages."""

    beyond: str
    """Text that is on no page."""
    page_count: int | None
    language: str | None
    truncated: bool
    detail: str
    """One sentence for a person: what was left out."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pages of one layer that wait to be recognised, and how."""

    layer: int
    pages: tuple[int, ...]
    languages: tuple[str, ...]
    engine: str
    is_forced: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the pages of a version are."""

    pages: int
    waiting: int
    failed: tuple[int, ...]
    detail: str
    """What was left out when the document was read as a whole."""


async def record_reading(
    session: AsyncSession,
    *,
    org_id: int,
    version_id: int,
    reading: Reading,
    pages: Sequence[PageText],
    languages: Sequence[str],
) -> None:
    """Keep the pages of a document that was read as a whole, as a new layer.

    Pages that say what is known of them already are left out, and so are those a person has corrected.
    """
    languages = languages if any(page.status is PageStatus.WAITING for page in pages) else []
    newest = await queries.lock_layers(session, version_id)
    known = {page.page: page for page in await queries.whole_pages(session, version_id)}
    new = [page for page in pages if not _is_known(page, known)]
    whole = await queries.whole_layer(session, version_id)
    if whole is not None and not new and whole.beyond == reading.beyond:
        return
    layer = TextLayer(
        version_id=version_id,
        number=newest + 1,
        org_id=org_id,
        kind=LayerKind.READING,
        languages=list(languages),
        is_whole=True,
        beyond=reading.beyond,
        page_count=reading.page_count,
        language=reading.language,
        truncated=reading.truncated,
        detail=reading.detail,
    )
    await queries.add_layer(session, layer)
    await queries.add_pages(
        session, org_id=org_id, version_id=version_id, layer_number=layer.number, new=new
    )


def _is_known(page: PageText, known: dict[int, TextPage]) -> bool:
    before = known.get(page.number)
    if before is None:
        return False
    says_the_same = (before.text, before.words, before.status) == (
        page.text,
        page.words,
        page.status,
    )
    return before.source is PageSource.PERSON or says_the_same


async def next_batch(session: AsyncSession, version_id: int, *, limit: int) -> Batch | None:
    """Return pages of a version that wait to be recognised; None where none does."""
    found = await queries.next_waiting(session, version_id, limit=limit)
    if found is None:
        return None
    layer, numbers = found
    return Batch(
        layer=layer.number,
        pages=tuple(numbers),
        languages=tuple(layer.languages),
        engine=layer.engine,
        is_forced=layer.is_forced,
    )


async def record_pages(
    session: AsyncSession,
    version_id: int,
    batch: Batch,
    pages: Sequence[PageText],
    *,
    reason: str,
) -> Progress:
    """Record what became of the pages of a batch, and return how far the version is.

    At the first page that is missing the reading broke off (`reason` says why): it is tried once more, then given up.
    """
    await queries.lock_layers(session, version_id)
    asked = set(batch.pages)
    for page in pages:
        if page.number in asked and page.status is not PageStatus.WAITING:
            await queries.settle_page(session, version_id, batch.layer, queries.values_of(page))
    read = {page.number for page in pages}
    left = [number for number in batch.pages if number not in read]
    if left:
        await _give_up_sometime(session, version_id, batch.layer, left[0], reason)
    return await progress(session, version_id)


async def _give_up_sometime(
    session: AsyncSession, version_id: int, layer: int, page: int, reason: str
) -> None:
    if await queries.count_attempt(session, version_id, layer, page) < _MOST_ATTEMPTS:
        return
    values = {"page": page, "status": PageStatus.FAILED, "reason": reason}
    await queries.settle_page(session, version_id, layer, values)


async def progress(session: AsyncSession, version_id: int) -> Progress:
    """Return how far the pages of a version are."""
    pages = await queries.pages(session, version_id)
    whole = await queries.whole_layer(session, version_id)
    return Progress(
        detail=whole.detail if whole is not None else "",
        pages=len(pages),
        waiting=len(await queries.waiting_numbers(session, version_id)),
        failed=tuple(page.page for page in pages if page.status is PageStatus.FAILED),
    )


async def text_of_pages(session: AsyncSession, version_id: int) -> str | None:
    """Return the text of a version as its pages and what is beyond them give it; None where it has no pages."""
    pages = await queries.page_texts(session, version_id)
    if not pages:
        return None
    whole = await queries.whole_layer(session, version_id)
    beyond = whole.beyond if whole is not None else ""
    return "\n".join(part for part in (joined(pages), beyond) if part)


async def publish(
    session: AsyncSession, *, org_id: int, version_id: int, language: str | None = None
) -> None:
    """Hand the text of a version that has pages to the search, as it is now.

    `language` is that of the text, where it was found out anew; without it, it stays what it was.
    """
    text = await text_of_pages(session, version_id)
    whole = await queries.whole_layer(session, version_id)
    if text is None or whole is None:
        return
    if language is not None:
        whole.language = language
        await session.flush()
    await search.index_text(
        session,
        org_id=org_id,
        version_id=version_id,
        text=text[:MAX_TEXT],
        language=whole.language,
        engine=engines_of(await queries.pages(session, version_id)),
        page_count=whole.page_count,
        truncated=whole.truncated or len(text) > MAX_TEXT,
    )


async def languages_of(session: AsyncSession, org_id: int) -> tuple[str, ...]:
    """Return the languages an organisation's scans are written in; none where nobody said."""
    return tuple(await queries.languages(session, org_id))
