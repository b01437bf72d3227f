"""The trail as files: JSON Lines, and CSV for spreadsheets."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from backend.audit.queries import FoundEvent

COLUMNS = (
    "sequence",
    "time",
    "actor",
    "actor_name",
    "action",
    "object",
    "folder",
    "address",
    "request",
    "session",
    "data",
    "hash",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def values(found: FoundEvent, actor_name: str | None = None) -> dict[str, Any]:
    """Return an event as JSON values, in the order of `COLUMNS`."""
    event = found.event
    return {
        "sequence": found.seq,
        "time": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor_id,
        "actor_name": actor_name,
        "action": event.action,
        "object": event.object,
        "folder": event.folder_id,
        "address": event.address,
        "request": event.request_id,
        "session": event.session_id,
        "data": event.data,
        "hash": found.hash.hex() if found.hash else None,
    }


def json_line(found: FoundEvent, actor_name: str | None = None) -> str:
    """Return an event as one line of JSON, with its id, of which the hash is made too."""
    return json.dumps(
        {"id": found.event.id, **values(found, actor_name)},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def csv_lines(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows of cells as CSV (RFC 4180). A cell that a spreadsheet would compute is made text by an apostrophe."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
