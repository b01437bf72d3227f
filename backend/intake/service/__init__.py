"""What happens to ways in, their journal and their rules.

Others import these names from here.
"""

from backend.intake.queries import Address
from backend.intake.service.checking import check
from backend.intake.service.filing import Arrival, Desk, Outcome, file_item
from backend.intake.service.journal import list_items, request_retry
from backend.intake.service.looking import (
    LEASE,
    begin,
    call_due,
    due_organisations,
    renew,
    why_not,
)
from backend.intake.service.origins import get_origin
from backend.intake.service.posting import file_letter, find_address, lets_in, state_of
from backend.intake.service.rereading import TEXT_READ, apply_text_rules, text_was_read
from backend.intake.service.ruling import get_rules, put_rules, rules_etag, try_rules
from backend.intake.service.running import run
from backend.intake.service.sources import (
    RUN_WANTED,
    SOURCE_CHANGED,
    create_source,
    delete_source,
    describe,
    etag,
    get_source,
    list_sources,
    request_run,
    update_source,
)

__all__ = [
    "LEASE",
    "RUN_WANTED",
    "SOURCE_CHANGED",
    "TEXT_READ",
    "Address",
    "Arrival",
    "Desk",
    "Outcome",
    "apply_text_rules",
    "begin",
    "call_due",
    "check",
    "create_source",
    "delete_source",
    "describe",
    "due_organisations",
    "etag",
    "file_item",
    "file_letter",
    "find_address",
    "get_origin",
    "get_rules",
    "get_source",
    "lets_in",
    "list_items",
    "list_sources",
    "put_rules",
    "renew",
    "request_retry",
    "request_run",
    "rules_etag",
    "run",
    "state_of",
    "text_was_read",
    "try_rules",
    "update_source",
    "why_not",
]
