"""Looking into a mailbox: its letters are filed one by one, and only then marked, moved or deleted.

A letter that cannot be filed holds up no other: it stays where it is, flagged where it never will be.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.content.errors import UploadTooLargeError
from backend.core.clock import now
from backend.core.db import Tenant
from backend.core.errors import DomainError, NotFoundError
from backend.identity.sealing import Sealer
from backend.intake import mailboxes, queries
from backend.intake.errors import SourceUnreachableError, UnforeseenError
from backend.intake.letters import LARGEST_LETTER
from backend.intake.mailboxes import Account, Mailbox
from backend.intake.models import Item, ItemState, Source
from backend.intake.schemas import AfterLetter, MailboxSettings
from backend.intake.service.filing import UNFORESEEN, Arrival, Desk, Outcome, is_past, note_failure
from backend.intake.service.looking import Hindrance, Looked
from backend.intake.service.posting import file_letter, state_of
from backend.intake.service.sources import password_of

log = structlog.get_logger(__name__)
T = TypeVar("T")

_BATCH = 100
_SECONDS = 60
"""After so long others have their turn; the rest is gone on with at once."""
_NOT_KEPT = "The letter was gone through again, and this is not among what is kept of it."


@dataclass(slots=True)
class _Round:
    """One look into a mailbox."""

    desk: Desk
    source: Source
    settings: MailboxSettings
    mailbox: Mailbox
    outcomes: list[Outcome] = field(default_factory=list)
    hindrance: Hindrance = field(default_factory=Hindrance)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction in the source's organisation."""
        return self.desk.database.transaction(Tenant(self.source.org_id))


def account_of(source: Source, sealer: Sealer) -> Account:
    """Return the mailbox that a source looks into.

    Raises:
        SealBrokenError: its password cannot be had.
    """
    settings = MailboxSettings.model_validate(source.settings)
    return Account(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        user=settings.user,
        mailbox=settings.mailbox,
        password=password_of(source, sealer),
    )


async def collect(desk: Desk, source: Source, account: Account) -> Looked:
    """File the letters of a mailbox that were not filed before."""
    settings = MailboxSettings.model_validate(source.settings)
    opening = mailboxes.opened(account)
    try:
        mailbox = await asyncio.to_thread(opening.__enter__)
    except SourceUnreachableError as error:
        return Looked(error=str(error))
    looking = _Round(desk, source, settings, mailbox)
    has_more = False
    try:
        has_more = await _look(looking)
    except SourceUnreachableError as lost:
        looking.hindrance.told = str(lost)
    finally:
        await asyncio.to_thread(opening.__exit__, None, None, None)
    fresh = [one.state for one in looking.outcomes if one.is_new]
    return Looked(
        filed=fresh.count(ItemState.FILED),
        refused=fresh.count(ItemState.REFUSED),
        error=looking.hindrance.told,
        has_more=has_more,
    )


def look(account: Account, settings: MailboxSettings) -> str:
    """Look into a mailbox and say what a person needs to know. Blocking.

    Raises:
        SourceUnreachableError: it cannot be looked into.
    """
    with mailboxes.opened(account) as mailbox:
        if settings.moved_to is not None:
            mailbox.check_move(settings.moved_to)
        waiting = len(mailbox.search(unseen=settings.after is AfterLetter.SEEN))
    if waiting == 1:
        return f"1 letter waits in {settings.mailbox}."
    return f"{waiting:,} letters wait in {settings.mailbox}."


async def _look(looking: _Round) -> bool:
    """Go through the letters; return whether there are more than there was time for."""
    mailbox, settings = looking.mailbox, looking.settings
    if settings.moved_to is not None:
        await _in_thread(mailbox.check_move, settings.moved_to)
    until = time.monotonic() + _SECONDS
    due = await _due(looking)
    waiting = await _in_thread(lambda: mailbox.search(unseen=settings.after is AfterLetter.SEEN))
    uids = list(dict.fromkeys([*due, *waiting]))
    for start in range(0, len(uids), _BATCH):
        batch = uids[start : start + _BATCH]
        known = await _known(looking, batch)
        for uid in batch:
            if time.monotonic() > until:
                return True
            if not _is_settled(known.get(mailbox.place(uid), [])):
                await _take(looking, uid)
    return False


async def _due(looking: _Round) -> list[int]:
    """Return the letters that are to be tried again; of those that are not there any more, say so."""
    found = []
    async with looking.transaction() as session:
        for item in await queries.due_items(session, looking.source.id, now(), limit=_BATCH):
            uid = looking.mailbox.uid_of(item.place)
            if uid is None:
                await _give_up(session, item)
            elif uid not in found:
                found.append(uid)
    return found


async def _known(looking: _Round, uids: Sequence[int]) -> dict[str, list[Item]]:
    places = [looking.mailbox.place(uid) for uid in uids]
    async with looking.transaction() as session:
        return await queries.items_at(session, looking.source.id, places)


def _is_settled(items: Sequence[Item]) -> bool:
    """Whether nothing is to be done with a letter: all of it was gone through, and what failed is not due.

    Where all was filed the mailbox has not been told yet, or the letter would not be there.
    """
    if not items or len(items) < items[0].parts:
        return False
    if all(item.state is ItemState.FILED for item in items):
        return False
    return not any(is_past(item.retry_at) for item in items)


async def _take(looking: _Round, uid: int) -> None:
    """File a letter, and let go of it in the mailbox. Whatever goes wrong with it holds up no other."""
    try:
        await _file(looking, uid)
    except (SourceUnreachableError, DomainError):
        raise  # this is about the source
    except Exception:
        place = looking.mailbox.place(uid)
        log.exception("letter_not_filed", source_id=looking.source.id, place=place)
        looking.outcomes.append(
            await _note(looking, f"letter:{place}", place, UnforeseenError(UNFORESEEN))
        )


async def _file(looking: _Round, uid: int) -> None:
    mailbox = looking.mailbox
    size = await _in_thread(mailbox.size, uid)
    if size is None:
        await _forget(looking, uid)
        return
    if size > LARGEST_LETTER:
        outcomes = [await _refuse(looking, uid, size)]
    else:
        data = await _in_thread(mailbox.fetch, uid, size)
        if data is None:
            return
        outcomes = await file_letter(
            looking.desk,
            org_id=looking.source.org_id,
            source_id=looking.source.id,
            place=mailbox.place(uid),
            data=data,
        )
    looking.outcomes += outcomes
    if outcomes[-1].is_outage:
        looking.hindrance.meet(outcomes[-1])
        return
    await _forget_the_rest(looking, mailbox.place(uid))
    await _in_thread(_let_go, mailbox, looking.settings, uid, state_of(outcomes))


def _let_go(mailbox: Mailbox, settings: MailboxSettings, uid: int, state: ItemState) -> None:
    """Do with a letter what is to be done once it is filed; flag one that never will be."""
    if state is ItemState.FAILED:
        return
    if state is ItemState.REFUSED:
        is_read = settings.after is AfterLetter.SEEN
        mailbox.mark(uid, r"\Flagged", *([r"\Seen"] if is_read else []))
    elif settings.after is AfterLetter.SEEN:
        mailbox.mark(uid, r"\Seen")
    elif settings.moved_to is not None:
        mailbox.move(uid, settings.moved_to)
    else:
        mailbox.delete(uid)


async def _refuse(looking: _Round, uid: int, size: int) -> Outcome:
    place = looking.mailbox.place(uid)
    error = UploadTooLargeError(
        f"The letter has {size:,} bytes; one that is fetched may have {LARGEST_LETTER:,}.",
        limit=LARGEST_LETTER,
    )
    return await _note(looking, f"large:{place}", place, error, size=size)


async def _note(
    looking: _Round, key: str, place: str, error: DomainError, *, size: int | None = None
) -> Outcome:
    """Enter into the journal why a letter was not filed of which no more is known than its place."""
    arrival = Arrival(key=key, place=place, name="letter.eml", at=now(), size=size)
    async with looking.transaction() as session:
        return await note_failure(session, looking.source.id, arrival, error)


async def _forget(looking: _Round, uid: int) -> None:
    async with looking.transaction() as session:
        place = looking.mailbox.place(uid)
        found = await queries.items_at(session, looking.source.id, [place])
        for item in found.get(place, []):
            if item.state is not ItemState.FILED:
                await _give_up(session, item)


async def _forget_the_rest(looking: _Round, place: str) -> None:
    """Try nothing again that is not among the parts of a letter that is just being filed."""
    async with looking.transaction() as session:
        found = await queries.items_at(session, looking.source.id, [place])
        for item in found.get(place, []):
            if item.state is not ItemState.FILED and is_past(item.retry_at):
                await queries.update_item(
                    session, item.id, reason=_NOT_KEPT, retry_at=None, at=now()
                )


async def _give_up(session: AsyncSession, item: Item) -> None:
    reason = NotFoundError("The letter is not in the mailbox any more.").detail
    await queries.update_item(session, item.id, reason=reason, retry_at=None, at=now())


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    return await asyncio.to_thread(function, *arguments)
