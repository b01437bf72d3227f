"""Filing letters, by whatever way they came: the message, its attachments, or both."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from backend.core.db import Tenant
from backend.intake import queries
from backend.intake.letters import Letter, Part, read_letter
from backend.intake.models import ItemState, Keeps
from backend.intake.queries import Address
from backend.intake.rules import matches
from backend.intake.schemas import SmtpSettings
from backend.intake.service.filing import Arrival, Desk, Outcome, file_item
from backend.intake.service.sources import get_source

_CHUNK = 512 * 1024


async def find_address(desk: Desk, address: str) -> Address | None:
    """Return the source, of whatever organisation, that letters to an address are for; None where none is."""
    async with desk.database.transaction() as session:
        return await queries.find_address(session, address)


async def lets_in(desk: Desk, found: Address, sender: str) -> bool:
    """Tell whether a source takes letters of a sender, as the envelope has it.

    Raises:
        SourceNotFoundError: the source was deleted meanwhile.
    """
    async with desk.database.transaction(Tenant(found.org_id)) as session:
        source = await get_source(session, found.source_id)
    allowed = SmtpSettings.model_validate(source.settings).senders
    return not allowed or any(matches(sender, glob) for glob in allowed)


async def file_letter(
    desk: Desk, *, org_id: int, source_id: int, place: str, data: bytes
) -> list[Outcome]:
    """File what a source keeps of a letter; each part in a transaction of its own.

    A letter that comes again, by whatever way, is known by its Message-ID and its text: what was filed of it is not
    filed again. Whoever delivers it may let go of it when all outcomes are FILED.

    Raises:
        SourceNotFoundError: the source was deleted meanwhile.
    """
    async with desk.database.transaction(Tenant(org_id)) as session:
        source = await get_source(session, source_id)
    letter = await asyncio.to_thread(read_letter, data, source.keeps or Keeps.BOTH)
    outcomes: list[Outcome] = []
    for role, part in _by_role(letter, data):
        arrival = Arrival(
            key=f"{letter.key}/{role}",
            place=place,
            name=part.name,
            at=letter.at,
            size=len(part.data),
            sender=letter.sender,
            subject=letter.subject,
            parts=len(letter.parts),
        )
        outcome = await file_item(
            desk, org_id=org_id, source_id=source_id, arrival=arrival, chunks=_chunks(part)
        )
        outcomes.append(outcome)
        if outcome.is_outage:
            break
    return outcomes


def _by_role(letter: Letter, data: bytes) -> Iterator[tuple[str, Part]]:
    """Yield the parts with what they are in the letter, which stays the same whatever is kept of it."""
    number = 0
    for part in letter.parts:
        if part.data is data:
            yield "message", part
        else:
            number += 1
            yield str(number), part


def state_of(outcomes: Sequence[Outcome]) -> ItemState:
    """Return what became of a letter: FAILED where a part is tried again, REFUSED where one never will be filed."""
    states = {one.state for one in outcomes}
    for state in (ItemState.FAILED, ItemState.REFUSED):
        if state in states:
            return state
    return ItemState.FILED


async def _chunks(part: Part) -> AsyncIterator[bytes]:
    for start in range(0, len(part.data), _CHUNK):
        yield part.data[start : start + _CHUNK]
