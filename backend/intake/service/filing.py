"""Filing what a source brought: through the services an upload goes through, and into the journal in the same
transaction.

What was filed under its key before is not filed again. What is refused is in the journal with its reason, and so is
what failed, which is tried again.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.audit import service as audit
from backend.audit.service import Deed
from backend.content.errors import (
    StorageFullError,
    UnscannableError,
    UploadTooLargeError,
    VirusFoundError,
)
from backend.content.media_types import media_type_of
from backend.content.service import Content, Received
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.core.errors import DomainError, ForbiddenError, NotFoundError, UnavailableError
from backend.core.origin import on_behalf_of
from backend.documents.errors import FileTypeRefusedError, QuotaExceededError
from backend.documents.models import Document
from backend.documents.schemas import OnConflict
from backend.documents.service import reading, uploading
from backend.folders import service as folders
from backend.identity import service as identity
from backend.identity.models import store_namespace
from backend.intake import queries
from backend.intake.models import ItemState, Source, SourceKind
from backend.intake.names import one_line_name, storable
from backend.intake.rules import Decision, Facts, decide, go_by_text
from backend.intake.service.ruling import rules_of
from backend.intake.service.sources import get_source

log = structlog.get_logger(__name__)

UNFORESEEN = "Something went wrong that was not foreseen; the log of the service says what."
MOST_TRIES = 12
"""Within a day."""
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
_FOR_GOOD = (VirusFoundError, UnscannableError, UploadTooLargeError, FileTypeRefusedError)
"""What nothing changes when it is tried again."""
_NOT_OF_THE_ITEM = (UnavailableError, StorageFullError, QuotaExceededError)
"""What is against any other item too: the source waits, and the item has not been tried."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What filing needs of a process."""

    database: Database
    content: Content


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of an item before its first byte."""

    key: str
    """What it is known again by: no other item of the source has it."""
    place: str
    """Where the source has it."""
    name: str
    """As it came; it need not be one that a document may have."""
    at: datetime
    """When it was written."""
    size: int | None = None
    """Bytes, where it is known."""
    sender: str | None = None
    subject: str | None = None
    folders: tuple[str, ...] = ()
    """Folders it came in, which are made below the source's."""
    parts: int = 1
    """How many items are in this place together."""

    @property
    def document_name(self) -> str:
        """What the document is called, unless rules or others have another say."""
        return one_line_name(self.name, otherwise="file")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item."""

    state: ItemState
    reason: str | None = None
    is_new: bool = True
    """Whether that was decided now; what was filed before stays as it is."""
    code: str | None = None
    """The code of the error, where it was not filed."""
    is_outage: bool = False
    """Whether what is against it is against any other too; then nothing was entered into the journal."""


async def file_item(
    desk: Desk, *, org_id: int, source_id: int, arrival: Arrival, chunks: AsyncIterator[bytes]
) -> Outcome:
    """File an item, or say in the journal why not.

    Whatever the chunks raise that is no domain error is raised on, and nothing is kept then.

    Raises:
        SourceNotFoundError: the source was deleted meanwhile.
    """
    with on_behalf_of(f"source:{source_id}"):
        try:
            async with desk.database.transaction(Tenant(org_id)) as session:
                source = await get_source(session, source_id)
                settled = await _settled(session, source, arrival)
                if settled is not None:
                    return settled
                await _check(session, source, arrival)
            async with (
                desk.content.receive(chunks, namespace=store_namespace(org_id)) as received,
                desk.database.transaction(Tenant(org_id)) as session,
            ):
                return await _file(session, source_id, arrival, received)
        except _NOT_OF_THE_ITEM as error:
            async with desk.database.transaction(Tenant(org_id)) as session:
                return await _note_outage(session, source_id, arrival, error)
        except DomainError as error:
            async with desk.database.transaction(Tenant(org_id)) as session:
                return await note_failure(session, source_id, arrival, error)


async def note_failure(
    session: AsyncSession, source_id: int, arrival: Arrival, error: DomainError
) -> Outcome:
    """Enter into the journal why an item was not filed, and when it is tried again.

    Raises:
        SourceNotFoundError: the source was deleted meanwhile.
    """
    source = await get_source(session, source_id)
    item_id, before, tries = await queries.take_item(session, _values(source, arrival))
    if before is ItemState.FILED:
        return Outcome(ItemState.FILED, is_new=False)
    state = ItemState.REFUSED if isinstance(error, _FOR_GOOD) else ItemState.FAILED
    tries += 1
    again = state is ItemState.FAILED and tries < MOST_TRIES
    await queries.update_item(
        session,
        item_id,
        state=state,
        reason=error.detail,
        tries=tries,
        retry_at=now() + wait_after(tries) if again else None,
        at=now(),
    )
    log.warning("item_not_filed", source_id=source_id, state=state, code=error.code, tries=tries)
    if before is not state:
        await queries.count_item(session, source_id, state)
    if before is not state or tries == 1:
        await _record_failure(session, source, arrival, error, state)
    return Outcome(state, error.detail, code=error.code)


def wait_after(tries: int) -> timedelta:
    """Return how long is waited after so many tries."""
    return min(_FIRST_WAIT * (1 << min(tries - 1, 20)), _LONGEST_WAIT)


async def acting_for(session: AsyncSession, source: Source) -> Actor:
    """Return whom a source acts as.

    Raises:
        ForbiddenError: that is nobody who works here any more.
    """
    actor = await identity.acting(session, org_id=source.org_id, user_id=source.acts_as)
    if actor is None:
        raise ForbiddenError(
            "The person it acts as was deactivated, or does not work with documents any more."
        )
    return actor


async def check_target(session: AsyncSession, source: Source) -> tuple[Actor, int]:
    """Return whom a source acts as, and the folder it files into, if that person may do so.

    Raises:
        NotFoundError, ForbiddenError: the folder is gone, or the person may not add to it.
    """
    actor = await acting_for(session, source)
    if source.folder_id is None:
        raise NotFoundError("The folder it files into was deleted.")
    await access.require(session, actor, Action.DOCUMENT_CREATE, folder_id=source.folder_id)
    return actor, source.folder_id


async def _settled(session: AsyncSession, source: Source, arrival: Arrival) -> Outcome | None:
    """Return what became of an item before; None where it is to be tried now. It may have come to another place."""
    known = (await queries.items_by_key(session, source.id, [arrival.key])).get(arrival.key)
    if known is None:
        return None
    # What is delivered once more is tried once more: nobody here looks for it.
    is_due = source.kind is SourceKind.SMTP or is_past(known.retry_at)
    if known.state is not ItemState.FILED and is_due:
        return None
    if (known.place, known.parts) != (arrival.place, arrival.parts):
        await queries.update_item(session, known.id, place=arrival.place, parts=arrival.parts)
    return Outcome(known.state, known.reason, is_new=False)


def is_past(at: datetime | None) -> bool:
    """Whether the time has come; it never does where it is None."""
    return at is not None and at <= now()


async def _note_outage(
    session: AsyncSession, source_id: int, arrival: Arrival, error: DomainError
) -> Outcome:
    source = await get_source(session, source_id)
    if source.kind is SourceKind.SMTP:  # only the journal could tell of it
        return await note_failure(session, source_id, arrival, error)
    return Outcome(ItemState.FAILED, error.detail, code=error.code, is_outage=True)


async def _check(session: AsyncSession, source: Source, arrival: Arrival) -> None:
    """Refuse before the first byte what would be refused after the last, as far as that is known."""
    actor, folder_id = await check_target(session, source)
    await uploading.check_upload(
        session,
        actor,
        folder_id=folder_id,
        name=arrival.document_name,
        on_conflict=OnConflict.RENAME,
        size=arrival.size,
    )


async def _file(
    session: AsyncSession, source_id: int, arrival: Arrival, received: Received
) -> Outcome:
    source = await get_source(session, source_id)
    values = _values(source, arrival) | {"size": received.size}
    item_id, before, tries = await queries.take_item(session, values)
    if before is ItemState.FILED:
        return Outcome(ItemState.FILED, is_new=False)
    actor, folder_id = await check_target(session, source)
    rules = await rules_of(session, source.org_id)
    facts = _facts(source, arrival, received)
    decision = decide(rules, facts)
    document = await _record(session, actor, received, folder_id, arrival, decision)
    await queries.update_item(
        session,
        item_id,
        state=ItemState.FILED,
        reason=None,
        size=received.size,
        tries=tries + 1,
        retry_at=None,
        document_id=document.id,
        version_id=document.current_version_id,
        document_revision=document.revision,
        rules=decision.applied,
        facts=facts.to_json(),
        awaits_text=go_by_text(rules),
        at=now(),
    )
    await queries.count_item(session, source_id, ItemState.FILED)
    deed = Deed(
        "intake.filed",
        f"document:{document.id}",
        {
            "source": source_id,
            "source_name": source.name,
            "came_as": _values(source, arrival)["name"],
            "rules": decision.applied,
        },
        document.folder_id,
    )
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    return Outcome(ItemState.FILED)


async def _record(
    session: AsyncSession,
    actor: Actor,
    received: Received,
    folder_id: int,
    arrival: Arrival,
    decision: Decision,
) -> Document:
    """Make a document of what came, where and as the rules say."""
    is_sent_elsewhere = decision.folder_id is not None or decision.subfolder
    target = await folders.make_path(
        session,
        actor,
        decision.folder_id or folder_id,
        decision.subfolder if is_sent_elsewhere else _tree(arrival),
    )
    recorded = await uploading.record_document(
        session,
        actor,
        received,
        folder_id=target,
        name=decision.name,
        on_conflict=OnConflict.RENAME,
        comment=None,
        about=uploading.About(decision.tags, decision.properties),
    )
    return await reading.get_written(session, recorded.document_id)


async def _record_failure(
    session: AsyncSession,
    source: Source,
    arrival: Arrival,
    error: DomainError,
    state: ItemState,
) -> None:
    facts = {"name": _values(source, arrival)["name"], "code": error.code}
    deed = Deed(f"intake.{state}", f"source:{source.id}", facts, source.folder_id)
    await audit.record(session, [deed], org_id=source.org_id, actor_id=source.acts_as)
    actor = await identity.acting(session, org_id=source.org_id, user_id=source.acts_as)
    if isinstance(error, VirusFoundError) and actor is not None and source.folder_id is not None:
        await uploading.record_refusal(
            session, actor, error, name=arrival.document_name, folder_id=source.folder_id
        )


def _tree(arrival: Arrival) -> list[str]:
    return [one_line_name(step, otherwise="_") for step in arrival.folders]


def _facts(source: Source, arrival: Arrival, received: Received) -> Facts:
    return Facts(
        source_id=source.id,
        source=source.name,
        name=arrival.document_name,
        media_type=media_type_of(received.head, arrival.document_name),
        at=arrival.at,
        sender=storable(arrival.sender),
        subject=storable(arrival.subject),
    )


def _values(source: Source, arrival: Arrival) -> dict[str, object]:
    """Return what an item's row says from the beginning."""
    return {
        "org_id": source.org_id,
        "source_id": source.id,
        "key": arrival.key,
        "place": arrival.place,
        "parts": arrival.parts,
        "name": storable(arrival.name),
        "sender": storable(arrival.sender),
        "subject": storable(arrival.subject),
        "size": arrival.size,
    }
