"""What an import does: it is prepared, looked at, and run.

The command line imports these names from here.
"""

from backend.imports.service.filing import Outcome, Result
from backend.imports.service.placing import resolve_folder
from backend.imports.service.running import Choice, Found, Run, prepare, run_import, survey

__all__ = [
    "Choice",
    "Found",
    "Outcome",
    "Result",
    "Run",
    "prepare",
    "resolve_folder",
    "run_import",
    "survey",
]
