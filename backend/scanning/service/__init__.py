"""What scanning does: runs and the rescan, the quarantine, and what is told of it.

Others import these names from here.
"""

from backend.scanning.service.examining import Found, ScannerGoneError
from backend.scanning.service.holding import (
    MAIL_DUE,
    QUARANTINE_CHANGED,
    count_held_everywhere,
    delete,
    hold,
    is_released,
    letter,
    list_quarantine,
    release,
    revoke,
)
from backend.scanning.service.rescanning import rescan_slice
from backend.scanning.service.running import (
    Wanted,
    backlog,
    begin,
    get,
    resume,
    run_scan,
)

__all__ = [
    "MAIL_DUE",
    "QUARANTINE_CHANGED",
    "Found",
    "ScannerGoneError",
    "Wanted",
    "backlog",
    "begin",
    "count_held_everywhere",
    "delete",
    "get",
    "hold",
    "is_released",
    "letter",
    "list_quarantine",
    "release",
    "rescan_slice",
    "resume",
    "revoke",
    "run_scan",
]
