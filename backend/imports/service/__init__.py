"""What an import does: it is prepared, looked at, and run; and what it has brought.

Others import these names from here.
"""

from backend.imports.service.filing import Outcome, Result
from backend.imports.service.origins import find_origin
from backend.imports.service.placing import resolve_folder
from backend.imports.service.running import Choice, Found, Run, prepare, run_import, survey

__all__ = [
    "Choice",
    "Found",
    "Outcome",
    "Result",
    "Run",
    "find_origin",
    "prepare",
    "resolve_folder",
    "run_import",
    "survey",
]
