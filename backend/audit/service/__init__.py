"""What happens to the trail: recording, sealing, verifying, checkpoints, its retention, reading.

Other domains import these names from here.
"""

from backend.audit.queries import Filters
from backend.audit.service.attempts import Attempt, Attempts
from backend.audit.service.checkpoints import (
    ChainState,
    chain_state,
    list_checkpoints,
    make_checkpoint,
)
from backend.audit.service.reading import (
    TrailEvent,
    list_actions,
    list_events,
    read_events,
)
from backend.audit.service.recording import Deed, changes, record, record_once
from backend.audit.service.retention import Cut, cut
from backend.audit.service.sealing import SEALED_AT_ONCE, seal
from backend.audit.service.verifying import Fault, FaultKind, Verified, verify

__all__ = [
    "SEALED_AT_ONCE",
    "Attempt",
    "Attempts",
    "ChainState",
    "Cut",
    "Deed",
    "Fault",
    "FaultKind",
    "Filters",
    "TrailEvent",
    "Verified",
    "chain_state",
    "changes",
    "cut",
    "list_actions",
    "list_checkpoints",
    "list_events",
    "make_checkpoint",
    "read_events",
    "record",
    "record_once",
    "seal",
    "verify",
]
