"""What people do to the text of pages: correct it, go back to what it was, have it recognised once more."""

import re
import unicodedata
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.errors import StaleError
from backend.core.outbox import emit
from backend.documents import service as documents
from backend.documents.models import Document, IndexStatus
from backend.texts import queries
from backend.texts.alignment import realign
from backend.texts.errors import (
    LayerNotFoundError,
    NotRecognisableError,
    PageNotFoundError,
    StillReadingError,
    UnknownLanguageError,
)
from backend.texts.languages import READABLE
from backend.texts.models import LayerKind, TextLayer, TextPage
from backend.texts.pages import PageSource, PageStatus, PageText, pack, unpack
from backend.texts.schemas import OcrAccepted, OcrRequest, TextCorrection
from backend.texts.service.reading import text_etag
from backend.texts.service.recognising import languages_of, publish

_UNREAD = frozenset({IndexStatus.PENDING, IndexStatus.EXTRACTING})
# Control characters (PostgreSQL takes no NUL) and halves of surrogate pairs.
_UNKEPT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


async def correct_text(
    session: AsyncSession,
    actor: Actor,
    document_id: int,
    correction: TextCorrection,
    *,
    if_match: str,
) -> int:
    """Write what stands on pages of a document's current version; return the number of its newest layer.

    It is searched at once. Pages that already say it are left out; where all do, nothing is written.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the document, or not change it.
        StaleError: `if_match` is not the ETag of its text, with the present `etag`.
        PageNotFoundError: no such page was read.
    """
    document, newest = await _begin(session, actor, document_id, if_match)
    version_id = document.current_version.id
    wanted = {page.number: _clean(page.text) for page in correction.pages}
    known = await queries.whole_pages(session, version_id, numbers=wanted.keys())
    missing = sorted(wanted.keys() - {page.page for page in known})
    if missing:
        raise PageNotFoundError(f"No page {missing[0]} of {document.name!r} was read.")
    new = [_corrected(page, wanted[page.page]) for page in known if page.text != wanted[page.page]]
    if not new:
        return newest
    layer = TextLayer(
        version_id=version_id,
        number=newest + 1,
        org_id=actor.org_id,
        kind=LayerKind.CORRECTION,
        created_by=actor.user_id,
        comment=correction.comment,
    )
    await _add(session, actor, document, layer, new, "document.text_corrected")
    return layer.number


async def restore_layer(
    session: AsyncSession, actor: Actor, document_id: int, number: int, *, if_match: str
) -> int:
    """Have the pages say again what they said when a layer was the newest; return the number of the newest layer.

    Nothing is lost: what they say now stays in its layers.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the document, or not change it.
        StaleError: `if_match` is not the ETag of its text, with the present `etag`.
        LayerNotFoundError: its current version has no such layer.
    """
    document, newest = await _begin(session, actor, document_id, if_match)
    version_id = document.current_version.id
    if await queries.layer(session, version_id, number) is None:
        raise LayerNotFoundError(f"There is no text layer {number} of {document.name!r}.")
    present = {page.page: page for page in await queries.whole_pages(session, version_id)}
    new = [
        _as_read(page)
        for page in await queries.whole_pages(session, version_id, up_to=number)
        if page.status is PageStatus.READ and page.layer != present[page.page].layer
    ]
    if not new:
        return newest
    layer = TextLayer(
        version_id=version_id,
        number=newest + 1,
        org_id=actor.org_id,
        kind=LayerKind.RESTORATION,
        created_by=actor.user_id,
        restored_from=number,
    )
    await _add(session, actor, document, layer, new, "document.text_restored")
    return layer.number


async def request_recognition(
    session: AsyncSession, actor: Actor, document_id: int, request: OcrRequest
) -> OcrAccepted:
    """Have pages of a document's current version recognised once more, and say which.

    Pages that were named are recognised even if they have text of their own. Until a page is read, what was known of
    it counts; a page that a person has corrected is left alone unless told otherwise.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the document, or not change it.
        StillReadingError: its text is being read.
        NotRecognisableError: it has no pages that are pictures, or none was named.
        PageNotFoundError: no such page was read.
        UnknownLanguageError: no engine reads one of the languages.
    """
    document = await _changeable(session, actor, document_id)
    version = document.current_version
    check_languages(request.languages or ())
    newest = await queries.lock_layers(session, version.id)
    if version.index_status in _UNREAD:
        raise StillReadingError("Its text is being read. Ask again when that is done.")
    known = {page.page: page for page in await queries.pages(session, version.id)}
    chosen = _recognisable(document, known, request.pages)
    left_alone = [
        number
        for number in chosen
        if known[number].source is PageSource.PERSON and not request.replace_corrections
    ]
    numbers = [number for number in chosen if number not in left_alone]
    if not numbers:
        return OcrAccepted(layer=None, pages=[], left_alone=left_alone)
    languages = request.languages
    layer = TextLayer(
        version_id=version.id,
        number=newest + 1,
        org_id=actor.org_id,
        kind=LayerKind.READING,
        created_by=actor.user_id,
        languages=list(
            await languages_of(session, actor.org_id) if languages is None else languages
        ),
        engine=request.engine or "",
        is_forced=True,
    )
    waiting = [
        PageText(
            number=number,
            status=PageStatus.WAITING,
            source=PageSource.OCR,
            width=known[number].width,
            height=known[number].height,
        )
        for number in numbers
    ]
    await _keep(session, actor, document, layer, waiting, "document.ocr_requested")
    await documents.request_ocr(session, version.id)
    return OcrAccepted(layer=layer.number, pages=numbers, left_alone=left_alone)


def check_languages(codes: Sequence[str]) -> None:
    """Refuse languages that no engine reads.

    Raises:
        UnknownLanguageError: one is such.
    """
    for code in codes:
        if code not in READABLE:
            raise UnknownLanguageError(f"No engine reads the language {code!r}.", language=code)


async def _changeable(session: AsyncSession, actor: Actor, document_id: int) -> Document:
    document = await documents.get_document(session, actor, document_id)
    await access.require_document(session, actor, Action.DOCUMENT_UPDATE, document_id=document_id)
    return document


async def _begin(
    session: AsyncSession, actor: Actor, document_id: int, if_match: str
) -> tuple[Document, int]:
    """Return the document and its newest layer, held until the transaction ends; refuse what is based on another."""
    document = await _changeable(session, actor, document_id)
    newest = await queries.lock_layers(session, document.current_version.id)
    etag = text_etag(document.current_version.number, newest)
    if if_match not in {"*", etag}:
        raise StaleError("The text was changed since you read it; read it again.", etag=etag)
    return document, newest


async def _add(
    session: AsyncSession,
    actor: Actor,
    document: Document,
    layer: TextLayer,
    pages: Sequence[PageText],
    action: str,
) -> None:
    """Keep what a person says of pages, and have it searched."""
    await _keep(session, actor, document, layer, pages, action)
    await publish(session, org_id=actor.org_id, version_id=layer.version_id)


async def _keep(
    session: AsyncSession,
    actor: Actor,
    document: Document,
    layer: TextLayer,
    pages: Sequence[PageText],
    action: str,
) -> None:
    await queries.add_layer(session, layer)
    await queries.add_pages(
        session,
        org_id=actor.org_id,
        version_id=layer.version_id,
        layer_number=layer.number,
        new=pages,
    )
    facts = {
        "version": document.current_version.number,
        "layer": layer.number,
        "pages": [page.number for page in pages],
    }
    if layer.restored_from is not None:
        facts["restored_from"] = layer.restored_from
    deed = Deed(action, f"document:{document.id}", facts, document.folder_id)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    await emit(
        session,
        "document.text_changed",
        org_id=actor.org_id,
        data={
            "document_id": document.id,
            "version_id": layer.version_id,
            "folder_id": document.folder_id,
            "layer": layer.number,
        },
    )


def _recognisable(
    document: Document, known: dict[int, queries.AnyRow], named: Sequence[int] | None
) -> list[int]:
    """Return the pages to recognise: those named, or all that are not text in the file already."""
    if named is None:
        found = [
            number
            for number, page in sorted(known.items())
            if page.width is not None
            and (page.source is not PageSource.FILE or page.status is not PageStatus.READ)
        ]
        if not found:
            raise NotRecognisableError(
                "No page of it is a picture. Name pages to have them recognised all the same."
            )
        return found
    for number in named:
        if number not in known:
            raise PageNotFoundError(f"No page {number} of {document.name!r} was read.")
        if known[number].width is None:
            raise NotRecognisableError("Its pages cannot be recognised: they are no pictures.")
    return sorted(set(named))


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _UNKEPT.sub("", text)).rstrip()


def _corrected(page: TextPage, text: str) -> PageText:
    words = unpack(page.words, len(page.text))
    return PageText(
        number=page.page,
        text=text,
        words=pack(realign(page.text, words, text)),
        source=PageSource.PERSON,
        width=page.width,
        height=page.height,
        rotation=page.rotation,
    )


def _as_read(page: TextPage) -> PageText:
    return PageText(
        number=page.page,
        text=page.text,
        words=page.words,
        status=page.status,
        source=page.source,
        engine=page.engine,
        width=page.width,
        height=page.height,
        rotation=page.rotation,
        confidence=page.confidence,
    )
