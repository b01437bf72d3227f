"""Why a check cannot be taken up."""

from backend.core.errors import ConflictError


class NothingToResumeError(ConflictError):
    """The last check of this kind came to its end, or there never was one."""

    code = "nothing_to_resume"
    title = "There is no interrupted check"


class CheckRunningError(ConflictError):
    """Somebody works on the check, or was killed seconds ago."""

    code = "check_running"
    title = "The check is running"
