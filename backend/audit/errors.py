"""What may be wrong with a request about the trail."""

from backend.core.errors import ConflictError, InvalidError


class CheckpointFileError(InvalidError):
    """A file does not hold exported checkpoints."""

    code = "no_checkpoints"
    title = "Not exported checkpoints"


class TrailDamagedError(ConflictError):
    """The trail does not verify, so nothing of it is removed."""

    code = "trail_damaged"
    title = "The trail does not verify"
