"""The canonical encoding of an event, which the chain's hashes are made over; migration 0010 writes the same in SQL.

Version 1 is UTF-8 of a JSON array as PostgreSQL writes `jsonb`: `", "` between elements, the characters of a string as
they are except for quotation mark, backslash and control characters, and `data` as `jsonb` has it (keys by their length
in bytes, then by their bytes). The elements: the number 1, organisation, place in the chain, event id, time in
microseconds since 1970 UTC, actor, action, object, folder, address, request id, session, data.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

VERSION = 1
FIRST_HASH = bytes(32)
"""What stands before the first event of a chain."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class EventFields(NamedTuple):
    """What is encoded of an event beside its place; `data` is the text of the `jsonb`."""

    id: int
    at: datetime
    actor_id: int | None
    action: str
    object: str
    folder_id: int | None
    address: str | None
    request_id: str | None
    session_id: str | None
    data: str


def encode(org_id: int, seq: int, event: EventFields) -> bytes:
    """Return the encoding of an event at its place in an organisation's chain."""
    at = (event.at - _EPOCH) // _MICROSECOND
    head = (VERSION, org_id, seq, event.id, at, *event[2:9])
    return f"{json.dumps(head, ensure_ascii=False)[:-1]}, {event.data}]".encode()


def next_hash(previous: bytes, org_id: int, seq: int, event: EventFields) -> bytes:
    """Return the hash of an event's seal."""
    return hashlib.sha256(previous + encode(org_id, seq, event)).digest()
