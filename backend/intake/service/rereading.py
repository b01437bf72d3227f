"""The second pass: rules on the text of an item, once that was read. What anybody has touched since stays as it is."""

from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.core.errors import DomainError
from backend.core.origin import on_behalf_of
from backend.core.outbox import emit
from backend.documents.errors import DocumentNameTakenError
from backend.documents.models import Document
from backend.documents.service import changing, reading
from backend.folders import service as folders
from backend.intake import queries
from backend.intake.models import Item, Source
from backend.intake.rules import Decision, Facts, decide
from backend.intake.service.filing import acting_for
from backend.intake.service.ruling import rules_of
from backend.intake.service.sources import get_source
from backend.search import service as search

log = structlog.get_logger(__name__)

TEXT_READ = "intake.text_read"
"""The text of an item was read, and there are rules that ask for it."""


@dataclass(frozen=True, slots=True)
class _Passes:
    """What rules said without the text, and what they say with it."""

    before: Decision
    after: Decision

    @property
    def is_moved(self) -> bool:
        before, after = self.before, self.after
        return (before.folder_id, before.subfolder) != (after.folder_id, after.subfolder)

    @property
    def new_name(self) -> str | None:
        return None if self.before.name == self.after.name else self.after.name


async def text_was_read(session: AsyncSession, *, org_id: int, version_id: int) -> None:
    """Have rules on its text applied to a version that came by itself."""
    for item_id in await queries.awaiting(session, version_id):
        await emit(session, TEXT_READ, org_id=org_id, data={"item_id": item_id})


async def apply_text_rules(session: AsyncSession, item_id: int) -> None:
    """Apply rules on the text of an item, once; where that cannot be, the journal says why."""
    item = await queries.item(session, item_id, lock=True)
    if item is None or not item.awaits_text:
        return
    item.awaits_text = False
    await session.flush()
    source = await get_source(session, item.source_id)
    with on_behalf_of(f"source:{source.id}"):
        try:
            async with session.begin_nested():
                await _apply(session, item, source)
        except DomainError as error:
            log.warning("text_rules_not_applied", item_id=item_id, code=error.code)
            reason = f"Rules on its text could not be applied: {error.detail}"
            await queries.update_item(session, item_id, reason=reason)


async def _apply(session: AsyncSession, item: Item, source: Source) -> None:
    actor = await acting_for(session, source)
    if item.document_id is None or item.version_id is None:
        return
    document = await reading.get_document(session, actor, item.document_id)
    is_untouched = document.revision == item.document_revision
    if not is_untouched or document.current_version_id != item.version_id:
        return
    rules = await rules_of(session, source.org_id)
    facts = Facts.from_json(item.facts)
    texts = await search.texts(session, [item.version_id])
    passes = _Passes(
        decide(rules, facts), decide(rules, facts, text=texts.get(item.version_id, ""))
    )
    if passes.after.applied == passes.before.applied:
        return
    changed = await _change(session, actor, source, document, passes)
    await queries.update_item(
        session, item.id, rules=passes.after.applied, document_revision=changed.revision
    )


async def _change(
    session: AsyncSession, actor: Actor, source: Source, document: Document, passes: _Passes
) -> Document:
    folder_id = None
    below = passes.after.folder_id or source.folder_id
    if passes.is_moved and below is not None:
        folder_id = await folders.make_path(session, actor, below, passes.after.subfolder)
    change = partial(
        changing.update_document,
        session,
        actor,
        document.id,
        folder_id=folder_id,
        tags=list(dict.fromkeys([*document.tags, *passes.after.tags])),
        properties=document.properties | passes.after.properties,
    )
    try:
        return await change(name=passes.new_name)
    except DocumentNameTakenError as error:
        suggestions = error.data["suggestions"]
        assert isinstance(suggestions, dict)  # noqa: S101  # as `name_taken` makes it
        return await change(name=suggestions["rename"])
