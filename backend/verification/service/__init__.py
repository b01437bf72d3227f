"""What verification does: checks, the scrub, and what is told of them.

Others import these names from here.
"""

from backend.core.pace import Pace, parse_rate
from backend.verification.service.checking import run_check
from backend.verification.service.examining import Scope
from backend.verification.service.faults import FAULTS_CHANGED, Finding
from backend.verification.service.records import begin, get, next_seed, resume
from backend.verification.service.reporting import list_faults, open_faults, storage_status
from backend.verification.service.sampling import Sample, parse_percentage
from backend.verification.service.scrubbing import scrub_slice

__all__ = [
    "FAULTS_CHANGED",
    "Finding",
    "Pace",
    "Sample",
    "Scope",
    "begin",
    "get",
    "list_faults",
    "next_seed",
    "open_faults",
    "parse_percentage",
    "parse_rate",
    "resume",
    "run_check",
    "scrub_slice",
    "storage_status",
]
