"""What can go wrong with failed jobs."""

from backend.core.errors import ConflictError


class JobSettledError(ConflictError):
    """The job is not one that failed any more; `state` says what it is."""

    code = "job_settled"
    title = "The job does not wait for a decision"
