"""What can go wrong with scanning what is stored, and with the quarantine."""

from backend.core.errors import ConflictError


class QuarantineDecidedError(ConflictError):
    """Somebody has released or deleted it before; `state` says which."""

    code = "quarantine_decided"
    title = "It is not in quarantine any more"


class NotReleasedError(ConflictError):
    """There is no release to take back; `state` says what it is."""

    code = "not_released"
    title = "It was not released"


class NoScannerError(ConflictError):
    """There is no scanner that could be asked."""

    code = "no_scanner"
    title = "No virus scanner answers"


class NothingToResumeError(ConflictError):
    """The last run came to its end, or there never was one."""

    code = "nothing_to_resume"
    title = "There is no interrupted run"


class RunUnderWayError(ConflictError):
    """Somebody works on the run, or was killed seconds ago."""

    code = "run_under_way"
    title = "The run is under way"
