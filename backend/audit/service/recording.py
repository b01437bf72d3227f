"""Recording what was done, in the transaction that did it: an event is there if and only if its deed is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import queries
from backend.core.clock import now
from backend.core.logging import current_request_id
from backend.core.origin import current_origin


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, to what: `blob.shredded` to `blob:<sha256>`, with facts that are not content.

    `folder_id` is where the object is, if it is anywhere.
    """

    action: str
    object: str
    data: Mapping[str, Any] = field(default_factory=dict)
    folder_id: int | None = None


async def record(
    session: AsyncSession, deeds: Sequence[Deed], *, org_id: int, actor_id: int | None
) -> None:
    """Add events to an organisation's trail; `actor_id` is None where the service acted by itself.

    Address, session and request id are those of the request being served.
    """
    if not deeds:
        return
    origin = current_origin()
    rows = [
        {
            "org_id": org_id,
            "actor_id": actor_id,
            "action": deed.action,
            "object": deed.object,
            "folder_id": deed.folder_id,
            "address": origin.address,
            "request_id": current_request_id(),
            "session_id": origin.session_id,
            "data": dict(deed.data),
        }
        for deed in deeds
    ]
    await queries.insert_events(session, rows)


async def record_once(
    session: AsyncSession, deed: Deed, *, within: timedelta, org_id: int, actor_id: int
) -> None:
    """Add an event unless the same caller's same deed, with the same data, was recorded a short time ago.

    For what a client does in many requests that are one deed to a person, such as reading a file range by range.
    """
    address = current_origin().address
    same = queries.SameDeed(
        org_id=org_id,
        actor_id=actor_id,
        address=address,
        action=deed.action,
        object=deed.object,
        data=dict(deed.data),
    )
    await queries.lock_deed(session, same)
    if not await queries.was_recorded(session, same, since=now() - within):
        await record(session, [deed], org_id=org_id, actor_id=actor_id)


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """Return `{"old": ..., "new": ...}` with the members that differ; None where none does."""
    changed = [name for name in new if old.get(name) != new[name]]
    if not changed:
        return None
    return {
        "old": {name: old.get(name) for name in changed},
        "new": {name: new[name] for name in changed},
    }
